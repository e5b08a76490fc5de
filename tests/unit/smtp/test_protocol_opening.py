from __future__ import annotations

import pytest

from notifier.errors import (
    AuthenticationError,
    LocalProtocolError,
    RelayProtocolError,
    RelayRefused,
    TlsError,
)
from notifier.model import Message, Stage
from notifier.smtp.transitions import Phase, Signal

OK = b"250 2.0.0 Ok\r\n"
ENVELOPE_OK = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n"
DATA = b"Subject: hello\r\n\r\nHello\r\n"


def letter(number=1, data=DATA, **fields):
    """A message to the n-th parent."""
    return Message("office@school.example", f"parent{number}@parents.example", data, **fields)


def envelope(number=1, data=DATA):
    """What is said for it, pipelined."""
    return (
        f"MAIL FROM:<office@school.example> SIZE={len(data)}\r\n"
        f"RCPT TO:<parent{number}@parents.example>\r\nDATA\r\n"
    )


# --- opening ---------------------------------------------------------------------------------


def test_opens_with_ehlo(make_wire):
    """Greeting, EHLO, ready; the capabilities are what the relay said."""
    wire = make_wire()
    assert wire.hear(b"220 hi\r\n") == []
    assert wire.words() == "EHLO client.example\r\n"
    ehlo = b"250-r.example\r\n250-size 100\r\n250-CHUNKING\r\n250-AUTH=LOGIN\r\n"
    ehlo += b"250 AUTH PLAIN LOGIN\r\n"
    assert wire.hear(ehlo) == [Signal.READY]
    found = wire.session.capabilities
    assert (found.largest_message, found.mechanisms) == (100, ("LOGIN", "PLAIN"))
    assert found.has_chunking
    assert not found.has_pipelining


@pytest.mark.parametrize("code", [b"500", b"502", b"550", b"504"])
def test_falls_back_to_helo(make_wire, code):
    """RFC 5321 section 3.2: who doesn't know EHLO may know HELO; nothing is on offer then."""
    wire = make_wire()
    wire.hear(b"220 hi\r\n", code + b" what?\r\n")
    assert wire.words() == "EHLO client.example\r\nHELO client.example\r\n"
    assert wire.hear(b"250-hello\r\n250 PIPELINING\r\n") == [Signal.READY]
    assert not wire.session.capabilities.has_pipelining


@pytest.mark.parametrize(
    ("said", "stage"),
    [
        ((b"554 no\r\n",), Stage.GREETING),
        ((b"421 busy\r\n",), Stage.GREETING),
        ((b"220 hi\r\n", b"421 bye\r\n"), Stage.EHLO),
        ((b"220 hi\r\n", b"450 later\r\n"), Stage.EHLO),
        ((b"220 hi\r\n", b"500 no\r\n", b"550 no\r\n"), Stage.EHLO),
    ],
)
def test_tells_where_it_was_refused(make_wire, said, stage):
    """A relay that doesn't want the session is told apart, with stage, reply and next step."""
    wire = make_wire()
    wire.hear(*said)
    assert isinstance(wire.error, RelayRefused)
    assert (wire.error.stage, str(wire.error.reply)) == (stage, said[-1].decode().strip())
    assert wire.error.where
    assert wire.error.next_step


@pytest.mark.parametrize(
    "said",
    [
        (b"SSH-2.0-OpenSSH\r\n",),
        (b"354 go\r\n",),
        (b"220 hi\r\n", b"354 x\r\n"),
        (b"220 a\r\n250 b\r\n250 c\r\n",),
    ],
)
def test_tells_what_is_not_smtp(make_wire, said):
    """Garbage, and replies that fit no step, end the session."""
    wire = make_wire()
    wire.hear(*said)
    assert isinstance(wire.error, RelayProtocolError)
    assert wire.session.phase is Phase.CLOSED
    assert wire.hear(b"250 ok\r\n") == []


# --- TLS -------------------------------------------------------------------------------------

TLS_EHLO = b"250-r.example\r\n250-STARTTLS\r\n250 PIPELINING\r\n"


def test_goes_up_to_tls_and_forgets_what_it_knew(make_wire):
    """After the handshake EHLO comes again, and only its answer counts (RFC 3207)."""
    wire = make_wire(tls="starttls")
    wire.hear(b"220 hi\r\n", TLS_EHLO)
    wire.words()
    assert wire.hear(b"220 go\r\n") == [Signal.START_TLS]
    wire.session.secured()
    assert wire.words() == "EHLO client.example\r\n"
    assert wire.hear(b"250 r.example\r\n") == [Signal.READY]
    assert wire.session.is_secure
    assert not wire.session.capabilities.has_pipelining


@pytest.mark.parametrize("ehlo", [b"250 r.example\r\n", b"250-r\r\n250 XSTARTTLS\r\n"])
def test_fails_closed_where_tls_is_not_offered(make_wire, ehlo):
    """A stripped offer of STARTTLS ends the session: nothing is sent in clear."""
    wire = make_wire(tls="starttls", username="office", password="secret")
    wire.hear(b"220 hi\r\n", ehlo)
    assert isinstance(wire.error, TlsError)
    assert wire.words() == "EHLO client.example\r\n"


def test_fails_closed_where_tls_is_refused(make_wire):
    """An offer that isn't kept ends the session, too."""
    wire = make_wire(tls="starttls")
    wire.hear(b"220 hi\r\n", TLS_EHLO, b"454 4.7.0 TLS not available\r\n")
    assert isinstance(wire.error, TlsError)
    assert wire.error.reply.code == 454


@pytest.mark.parametrize(
    "said",
    [
        (b"220 go\r\n250 r.example\r\n",),
        (b"220 go\r\n250-r",),
        (b"220 go\r\n", b"x"),
        (b"220 go\r\n220 go\r\n421 bye\r\n",),
    ],
)
def test_injected_bytes_before_tls_are_a_violation(make_wire, said):
    """What arrives in clear behind the 220 is never taken for TLS's (CVE-2021-38371)."""
    wire = make_wire(tls="starttls")
    wire.hear(b"220 hi\r\n", TLS_EHLO, *said)
    assert isinstance(wire.error, TlsError)
    with pytest.raises(LocalProtocolError):
        wire.session.secured()


# --- signing in ------------------------------------------------------------------------------


def signed(make_wire, mechanisms, *said, **account):
    """A wire that signs in, and what the relay says to it."""
    account = {"tls": "implicit", "username": "office", "password": "s3cret-canary", **account}
    wire = make_wire(**account)
    wire.hear(b"220 hi\r\n", b"250-r\r\n250 AUTH " + mechanisms + b"\r\n", *said)
    return wire


def test_signs_in_and_says_no_secret(make_wire):
    """PLAIN travels with the command; the transcript has no password, plain or encoded."""
    wire = signed(make_wire, b"PLAIN LOGIN", b"235 2.7.0 ok\r\n")
    assert wire.events == [Signal.READY]
    words = wire.words()
    assert words.endswith("AUTH PLAIN AG9mZmljZQBzM2NyZXQtY2FuYXJ5\r\n")
    assert "C: AUTH PLAIN ***" in wire.lines
    assert not any("s3cret" in line or "AG9mZmlj" in line for line in wire.lines)


def test_login_and_cram_md5_are_exchanges(make_wire):
    """Each challenge is answered; the responses are masked."""
    wire = signed(
        make_wire, b"LOGIN", b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 ok\r\n"
    )
    assert wire.events == [Signal.READY]
    assert wire.words().endswith("AUTH LOGIN\r\nb2ZmaWNl\r\nczNjcmV0LWNhbmFyeQ==\r\n")
    assert wire.lines.count("C: ***") == 2
    wire = signed(make_wire, b"PLAIN CRAM-MD5", b"334 PDEyMz4=\r\n", b"235 ok\r\n")
    assert "AUTH CRAM-MD5" in wire.words()
    assert wire.events == [Signal.READY]


def test_a_relay_that_repeats_our_line_gives_nothing_away(make_wire):
    """Secrets that come back in a refusal are masked in error and transcript."""
    wire = signed(make_wire, b"PLAIN", b"535 no: s3cret-canary AG9mZmljZQBzM2NyZXQtY2FuYXJ5\r\n")
    assert isinstance(wire.error, AuthenticationError)
    everything = f"{wire.error} {wire.error.reply} {wire.lines} {wire.session!r} {wire.account!r}"
    assert "canary" not in everything
    assert "AG9mZmlj" not in everything


def test_tries_another_mechanism_only_where_the_first_is_not_known(make_wire):
    """504 and 534 are about the mechanism; 535 is about the password, so it is not tried again."""
    wire = signed(make_wire, b"CRAM-MD5 PLAIN", b"504 no\r\n", b"235 ok\r\n")
    assert "AUTH CRAM-MD5\r\nAUTH PLAIN " in wire.words()
    assert wire.events == [Signal.READY]
    wire = signed(make_wire, b"CRAM-MD5 PLAIN", b"334 PDEyMz4=\r\n", b"535 no\r\n")
    assert isinstance(wire.error, AuthenticationError)
    assert "PLAIN" not in wire.words()


@pytest.mark.parametrize(
    ("mechanisms", "said", "account"),
    [
        (b"PLAIN", (), {"password": ""}),
        (b"XOAUTH2", (), {}),
        (b"PLAIN", (b"535 5.7.8 no\r\n",), {}),
        (b"PLAIN", (b"454 4.7.0 later\r\n",), {}),
        (b"CRAM-MD5", (b"334 !!!\r\n",), {}),
        (b"LOGIN", (b"334 \r\n", b"334 \r\n", b"334 \r\n"), {}),
        (b"PLAIN", (), {"tls": "none"}),
        (b"CRAM-MD5", (), {"tls": "none"}),
    ],
)
def test_tells_why_it_could_not_sign_in(make_wire, mechanisms, said, account):
    """No password, no way, a refusal, an odd question, a link in clear: each says what to do."""
    wire = signed(make_wire, mechanisms, *said, **account)
    assert isinstance(wire.error, AuthenticationError)
    assert wire.error.stage is Stage.AUTH
    assert wire.error.next_step
    if account.get("tls") == "none":
        assert "AUTH" not in wire.words()


def test_signs_in_in_clear_only_when_told(make_wire):
    """`allow_insecure_auth` is the user's own word."""
    wire = signed(make_wire, b"PLAIN", b"235 ok\r\n", tls="none", allows_insecure_auth=True)
    assert wire.events == [Signal.READY]


def test_sends_a_long_secret_on_a_line_of_its_own(make_wire):
    """An initial response that makes the command longer than 512 bytes waits for its 334."""
    wire = signed(make_wire, b"PLAIN", b"334 \r\n", b"235 ok\r\n", password="x" * 600)
    assert "AUTH PLAIN\r\nAG9m" in wire.words()
    assert wire.events == [Signal.READY]
