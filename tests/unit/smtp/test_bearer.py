from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.smtp.bearer import OAuthBearer, XOAuth2
from notifier.smtp.mechanism import ChallengeError, Credentials


def known(username="someuser@example.com"):
    """Somebody with a token."""
    return Credentials(username, token="vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==", **PLACE)


PLACE = {"host": "server.example.com", "port": 587}


def encoded(data):
    """Base64."""
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def test_xoauth2_as_google_shows_it():
    """The example of Google's description of the mechanism."""
    assert XOAuth2(known()).initial() == (
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB2RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSa"
        "GRtbHpkR0V1WTI5dENnPT0BAQ=="
    )


def test_oauthbearer_as_the_rfc_shows_it():
    """RFC 7628 section 4.1, with this host and port."""
    exchange = OAuthBearer(known("user@example.com"))
    assert base64.b64decode(exchange.initial()) == (
        b"n,a=user@example.com,\x01host=server.example.com\x01port=587\x01"
        b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==\x01\x01"
    )


@pytest.mark.parametrize(("mechanism", "answer"), [(XOAuth2, ""), (OAuthBearer, "AQ==")])
def test_a_refusal_is_acknowledged_and_its_reason_kept(mechanism, answer):
    """334 with JSON: the answer that lets the relay say 535, once (RFC 7628 section 3.2.3)."""
    exchange = mechanism(known())
    told = json.dumps({"status": "invalid_token", "schemes": "bearer"})
    assert exchange.respond(encoded(told)) == answer
    assert exchange.complaint == "invalid_token"
    with pytest.raises(ChallengeError):
        exchange.respond(encoded(told))


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"status": "400"}, "400"),
        ({"status": 400}, "400"),
        ({}, "unknown"),
        ([1], "unknown"),
        ({"status": "<b>\x1b[2J"}, "unknown"),
    ],
)
def test_only_what_looks_like_a_status_is_kept(told, status):
    """Nothing that a relay makes up reaches a terminal."""
    exchange = XOAuth2(known())
    exchange.respond(encoded(json.dumps(told)))
    assert exchange.complaint == status


@pytest.mark.parametrize("challenge", ["", "not base64!", encoded("{"), encoded(b"\xff")])
def test_what_is_no_reason_makes_no_sense(challenge):
    """Neither Base64 nor JSON."""
    with pytest.raises(ChallengeError):
        XOAuth2(known()).respond(challenge)


@given(st.binary(max_size=300))
def test_no_challenge_breaks_it(data):
    """Whatever a relay says: an answer, or that it makes no sense."""
    exchange = OAuthBearer(known())
    try:
        assert exchange.respond(encoded(data)) == "AQ=="
    except ChallengeError:
        assert exchange.complaint == ""


def test_a_name_cannot_end_its_field():
    """Commas and equal signs are quoted (RFC 5801 section 4)."""
    initial = base64.b64decode(OAuthBearer(known("a,b=c@x.example")).initial())
    assert initial.startswith(b"n,a=a=2Cb=3Dc@x.example,\x01")
