"""Signing as an office does it: a key, its lines in notifier.toml, its record, signed mail."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import tomllib
from pathlib import Path

import dkim as dkimpy
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

NAME = "2027a._domainkey.school.example"
KEYGEN = ("dkim", "keygen", "-o", "keys/school.pem", "--domain", "school.example")


class NameServer:
    """A name server on the loopback that knows what a test tells it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.socket.getsockname())
        #: By name: a list of records, each a list of strings; or a response code.
        self.records = {}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        """Answer until the socket is closed."""
        while True:
            try:
                data, peer = self.socket.recvfrom(4096)
                self.socket.sendto(self.answer(data), peer)
            except OSError:
                return

    def answer(self, data):
        """The response to a query."""
        query = dns.message.from_wire(data)
        response = dns.message.make_response(query)
        (question,) = query.question
        found = self.records.get(question.name.to_text(omit_final_dot=True))
        if found is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif isinstance(found, dns.rcode.Rcode):
            response.set_rcode(found)
        elif found:
            texts = [" ".join(f'"{piece}"' for piece in strings) for strings in found]
            response.answer.append(
                dns.rrset.from_text(question.name, 60, "IN", dns.rdatatype.TXT, *texts)
            )
        return response.to_wire()

    def close(self):
        """Answer no more."""
        self.socket.close()


@pytest.fixture
def names():
    """A name server."""
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def signed(notifier, office, tmp_path):
    """The starter workspace with a key for its sender's domain; what keygen printed as JSON."""
    made = notifier(*KEYGEN, "--selector", "2027a", "--json").data
    settings = tmp_path / "notifier.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + made["settings"], encoding="utf-8")
    return made


def without_version(made):
    """The record's strings, cut elsewhere, without `v=`, which may be left out."""
    text = made["record"]["value"].removeprefix("v=DKIM1; ")
    return [text[:7], text[7:200], text[200:]]


@pytest.fixture
def check(notifier, names):
    """`dkim check` against the name server."""

    def _check(*argv):
        return notifier("dkim", "check", "--nameserver", names.address, *argv)

    return _check


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_keygen_prints_all_that_is_needed(notifier, tmp_path, kind):
    """The record for a form and for a zone's file, and the lines for notifier.toml."""
    assert notifier("init").code == 0
    result = notifier(*KEYGEN, "--selector", "2027a", "--type", kind)
    assert result.code == 0, result.err
    assert f"  {NAME}\n" in result.out
    assert f"  v=DKIM1; k={kind}; p=" in result.out
    assert f'  {NAME}. IN TXT (\n      "v=DKIM1;' in result.out
    assert '  [dkim.2027a]\n  domain = "school.example"\n  selector = "2027a"\n' in result.out
    assert '  key_file = "keys/school.pem"\n' in result.out
    key = Path("keys/school.pem")
    if os.name == "posix":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().splitlines()[1] not in result.out


def test_keygen_writes_nothing_over(notifier):
    """The second time it is refused, and the first key is still there."""
    assert notifier(*KEYGEN).code == 0
    before = Path("keys/school.pem").read_bytes()
    result = notifier(*KEYGEN)
    assert result.code == 2
    assert "never written over" in result.err
    assert Path("keys/school.pem").read_bytes() == before


def test_keygen_works_without_workspace_and_domain(notifier, tmp_path):
    """The name is then that within any zone, the file's name absolute, the selector the month's."""
    made = notifier("dkim", "keygen", "-o", "a.pem", "--type", "ed25519", "--json").data
    assert made["domain"] == ""
    assert made["selector"].startswith("ed2551920")
    assert made["record"]["name"] == f"{made['selector']}._domainkey"
    table = tomllib.loads(made["settings"])["dkim"][made["selector"]]
    assert table["key_file"] == (tmp_path / "a.pem").as_posix()
    assert "".join(made["record"]["strings"]) == made["record"]["value"]


@pytest.mark.parametrize(
    ("argv", "place"),
    [
        (("--type", "dsa"), "--type"),
        (("--selector", "a b"), "--selector"),
        (("--domain", "a b"), "--domain"),
    ],
)
def test_keygen_refuses_what_can_be_no_key(notifier, argv, place):
    """Before anything is written."""
    result = notifier("dkim", "keygen", "-o", "a.pem", *argv)
    assert result.code == 2
    assert f"where: {place}" in result.err
    assert "next:" in result.err
    assert not Path("a.pem").exists()


def test_a_selector_with_a_dot_is_a_key_of_notifier_toml(notifier):
    """It is quoted where TOML wants it."""
    made = notifier(*KEYGEN, "--selector", "a.b", "--json").data
    assert tomllib.loads(made["settings"])["dkim"]["a.b"]["selector"] == "a.b"


def test_a_published_record_matches(signed, check, names):
    """In the pieces that keygen prints, and in others."""
    for strings in (signed["record"]["strings"], without_version(signed)):
        names.records[NAME] = [strings]
        result = check()
        assert result.code == 0
        assert f"[dkim.2027a] DNS has this key at {NAME}." in result.out
        assert "next:" not in result.out


@pytest.mark.parametrize(
    ("records", "verdict", "words"),
    [
        (None, "missing", "no record"),
        ([], "missing", "no record"),
        ([["v=DKIM1; p="]], "revoked", "revoked"),
        ([["v=DKIM1; p=MIIB"]], "different", "another key"),
        ([["v=DKIM1; p=MIIB"], ["v=DKIM1; p="]], "several", "several keys"),
        ([["v=spf1 -all"]], "unreadable", "no DKIM key"),
    ],
)
def test_every_difference_is_told_with_a_next_step(
    signed, check, names, *, records, verdict, words
):
    """Exit code 1, a plain sentence, and what to do; the same as JSON."""
    names.records[NAME] = records
    result = check()
    assert result.code == 1
    assert words in result.out
    assert NAME in result.out
    assert "next:" in result.out
    (found,) = json.loads(check("--json").out)
    assert (found["verdict"], found["key"], found["record"]) == (verdict, "2027a", NAME)
    assert found["expected"] == signed["record"]["value"]
    assert found["message"]
    assert found["next"]


def test_a_record_that_is_a_test_is_told(signed, check, names):
    """It matches, and still there is something to do."""
    names.records[NAME] = [["t=y; ", *without_version(signed)]]
    result = check()
    assert result.code == 0
    assert "take t=y out" in result.out


def test_a_record_that_restricts_the_key_is_told(signed, check, names):
    """Our key, and yet no good."""
    names.records[NAME] = [["h=sha1; ", *without_version(signed)]]
    result = check()
    assert result.code == 1
    assert "not for signing mail" in result.out


def test_dns_that_cannot_be_asked_is_unavailable(signed, check, names):
    """Exit code 3; a server that fails, and words about another one."""
    names.records[NAME] = dns.rcode.SERVFAIL
    result = check()
    assert result.code == 3
    assert "could not be asked" in result.out
    assert "--nameserver" in result.out
    assert json.loads(check("--json").out)[0]["verdict"] == "unavailable"


def test_check_needs_keys(notifier, office, check, signed):
    """Of the domain that was asked for; else the domains that there are."""
    result = check("--domain", "other.example")
    assert result.code == 2
    assert "school.example" in result.err
    assert check("--domain", "SCHOOL.example").code == 1


def test_check_without_any_key_names_keygen(notifier, check):
    """Exit code 2, and the command that makes one."""
    assert notifier("init").code == 0
    result = check()
    assert result.code == 2
    assert "notifier dkim keygen" in result.err


def test_check_refuses_a_key_that_others_may_read(signed, check):
    """Before DNS is asked."""
    Path("keys/school.pem").chmod(0o644)
    result = check()
    assert result.code == 2
    assert "chmod 600" in result.err


def test_both_commands_speak_vietnamese(notifier, signed, check, names, monkeypatch):
    """Every sentence of theirs is translated."""
    monkeypatch.setenv("NOTIFIER_LOCALE", "vi")
    assert "DNS không có bản ghi nào" in check().out
    assert "khoá bí mật" in notifier("dkim", "keygen", "-o", "b.pem").out


# --- signed mail -------------------------------------------------------------------------------


def verifies(data, signed):
    """Whether dkimpy accepts the message."""
    records = {f"{NAME}.".encode(): signed["record"]["value"].encode()}
    try:
        return dkimpy.DKIM(data).verify(0, lambda name, **_: records[name])
    except dkimpy.ValidationError:
        return False


def set_dkim(line):
    """The campaign's own word."""
    path = Path("campaigns/notice.yaml")
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


def test_what_is_sent_is_signed_and_can_be_shown_again(notifier, office, signed):
    """The relay got a message that verifies; `show --eml` makes the very same."""
    assert notifier("send", "notice", "--live").code == 0
    kept = next(office.messages())
    assert verifies(kept.data, signed)
    assert not verifies(kept.data + b"x\r\n", signed)
    shown = notifier("show", "1", "--eml")
    assert shown.code == 0, shown.err
    assert "DKIM-Signature: v=1; a=rsa-sha256" in shown.out


def test_a_relay_that_signs_itself_gets_and_shows_mail_without_our_signature(
    notifier, office, signed
):
    """`dkim = false` of a relay holds for runs, for `campaign test`, and for `show --eml`."""
    settings = Path("notifier.toml")
    text = settings.read_text(encoding="utf-8")
    settings.write_text(
        text.replace("[relays.local]\n", "[relays.local]\ndkim = false\n"), encoding="utf-8"
    )
    assert notifier("send", "notice", "--live").code == 0
    assert notifier("campaign", "test", "notice", "--to", "me@school.example").code == 0
    assert notifier("campaign", "preview", "notice", "-o", "a.eml").code == 0
    assert b"DKIM-Signature" not in Path("a.eml").read_bytes()
    assert all(b"DKIM-Signature" not in kept.data for kept in office.messages())
    shown = notifier("show", "1", "--eml")
    assert shown.code == 0, shown.err
    assert "DKIM-Signature" not in shown.out


def test_another_key_is_another_message(notifier, office, signed):
    """With another key `show --eml` says that the message can't be made again."""
    assert notifier("send", "notice", "--live").code == 0
    Path("keys/school.pem").unlink()
    notifier(*KEYGEN)
    shown = notifier("show", "1", "--eml")
    assert shown.code == 2


def test_a_campaign_can_do_without(notifier, office, signed):
    """`dkim: false`."""
    set_dkim("dkim: false")
    assert notifier("send", "notice", "--live").code == 0
    assert b"DKIM-Signature" not in next(office.messages()).data


def test_a_campaign_can_insist(notifier, office):
    """`dkim: true` without a key is told before anything is sent."""
    set_dkim("dkim: true")
    result = notifier("send", "notice", "--live")
    assert result.code == 2
    assert "There is no DKIM key for mail from" in result.err


def test_a_bad_key_stops_the_run_before_its_first_message(notifier, office, signed):
    """A key that others may read sends nothing, in a check, a dry run and the real one."""
    Path("keys/school.pem").chmod(0o644)
    for words in ("campaign check notice", "send notice", "send notice --live"):
        result = notifier(*words.split())
        assert result.code == 2
        assert "Others than its owner" in result.err
    assert not list(office.messages())


def test_no_command_repeats_the_key(notifier, office, signed, check):
    """Nothing of the private key is in what is printed, logged or stored."""
    material = "".join(Path("keys/school.pem").read_text().splitlines()[1:-1])
    pieces = {material[at : at + 40] for at in range(0, len(material) - 40, 16)}
    said = [
        notifier(*argv)
        for argv in (
            ("send", "notice", "--live", "--debug"),
            ("report", "latest", "--format", "json"),
            ("show", "1", "--json"),
        )
    ]
    said.append(check())
    text = "".join(it.out + it.err for it in said)
    text += Path("data/ledger.sqlite").read_bytes().decode("latin-1")
    assert not [piece for piece in pieces if piece in text]
