from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import LocalProtocolError
from notifier.smtp import commands


def test_spells_the_envelope():
    """Parameters follow the path, in one line."""
    line = commands.mail_from("a@school.example", size=10, is_8bit=True, is_utf8=True)
    assert line == b"MAIL FROM:<a@school.example> SIZE=10 BODY=8BITMIME SMTPUTF8\r\n"
    assert commands.rcpt_to("b@x.example") == b"RCPT TO:<b@x.example>\r\n"


def test_has_a_null_sender():
    """Bounces have no sender (RFC 5321 section 4.5.5); a recipient is always somebody."""
    assert commands.mail_from("") == b"MAIL FROM:<>\r\n"
    with pytest.raises(LocalProtocolError):
        commands.rcpt_to("")


@pytest.mark.parametrize(
    "address",
    [
        "a.b+c@x.example",
        '"a b>"@x.example',
        "a@[192.0.2.1]",
        "a@[IPv6:2001:db8::1]",
        "a..b.@x.example",
        "phụ.huynh@trường.example",
        "a_b@sub_domain.example",
        "o'neil@x.example",
    ],
)
def test_takes_addresses_byte_for_byte(address):
    """The envelope's address is the ledger's."""
    assert commands.rcpt_to(address) == b"RCPT TO:<" + address.encode() + b">\r\n"


@pytest.mark.parametrize(
    "address",
    [
        "a@x.example\r\nRCPT TO:<evil@x.example>",
        "a@x.example\n",
        "a@x.example> SIZE=1",
        "a b@x.example",
        "a@x.example\0",
        "a",
        "a@",
        "@x.example",
        "a@b@x.example",
        '"a\r\n"@x.example',
        "a@x.example,b@x.example",
        "a@[x]y",
        "a" * 250 + "@x.example",
        "a\udc80@x.example",
        "a\x7f@x.example",
    ],
)
def test_refuses_addresses_that_break_out(address):
    """No byte of an address ends its path or its line."""
    for make in (commands.rcpt_to, commands.mail_from):
        if address == "a\udc80@x.example":
            continue
        with pytest.raises(LocalProtocolError):
            make(address)


@given(st.text(max_size=40))
def test_a_command_is_one_line(text):
    """Whatever the text, either it is refused or one line leaves."""
    for make in (commands.rcpt_to, commands.ehlo, commands.helo, commands.mail_from):
        try:
            line = make(text)
        except LocalProtocolError:
            continue
        assert line.count(b"\r") == line.count(b"\n") == 1
        assert line.endswith(b"\r\n")
        assert b"\0" not in line


def test_sends_empty_responses_as_they_must_be():
    """RFC 4954: `=` with the command, an empty line in the exchange."""
    assert commands.auth("PLAIN", "") == b"AUTH PLAIN =\r\n"
    assert commands.auth("LOGIN", None) == b"AUTH LOGIN\r\n"
    assert commands.auth_response("") == b"\r\n"


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"", b".\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"..a\r\n.b\r\n\r\n.\r\n", b"...a\r\n..b\r\n\r\n..\r\n.\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
    ],
)
def test_stuffs_dots(data, wire):
    """RFC 5321 section 4.5.2."""
    assert commands.body(data) == wire


@pytest.mark.parametrize(
    "data",
    [
        b"a\n.\nMAIL FROM:<x>\n",
        b"a\r.\r",
        b"a\r\n.\rb\r\n",
        b"a\r\r\n",
        b"a\n\r\n",
        b"\n",
        b"\r",
        b"a\r\n\n.\r\n",
        b"a\n\r",
        b"a\0\r\n",
        b"a\rb\nc\r\n",
        b"a\nb\rc",
        b"\r\r\n\n",
    ],
)
def test_refuses_smuggling(data):
    """Only CRLF ends a line: a bare CR or LF never leaves (CVE-2023-51764 and kin)."""
    with pytest.raises(LocalProtocolError):
        commands.body(data)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b"\0"]), max_size=12))
def test_lets_through_exactly_what_has_whole_line_ends(parts):
    """The quick check agrees with the slow one."""
    data = b"".join(parts)
    is_good = not set(data.replace(b"\r\n", b"")) & set(b"\r\n\0")
    try:
        commands.check_lines(data)
    except LocalProtocolError:
        assert not is_good
    else:
        assert is_good


def _unstuff(wire):
    """A receiver by the book: lines end with CRLF, a lone dot ends, a leading dot goes."""
    lines = []
    *rest, last = wire.split(b"\r\n")
    assert last == b""
    for number, line in enumerate(rest):
        if line == b".":
            assert number == len(rest) - 1, "the message ended early"
            return b"".join(line + b"\r\n" for line in lines)
        lines.append(line.removeprefix(b"."))
    raise AssertionError("no end")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b"\0"]), max_size=12))
def test_what_was_seen_to_be_clean_leaves_as_it_would_have_left_anyway(pieces):
    """The shorter way is taken only where it makes no difference, to the byte."""
    data = b"".join(pieces)
    if not commands.is_clean(data):
        return
    assert commands.body(data, is_seen=True) == commands.body(data) == data + b".\r\n"


@pytest.mark.parametrize(
    "data",
    [b"a", b"a\n", b"a\r\n.\r\n", b".a\r\n", b"a\rb\r\n", b"a\0b\r\n", b"a\r\n.", b"", b"\n\r"],
)
def test_what_needs_a_second_look_is_not_clean(data):
    """Odd ends of lines, dots at their beginning, and what doesn't end with one."""
    assert not commands.is_clean(data)


@given(st.lists(st.text(alphabet="ab. ", max_size=5), max_size=8))
def test_what_arrives_is_what_was_meant(lines):
    """Unstuffed by the book, the message is the same, and ends once."""
    data = "".join(line + "\r\n" for line in lines).encode()
    assert _unstuff(commands.body(data)) == data


@pytest.mark.parametrize("is_seen", [False, True])
@pytest.mark.parametrize("size", [1, 200_000])
@pytest.mark.parametrize("tail", [b"", b"tail\r\n"])
def test_pieces_are_the_whole(is_seen, size, tail):
    """In pieces or not, the same bytes leave; what is large, and looked at, is no copy."""
    data = b"x" * size + b"\r\n"
    body = commands.body_pieces(data, tail, is_seen=is_seen)
    chunk = commands.chunk_pieces(data, tail, is_seen=is_seen)
    assert b"".join(body) == commands.body(data + tail)
    assert b"".join(chunk) == commands.chunk(data + tail)
    if is_seen and (tail or size > commands.COPIED):
        assert body[0] is data
        assert chunk[1] is data
