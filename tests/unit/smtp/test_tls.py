from __future__ import annotations

import errno
import hashlib
import ssl
from types import SimpleNamespace

import pytest
import trustme

from notifier.errors import RelayUnreachable, TlsError
from notifier.model import Stage
from notifier.settings import RelaySettings
from notifier.smtp.account import Account
from notifier.smtp.tls import channel_binding, end_point, make_context, translate

ACCOUNT = Account("main", "relay.example", 587)


@pytest.mark.parametrize(
    "exc",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 2525)"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        OSError(
            "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), "
            "[Errno 111] Connect call failed ('127.0.0.1', 1)"
        ),
    ],
)
def test_a_refused_connection_reads_the_same_everywhere(exc):
    """The one loop puts its own words into the system's, the other doesn't."""
    error = translate(ACCOUNT, Stage.CONNECT, exc, 1.0)
    assert isinstance(error, RelayUnreachable)
    assert error.message == "No connection to relay.example on port 587: Connection refused."


@pytest.mark.parametrize(
    ("alert", "has_certificate", "told"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", False, "client_cert_file"),
        ("TLSV1_ALERT_UNKNOWN_CA", True, "authority"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", False, "client_cert_file"),
        ("WRONG_VERSION_NUMBER", False, "465"),
    ],
)
def test_an_alert_about_our_certificate_is_told(alert, has_certificate, told):
    """By the relay's word for it, and by whether we have one."""
    exc = ssl.SSLError(1, alert)
    exc.reason = alert
    account = Account("main", "relay.example", 587, has_certificate=has_certificate)
    error = translate(account, Stage.TLS, exc, 1.0)
    assert isinstance(error, TlsError)
    assert told in error.next_step


def test_a_ca_file_takes_the_place_of_the_systems_authorities(tmp_path):
    """A pinned authority is the only one: another's certificate for the same host is nothing."""
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    relay = RelaySettings(name="main", host="relay.example", ca_file=path)
    assert make_context(relay, ACCOUNT).cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    ("minimum", "version"), [("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)]
)
def test_the_least_version(minimum, version):
    """As set; 1.2 is the least there is."""
    relay = RelaySettings(name="main", host="relay.example", tls_minimum=minimum)
    assert make_context(relay, ACCOUNT).minimum_version is version


def test_nothing_to_bind_to():
    """No TLS, no certificate, one that can't be read: no binding, and no error."""

    def made(tls):
        return channel_binding(SimpleNamespace(get_extra_info=lambda _name: tls))

    assert made(None) is None
    assert end_point(b"nonsense") == b""
    assert made(SimpleNamespace(version=lambda: "TLSv1.3", getpeercert=lambda **_o: None)) is None
    odd = SimpleNamespace(version=lambda: "TLSv1.2", get_channel_binding=lambda _kind: None)
    assert made(odd) is None


def test_an_end_point_is_the_digest_of_its_certificate():
    """By the digest of its own signature (RFC 5929 section 4.1); trustme's is SHA-256."""
    pem = trustme.CA().issue_cert("relay.example").cert_chain_pems[0].bytes().decode()
    der = ssl.PEM_cert_to_DER_cert(pem)
    assert end_point(der) == hashlib.sha256(der).digest()


@pytest.mark.parametrize(("made", "used"), [("sha1", "sha256"), ("sha384", "sha384")])
def test_an_end_point_by_other_digests(monkeypatch, made, used):
    """SHA-1 is replaced, stronger ones are kept."""
    from cryptography import x509

    found = SimpleNamespace(signature_hash_algorithm=SimpleNamespace(name=made))
    monkeypatch.setattr(x509, "load_der_x509_certificate", lambda _der: found)
    assert end_point(b"certificate") == hashlib.new(used, b"certificate").digest()
    found.signature_hash_algorithm = None
    assert end_point(b"certificate") == b""
