from __future__ import annotations

import json
import sys
import traceback
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from notifier.errors import AuthenticationError, RelayUnreachable, SettingsError
from notifier.settings import RelaySettings
from notifier.smtp.account import Account
from notifier.smtp.oauth_grants import UNSAID, Token, grant_of
from notifier.smtp.token_server import Answer, UnreachableError

CANARY = "canary-53cr3t"
NOW = 1_800_000_000
MICROSOFT = {"provider": "microsoft365", "tenant": "school.example", "client_id": "the-app"}
GOOGLE = {"provider": "google", "client_id": "the-app"}
GOOD = {"token_type": "Bearer", "expires_in": 3599, "access_token": "the-token"}


class Endpoint:
    """A token server that notes what it is told."""

    def __init__(self, told=GOOD, status=200):
        self.answer = Answer(status, told if isinstance(told, bytes) else json.dumps(told).encode())
        self.url = ""
        self.form = {}

    def __call__(self, url, form, seconds):
        self.url, self.form = url, {key: found[0] for key, found in parse_qs(form).items()}
        if self.answer is None:
            raise UnreachableError("no route to host")
        return self.answer


def grant(endpoint, oauth):
    """The grant for such a table."""
    relay = RelaySettings(
        name="main", host="smtp.example", username="office@school.example", oauth=oauth
    )
    return grant_of(relay, Account.of(relay), post=endpoint, clock=lambda: NOW)


@pytest.fixture
def refused():
    """The error that a grant ends with; secrets are in no part of it."""

    def make(endpoint, oauth, kind=AuthenticationError):
        with pytest.raises(kind) as caught:
            grant(endpoint, oauth)()
        error = caught.value
        shown = "".join(traceback.format_exception(error)) + f"{error.as_dict()} {error!r}"
        assert "canary" not in shown
        assert error.next_step
        return error

    return make


def test_microsoft_by_client_credentials():
    """The tenant's address, the scope for sending, the secret in the form (RFC 6749 4.4)."""
    endpoint = Endpoint()
    token = grant(endpoint, {**MICROSOFT, "client_secret": CANARY})()
    assert (token.value, token.seconds) == ("the-token", 3599)
    assert endpoint.url == "https://login.microsoftonline.com/school.example/oauth2/v2.0/token"
    assert endpoint.form == {
        "grant_type": "client_credentials",
        "client_id": "the-app",
        "client_secret": CANARY,
        "scope": "https://outlook.office365.com/.default",
    }


def test_microsoft_by_refresh_token_keeps_the_new_one(tmp_path):
    """The new refresh token takes the old one's place, for the next time and the next start."""
    file = tmp_path / "refresh"
    file.touch(mode=0o600)
    file.write_text("old\n")
    endpoint = Endpoint({**GOOD, "refresh_token": "new"})
    fetch = grant(endpoint, {**MICROSOFT, "refresh_token_file": file})
    fetch()
    assert endpoint.form == {
        "grant_type": "refresh_token",
        "refresh_token": "old",
        "client_id": "the-app",
        "scope": "https://outlook.office.com/SMTP.Send offline_access",
    }
    assert file.read_text() == "new\n"
    assert file.stat().st_mode & 0o077 == 0
    fetch()
    assert endpoint.form["refresh_token"] == "new"


def test_google_by_service_account(tmp_path):
    """An assertion signed with its key, for the mailbox, good for an hour (RFC 7523)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    file = tmp_path / "google.json"
    file.write_text(json.dumps({"client_email": "robot@x.example", "private_key": pem}))
    endpoint = Endpoint()
    grant(endpoint, {"provider": "google", "service_account_file": file})()
    assert endpoint.url == "https://oauth2.googleapis.com/token"
    assert endpoint.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        endpoint.form["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience=endpoint.url,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "robot@x.example",
        "sub": "office@school.example",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": NOW,
        "exp": NOW + 3600,
        "scope": "https://mail.google.com/",
    }


def test_google_by_refresh_token():
    """The app's ID and secret, and no scope: the consent has it."""
    endpoint = Endpoint()
    grant(endpoint, {**GOOGLE, "client_secret": "s", "refresh_token": "r"})()
    assert endpoint.form == {
        "grant_type": "refresh_token",
        "client_id": "the-app",
        "client_secret": "s",
        "refresh_token": "r",
    }


def test_a_provider_of_ones_own():
    """Address and scope as they stand in the settings."""
    endpoint = Endpoint()
    url = "https://id.example/token"
    table = {"provider": "custom", "token_url": url, "scope": "smtp", "client_id": "a"}
    grant(endpoint, {**table, "client_secret": "s"})()
    assert (endpoint.url, endpoint.form["scope"]) == (url, "smtp")


@pytest.mark.parametrize("text", ["{}", "[]", "nothing", '{"client_email": "x"}'])
def test_a_service_account_that_is_none(tmp_path, text):
    """Told with the file's name, when the relay is set up and not in the middle of a run."""
    file = tmp_path / "google.json"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        grant(Endpoint(), {"provider": "google", "service_account_file": file})
    assert "google.json" in caught.value.where


def test_a_service_account_with_an_odd_key(tmp_path, refused):
    """The key is read when it is used; it is not shown."""
    file = tmp_path / "google.json"
    file.write_text(json.dumps({"client_email": "x", "private_key": CANARY}))
    refused(Endpoint(), {"provider": "google", "service_account_file": file})


def test_a_client_secret_that_is_missing(refused):
    """The variable and the key that it may go to."""
    error = refused(Endpoint(), MICROSOFT)
    assert "NOTIFIER_RELAYS__MAIN__OAUTH__CLIENT_SECRET" in error.next_step
    assert "client_secret_file" in error.next_step


@pytest.mark.parametrize(
    ("table", "error", "description", "step"),
    [
        (MICROSOFT, "invalid_client", "AADSTS7000222: expired. Trace ID: 1", "has run out"),
        (MICROSOFT, "invalid_client", "AADSTS7000215: Invalid client secret", "value, not its ID"),
        (MICROSOFT, "unauthorized_client", "AADSTS700016: not found", "client_id"),
        (MICROSOFT, "invalid_request", "AADSTS90002: Tenant not found", "tenant"),
        (MICROSOFT, "invalid_grant", "AADSTS65001: no consent", "SMTP.SendAsApp"),
        (MICROSOFT, "invalid_grant", "AADSTS70008: expired", "consent anew"),
        (GOOGLE, "unauthorized_client", "Client is unauthorized", "https://mail.google.com/"),
        (GOOGLE, "invalid_grant", "Invalid email or User ID", "username"),
        (GOOGLE, "invalid_grant", "Invalid JWT Signature.", "key was deleted"),
        (GOOGLE, "invalid_grant", "Invalid JWT: Token must be a short-lived token", "clock"),
        (GOOGLE, "invalid_grant", "Token has been expired or revoked.", "7 days"),
        (GOOGLE, "something_new", "", "Ask"),
    ],
)
def test_a_refusal_is_told_with_what_the_provider_wants(refused, table, error, description, step):
    """Its error, its description without the rest, and the next step for it."""
    endpoint = Endpoint({"error": error, "error_description": description}, 400)
    found = refused(endpoint, {**table, "client_secret": CANARY, "refresh_token": f"{CANARY}2"})
    assert error in found.message
    assert "Trace ID" not in found.message
    assert step in found.next_step


def test_a_refusal_that_repeats_the_secret_is_masked(refused):
    """Servers have been seen to quote what they were sent."""
    told = {"error": "invalid_client", "error_description": f"wrong secret {CANARY}\x1b[2J\nmore"}
    error = refused(Endpoint(told, 401), {**MICROSOFT, "client_secret": CANARY})
    assert "wrong secret ***" in error.message
    assert "\x1b" not in error.message


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_tried_again(refused, status):
    """That is no refusal: the run waits as for a relay that is down."""
    endpoint = Endpoint(b"<html>busy</html>", status)
    refused(endpoint, {**MICROSOFT, "client_secret": CANARY}, RelayUnreachable)


def test_a_server_that_gives_no_answer_is_tried_again(refused):
    """It is named, with the system's reason."""
    endpoint = Endpoint()
    endpoint.answer = None
    error = refused(endpoint, {**MICROSOFT, "client_secret": CANARY}, RelayUnreachable)
    assert "login.microsoftonline.com" in error.message
    assert "no route to host" in error.message


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"\xff",
        b"<html>",
        b"[]",
        b'"x"',
        {},
        {"access_token": ""},
        {"access_token": 1},
        {"access_token": "two words"},
        {"access_token": "line\r\nbreak"},
        {"error": {"code": 1}},
        b"[" * 100_000,
    ],
)
def test_what_is_no_token_is_not_used(refused, told):
    """Nothing odd reaches the relay."""
    refused(Endpoint(told), {**MICROSOFT, "client_secret": CANARY})


def test_a_token_that_does_not_say_how_long():
    """It is kept for a short while."""
    endpoint = Endpoint({"access_token": "t"})
    assert grant(endpoint, {**MICROSOFT, "client_secret": "s"})().seconds == UNSAID


# --- commands and files ----------------------------------------------------------------------


def printing(code):
    """A table whose command is this Python."""
    return {"provider": "custom", "token_command": [sys.executable, "-c", code]}


@pytest.mark.parametrize(
    ("code", "token"),
    [
        ("print('the-token')", Token("the-token")),
        ('print(\'{"access_token": "t", "expires_in": 60}\')', Token("t", 60.0)),
    ],
)
def test_a_token_from_a_command(code, token):
    """The token alone, or the object that a token server gives."""
    assert grant(Endpoint(), printing(code))() == token


@pytest.mark.parametrize(
    "code", [f"import sys; sys.exit('{CANARY}')", "print()", "print('{')", "print('two words')"]
)
def test_a_command_that_gives_none(refused, code):
    """What it printed is not shown: it may be secret."""
    refused(Endpoint(), printing(code))


def test_a_command_that_is_not_there(refused):
    """With the system's reason."""
    table = {"provider": "custom", "token_command": ["no-such-program-here"]}
    assert "no-such-program-here" in refused(Endpoint(), table).message


def test_a_token_from_a_file(tmp_path, refused):
    """Read each time: somebody else keeps it fresh."""
    file = tmp_path / "token"
    fetch = grant(Endpoint(), {"provider": "custom", "token_file": file})
    with pytest.raises(AuthenticationError):
        fetch()
    file.write_text("one\n")
    assert fetch().value == "one"
    file.write_text("two\n")
    assert fetch().value == "two"


def test_nothing_secret_is_in_a_repr():
    """Neither of the grant nor of the token."""
    fetch = grant(Endpoint(), {**MICROSOFT, "client_secret": CANARY, "refresh_token": CANARY})
    assert "canary" not in repr(fetch)
    assert "canary" not in repr(Token(CANARY))
