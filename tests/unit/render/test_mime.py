from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.render.mime import LINE, LONGEST_CUT, encode_base64, encode_body, multipart, text_part


@pytest.mark.parametrize("size", [*range(1, 180), 3_000, LONGEST_CUT // 4 * 3])
def test_base64_has_lines_of_76_that_all_end(size):
    """Whatever the length, also where the last line is full (RFC 2045, 6.8)."""
    data = bytes(range(256)) * (size // 256 + 1)
    encoded = encode_base64(data[:size])
    assert encoded.endswith(b"\r\n")
    lines = encoded.split(b"\r\n")[:-1]
    assert {len(line) for line in lines[:-1]} <= {LINE}
    assert 0 < len(lines[-1]) <= LINE
    assert base64.b64decode(b"".join(lines)) == data[:size]


@pytest.mark.parametrize("more", [0, 1, 57, 58])
def test_long_and_short_base64_are_cut_alike(more):
    """An attachment takes another way to the same lines."""
    data = b"\xe9" * (LONGEST_CUT // 4 * 3 + more)
    encoded = base64.b64encode(data)
    lines = [encoded[start : start + LINE] for start in range(0, len(encoded), LINE)]
    assert encode_base64(data) == b"".join(line + b"\r\n" for line in lines)


@given(st.text(st.sampled_from("ab=. é\r\n\ud800😀"), max_size=200))
def test_a_body_is_read_with_the_ends_of_lines_of_mail(text):
    """CR, LF and CRLF all become CRLF, in every encoding; a lone surrogate becomes `?`."""
    name, body = encode_body(text)
    meant = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    decode = {b"base64": base64.b64decode, b"7bit": bytes, b"quoted-printable": quopri.decodestring}
    found = decode[name](body)
    if name != b"base64" and not meant.endswith("\r\n"):
        meant += "\r\n"
    assert found == meant.encode("utf-8", "replace")


def test_a_multipart_holds_its_parts_in_order():
    """Opening, parts with borders between, closing; multiparts stand in multiparts."""
    inner = multipart("alternative", "=_a").wrap([[b"one\r\n"], [b"two", b"\r\n"]])
    whole = multipart("mixed", "=_m", " x=y;").wrap([inner, text_part("plain").fill("hi")])
    assert b"".join(whole) == (
        b'Content-Type: multipart/mixed; x=y;\r\n boundary="=_m"\r\n\r\n--=_m\r\n'
        b'Content-Type: multipart/alternative;\r\n boundary="=_a"\r\n\r\n'
        b"--=_a\r\none\r\n\r\n--=_a\r\ntwo\r\n\r\n--=_a--\r\n"
        b"\r\n--=_m\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n\r\nhi\r\n\r\n--=_m--\r\n"
    )
