# ruff: noqa: PLR0917 - what a test asks for are its fixtures
r"""SMTP smuggling: nothing in a message ends it early, or begins another, for whoever reads it.

Cells, templates, headers, file names and files hold what has fooled servers; what leaves by DATA is
then read as some twenty servers read, strict and lenient (`lenient_servers`), and what leaves by
BDAT is counted. The refusals of single functions are in `tests/unit/smtp/test_commands.py`.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.campaign import load_campaign
from notifier.errors import LocalProtocolError
from notifier.model import Message, Recipient
from notifier.render.templates import compile_campaign
from notifier.settings import LimitSettings
from notifier.smtp import commands, connection
from notifier.smtp.account import Account
from notifier.smtp.protocol import Session


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


lenient_servers = _load("lenient_servers")

SECOND = "MAIL FROM:<evil@wicked.example>\r\nRCPT TO:<all@school.example>\r\nDATA\r\n"
#: Ends of data that some server has taken for one. `\0` and blanks: some leave them out.
ENDS = [
    "\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n.\n", "\r\n.\r\n", "\n\n.\r\n",
    "\r\r\n.\r\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n", "\n.\0\n", "\0\n.\n", "\r\n. \r\n",
    "\r\n.\t\r\n", "\n\r.\n\r", "\r\n\r.\r\n", "\x85.\x85", "\u2028.\u2028", "\x0b.\x0b",
    "\x1e.\x1e", "..\r\n.\r\n",
]  # fmt: skip
#: The end may stand at the beginning, too, and the dot may be stuffed already.
STARTS = ("", "Hello", "\r\n.")
#: What lines are made of, for Hypothesis.
_BITS = st.sampled_from(
    ["\r", "\n", "\r\n", ".", "..", "\0", " ", "a", "é", "\x85", "\u2028", "\x0b", "QUIT", "x" * 80,
     "x" * 998, "BDAT 5 LAST", "=_a_0123", "From "]
)  # fmt: skip
TEXTS = st.lists(_BITS, max_size=24).map("".join)
QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

CAMPAIGN = """\
title: Smuggling
from: "Office <office@school.example>"
recipients: {file: data/list.csv, email: Email}
template: letter
"""
TEMPLATES = {
    "subject.txt": "About {{ row['Note'] }}\n",
    "body.txt": "Hello.\r\n.\r\n\n.\n\r.\r\n..\n{{ row['Note'] }}\n.\n",
    "body.html": "<p>Hello</p>\n.\n\r\n.\r\n<pre>{{ row['Note'] }}</pre>\n.\n",
}


@pytest.fixture(scope="module")
def press(tmp_path_factory):
    """Make a compiled campaign of these templates; `files` go with each message."""

    def compile_it(templates, files=None):
        root = tmp_path_factory.mktemp("workspace")
        for name, content in {
            "campaigns/letter.yaml": CAMPAIGN.encode(),
            **{f"templates/letter/{name}": TEMPLATES[name].encode() for name in templates},
            **(files or {}),
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        campaign = replace(load_campaign(root, "letter"), attachments=tuple(files or ()))
        return compile_campaign(
            campaign, root=root, locale="en", timezone="UTC", limits=LimitSettings()
        )

    return compile_it


@pytest.fixture(scope="module")
def kinds(press):
    """Campaigns of each kind: text alone, HTML, both with a file."""
    file = "".join(f"{start}{end}{SECOND}" for start in STARTS for end in ENDS).encode()
    return {
        "text": press(["subject.txt", "body.txt"]),
        "html": press(["subject.txt", "body.html"]),
        "files": press(TEMPLATES, {"data/a.txt": file, "data/b .. .c.bin": b"\r\n.\r\n" * 90}),
    }


def _make(compiled, cell):
    """One message; the cell is in its subject, name, text and HTML."""
    return compiled.assemble(
        Recipient(2, "k", "p@parents.example", cell, {"Note": cell, "Email": "p@parents.example"}),
        token="t0k3n",
        at=1_800_000_000.0,
    )


def _by_data(message):
    """What leaves after 354, with the next message's envelope behind it."""
    session = Session(Account("main", "relay.example", 25, tls="none"), "client.example")
    session.receive(b"220 hi\r\n")
    session.receive(b"250-relay\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
    session.begin(message)
    session.take_output()
    session.receive(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n")
    body = session.start_body()
    session.end_body()
    session.begin(Message("office@school.example", "next@parents.example", b"a\r\n"))
    return body + session.take_output()


def _by_bdat(message):
    """A whole message with another behind it."""
    account = Account("main", "relay.example", 25, tls="none", chunking="on")
    session = Session(account, "client.example")
    session.receive(b"220 hi\r\n")
    session.receive(
        b"250-relay\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n"
    )
    session.take_output()
    session.begin_whole(message)
    session.begin_whole(Message(message.sender, "next@parents.example", message.data))
    return session.take_output()


def _check(message, *, is_ours=True):
    """One message, whoever reads it and however it leaves; `is_ours`: we have made it."""
    data = message.data
    stream = _by_data(message)
    for name, read in lenient_servers.READERS.items():
        if name.startswith(lenient_servers.UNICODE) and not is_ours:
            continue
        found, after = read(stream)
        said = [line.partition(b" ")[0] for line in after]
        assert said == [b"MAIL", b"RCPT", b"DATA"], name
        assert b"evil@" not in b"".join(after), name
        if name in lenient_servers.ENDS and name != lenient_servers.UNICODE:
            assert b"\r\n".join(found) + b"\r\n" == data, name
    rest = _by_bdat(message)
    for address in (b"p@", b"next@"):
        head, _bdat, rest = rest.partition(b"BDAT ")
        assert head.count(b"\r\n") == (2 if address == b"p@" else 3)
        assert b"RCPT TO:<" + address in head
        size, _last, rest = rest.partition(b" LAST\r\n")
        assert rest[: int(size)] == data
        rest = rest[int(size) :]
    assert rest == b""


@pytest.mark.parametrize("kind", ["text", "html", "files"])
@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_no_known_variant_leaves_as_an_end(kinds, kind, end):
    """In a cell that is in subject, name, text and HTML at once; in templates and files as well."""
    for start in STARTS:
        _check(_make(kinds[kind], f"{start}{end}{SECOND}"))


@pytest.mark.parametrize("kind", ["text", "html", "files"])
@QUICK
@given(cell=TEXTS)
def test_nothing_in_a_cell_leaves_as_an_end(kinds, kind, cell):
    """Whatever dots, ends of lines and zero bytes there are, in any order."""
    _check(_make(kinds[kind], cell))


@pytest.mark.parametrize("end", ENDS, ids=repr)
@pytest.mark.parametrize("bits", ["ascii", "8bit"])
def test_a_message_that_was_made_wrong_does_not_leave_or_means_one_thing(end, bits):
    """The wire is the last door: data that did not come from our own assembly is looked at too."""
    text = "" if bits == "ascii" else "điểm"
    data = f"Subject: a\r\n\r\n{text}{end}{SECOND}".encode()
    message = Message("office@school.example", "p@parents.example", data, is_8bit=bool(text))
    is_whole = not set(data.replace(b"\r\n", b"")) & set(b"\r\n\0")
    try:
        _check(message, is_ours=False)
    except LocalProtocolError:
        assert not is_whole
    else:
        assert is_whole


@given(st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b"\xc3\xa9", b" "]), max_size=30))
def test_whole_lines_arrive_as_they_are(parts):
    """Dots at the beginning of lines, 8-bit text, no end at the end: one message, the same."""
    data = b"Subject: a\r\n\r\n" + b"".join(parts)
    data += b"\r\n"
    for is_clean in {False, commands.is_clean(data)}:
        _check(
            Message(
                "office@school.example", "p@parents.example", data, is_8bit=True, is_clean=is_clean
            )
        )


@pytest.mark.parametrize("chunking", ["off", "on"])
@pytest.mark.parametrize("size", [connection.SLICE, 3 * connection.SLICE])
@pytest.mark.parametrize("place", range(-5, 3))
def test_a_dot_where_a_large_body_is_cut_is_a_dot_like_any(
    bench, relay, make_ledger, chunking, size, place
):
    """A body leaves in slices: what stands at their borders arrives as it was."""
    relay.capabilities = ("PIPELINING", "SIZE 10000000", "CHUNKING", "ENHANCEDSTATUSCODES")
    border = b"\r\n.\r\n..\r\n.\r\n"
    text = b"Subject: a\r\n\r\n" + (b"x" * 62 + b"\r\n") * (size // 64)
    data = text[: size + place] + border + b"y\r\n" * 200 + b".\r\n"
    ledger = make_ledger(2, data=data)
    assert bench.deliver(ledger, chunking=chunking) is None
    assert [found for _sender, _address, found in relay.delivered] == [data, data]
    assert ledger.accepted == {1, 2}
