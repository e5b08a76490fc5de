"""A campaign with several relays from the command line."""

from __future__ import annotations

import json
import socket
from datetime import datetime

import pytest


@pytest.fixture
def dead_port():
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def two_relays(office, tmp_path, dead_port):
    """`main` is down, `local` works; the campaign names both in this order."""
    settings = tmp_path / "notifier.toml"
    text = settings.read_text(encoding="utf-8")
    text += f'[relays.main]\nhost = "127.0.0.1"\ntls = "none"\nport = {dead_port}\n'
    text += "connect_attempts = 1\n"
    settings.write_text(text, encoding="utf-8")
    campaign = tmp_path / "campaigns" / "notice.yaml"
    text = campaign.read_text(encoding="utf-8").replace("relay: local", "relay: [main, local]")
    campaign.write_text(text, encoding="utf-8")
    return office


def test_a_dry_run_tells_each_relay_and_its_place(notifier, two_relays):
    """Who goes first, and with which limits."""
    result = notifier("send", "notice")
    assert "main (127.0.0.1" in result.out
    assert "priority 2, weight 1" in result.out
    assert json.loads(notifier("send", "notice", "--json").out)["relay"] == "main, local"


def test_the_backup_sends_what_the_first_cant_and_the_report_knows(notifier, two_relays):
    """The run ends well, is told with both names, and each attempt with the one it used."""
    assert notifier("send", "notice", "--live", "--yes").code == 0
    status = json.loads(notifier("status", "1", "--json").out)
    assert (status["state"], status["relay"]) == ("finished", "main, local")
    attempts = json.loads(notifier("show", "1", "--json").out)["attempts"]
    assert attempts[-1]["relay"] == "local"
    assert attempts[-1]["outcome"] == "accepted"


def test_relay_pins_one_and_a_run_keeps_what_it_was_begun_through(notifier, two_relays):
    """`--relay` sends through that one alone, whatever the campaign names."""
    assert notifier("send", "notice", "--live", "--yes", "--relay", "local").code == 0
    assert json.loads(notifier("status", "1", "--json").out)["relay"] == "local"


def test_an_unknown_relay_is_told_with_the_nearest(notifier, two_relays, tmp_path):
    """Before anything is sent, by check and send alike, with the file that names it."""
    campaign = tmp_path / "campaigns" / "notice.yaml"
    text = campaign.read_text(encoding="utf-8").replace("[main, local]", "[main, locl]")
    campaign.write_text(text, encoding="utf-8")
    for command in (("campaign", "check", "notice"), ("send", "notice", "--live", "--yes")):
        result = notifier(*command)
        assert result.code == 2
        assert "no relay named locl" in result.err
        assert "where: campaigns/notice.yaml" in result.err
        assert "Did you mean local?" in result.err


def test_relays_are_listed_with_what_is_known_of_them(notifier, two_relays):
    """Before anything was sent nobody knows; afterwards the one that was down tells why."""
    before = json.loads(notifier("relay", "list", "--json").out)
    assert {it["relay"]: it["state"] for it in before} == {
        "local": "untried",
        "main": "untried",
        "sandbox": "untried",
    }
    assert "not tried yet" in notifier("relay", "list").out
    assert notifier("send", "notice", "--live", "--yes").code == 0
    after = {it["relay"]: it for it in json.loads(notifier("relay", "list", "--json").out)}
    assert after["main"]["state"] == "down"
    assert after["main"]["until"] > after["main"]["since"]
    assert after["local"]["state"] == "healthy"
    assert datetime.fromisoformat(after["local"]["accepted_at"]).tzinfo is not None
    assert after["sandbox"]["state"] == "untried"
    assert "can't be used" in notifier("relay", "list").out


def test_a_test_goes_to_the_next_relay_where_one_cant_be_used(notifier, two_relays):
    """As a run would; each line tells through which."""
    result = notifier("campaign", "test", "notice", "--to", "me@school.example", "--json")
    assert result.code == 0
    assert {it["relay"] for it in result.data} == {"local"}
    assert all(it["accepted"] for it in result.data)
    assert "The next relay is tried." in result.err
    alone = notifier("campaign", "test", "notice", "--to", "me@school.example", "--relay", "main")
    assert alone.code == 3


def test_a_check_knows_what_the_relays_take(notifier, two_relays, tmp_path):
    """By their settings, and by what they said last; the largest message is named."""
    shown = notifier("campaign", "check", "notice")
    assert shown.code == 0
    assert "The largest message has" in shown.out
    settings = tmp_path / "notifier.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("connect_attempts = 1\n", "connect_attempts = 1\nmax_message_bytes = 300\n")
    settings.write_text(text, encoding="utf-8")
    result = notifier("campaign", "check", "notice")
    assert result.code == 1
    assert "the limit of main, local is 300" in result.out
    assert notifier("campaign", "check", "notice", "--json").data["largest_message"] > 300
    assert notifier("send", "notice", "--live", "--yes").code != 0


def test_the_status_of_a_run_tells_how_its_relays_are_doing(notifier, two_relays):
    """For people, and for programs as one more key."""
    assert notifier("send", "notice", "--live", "--yes").code == 0
    status = json.loads(notifier("status", "1", "--json").out)
    assert [(it["relay"], it["state"]) for it in status["relays"]] == [
        ("main", "down"),
        ("local", "healthy"),
    ]
    shown = notifier("status", "1").out
    assert "Relays" in shown
    assert "can't be used" in shown


def test_a_trial_is_known_without_a_message(notifier, two_relays):
    """Whether it went well or not, and when it was; there need not be a ledger before."""
    assert notifier("relay", "check", "main").code == 3
    assert notifier("relay", "check", "local").code == 0
    found = {it["relay"]: it for it in json.loads(notifier("relay", "list", "--json").out)}
    assert (found["main"]["state"], found["local"]["state"]) == ("down", "healthy")
    assert found["main"]["trial"] == found["main"]["why"] != ""
    assert found["local"]["trial"] == ""
    assert found["local"]["accepted_at"] is None
