from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.mailbox import Mailbox, parse_address, parse_list_id, parse_mailbox


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("a@x.example", "", "a@x.example"),
        ("<a@x.example>", "", "a@x.example"),
        ("Trường THPT Nguyễn Du <a@x.example>", "Trường THPT Nguyễn Du", "a@x.example"),
        ('"Nguyễn, Du" <a@x.example>', "Nguyễn, Du", "a@x.example"),
        (r'"The \"old\" school" <a@x.example>', 'The "old" school', "a@x.example"),
        ("Phòng Đào tạo, ĐH X <a@X.Example>", "Phòng Đào tạo, ĐH X", "a@x.example"),
        ("  Ann   <  a@x.example > ", "Ann", "a@x.example"),
        ("Ann <a@tuyển-sinh.example>", "Ann", "a@xn--tuyn-sinh-si7d.example"),
        ("O'Neil (HR) <a+b@x.example>", "O'Neil (HR)", "a+b@x.example"),
    ],
)
def test_mailboxes_as_people_write_them(text, name, address):
    """A name, quoted or not, and an address."""
    assert parse_mailbox(text) == Mailbox(name, address)


@pytest.mark.parametrize(
    "text",
    [
        "", "Ann", "Ann <a@x.example", "Ann a@x.example", "Ann <>", "Ann <a>", "<a@x.example> Ann",
        "a@x.example, b@x.example", "Ann <a@x.example>\r\nBcc: evil@x.example",
        "Ann\nBcc: evil@x.example <a@x.example>", "root@localhost", "Ann <a@school>",
        "=?utf-8?q?hi=0D=0ABcc:_x@evil.example?= <a@x.example>",
        'Ann "the <a@x.example>', "A <b> <a@x.example>", "Ann <a@x.example\x00>",
        "Ann <a b@x.example>",
        "Ann <a@x.example\u2028>", "x" * 201 + " <a@x.example>", "Ann <@x.example>",
        "Ann <a@[10.0.0.1]>",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_is_refused(text):
    """Nothing that could become another header or another recipient passes."""
    with pytest.raises(ValueError):  # noqa: PT011 - the sentence differs by mistake
        parse_mailbox(text)


@given(st.text())
def test_no_text_breaks_the_reader(text):
    """A mailbox, or ValueError; what passes holds no control character."""
    try:
        found = parse_mailbox(text)
    except ValueError:
        return
    assert "@" in found.address
    assert not any(ch in found.name + found.address for ch in "\r\n\0\x85\u2028")


plain = st.text(st.sampled_from('abc đĐ"\\,<>@.'), min_size=1, max_size=20).map(str.strip)


@given(plain.filter(bool))
def test_a_quoted_name_comes_back(name):
    """Quoting keeps whatever stands in a name."""
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    from unicodedata import normalize

    assert parse_mailbox(f"{quoted} <a@x.example>").name == normalize("NFC", name)


def test_an_address_alone():
    """A local part beyond ASCII keeps its domain readable: the whole needs SMTPUTF8 anyway."""
    assert parse_address("đào@x.example") == "đào@x.example"
    with pytest.raises(ValueError, match=r"office@school\.example"):
        parse_address("Ann <a@x.example>")


def test_list_ids():
    """With or without brackets; one dot at least (RFC 2919)."""
    assert parse_list_id("<grades.school.example>") == "grades.school.example"
    assert parse_list_id("grades.school.example") == "grades.school.example"
    for bad in ("grades", "a b.c", "Grades <a.b>", "a..b", "<a.b", "a.b\r\nX: y", "a." + "b" * 300):
        with pytest.raises(ValueError):  # noqa: PT011 - the sentence differs by mistake
            parse_list_id(bad)
