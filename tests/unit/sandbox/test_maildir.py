from __future__ import annotations

import mailbox

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.errors import UsageError
from notifier.sandbox import Maildir

MESSAGE = b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nline\r\n.dot\r\n"


@pytest.fixture
def maildir(tmp_path):
    """An empty Maildir whose clock goes a second further each time."""
    box = Maildir(tmp_path / "mail", clock=iter(range(100, 10_000)).__next__)
    box.create()
    return box


def test_keeps_message_and_envelope(maildir):
    """What was kept is read back byte for byte, with sender and recipients."""
    path = maildir.keep("a@b.example", ["c@d.example", "đ@e.example"], MESSAGE)
    (kept,) = maildir
    assert kept.path == path
    assert kept.sender == "a@b.example"
    assert kept.recipients == ("c@d.example", "đ@e.example")
    assert kept.data == MESSAGE
    assert path.read_bytes().endswith(MESSAGE)


def test_any_mail_program_reads_it(maildir):
    """The standard library's Maildir finds the messages, with the envelope as headers."""
    maildir.keep("a@b.example", ["c@d.example"], MESSAGE)
    (found,) = mailbox.Maildir(maildir.path)
    assert found["Return-Path"] == "<a@b.example>"
    assert found["Delivered-To"] == "c@d.example"
    assert found.get_payload() == "line\n.dot\n"


def test_a_message_appears_whole(maildir):
    """Nothing is left in `tmp/`: a file appears in `new/` when it is complete."""
    maildir.keep("a@b.example", ["c@d.example"], MESSAGE)
    assert list((maildir.path / "tmp").iterdir()) == []
    assert len(maildir) == 1


def test_messages_come_in_the_order_of_arrival(tmp_path):
    """Even those that arrive in the same microsecond keep their order and their own file."""
    box = Maildir(tmp_path / "mail", clock=lambda: 7.0)
    box.create()
    for number in range(120):
        box.keep("a@b.example", [f"{number}@d.example"], b"\r\n")
    assert [kept.recipients[0] for kept in box] == [f"{number}@d.example" for number in range(120)]


def test_what_somebody_else_put_there_is_read_too(maildir):
    """A file without our trace lines is a message without an envelope."""
    (maildir.path / "cur" / "1.other").write_bytes(MESSAGE)
    (kept,) = maildir
    assert (kept.sender, kept.recipients, kept.data) == ("", (), MESSAGE)


def test_a_folder_that_can_not_be_made_is_a_plain_error(tmp_path):
    """The error names the folder and what to set."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        Maildir(tmp_path / "file" / "mail").create()
    assert "maildir" in caught.value.next_step
    assert "file" in caught.value.where


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=300).map(
        lambda it: b"X-Sandbox-Kept: 1\r\nDelivered-To: x\r\n" + it if len(it) % 2 else it
    )
)
def test_the_message_s_own_trace_lines_are_not_taken_for_ours(maildir, data):
    """Whatever a message begins with, it is told from the lines above it."""
    path = maildir.keep("a@b.example", ["c@d.example"], data)
    kept = next(kept for kept in maildir if kept.path == path)
    assert kept.data == data
    assert kept.recipients == ("c@d.example",)
    path.unlink()
