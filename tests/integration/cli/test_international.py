"""Internationalised mail (RFC 6531) from sheet to relay: SMTPUTF8 only where it is needed."""

from __future__ import annotations

import contextlib
import re
import socket

import pytest
from aiosmtpd.controller import Controller

#: A local part beyond ASCII, a domain beyond ASCII, and neither.
PEOPLE = (
    ("S1", "nguyễn.lan@parents.example.vn"),
    ("S2", "binh@trườnghọc.example.vn"),
    ("S3", "chi@parents.example.vn"),
)
DOMAIN = "xn--trnghc-4zb1470d9da.example.vn"


class Inbox:
    """What a relay was given: by recipient, the parameters of MAIL and the message."""

    def __init__(self):
        self.kept = {}

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        (address,) = envelope.rcpt_tos
        self.kept[address] = ({it.upper() for it in envelope.mail_options}, envelope.content)
        return "250 2.0.0 Ok"


@contextlib.contextmanager
def relay(root, *, is_international):
    """An independent server, and the workspace's relay `local` pointing at it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inbox = Inbox()
    server = Controller(inbox, "127.0.0.1", port, enable_SMTPUTF8=is_international)
    server.start()
    try:
        settings = root / "notifier.toml"
        text = settings.read_text(encoding="utf-8")
        text += f'[relays.local]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
        settings.write_text(text, encoding="utf-8")
        campaign = root / "campaigns" / "notice.yaml"
        text = campaign.read_text(encoding="utf-8").replace("relay: sandbox", "relay: local")
        campaign.write_text(text, encoding="utf-8")
        yield inbox
    finally:
        server.stop()


@pytest.fixture
def desk(notifier, sheet):
    """A new workspace whose sheet has those people."""
    assert notifier("init").code == 0
    sheet(*PEOPLE)
    return notifier


def test_a_relay_with_smtputf8_gets_it_only_where_it_is_needed(desk, tmp_path):
    """A domain beyond ASCII travels as an A-label (RFC 5890), which any relay can carry."""
    with relay(tmp_path, is_international=True) as inbox:
        assert desk("send", "notice", "--live", "--yes").code == 0
    assert set(inbox.kept) == {
        "nguyễn.lan@parents.example.vn",
        f"binh@{DOMAIN}",
        "chi@parents.example.vn",
    }
    needs = {address for address, (options, _data) in inbox.kept.items() if "SMTPUTF8" in options}
    assert needs == {"nguyễn.lan@parents.example.vn"}
    for address, (options, data) in inbox.kept.items():
        header = data.partition(b"\r\n\r\n")[0]
        assert header.isascii() == (address not in needs)
        assert ("BODY=8BITMIME" in options) == (not data.isascii())
        assert f"<{address}>\r\n".encode() in header


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "has letters beyond ASCII"), ("vi", "có chữ ngoài bảng ASCII")],
)
def test_a_relay_without_it_is_not_asked_and_the_others_are_mailed(
    desk, tmp_path, monkeypatch, language, words
):
    """The refusal names the address and says what is the matter, in the reader's language."""
    monkeypatch.setenv("NOTIFIER_LOCALE", language)
    with relay(tmp_path, is_international=False) as inbox:
        before = desk("campaign", "check", "notice", "--json")
        assert before.code == 0
        (problem,) = before.data["problems"]
        assert (problem["kind"], problem["severity"]) == ("address_utf8", "warning")
        assert "nguyễn.lan@parents.example.vn" in problem["message"]
        assert desk("send", "notice", "--live", "--yes").code == 1
    assert set(inbox.kept) == {f"binh@{DOMAIN}", "chi@parents.example.vn"}
    found = desk("report", "latest", "--format", "json").out
    assert "nguyễn.lan@parents.example.vn" in found
    assert re.search(rf"nguyễn\.lan@parents\.example\.vn {words}", found)
    assert "SMTPUTF8" in found
