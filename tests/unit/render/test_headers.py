from __future__ import annotations

import email
import email.policy
import re
from email.header import decode_header, make_header

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.errors import MessageError
from notifier.render.headers import (
    block_pattern,
    check_block,
    encode_name_parameter,
    encode_parameter,
    encode_text,
    encode_words,
    is_plain,
    safe_file_name,
    single_line,
)

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = st.one_of(
    st.text(min_size=1, max_size=80),
    st.text("Phiếu điểm học kỳ ăâđêôơư_.-()", min_size=1, max_size=150).map(lambda s: s + ".pdf"),
    st.sampled_from(
        ['a"b\\c.pdf', "x" * 300 + ".pdf", "🎓" * 80, "a\r\nBcc: x@evil.example", "=?utf-8?q?a?="]
    ),
    st.text("ab=?; '*%\\\"", min_size=1, max_size=90),
)


@QUICK
@given(st.text(min_size=1, max_size=300), st.integers(0, 78))
def test_encoded_words_are_short_and_whole(text, used):
    """At most 75 characters each, 76 a line, none cut within a character (RFC 2047, 2 and 5)."""
    encoded = encode_words(text, used)
    words = encoded.strip().split("\r\n ")
    for word in words:
        assert len(word) <= 75
        assert decode_header(word)[0][0].decode("utf-8") is not None
    lines = encoded.split("\r\n")
    assert used + len(lines[0]) <= 76 or not lines[0]
    assert all(len(line) <= 76 for line in lines[1:])
    meant = text.encode("utf-8", "replace").decode()
    assert "".join(decode_header(word)[0][0].decode() for word in words) == meant


@QUICK
@given(st.lists(st.text("abcdefgh.,:;()", min_size=1, max_size=70), min_size=1, max_size=30))
def test_plain_text_is_folded_at_spaces(words):
    """ASCII stays readable; lines stay within 78 characters."""
    text = " ".join(words)
    folded = encode_text(text, 9)
    lines = folded.split("\r\n")
    assert len(lines[0]) + 9 <= 78
    assert all(len(line) <= 78 for line in lines)
    assert str(make_header(decode_header(folded.replace("\r\n", "")))) == text


@QUICK
@given(NAMES)
def test_file_names_are_read_as_meant_by_both_kinds_of_programs(name):
    """RFC 2231 in `filename`, RFC 2047 in `name`; lines within 78 characters."""
    name = safe_file_name(name)
    block = (
        f"Content-Type: application/pdf{encode_name_parameter(name)}\r\n"
        f"Content-Disposition: attachment{encode_parameter('filename', name)}\r\n\r\n"
    )
    assert max(map(len, block.split("\r\n"))) <= 78
    pattern = block_pattern(["Content-Type", "Content-Disposition"])
    check_block(pattern, block.removesuffix("\r\n").encode("ascii"))
    message = email.message_from_bytes(block.encode("ascii"), policy=email.policy.default)
    meant = name.encode("utf-8", "replace").decode()
    assert message.get_filename() == meant
    raw = re.search(r'name="((?:[^"\\]|\\.)*)"', block.partition("\r\nContent-Disp")[0])
    shown = raw[1] if raw else ""
    if "=?utf-8?b?" in shown:
        parts = [decode_header(word)[0][0].decode() for word in shown.split()]
        assert "".join(parts) == meant
    else:
        assert re.sub(r"\\(.)", r"\1", shown) == meant


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a\r\nb.pdf", "a b.pdf"),
        ("fdp\u202eexe.pdf", "fdpexe.pdf"),
        ("\x00", "attachment"),
    ],
)
def test_a_file_name_is_only_a_name(name, expected):
    """No folders, no controls, no reversed endings."""
    assert safe_file_name(name) == expected


@pytest.mark.parametrize(
    "block",
    [
        b"Subject: a\r\nBcc: b\r\nTo: c\r\n",
        b"Subject: a\nTo: c\r\n",
        b"Subject: a\r\n\r\nTo: c\r\n",
        b"Subject: a\r\n \t\r\nTo: c\r\n",
        b"Subject: a\r\n \r\nTo: c\r\n",
        b"Subject: a\r\n\tb\r\nTo: c\r\n",
        b"Subject: a\0\r\nTo: c\r\n",
        b"Subject: a\x7f\r\nTo: c\r\n",
        b"Subject: a\tb\r\nTo: c\r\n",
        b"Subject: a\rb\n\r\nTo: c\r\n",
        b"Subject: a\n\rb\r\nTo: c\r\n",
        b"Subject: a\r\nTo: c\n\r",
        b"Subject: a\r\nTo: c",
        b"To: c\r\nSubject: a\r\n",
        b"Subject: a\r\nTo: c\r\nX: y\r\n",
    ],
)
def test_a_block_that_nobody_meant_is_told_from_ours(block):
    """Unknown fields, other orders, bare ends of lines, blank lines, controls."""
    with pytest.raises(MessageError, match="does not belong there"):
        check_block(block_pattern(["Subject", "To"]), block)


def test_every_octet_but_a_control_may_stand_in_a_header():
    """Of all octets those below the space and DEL are refused, wherever they stand."""
    pattern = block_pattern(["Subject"])
    for octet in range(0x100):
        block = b"Subject: a%cb\r\n c%cd\r\n" % (octet, octet)
        if octet < 0x20 or octet == 0x7F:
            with pytest.raises(MessageError):
                check_block(pattern, block)
        else:
            check_block(pattern, block)


def test_a_line_of_a_header_has_998_octets_at_most():
    """RFC 5322, 2.1.1; the length of the block is no matter."""
    pattern = block_pattern(["Subject", "To"])
    check_block(pattern, b"Subject: %s\r\nTo: %s\r\n" % (b"a" * 989, b"b" * 994))
    with pytest.raises(MessageError, match="998"):
        check_block(pattern, b"Subject: %s\r\nTo: b\r\n" % (b"a" * 990))


@QUICK
@given(st.text(st.sampled_from("ab ầ\t\r\n\x00\x7f\x85\xa0\u2028\u2029\u3000\xad")))
def test_a_single_line_has_no_controls_and_single_spaces(text):
    """What is printable already takes a shorter way to the same line."""
    cleaned = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)
    assert single_line(text) == " ".join(cleaned.split())


@QUICK
@given(st.text(st.sampled_from("ab~! =?é\t\r\n\x7f")))
def test_plain_is_printable_ascii_with_single_spaces(text):
    """What may stand in a header as it is; an encoded word may not."""
    meant = re.fullmatch(r"[!-~]+(?: [!-~]+)*", text) is not None and "=?" not in text
    assert is_plain(text) is meant
