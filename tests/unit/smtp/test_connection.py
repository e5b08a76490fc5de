from __future__ import annotations

import socket

import pytest

from notifier.smtp.connection import own_name


@pytest.mark.parametrize(
    ("hostname", "sockname", "expected"),
    [
        ("office.school.example", ("192.0.2.1", 5), "office.school.example"),
        ("laptop", ("192.0.2.1", 5), "[192.0.2.1]"),
        ("máy.chủ", ("192.0.2.1", 5), "[192.0.2.1]"),
        ("localhost.localdomain", ("127.0.0.1", 5), "[127.0.0.1]"),
        ("laptop", ("2001:db8::1%eth0", 5, 0, 0), "[IPv6:2001:db8::1]"),
        ("laptop", None, "[127.0.0.1]"),
        ("laptop", "", "[127.0.0.1]"),
    ],
)
def test_has_a_name_for_itself(monkeypatch, hostname, sockname, expected):
    """A full name, else an address literal (RFC 5321 section 4.1.1.1); no resolver is asked."""
    monkeypatch.setattr(socket, "gethostname", lambda: hostname)
    assert own_name(sockname) == expected
