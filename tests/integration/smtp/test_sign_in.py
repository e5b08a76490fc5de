# ruff: noqa: PLR0917 - what a test asks for are its fixtures
from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading

import pytest

from notifier.errors import AuthenticationError, TlsError
from notifier.smtp.transcript import check

NAME = "localhost"
CANARY = "canary-päss, word="
SCRAM = "AUTH PLAIN SCRAM-SHA-256"
PLUS = "AUTH PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS"


@pytest.fixture
def leaf(authority):
    """The relay's certificate."""
    return authority.issue_cert(NAME)


@pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
def secured(request, relay, leaf):
    """A relay behind STARTTLS, with either version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[request.param]
    relay.context = context
    return request.param


@pytest.fixture
def binding(secured, leaf):
    """What the relay knows of the connection: RFC 5929, reckoned without our code."""

    def know(tls):
        if secured == "TLSv1_2":
            return "tls-unique", tls.get_channel_binding("tls-unique")
        der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
        return "tls-server-end-point", hashlib.sha256(der).digest()

    return know


def options(ca_file, **more):
    """Settings for signing in over STARTTLS."""
    return {
        "host": NAME,
        "ca_file": ca_file,
        "tls": "starttls",
        "username": "office",
        "password": CANARY,
        **more,
    }


def offer(relay, auth):
    """Let the relay announce these."""
    relay.capabilities = ("PIPELINING", "STARTTLS", auth)


def checked(bench, **more):
    """The transcript of a trial session."""

    async def main():
        async with bench.relay:
            return await check(bench.settings(**more))

    return bench.run(main())


def shown(found):
    """Everything of a transcript that anybody may see."""
    error = found.error
    rest = f"{error!r} {error.__dict__} {error.as_dict()}" if error else ""
    return f"{found!r} {rest}"


def test_scram_proves_the_password(bench, relay, make_ledger, secured, ca_file, sasl_server):
    """The strongest that both know; the password itself never leaves."""
    offer(relay, SCRAM)
    relay.sasl = sasl_server.ScramSide(CANARY)
    ledger = make_ledger(3)
    assert bench.deliver(ledger, **options(ca_file)) is None
    assert ledger.accepted == {1, 2, 3}
    assert relay.sasl.headers == ["y,,"]
    assert not any("canary" in line for line in relay.lines())


def test_scram_plus_is_bound_to_the_connection(
    bench, relay, secured, binding, ca_file, sasl_server
):
    """Both ends find the same binding, up to TLS 1.2 and from 1.3 on, on both event loops."""
    offer(relay, PLUS)
    relay.sasl = sasl_server.ScramSide(CANARY, binding=binding, offers_plus=True)
    found = checked(bench, **options(ca_file))
    assert found.error is None
    assert found.mechanism == "SCRAM-SHA-256-PLUS"
    assert found.lines.count("S: 334 ***") == 2  # a guess could be checked against these
    assert relay.sasl.headers[0].startswith("p=tls-")


def test_scram_plus_through_somebody_else_fails(bench, relay, secured, ca_file, sasl_server):
    """The relay sees another connection than we do: it refuses, and the error says what that is."""
    offer(relay, PLUS)
    kind = "tls-unique" if secured == "TLSv1_2" else "tls-server-end-point"
    relay.sasl = sasl_server.ScramSide(CANARY, binding=lambda _tls: (kind, b"another"))
    found = checked(bench, **options(ca_file))
    assert isinstance(found.error, AuthenticationError)
    assert "stands between" in found.error.message
    assert "canary" not in shown(found)


def test_a_binding_that_the_relay_does_not_know(bench, relay, secured, ca_file, sasl_server):
    """Refused before a proof: without binding then; unless the settings insist."""
    offer(relay, PLUS)
    relay.sasl = sasl_server.ScramSide(CANARY, offers_plus=True, knows_kinds=False)
    assert checked(bench, **options(ca_file)).mechanism == "SCRAM-SHA-256"
    assert relay.sasl.headers[1] == "n,,"
    found = checked(bench, **options(ca_file, auth="scram-sha-256-plus"))
    assert isinstance(found.error, AuthenticationError)


def test_an_offer_that_was_taken_out_is_noticed(bench, relay, secured, ca_file, sasl_server):
    """A relay that offers -PLUS and hears `y` knows that its offer did not arrive."""
    offer(relay, SCRAM)
    relay.sasl = sasl_server.ScramSide(CANARY, offers_plus=True)
    found = checked(bench, **options(ca_file))
    assert isinstance(found.error, AuthenticationError)
    assert "channel binding" in found.error.message


def test_a_relay_that_only_says_yes_is_not_believed(bench, relay, secured, ca_file, sasl_server):
    """235 without the signature: it does not know the password, and gets no mail."""
    offer(relay, SCRAM)
    relay.sasl = sasl_server.ScramSide(CANARY, lies=True)
    found = checked(bench, **options(ca_file))
    assert isinstance(found.error, AuthenticationError)
    assert "prove" in found.error.message


def test_a_wrong_password_is_told_as_such(bench, relay, secured, ca_file, sasl_server):
    """The relay's `e=` in plain words; no secret in transcript or error."""
    offer(relay, SCRAM)
    relay.sasl = sasl_server.ScramSide("another")
    found = checked(bench, **options(ca_file))
    assert "the password is wrong" in found.error.message
    assert found.error.reply.code == 535
    assert "canary" not in shown(found)


def test_plus_without_tls_is_told(bench, relay, sasl_server):
    """There is nothing to bind to."""
    relay.capabilities = (PLUS,)
    more = {"username": "o", "password": "secret", "allow_insecure_auth": True}
    found = checked(bench, auth="scram-sha-256-plus", **more)
    assert isinstance(found.error, AuthenticationError)
    assert "auto" in found.error.next_step


def test_a_challenge_that_repeats_a_secret_is_masked(bench, relay, secured, ca_file):
    """Some relays repeat the line that they don't like, whatever its code."""
    offer(relay, "AUTH LOGIN")
    relay.on("AUTH", f"334 {CANARY}")
    found = checked(bench, **options(ca_file))
    assert any(line.startswith("S: 334 ***") for line in found.lines)
    assert "canary" not in shown(found)


# --- certificates of ours --------------------------------------------------------------------


@pytest.fixture
def ours(authority, tmp_path):
    """A certificate and its key, each in a file."""
    made = authority.issue_cert("office@school.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(made.cert_chain_pems[0].bytes())
    key.write_bytes(made.private_key_pem.bytes())
    return cert, key


@pytest.fixture
def demanding(relay, authority, secured):
    """A relay that wants a certificate signed by the authority."""
    authority.configure_trust(relay.context)
    relay.context.verify_mode = ssl.CERT_REQUIRED
    offer(relay, "AUTH EXTERNAL PLAIN")


@pytest.mark.parametrize("username", ["", "office"])
def test_external_by_a_certificate(bench, relay, demanding, ca_file, ours, username):
    """The relay knows us by our certificate; the name is said where it is set."""
    cert, key = ours
    more = {"auth": "external", "client_cert_file": cert, "client_key_file": key}
    found = checked(bench, **options(ca_file, username=username, password=None, **more))
    assert found.error is None
    assert found.mechanism == "EXTERNAL"
    assert found.is_signed_in
    said = next(line for line in relay.lines() if line.startswith("AUTH"))
    assert said == ("AUTH EXTERNAL b2ZmaWNl" if username else "AUTH EXTERNAL =")


def refuse_strangers(listener, context):
    """A relay that isn't asyncio's, which would close without the alert that tells why."""
    with contextlib.suppress(OSError), listener.accept()[0] as sock:
        sock.settimeout(5)
        with context.wrap_socket(sock, server_side=True) as tls:
            tls.recv(1)


def test_a_certificate_that_is_missing_is_told(bench, relay, demanding, ca_file):
    """The relay's alert, and the setting that would help."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = (listener, relay.context)
        thread = threading.Thread(target=refuse_strangers, args=arguments, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        found = checked(bench, **options(ca_file, tls="implicit", port=port))
        thread.join()
    assert isinstance(found.error, TlsError)
    assert "client_cert_file" in found.error.next_step


@pytest.mark.parametrize("fault", ["no file", "no key", "encrypted"])
def test_a_certificate_that_cannot_be_used_is_told(bench, relay, ca_file, ours, tmp_path, fault):
    """Never a question at the terminal for the key's password, and no password in the error."""
    from cryptography.hazmat.primitives import serialization

    cert, key = ours
    if fault == "encrypted":
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        sealed = serialization.BestAvailableEncryption(b"right")
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key.write_bytes(loaded.private_bytes(pem, pkcs8, sealed))
    if fault == "no file":
        cert = tmp_path / "nowhere.pem"
    more = {"client_cert_file": cert, "client_key_file": None if fault == "no key" else key}
    for password in (None, CANARY):
        with pytest.raises(TlsError) as caught:
            checked(bench, **options(ca_file, client_key_password=password, **more))
        assert "client_key_file" in caught.value.next_step
        assert "canary" not in f"{caught.value!r} {caught.value.as_dict()}"


def test_a_key_that_is_encrypted(bench, relay, demanding, ca_file, ours):
    """Its password comes from the environment."""
    from cryptography.hazmat.primitives import serialization

    cert, key = ours
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    sealed = serialization.BestAvailableEncryption(CANARY.encode())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(loaded.private_bytes(pem, pkcs8, sealed))
    more = {"client_cert_file": cert, "client_key_file": key, "client_key_password": CANARY}
    found = checked(bench, **options(ca_file, auth="external", **more))
    assert found.error is None
    assert "canary" not in shown(found)


def test_a_minimum_of_1_3_refuses_1_2(bench, relay, secured, ca_file):
    """`tls_minimum` is kept."""
    offer(relay, "AUTH PLAIN")
    found = checked(bench, **options(ca_file, tls_minimum="1.3"))
    if secured == "TLSv1_3":
        assert found.error is None
        assert found.tls_version == "TLSv1.3"
    else:
        assert isinstance(found.error, TlsError)
