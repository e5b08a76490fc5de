from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.smtp.mechanism import ChallengeError, ChannelBinding, Credentials, UnpreparedError
from notifier.smtp.scram import ScramSha1, ScramSha1Plus, ScramSha256, ScramSha256Plus

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def encoded(text):
    """Base64."""
    return base64.b64encode(text.encode()).decode()


def plain(text):
    """Out of Base64."""
    return base64.b64decode(text).decode()


def exchange(mechanism=ScramSha256, username="user", password="pencil", **known):
    """An exchange with the RFC's nonce."""
    return mechanism(Credentials(username, password, make_nonce=lambda: NONCE, **known))


def test_the_example_of_the_rfc():
    """RFC 7677 section 3, every byte of it."""
    found = exchange()
    assert plain(found.initial()) == f"n,,n=user,r={NONCE}"
    assert plain(found.respond(encoded(SERVER_FIRST))) == (
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert not found.is_proven
    assert found.respond(encoded(SERVER_FINAL)) == ""
    assert found.is_proven


def test_the_example_of_the_older_rfc():
    """RFC 5802 section 5, every byte of it: the same by SHA-1."""
    nonce = "fyko+d2lbbFgONRv9qkxdawL"
    found = ScramSha1(Credentials("user", "pencil", make_nonce=lambda: nonce))
    assert plain(found.initial()) == f"n,,n=user,r={nonce}"
    said = f"r={nonce}3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    assert plain(found.respond(encoded(said))) == (
        f"c=biws,r={nonce}3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    )
    assert found.respond(encoded("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")) == ""
    assert found.is_proven


def test_the_older_one_is_bound_as_well():
    """By the same header."""
    found = exchange(ScramSha1Plus, binding=END_POINT, binds=True)
    assert plain(found.initial()).startswith("p=tls-server-end-point,,n=user")


@pytest.mark.parametrize(
    "said",
    [
        SERVER_FIRST.replace("r=rOpr", "r=xOpr"),
        f"r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        SERVER_FIRST.replace("i=4096", "i=4095"),
        SERVER_FIRST.replace("i=4096", "i=2000001"),
        SERVER_FIRST.replace("i=4096", "i=9999999999999"),
        SERVER_FIRST.replace("i=4096", "i=0"),
        SERVER_FIRST.replace("i=4096", "i=-1"),
        SERVER_FIRST.replace("s=W22ZaJ0SNY7soEsUEjb6gQ==", "s="),
        SERVER_FIRST.replace("s=W22Z", "s=W22"),
        f"m=extension,{SERVER_FIRST}",
        SERVER_FINAL,
        "",
    ],
)
def test_an_odd_first_message_gets_no_proof(said):
    """Another nonce, ours alone, too few or too many rounds, no salt, an unknown demand."""
    found = exchange()
    with pytest.raises(ChallengeError):
        found.respond(encoded(said))
    assert not found.is_proven


@pytest.mark.parametrize("challenge", ["not base64!", "/w==", ""])
def test_what_is_no_text_gets_no_proof(challenge):
    """Neither Base64 nor UTF-8."""
    with pytest.raises(ChallengeError):
        exchange().respond(challenge)


@pytest.mark.parametrize(
    "said",
    ["v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "v=x", "x=y", SERVER_FIRST],
)
def test_a_relay_that_does_not_know_the_password_is_found_out(said):
    """The signature is checked: who only says yes proves nothing."""
    found = exchange()
    found.respond(encoded(SERVER_FIRST))
    with pytest.raises(ChallengeError):
        found.respond(encoded(said))
    assert not found.is_proven


def test_a_refusal_within_the_exchange_is_kept():
    """`e=`: an empty answer lets the relay say its 535; what looks like a reason is told."""
    found = exchange()
    found.respond(encoded(SERVER_FIRST))
    assert found.respond(encoded("e=invalid-proof")) == ""
    assert found.complaint == "invalid-proof"
    assert not found.is_proven
    with pytest.raises(ChallengeError):
        found.respond("")
    odd = exchange()
    odd.respond(encoded("e=<b>Look here: canary"))
    assert odd.complaint == "other-error"


def test_names_are_prepared_and_quoted():
    """Commas and equal signs would end the field (RFC 5802 section 5.1)."""
    first = plain(exchange(username="a,b=c").initial())
    assert first == f"n,,n=a=2Cb=3Dc,r={NONCE}"


@pytest.mark.parametrize(
    ("one", "other"), [("Mật khẩu", "Mâ\u0323t khâ\u0309u"), ("I\u00adX", "IX"), ("\u2168", "IX")]
)
def test_a_password_is_the_same_however_it_was_typed(one, other):
    """Composed or in pieces: the proof is the same (RFC 4013)."""
    found = [exchange(password=text).respond(encoded(SERVER_FIRST)) for text in (one, other)]
    assert found[0] == found[1]


@pytest.mark.parametrize("password", ["a\x00b", "\u0007", "\u00ad", "\u0627\u0031", "a\u0627"])
def test_a_password_that_cannot_be_is_refused(password):
    """Control characters, mixed directions, nothing left (RFC 4013 sections 3 and 2.4)."""
    with pytest.raises(UnpreparedError):
        exchange(password=password)


# --- channel binding -------------------------------------------------------------------------

END_POINT = ChannelBinding("tls-server-end-point", b"\x01digest\xff")


@pytest.mark.parametrize(
    ("binding", "binds", "header"),
    [
        (None, False, "n,,"),
        (None, True, "n,,"),
        (END_POINT, False, "y,,"),
        (END_POINT, True, "n,,"),
    ],
)
def test_the_flag_tells_what_we_saw(binding, binds, header):
    """`y`: we could bind, and no offer of it reached us: a relay that made one notices."""
    found = exchange(binding=binding, binds=binds)
    assert plain(found.initial()).startswith(header)
    final = plain(found.respond(encoded(SERVER_FIRST)))
    assert final.startswith(f"c={encoded(header)},")


def test_plus_proves_the_connection_as_well(sasl_server):
    """The proof covers type and data of the binding, and the relay can check it."""
    found = exchange(ScramSha256Plus, binding=END_POINT, binds=True)
    first = plain(found.initial())
    assert first.startswith("p=tls-server-end-point,,n=user,")
    server = sasl_server.ScramServer("pencil", first)
    final = plain(found.respond(encoded(server.first)))
    assert server.bound(final) == b"p=tls-server-end-point,,\x01digest\xff"
    assert found.respond(encoded(f"v={server.check(final)}")) == ""
    assert found.is_proven


def test_plus_refused_before_a_proof_is_about_the_binding():
    """Nothing was proven yet, so it says nothing of the password: another way may do."""
    found = exchange(ScramSha256Plus, binding=END_POINT, binds=True)
    assert found.is_unsupported
    found.respond(encoded(SERVER_FIRST))
    assert not found.is_unsupported
    found.respond(encoded("e=unsupported-channel-binding-type"))
    assert found.is_unsupported
    assert not exchange().is_unsupported


LETTERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)


@given(username=LETTERS, password=LETTERS, salt=st.binary(min_size=1, max_size=40))
def test_both_sides_agree_on_any_password(sasl_server, username, password, salt):
    """A server that was written down on its own accepts each proof, and is believed."""
    found = exchange(username=username, password=password)
    server = sasl_server.ScramServer(password, plain(found.initial()), salt=salt)
    final = plain(found.respond(encoded(server.first)))
    found.respond(encoded(f"v={server.check(final)}"))
    assert found.is_proven


@given(st.text(max_size=200))
def test_no_challenge_breaks_it(text):
    """Whatever a relay says: an answer, or that it makes no sense."""
    found = exchange()
    try:
        found.respond(encoded(text))
    except ChallengeError:
        assert not found.is_proven


def test_each_nonce_is_new():
    """By default they come from the system's randomness."""
    first = {ScramSha256(Credentials("user", "pencil")).initial() for _number in range(20)}
    assert len(first) == 20
