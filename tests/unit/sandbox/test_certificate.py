from __future__ import annotations

import ssl
import stat

import pytest

from notifier.sandbox.certificate import rehearsal_tls

BODY = b"Subject: x\r\n\r\nhello\r\n"


def test_tls_can_be_rehearsed(open_sandbox, connect, tmp_path):
    """STARTTLS works with a client that trusts the sandbox's certificate, several times over."""
    box = open_sandbox(tls=rehearsal_tls(tmp_path, "127.0.0.1"), password="right")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "sandbox-cert.pem"))
    client = connect(box)
    assert client.has_extn("starttls")
    client.starttls(context=trusting)
    client.ehlo()
    assert not client.has_extn("starttls")
    assert client.has_extn("pipelining")
    client.login("office", "right")
    for _ in range(3):
        assert client.sendmail("a@b.example", ["c@d.example"], BODY) == {}
    assert [kept.data for kept in box.messages()] == [BODY] * 3


def test_nobody_else_trusts_it(open_sandbox, connect, tmp_path):
    """A client that was not told of the certificate refuses it, and the sandbox lives on."""
    box = open_sandbox(tls=rehearsal_tls(tmp_path, "127.0.0.1"))
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(box).starttls(context=ssl.create_default_context())
    assert connect(box).sendmail("a@b.example", ["c@d.example"], BODY) == {}


def test_what_came_before_tls_is_dropped(open_sandbox, connect, tmp_path):
    """Commands sent in clear beside STARTTLS are not carried out after it (RFC 3207)."""
    box = open_sandbox(tls=rehearsal_tls(tmp_path, "127.0.0.1"))
    client = connect(box)
    client.send(b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n")
    assert client.getreply()[0] == 220
    context = ssl.create_default_context(cafile=str(tmp_path / "sandbox-cert.pem"))
    try:
        client.sock = context.wrap_socket(client.sock, server_hostname="127.0.0.1")
    except (ssl.SSLError, ConnectionError):
        return  # the clear text broke the handshake: nothing was carried out either
    client.file = None
    client.ehlo()
    assert client.rcpt("c@d.example")[0] == 503


def test_the_key_is_its_owner_s_alone(tmp_path):
    """The key's file is readable by nobody else, even where an older one lay open."""
    (tmp_path / "sandbox-key.pem").write_text("old")
    (tmp_path / "sandbox-key.pem").chmod(0o644)
    rehearsal_tls(tmp_path, "sandbox.example")
    assert stat.S_IMODE((tmp_path / "sandbox-key.pem").stat().st_mode) == 0o600
