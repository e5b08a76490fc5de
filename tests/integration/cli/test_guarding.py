from __future__ import annotations

import re

import pytest

from notifier.sandbox import Sandbox
from notifier.settings import SandboxSettings


@pytest.fixture
def rules(tmp_path):
    """Add lines to the starter campaign."""
    path = tmp_path / "campaigns" / "notice.yaml"

    def add(text):
        path.write_text(path.read_text(encoding="utf-8") + f"\n{text}\n", encoding="utf-8")

    return add


@pytest.fixture
def operator(tmp_path):
    """A second relay, through which somebody is told."""
    with Sandbox(SandboxSettings(), tmp_path / "operator", (), port=0) as server:
        path = tmp_path / "notifier.toml"
        text = path.read_text(encoding="utf-8")
        text += f'[relays.backup]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\n'
        text += '[alerts]\nmail = "it@school.example"\nrelay = "backup"\ntimeout = 10\n'
        path.write_text(text, encoding="utf-8")
        yield server


def _subjects(server):
    return [
        re.search(rb"Subject: (.*(?:\r\n .*)*)", it.data)[1].decode() for it in server.messages()
    ]


def _people(good, refused):
    found = [(f"R{n}", f"refused{n}@old.example") for n in range(refused)]
    return [*found, *((f"K{n}", f"k{n}@parents.example") for n in range(good))]


def _slowly(tmp_path, rate="40/second"):
    path = tmp_path / "campaigns" / "notice.yaml"
    text = re.sub(r"(?m)^rate:.*\n", "", path.read_text(encoding="utf-8"))
    path.write_text(f"{text}\nrate: {rate}\n", encoding="utf-8")


def test_a_run_that_goes_wrong_stops_itself_and_tells_why(  # noqa: PLR0917 - fixtures
    notifier, office, operator, sheet, rules, tmp_path
):
    """With causes and domains, on the screen and to the operator; then it goes on from there."""
    sheet(*_people(160, 40))
    rules("stop_if: refused > 20% after 20")
    _slowly(tmp_path)
    stopped = notifier("send", "notice", "--live", "--yes")
    assert stopped.code == 1, stopped.err
    assert "stop_if refused > 20% after 20" in stopped.out
    assert "No such mailbox" in stopped.out
    assert "old.example" in stopped.out
    assert "--ignore-stop-if" in stopped.out
    assert "notifier resume 1" in stopped.out
    status = notifier("status", "1", "--json").data
    assert status["state"] == "paused"
    assert status["counts"]["pending"] > 0
    (mail,) = operator.messages()
    assert b"refused1@" not in mail.data
    assert b"old.example" in mail.data
    assert "stopped by itself" in "".join(_subjects(operator)).replace("\r\n", "")
    assert "it@school.example" not in notifier("alerts", "list").out
    assert "mail" in notifier("alerts", "list").out

    on = notifier("resume", "1", "--ignore-stop-if")
    assert on.code == 1  # some were refused
    assert notifier("status", "1", "--json").data["state"] == "finished"
    assert len(list(operator.messages())) == 2  # it has ended, with failures


def test_going_on_counts_anew(notifier, office, sheet, rules, tmp_path):
    """What made it stop is not counted again: the good ones that are left go out."""
    sheet(*_people(60, 30))
    rules("stop_if: refused > 5")
    _slowly(tmp_path, "50/second")
    assert notifier("send", "notice", "--live", "--yes").code == 1
    first = notifier("status", "1", "--json").data
    assert first["state"] == "paused"
    for _again in range(6):
        notifier("resume", "1")
        state = notifier("status", "1", "--json").data
        if state["state"] != "paused":
            break
    assert state["state"] == "finished"
    assert state["counts"] == {"accepted": 60, "refused": 30}


def test_never_means_never(notifier, office, sheet, rules, tmp_path):
    """A campaign may say that nothing stops it."""
    sheet(*_people(2, 130))
    rules("stop_if: never")
    _slowly(tmp_path, "200/second")
    assert notifier("send", "notice", "--live", "--yes").code == 1
    assert notifier("status", "1", "--json").data["state"] == "finished"


def test_three_times_the_usual_recipients_is_asked_about(notifier, office, sheet):
    """Elsewhere than on a terminal it is refused, with the word that says it is right."""
    sheet(*_people(15, 0))
    assert notifier("send", "notice", "--live").code == 0
    sheet(*_people(60, 0))
    dry = notifier("send", "notice", "--again")
    assert "4 times the usual 15" in dry.out
    assert (
        "4 times the usual 15" in notifier("send", "notice", "--again", "--json").data["surprise"]
    )
    refused = notifier("send", "notice", "--again", "--live", "--yes")
    assert refused.code == 2
    assert "--yes-many" in refused.err
    assert len(list(office.messages())) == 15
    assert notifier("send", "notice", "--again", "--live", "--yes-many").code == 0
    assert len(list(office.messages())) == 75


def test_a_relay_that_is_down_is_told_by_the_other_one(notifier, office, operator, sheet, tmp_path):
    """Once, however often the run is tried; and a trial goes the same way."""
    sheet(*_people(2, 0))
    path = tmp_path / "notifier.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        re.sub(r"(\[relays.local\](?:\n.*?)*?port = )\d+", r"\g<1>9", text), encoding="utf-8"
    )
    assert notifier("send", "notice", "--live").code == 3
    assert notifier("resume", "1").code == 3
    assert len(list(operator.messages())) == 1
    trial = notifier("alerts", "test")
    assert trial.code == 0, trial.out
    assert "mail to it@school.example: told" in trial.out
    assert len(list(operator.messages())) == 2
    listed = notifier("alerts", "list", "--json").data
    assert [it["kind"] for it in listed] == ["test", "relay_down"]
    assert all(it["told_by"] == ["mail"] for it in listed)


def test_who_approves_is_told_that_a_run_waits(notifier, office, operator, sheet, rules):
    """As soon as somebody has asked."""
    sheet(*_people(2, 0))
    rules("approval: required")
    notifier("send", "notice", "--live")
    assert "waits for approval" in "".join(_subjects(operator)).replace("\r\n", "")


def test_without_alerts_all_is_kept_and_the_trial_says_what_to_write(notifier, office):
    """Nothing happened yet, and nobody would be told."""
    listed = notifier("alerts", "list")
    assert listed.code == 0
    assert "no [alerts] in notifier.toml" in listed.out
    trial = notifier("alerts", "test")
    assert trial.code == 2
    assert 'mail = "it@school.example"' in trial.err
    assert notifier("alerts", "list", "--json").data == []


def test_an_alert_that_can_not_be_told_waits_and_says_why(notifier, office, sheet, tmp_path):
    """The run is none the worse for it."""
    sheet(("R1", "refused1@old.example"), ("K1", "k1@parents.example"))
    path = tmp_path / "notifier.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(f'{text}\n[alerts]\nwebhook = "http://127.0.0.1:9/secret-path"\n', "utf-8")
    sent = notifier("send", "notice", "--live")
    assert sent.code == 1
    assert len(list(office.messages())) == 1
    listed = notifier("alerts", "list").out
    assert "not yet" in listed
    assert "webhook" in listed
    assert "secret-path" not in listed + sent.out + sent.err
