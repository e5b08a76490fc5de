from __future__ import annotations

import base64

import pytest

from notifier.smtp import auth
from notifier.smtp.mechanism import ChannelBinding, Credentials


def encoded(text):
    """Base64."""
    return base64.b64encode(text.encode()).decode()


def test_plain_says_all_at_once():
    """RFC 4616: authorization identity (none), name, password."""
    exchange = auth.Plain(Credentials("office", "sécret"))
    assert exchange.initial() == encoded("\0office\0sécret")
    assert exchange.respond("") == encoded("\0office\0sécret")
    with pytest.raises(auth.ChallengeError):
        exchange.respond("")


def test_login_answers_two_questions():
    """Whatever their wording, the first is about the name and the second about the password."""
    exchange = auth.Login(Credentials("office", "secret"))
    assert exchange.initial() is None
    assert exchange.respond(encoded("Username:")) == encoded("office")
    assert exchange.respond(encoded("anything")) == encoded("secret")
    with pytest.raises(auth.ChallengeError):
        exchange.respond("")


def test_cram_md5_answers_as_the_rfc_shows():
    """The example of RFC 2195 section 2."""
    exchange = auth.CramMd5(Credentials("tim", "tanstaaftanstaaf"))
    challenge = encoded("<1896.697170952@postoffice.reston.mci.net>")
    assert exchange.initial() is None
    assert exchange.respond(challenge) == encoded("tim b913a602c7eda7a495b4e6e7334d3890")
    with pytest.raises(auth.ChallengeError):
        exchange.respond(challenge)


@pytest.mark.parametrize("challenge", ["", "not base64!", "é"])
def test_cram_md5_refuses_odd_challenges(challenge):
    """A challenge that is none is answered with nothing."""
    with pytest.raises(auth.ChallengeError):
        auth.CramMd5(Credentials("tim", "x")).respond(challenge)


def test_external_names_the_mailbox_or_nobody():
    """RFC 4422 appendix A: an empty name is whatever the certificate says."""
    assert auth.External(Credentials("office", has_certificate=True)).initial() == encoded("office")
    exchange = auth.External(Credentials("", has_certificate=True))
    assert exchange.initial() == ""
    assert exchange.respond("") == ""
    with pytest.raises(auth.ChallengeError):
        exchange.respond("")


BOUND = ChannelBinding("tls-unique", b"x")
PASSWORD = Credentials("office", "secret")
ALL = (
    "LOGIN",
    "PLAIN",
    "CRAM-MD5",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "XOAUTH2",
    "OAUTHBEARER",
    "EXTERNAL",
)


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
        (ALL, "auto", (), "SCRAM-SHA-256"),
        (ALL, "scram-sha-256-plus", (), None),
        (ALL, "auto", ("SCRAM-SHA-256",), "CRAM-MD5"),
        ((*ALL, "SCRAM-SHA-1"), "auto", (), "SCRAM-SHA-256"),
        (("PLAIN", "CRAM-MD5", "SCRAM-SHA-1"), "auto", (), "SCRAM-SHA-1"),
        (("PLAIN", "SCRAM-SHA-1"), "plain", (), "PLAIN"),
    ],
)
def test_takes_the_strongest_that_both_know(offered, wanted, without, name):
    """The strongest first, unless the settings name one."""
    found = auth.choose(offered, wanted, PASSWORD, without=without)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("known", "wanted", "name"),
    [
        (Credentials("o", "secret", binding=BOUND), "auto", "SCRAM-SHA-256-PLUS"),
        (Credentials("o", "secret", binding=BOUND), "scram-sha-256", "SCRAM-SHA-256"),
        (Credentials("o", token="t", binding=BOUND), "auto", "OAUTHBEARER"),
        (Credentials("o", token="t"), "xoauth2", "XOAUTH2"),
        (Credentials("o", "secret", token="t"), "plain", None),
        (Credentials("o", has_certificate=True), "auto", "EXTERNAL"),
        (Credentials("o", "secret", has_certificate=True), "auto", "SCRAM-SHA-256"),
        (Credentials("o", "secret", has_certificate=True), "external", "EXTERNAL"),
        (Credentials("o"), "auto", None),
    ],
)
def test_takes_only_what_can_be_done_with_what_is_known(known, wanted, name):
    """A token wants a bearer's way, a binding TLS, EXTERNAL a certificate."""
    found = auth.choose(ALL, wanted, known)
    assert (found.name if found else None) == name


def test_nothing_secret_is_in_what_is_known():
    """A repr of the credentials may end up anywhere."""
    known = Credentials("o", "canary-1", token="canary-2", binding=ChannelBinding("k", b"canary"))
    assert "canary" not in repr(known)


@pytest.mark.parametrize(
    ("offered", "name"),
    [
        (("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1"), "SCRAM-SHA-1-PLUS"),
        (("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"), "SCRAM-SHA-256-PLUS"),
    ],
)
def test_who_can_bind_binds(offered, name):
    """RFC 5802 section 6, whatever the digest."""
    assert auth.choose(offered, "auto", Credentials("o", "secret", binding=BOUND)).name == name
