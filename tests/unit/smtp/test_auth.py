from __future__ import annotations

import base64

import pytest

from notifier.smtp import auth


def encoded(text):
    """Base64."""
    return base64.b64encode(text.encode()).decode()


def test_plain_says_all_at_once():
    """RFC 4616: authorization identity (none), name, password."""
    exchange = auth.Plain("office", "sécret")
    assert exchange.initial() == encoded("\0office\0sécret")
    assert exchange.respond("") == encoded("\0office\0sécret")
    with pytest.raises(auth.ChallengeError):
        exchange.respond("")


def test_login_answers_two_questions():
    """Whatever their wording, the first is about the name and the second about the password."""
    exchange = auth.Login("office", "secret")
    assert exchange.initial() is None
    assert exchange.respond(encoded("Username:")) == encoded("office")
    assert exchange.respond(encoded("anything")) == encoded("secret")
    with pytest.raises(auth.ChallengeError):
        exchange.respond("")


def test_cram_md5_answers_as_the_rfc_shows():
    """The example of RFC 2195 section 2."""
    exchange = auth.CramMd5("tim", "tanstaaftanstaaf")
    challenge = encoded("<1896.697170952@postoffice.reston.mci.net>")
    assert exchange.initial() is None
    assert exchange.respond(challenge) == encoded("tim b913a602c7eda7a495b4e6e7334d3890")
    with pytest.raises(auth.ChallengeError):
        exchange.respond(challenge)


@pytest.mark.parametrize("challenge", ["", "not base64!", "é"])
def test_cram_md5_refuses_odd_challenges(challenge):
    """A challenge that is none is answered with nothing."""
    with pytest.raises(auth.ChallengeError):
        auth.CramMd5("tim", "x").respond(challenge)


@pytest.mark.parametrize(
    ("offered", "wanted", "without", "name"),
    [
        (("LOGIN", "PLAIN", "CRAM-MD5"), "auto", (), "CRAM-MD5"),
        (("LOGIN", "PLAIN"), "auto", (), "PLAIN"),
        (("LOGIN", "PLAIN"), "login", (), "LOGIN"),
        (("LOGIN", "PLAIN"), "auto", ("PLAIN",), "LOGIN"),
        (("XOAUTH2", "GSSAPI"), "auto", (), None),
        (("LOGIN",), "plain", (), None),
        ((), "auto", (), None),
    ],
)
def test_takes_the_strongest_that_both_know(offered, wanted, without, name):
    """The strongest first, unless the settings name one."""
    found = auth.choose(offered, wanted, without=without)
    assert (found.name if found else None) == name
