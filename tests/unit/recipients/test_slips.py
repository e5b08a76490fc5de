from __future__ import annotations

import pytest

from notifier.recipients.slips import likely_domain


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.com.vn", "gmail.com"),
        ("gmail.vom", "gmail.com"),
        ("gmail.cm", "gmail.com"),
        ("hmail.com", "gmail.com"),
        ("yaho.com.vn", "yahoo.com.vn"),
        ("yhaoo.com", "yahoo.com"),
        ("yahoo.com.vnn", "yahoo.com.vn"),
        ("hotmial.com", "hotmail.com"),
        ("outlok.com", "outlook.com"),
        ("truong.edu.vnn", "truong.edu.vn"),
        ("congty.cmo", "congty.com"),
    ],
)
def test_a_domain_that_is_probably_misspelt(domain, meant):
    """One letter away from where most mailboxes are, or an ending that is none."""
    assert likely_domain(f"an@{domain}") == meant


@pytest.mark.parametrize(
    "domain",
    [
        "gmail.com", "yahoo.com", "yahoo.com.vn", "mail.com", "ymail.com", "email.com", "live.com",
        "line.com", "zmail.com", "truong.edu.vn", "school.example", "yahoo.co.jp", "icloud.com",
        "hotmail.co.uk", "outlook.com.vn", "proton.me", "nguyendu.example", "x.cm", "x.co",
    ],
)  # fmt: skip
def test_other_peoples_domains_are_left_alone(domain):
    """A domain that is somebody's is no slip."""
    assert likely_domain(f"an@{domain}") == ""


def test_a_slip_is_a_warning_by_line_and_column_and_never_a_rejection(write, read):
    """The person is mailed as it stands; in rows of the short way and of the long way alike."""
    write("a.csv", "Email,Mã,Họ tên\nan@gmial.com,1,An\nb@x.vn; c@gmail.con,2,B\nd@gmail.com,3,D\n")
    found = read("a.csv")
    assert found.addresses == ["an@gmial.com", "b@x.vn", "c@gmail.con", "d@gmail.com"]
    assert [(it.line, it.column, it.value) for it in found.notes] == [
        (2, "Email", "an@gmial.com"),
        (3, "Email", "c@gmail.con"),
    ]
    assert "@gmail.com" in found.messages[0]
