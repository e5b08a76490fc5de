# ruff: noqa: PLR0917 - what a test asks for are its fixtures
from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from notifier.errors import AuthenticationError, RelayProtocolError, TlsError
from notifier.smtp.transcript import check

CAPABILITIES = ("PIPELINING", "STARTTLS", "AUTH PLAIN LOGIN CRAM-MD5")
NAME = "localhost"


def account(ca_file, **options):
    """Settings for a relay with TLS."""
    return {"host": NAME, "ca_file": ca_file, "tls": "starttls", **options}


@pytest.fixture(params=["starttls", "implicit"])
def tls(request, relay, server_context):
    """Both ways to TLS; the relay has a good certificate for its name."""
    relay.context = server_context(NAME, "127.0.0.1")
    relay.capabilities = CAPABILITIES
    relay.implicit = request.param == "implicit"
    return request.param


@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
def test_sends_through_tls(bench, relay, make_ledger, tls, ca_file, host):
    """The name, or the address, is checked against the certificate."""
    ledger = make_ledger(5)
    error = bench.deliver(
        ledger, **account(ca_file, tls=tls, host=host, username="o", password="p")
    )
    assert error is None
    ledger.check(relay)
    assert ledger.accepted == {1, 2, 3, 4, 5}
    ehlos = [line for line in relay.lines() if line.startswith("EHLO")]
    assert len(ehlos) == (2 if tls == "starttls" else 1)


def test_refuses_a_certificate_that_nobody_signed(bench, relay, make_ledger, tls, tmp_path):
    """A stranger's certificate: no envelope, no password."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    error = bench.deliver(make_ledger(1), **account(other, tls=tls, username="o", password="p"))
    assert isinstance(error, TlsError)
    assert "ca_file" in error.next_step
    assert not any(line.startswith(("AUTH", "MAIL")) for line in relay.lines())


def test_the_systems_authorities_count_where_none_is_named(bench, relay, make_ledger, tls):
    """Without `ca_file` the relay's private authority is nobody."""
    error = bench.deliver(make_ledger(1), **account(None, tls=tls))
    assert isinstance(error, TlsError)


def test_refuses_a_certificate_for_another_name(
    bench, relay, make_ledger, tls, ca_file, server_context
):
    """Signed by the right authority, for the wrong host."""
    relay.context = server_context("elsewhere.example")
    error = bench.deliver(make_ledger(1), **account(ca_file, tls=tls))
    assert isinstance(error, TlsError)
    assert "another name" in error.message


def test_refuses_a_certificate_that_is_out_of_date(
    bench, relay, make_ledger, tls, ca_file, server_context
):
    """The operator has to renew it."""
    relay.context = server_context(NAME, not_after=datetime.now(UTC) - timedelta(days=1))
    error = bench.deliver(make_ledger(1), **account(ca_file, tls=tls))
    assert isinstance(error, TlsError)
    assert "out of date" in error.message


def test_takes_any_certificate_only_when_told(bench, relay, make_ledger, tls, server_context):
    """`verify = false` is the user's own word."""
    relay.context = server_context("elsewhere.example")
    ledger = make_ledger(2)
    assert bench.deliver(ledger, **account(None, tls=tls, verify=False)) is None
    assert ledger.accepted == {1, 2}


def test_refuses_old_tls(bench, relay, make_ledger, tls, ca_file):
    """TLS 1.2 is the least."""
    context = relay.context
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    error = bench.deliver(make_ledger(1), **account(ca_file, tls=tls))
    assert isinstance(error, TlsError)


@pytest.mark.parametrize(
    "answer",
    ["454 4.7.0 TLS not available", "502 what?", b"220 go\r\nthis is not TLS\r\n", "220 go"],
)
def test_starttls_that_fails_ends_the_session(
    bench, relay, make_ledger, ca_file, server_context, answer
):
    """Offered and not kept: nothing is sent in clear."""
    relay.context = server_context(NAME)
    relay.capabilities = CAPABILITIES
    relay.on("STARTTLS", answer)
    options = account(ca_file, username="o", password="p", connect_timeout=0.3)
    error = bench.deliver(make_ledger(1), **options)
    assert isinstance(error, TlsError)
    assert not any(line.startswith(("AUTH", "MAIL")) for line in relay.lines())


def test_starttls_dropped_in_the_handshake(bench, relay, make_ledger, ca_file):
    """A relay that closes instead of shaking hands."""
    relay.capabilities = CAPABILITIES
    relay.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # has no certificate at all
    error = bench.deliver(make_ledger(1), **account(ca_file))
    assert isinstance(error, TlsError)


def test_starttls_that_is_not_offered_ends_the_session(bench, relay, make_ledger, ca_file):
    """Somebody may have taken the offer out."""
    error = bench.deliver(make_ledger(1), **account(ca_file))
    assert isinstance(error, TlsError)
    assert relay.lines()[-1].startswith("EHLO")


def test_injected_bytes_end_the_session(bench, relay, make_ledger, ca_file, server_context):
    """A reply smuggled in before the handshake is never read as TLS's (CVE-2021-38371)."""
    relay.context = server_context(NAME)
    relay.capabilities = CAPABILITIES
    relay.on("STARTTLS", b"220 go\r\n250 AUTH PLAIN\r\n")
    error = bench.deliver(make_ledger(1), **account(ca_file))
    assert isinstance(error, TlsError)
    assert "tampered" in error.message


def test_implicit_tls_to_a_port_in_clear(bench, relay, make_ledger, ca_file):
    """465 and 587 mixed up: the error says which goes with which."""
    error = bench.deliver(make_ledger(1), **account(ca_file, tls="implicit"))
    assert isinstance(error, TlsError)
    assert "465" in error.next_step


def test_a_port_with_tls_spoken_to_in_clear(bench, relay, make_ledger, ca_file, server_context):
    """The relay waits for a handshake, we for a greeting: the time for it ends the wait."""
    relay.context = server_context(NAME)
    relay.implicit = True
    error = bench.deliver(make_ledger(1), **account(ca_file, greeting_timeout=0.05))
    assert error is not None
    assert error.next_step


def test_a_ca_file_that_is_none(bench, relay, make_ledger, tmp_path):
    """The setting is named."""
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    error = bench.deliver(make_ledger(1), **account(path))
    assert isinstance(error, TlsError)
    assert "ca_file" in error.next_step


@pytest.mark.parametrize("auth", ["auto", "plain", "login"])
def test_a_refused_password(bench, relay, make_ledger, tls, ca_file, auth):
    """Not tried again, no parcel taken, no secret told."""
    relay.on("AUTH", "535 5.7.8 wrong: canary-secret")
    ledger = make_ledger(1)
    options = account(ca_file, tls=tls, username="office", password="canary-secret", auth=auth)
    error = bench.deliver(ledger, connect_attempts=3, **options)
    assert isinstance(error, AuthenticationError)
    assert relay.connections == 1
    assert ledger.taken == []
    assert "canary" not in f"{error} {error!r} {error.__dict__} {error.as_dict()}"


def test_no_password_goes_over_an_open_link(bench, relay, make_ledger):
    """AUTH in clear is refused here, before a byte of it leaves."""
    relay.capabilities = ("AUTH PLAIN",)
    options = {"username": "office", "password": "secret"}
    error = bench.deliver(make_ledger(1), **options)
    assert isinstance(error, AuthenticationError)
    assert not any("AUTH" in line for line in relay.lines())
    ledger = make_ledger(1)
    assert bench.deliver(ledger, allow_insecure_auth=True, **options) is None
    assert ledger.accepted == {1}


# --- trying out ------------------------------------------------------------------------------


def checked(bench, **options):
    """The transcript of a trial session."""

    async def main():
        async with bench.relay:
            return await check(bench.settings(**options))

    return bench.run(main())


def test_a_transcript_tells_all_but_the_secret(bench, relay, tls, ca_file):
    """Lines of both sides, TLS, the certificate's end, capabilities; the password nowhere."""
    options = account(ca_file, tls=tls, username="office", password="canary-secret", auth="plain")
    found = checked(bench, **options)
    assert found.error is None
    assert found.tls_version.startswith("TLSv1.")
    assert found.cipher
    assert found.certificate.ends > datetime.now(UTC)
    assert found.certificate.issuer
    assert NAME in found.certificate.names
    assert found.capabilities.has_pipelining
    assert found.is_signed_in
    assert found.mechanism == "PLAIN"
    assert "C: AUTH PLAIN ***" in found.lines
    assert found.lines[-2:] == ["C: QUIT", "S: 221 2.0.0 Bye"]
    assert "canary" not in repr(found)
    assert relay.lines()[-1] == "QUIT"


def test_a_transcript_ends_where_it_failed(bench, relay):
    """The lines before the error are what helps."""
    relay.on("EHLO", "550 5.7.1 go away")
    relay.on("HELO", "550 5.7.1 go away")
    found = checked(bench)
    assert found.error.stage.value == "ehlo"
    assert found.lines[0] == "S: 220 relay.example ready"
    assert found.lines[-1] == "S: 550 5.7.1 go away"
    assert not found.is_signed_in


def test_a_transcript_of_what_is_not_smtp(bench, relay):
    """Garbage is told as such."""
    relay.on("GREETING", b"SSH-2.0-OpenSSH_9\r\n")
    assert isinstance(checked(bench).error, RelayProtocolError)


def test_a_transcript_survives_a_relay_that_never_says_goodbye(bench, relay):
    """QUIT gets a short time, then the session is over all the same."""
    relay.on("QUIT", "<hang>")
    assert checked(bench, command_timeout=0.05).error is None
