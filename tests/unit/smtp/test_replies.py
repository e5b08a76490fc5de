from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.model import Reply
from notifier.smtp import replies
from notifier.smtp.replies import ReplyParser


def parse(*parts):
    """The replies, and the fault."""
    parser = ReplyParser()
    return [reply for part in parts for reply in parser.feed(part)], parser.fault


def test_reads_one_line():
    """A line is a reply: code, enhanced code, text."""
    assert parse(b"250 2.1.5 Ok\r\n") == ([Reply(250, "2.1.5", "Ok")], "")


def test_reads_several_lines():
    """Lines with a hyphen belong together; the enhanced code is taken from each."""
    data = b"550-5.1.1 no such user\r\n550-5.1.1 see\r\n550 https://relay.example\r\n"
    assert parse(data) == ([Reply(550, "5.1.1", "no such user\nsee\nhttps://relay.example")], "")


def test_reads_a_code_alone():
    """RFC 5321 section 4.2 lets a client expect a code without text."""
    assert parse(b"250\r\n354 \r\n") == ([Reply(250, "", ""), Reply(354, "", "")], "")


@pytest.mark.parametrize(
    ("line", "enhanced", "text"),
    [
        (b"250 2.0.0\r\n", "2.0.0", ""),
        (b"550 4.7.1 other class\r\n", "", "4.7.1 other class"),
        (b"250 5.1.1.2 no code\r\n", "", "5.1.1.2 no code"),
        (b"421 4.7.0 [TSS04]\r\n", "4.7.0", "[TSS04]"),
        (b"250 10.0.0.1 hello\r\n", "", "10.0.0.1 hello"),
    ],
)
def test_takes_only_true_enhanced_codes(line, enhanced, text):
    """An enhanced code has the reply's own class, and ends where it ends."""
    assert parse(line)[0][0] == Reply(int(line[:3]), enhanced, text)


def test_tolerates_bare_lf():
    """Small servers end lines with LF alone."""
    assert parse(b"250-a\n250 b\n") == ([Reply(250, "", "a\nb")], "")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred", "\ufffd[31mred"),
        (b"caf\xe9", "caf\ufffd"),
        ("Hộp thư đầy".encode(), "Hộp thư đầy"),
        ("a\u202eb".encode(), "a\ufffdb"),
        (b"a\tb\x00\x7f", "a b\ufffd\ufffd"),
        ("a\u00a0b".encode(), "a b"),
        (b"a\rb", "a\ufffdb"),
    ],
)
def test_makes_texts_safe_to_show(raw, shown):
    """No relay steers a terminal, and odd bytes break nothing."""
    assert parse(b"250 " + raw + b"\r\n")[0] == [Reply(250, "", shown)]


@pytest.mark.parametrize(
    "line",
    [b"hello", b"", b"25", b"199 x", b"600 x", b"250_x", b"2500 x", b" 250 x", b"HTTP/1.1 400"],
)
def test_refuses_what_is_no_reply(line):
    """Garbage is a fault, and nothing after it is taken."""
    found, fault = parse(line + b"\r\n250 ok\r\n")
    assert (found, fault) == ([], replies.NOT_A_REPLY)


def test_gives_out_what_was_complete_before_the_fault():
    """The acceptance of a message counts, whatever follows it."""
    assert parse(b"250 queued\r\ngarbage\r\n") == (
        [Reply(250, "", "queued")],
        replies.NOT_A_REPLY,
    )


def test_refuses_mixed_codes():
    """Which of the two codes would count?"""
    assert parse(b"250-a\r\n550 b\r\n") == ([], replies.MIXED_CODES)


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_refuses_endless_lines(end):
    """A line has a limit, whether its end comes or not."""
    assert parse(b"250 " + b"x" * replies.LONGEST_LINE + end) == ([], replies.LINE_TOO_LONG)


@pytest.mark.parametrize(
    "data", [b"250-x\r\n" * (replies.MOST_LINES + 1), (b"250-" + b"x" * 4000 + b"\r\n") * 20]
)
def test_refuses_endless_replies(data):
    """A reply has a limit, in lines and in bytes."""
    assert parse(data) == ([], replies.REPLY_TOO_LONG)


def test_takes_lines_up_to_the_limit():
    """The limit itself is allowed."""
    line = b"250 " + b"x" * (replies.LONGEST_LINE - 4)
    assert len(parse(line + b"\r\n")[0]) == 1


_LINES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda code, sign, text: f"{code}{sign}{text}".encode(),
        st.integers(150, 650),
        st.sampled_from([" ", "-", ""]),
        st.text(max_size=20),
    ),
)


@given(
    st.lists(st.tuples(_LINES, st.sampled_from([b"\r\n", b"\n"])), max_size=8),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_does_not_care_how_bytes_are_cut(lines, cuts):
    """However the network cuts them, the replies and the fault are the same; nothing is raised."""
    data = b"".join(line + end for line, end in lines)
    places = sorted({min(cut, len(data)) for cut in cuts})
    parts = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    whole = parse(data)
    assert parse(*parts) == whole
    assert parse(*(data[at : at + 1] for at in range(len(data)))) == whole
