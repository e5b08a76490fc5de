from __future__ import annotations

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.utils import parseaddr
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.errors import MessageError
from notifier.render.message import Assembler, Content, Envelope, format_date

AT = 1_800_000_000.0
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
INJECTIONS = (
    "hi\r\nBcc: x@evil.example",
    "hi\nBcc: x@evil.example",
    "hi\rBcc: x@evil.example",
    "=?utf-8?q?hi=0D=0ABcc:_x@evil.example?=",
    "=?utf-8?b?aGkNCkJjYzogeEBldmlsLmV4YW1wbGU=?=",
    "a =?utf-8?q?x?=\r\n\r\n<html>",
    "\x00\x0b\x0c\x1b[31m",
    "\u2028Bcc: x@evil.example\x85Bcc: y@evil.example",
)
TEXTS = st.one_of(
    st.text(max_size=120),
    st.text("aăâbcdđeêghiklmnoôơpqrstuưvxyỳýỵỷỹạảấầẩ NGÂÔ,.-()", max_size=300),
    st.text("🎓👩‍🎓é\u0301שלום مرحبا", max_size=60),
    st.text("abc=?_ \t", max_size=200),
    st.sampled_from(INJECTIONS),
    st.text("x", min_size=70, max_size=1200),
    st.builds(lambda a, b: a + " " * 3 + b + "  ", st.text(max_size=20), st.text(max_size=20)),
)
BODIES = st.one_of(
    TEXTS,
    st.text("ab.\n\r =_-", max_size=400),
    st.lists(
        st.sampled_from([".", "..", "From me", "- x", "--=_a_0123", " ", "x" * 1200, "é" * 700]),
        max_size=8,
    ).map("\n".join),
)


def assembler(**changes):
    """An assembler for a school's campaign."""
    values = {
        "sender_name": "Trường THPT Nguyễn Du",
        "sender_address": "daotao@nguyendu.example",
        "reply_to": None,
        "list_id": None,
        "zone": ZoneInfo("Asia/Ho_Chi_Minh"),
    }
    envelope = Envelope(**{**values, **changes})
    return Assembler(envelope, digest="0123456789abcdef", max_bytes=10_000_000)


MADE = assembler()
FULL = assembler(reply_to="gvcn@nguyendu.example", list_id="grades.nguyendu.example")


def make(*, subject="Chào", name="An", text="x", html="<p>x</p>", address="a@x.example", by=MADE):
    """One message."""
    return by.assemble(address, name, Content(subject, text, html), token="t0k3n", at=AT)


def parse(message):
    """The message as the standard library reads it."""
    return email.message_from_bytes(message.data, policy=email.policy.default)


def one_line(text):
    """What a header is meant to show of a text."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def readable(text):
    """The text as UTF-8 can carry it."""
    return text.encode("utf-8", "replace").decode()


def header_lines(message):
    """The lines of the header, as they are on the wire."""
    return message.data.partition(b"\r\n\r\n")[0].split(b"\r\n")


def assert_clean(message):
    """On the wire: CRLF only, no NUL, no line too long, and no header but ours.

    What says that nobody need look at its lines any more has no dot to be stuffed either.
    """
    data = message.data
    assert not (message.is_clean and re.search(rb"(?:\A|\r\n)\.", data))
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\0" not in data
    assert data.endswith(b"\r\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    names = [line.split(b":")[0] for line in header_lines(message) if line[:1] not in b" \t"]
    assert set(names) <= {
        b"Date",
        b"From",
        b"To",
        b"Reply-To",
        b"Subject",
        b"Message-ID",
        b"List-Id",
        b"Auto-Submitted",
        b"MIME-Version",
        b"Content-Type",
        b"Content-Transfer-Encoding",
    }
    assert len(names) == len(set(names))


@QUICK
@given(TEXTS)
def test_the_subject_that_is_read_is_the_one_that_was_meant(subject):
    """Any text survives the header, literally, as one line; nothing becomes a header."""
    meant = readable(one_line(subject))
    if not meant:
        with pytest.raises(MessageError, match="no subject"):
            make(subject=subject)
        return
    message = make(subject=subject)
    assert_clean(message)
    parsed = parse(message)
    assert one_line(str(parsed["subject"])) == meant
    assert all(len(line) <= 78 for line in header_lines(message))


@QUICK
@given(TEXTS)
def test_the_name_that_is_read_is_the_one_that_was_meant(name):
    """Any name survives `To:`, and the address stays the only address."""
    message = make(name=name)
    assert_clean(message)
    addresses = parse(message)["to"].addresses
    assert [found.addr_spec for found in addresses] == ["a@x.example"]
    # `addresses[0].display_name` would do, but for a space that Python before 3.13 leaves between
    # two encoded words (RFC 2047, 6.2 drops it) and for its decoding what stands in quotes.
    raw = email.message_from_bytes(message.data)["to"].replace("\r\n", "")
    shown, address = parseaddr(raw)
    assert address == "a@x.example"
    assert str(make_header(decode_header(shown))) == readable(one_line(name))
    assert all(len(line) <= 78 for line in header_lines(message))


@QUICK
@given(BODIES, BODIES)
def test_the_bodies_that_are_read_are_those_that_were_meant(text, html):
    """Any text survives the body: dots, long lines, `From `, boundaries, controls and all."""
    message = make(text=text, html=html)
    assert_clean(message)
    parsed = parse(message)
    for part, meant in zip(parsed.iter_parts(), (text, html), strict=True):
        found = part.get_payload(decode=True).decode()
        lines = readable(meant).replace("\r\n", "\n").replace("\r", "\n")
        assert found.replace("\r\n", "\n").removesuffix("\n") == lines.removesuffix("\n")
    assert not message.is_8bit


@QUICK
@given(TEXTS)
def test_a_message_of_text_alone_is_one_part(text):
    """Without HTML there is no multipart."""
    message = make(text=text, html=None)
    assert_clean(message)
    parsed = parse(message)
    assert parsed.get_content_type() == "text/plain"
    found = parsed.get_payload(decode=True).decode().replace("\r\n", "\n")
    lines = readable(text).replace("\r\n", "\n").replace("\r", "\n")
    assert found.removesuffix("\n") == lines.removesuffix("\n")


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("field", ["subject", "name"])
def test_no_cell_becomes_a_header(field, injection):
    """CR LF and encoded words in a cell stay text, whatever the Python version decodes."""
    message = make(**{field: f"x {injection}"})
    assert_clean(message)
    block = message.data.partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc" not in block
    assert parse(message)["bcc"] is None


@pytest.mark.parametrize(
    "address",
    [
        "a@x.example\r\nBcc: b@evil.example",
        "a@x.example>\r\n",
        "a b@x.example",
        "a@x.example, b@evil.example",
        "<a@x.example>",
        "a@x@evil.example",
        "a\0@x.example",
        '"a\r\n"@x.example',
        "a@x.example\u2028",
        "a\ud800@x.example",
        "",
        "nobody",
    ],
)
def test_an_address_that_is_none_goes_nowhere(address):
    """The envelope address is used byte for byte or not at all."""
    with pytest.raises(MessageError):
        make(address=address)


def test_the_sender_is_checked_too():
    """A sender or list that could become a header is refused when compiled."""
    with pytest.raises(MessageError):
        assembler(sender_address="a@x.example\r\nBcc: b@evil.example")
    with pytest.raises(MessageError):
        assembler(reply_to="a@x.example\nBcc: b")
    with pytest.raises(MessageError):
        assembler(list_id="a>\r\nBcc: b")
    with pytest.raises(MessageError):
        MADE.assemble("a@x.example", "", Content("s", "t", None), token="a>\r\nBcc: b", at=AT)
    named = assembler(sender_name="A\r\nBcc: b@evil.example")
    assert_clean(make(by=named))


def test_the_fields_are_there_once_and_in_order():
    """Date in the campaign's zone, Message-ID from the token, automatic, of a list."""
    parsed = parse(make(by=FULL))
    assert list(parsed.keys()) == [
        "Date",
        "From",
        "To",
        "Reply-To",
        "Subject",
        "Message-ID",
        "List-Id",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ]
    assert parsed["date"] == "Fri, 15 Jan 2027 15:00:00 +0700"
    assert parsed["message-id"] == "<t0k3n@nguyendu.example>"
    assert parsed["from"] == "Trường THPT Nguyễn Du <daotao@nguyendu.example>"
    assert parsed["list-id"] == "<grades.nguyendu.example>"
    assert parsed["auto-submitted"] == "auto-generated"


def test_the_same_message_is_the_same_bytes():
    """So that what was sent can be made again, exactly."""
    assert make() == make()
    assert make(by=assembler()) == make(by=assembler())


def test_an_international_mailbox_needs_smtputf8():
    """RFC 6531: the header is then UTF-8; a name alone never needs it."""
    message = make(address="hòa@thư.example", name="Hòa")
    assert message.needs_smtputf8
    assert message.is_8bit
    assert message.address == "hòa@thư.example"
    assert "<hòa@thư.example>".encode() in message.data
    assert not make(name="Hòa").needs_smtputf8


@pytest.mark.parametrize("address", ['"a b"@x.example', "o'neil+x@x.example", "a@[192.0.2.1]"])
def test_unusual_addresses_stay_as_they_are(address):
    """Quoted local parts and address literals are addresses."""
    message = make(address=address, name="")
    assert message.address == address
    assert f"\r\nTo: {address}\r\n".encode() in message.data


def test_a_message_that_is_too_large_does_not_leave():
    """The limit counts the bytes on the wire."""
    small = Assembler(
        Envelope("", "a@x.example", None, None, ZoneInfo("UTC")), digest="00", max_bytes=5_000
    )
    with pytest.raises(MessageError, match="5000") as caught:
        make(text="x" * 6000, by=small)
    assert caught.value.problem == "oversize"


def test_only_what_matches_the_compiled_block_leaves(monkeypatch):
    """The scan is the last word: even if an encoder failed, a forged header would not leave."""
    import notifier.render.message as module

    for forged in ("x\r\nBcc: b@evil.example", "x\nBcc: b", "x\r y", "x\r\n \r\n y", "x\0"):
        monkeypatch.setattr(module, "encode_text", lambda *_args, value=forged: value)
        with pytest.raises(MessageError):
            make()


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        (0.0, "UTC", "Thu, 01 Jan 1970 00:00:00 +0000"),
        (1_800_000_000.9, "Asia/Ho_Chi_Minh", "Fri, 15 Jan 2027 15:00:00 +0700"),
        (1_800_000_000, "America/New_York", "Fri, 15 Jan 2027 03:00:00 -0500"),
        (-3_000_000_000, "Asia/Ho_Chi_Minh", "Tue, 08 Dec 1874 01:46:30 +0706"),
    ],
)
def test_dates_are_as_rfc_5322_wants_them(at, zone, expected):
    """English names whatever the locale, numeric zone."""
    assert format_date(at, ZoneInfo(zone)) == expected


FILES = (
    b"Content-Type: application/pdf\r\n\r\n" + b"QUJD\r\n" * 12_000,
    b"Content-Type: text/plain\r\n\r\nhi\r\n",
)


@pytest.mark.parametrize("html", [None, "<p>x</p>"])
def test_what_all_messages_end_with_is_one_object(html):
    """Split, a message is the same to the byte, its large attachments being the same object."""
    content = Content("Chào", "Chào An", html, files=FILES, has_same_files=True)
    whole = MADE.assemble("a@x.example", "An", content, token="t", at=AT)
    first, second = (
        MADE.assemble("a@x.example", "An", content, token="t", at=AT, splits=True) for _ in "12"
    )
    assert first.data + first.tail == whole.data
    assert first.size == whole.size == len(whole.data)
    assert first.tail is second.tail
    assert len(first.data) < 2_000
    assert first.data.endswith(b"\r\n")


@pytest.mark.parametrize(
    "changes", [{"has_same_files": False}, {"files": FILES[1:], "has_same_files": True}]
)
def test_what_is_not_shared_or_small_is_not_split(changes):
    """Files of this recipient, and small ones, stand in the message itself."""
    content = Content("Chào", "x", None, **{"files": FILES, **changes})
    message = MADE.assemble("a@x.example", "An", content, token="t", at=AT, splits=True)
    assert message.tail == b""
    assert message.data.endswith(b"--\r\n")


def test_a_tail_counts_for_the_limit():
    """A message that is too large with its shared attachments is refused."""
    files = (b"Content-Type: application/pdf\r\n\r\n" + b"QUJD\r\n" * 2_000_000,)
    content = Content("Chào", "x", None, files=files, has_same_files=True)
    with pytest.raises(MessageError, match="the limit is"):
        MADE.assemble("a@x.example", "An", content, token="t", at=AT, splits=True)
