"""Where an access token comes from: a token server, a command, a file.

`grant_of(relay, account)` gives a function that fetches one and blocks meanwhile. What is said to
a token server, and read from it, is oauthlib's (RFC 6749, and RFC 7523 for Google's service
accounts); the two providers differ in addresses and scopes.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from notifier.secret_file import read_secret
from notifier.smtp import oauth_troubles as troubles
from notifier.smtp import token_server
from notifier.smtp.refresh_token import RefreshToken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import SecretStr

    from notifier.settings import RelaySettings
    from notifier.smtp.account import Account

#: Seconds for a command to print its token.
_COMMAND_SECONDS = 60.0
#: How long a Google assertion is good for; an hour is the most that is taken (seconds).
_ASSERTION_SECONDS = 3600
#: Seconds for which a token is kept that does not say how long it is good for.
UNSAID = 300.0
#: What is no token can't be sent as one.
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
#: What may be shown of an error's description: one line of this length.
_LONGEST_DESCRIPTION = 300
#: "Too many requests" and "timed out": the server asks for patience (RFC 6585, RFC 9110).
_BUSY = frozenset({408, 429})


class Token(NamedTuple):
    """An access token."""

    value: str
    #: From now on.
    seconds: float = UNSAID

    def __repr__(self) -> str:
        return f"Token(***, seconds={self.seconds})"


class _Provider(NamedTuple):
    """What is known of a provider."""

    #: `{tenant}` is filled in.
    url: str
    #: For an app of its own, and for one that was given a refresh token.
    scope: str
    refresh_scope: str


#: Microsoft's "Authenticate an IMAP, POP or SMTP connection using OAuth"; Google's "OAuth 2.0
#: Mechanism" of Gmail.
_PROVIDERS = {
    "microsoft365": _Provider(
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "https://outlook.office365.com/.default",
        "https://outlook.office.com/SMTP.Send offline_access",
    ),
    "google": _Provider("https://oauth2.googleapis.com/token", "https://mail.google.com/", ""),
    "custom": _Provider("", "", ""),
}


@dataclass(frozen=True, slots=True)
class _Robot:
    """A Google service account."""

    email: str
    private_key: str = field(repr=False)


def grant_of(
    relay: RelaySettings,
    account: Account,
    *,
    post: Callable[[str, str, float], token_server.Answer] = token_server.post,
    clock: Callable[[], float] = time.time,
) -> Callable[[], Token]:
    """What fetches a token for the relay: raises AuthenticationError or RelayUnreachable.

    Raises SettingsError where one of its files can't be read.
    """
    terms = relay.oauth
    assert terms is not None
    if terms.token_command:
        return _Command(account, terms.token_command)
    if terms.token_file is not None:
        return _File(account, terms.token_file)
    known = _PROVIDERS[terms.provider]
    refresh = RefreshToken.of(terms.refresh_token, terms.refresh_token_file)
    return _Endpoint(
        account=account,
        url=terms.token_url or known.url.format(tenant=terms.tenant),
        scope=terms.scope or (known.refresh_scope if refresh else known.scope),
        client_id=terms.client_id,
        client_secret=_secret(terms.client_secret, terms.client_secret_file),
        refresh=refresh,
        robot=_read_robot(terms.service_account_file) if terms.service_account_file else None,
        subject=terms.subject or account.username,
        seconds=relay.connect_timeout,
        post=post,
        clock=clock,
    )


def _secret(value: SecretStr | None, file: Path | None) -> str:
    if value is not None and value.get_secret_value():
        return value.get_secret_value()
    return read_secret(file) if file is not None else ""


def _read_robot(path: Path) -> _Robot:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return _Robot(str(told["client_email"]), str(told["private_key"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise troubles.odd_service_account(path) from None


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A token server."""

    account: Account
    url: str
    scope: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh: RefreshToken | None
    robot: _Robot | None
    subject: str
    seconds: float
    post: Callable[[str, str, float], token_server.Answer]
    clock: Callable[[], float]

    @property
    def host(self) -> str:
        """Of the token server."""
        return urlsplit(self.url).hostname or self.url

    def __call__(self) -> Token:
        """A new token."""
        form = self._form()
        try:
            answer = self.post(self.url, form, self.seconds)
        except token_server.UnreachableError as exc:
            raise troubles.unreachable(self.account, self.host, str(exc)) from None
        if answer.status in _BUSY or answer.status >= 500:  # noqa: PLR2004 - its own trouble
            raise troubles.unreachable(self.account, self.host, f"HTTP {answer.status}")
        return self._read(answer)

    def _form(self) -> str:
        """The request: by what we have, a service account first."""
        from oauthlib.oauth2 import BackendApplicationClient  # noqa: PLC0415 - only with OAuth

        if self.robot is not None:
            return self._assertion(self.robot)
        client = BackendApplicationClient(self.client_id)
        if self.refresh is not None:
            return client.prepare_refresh_body(
                refresh_token=self.refresh.value,
                scope=self.scope or None,
                client_id=self.client_id,
                client_secret=self.client_secret,
            )
        if not self.client_secret:
            raise troubles.no_secret(self.account)
        return client.prepare_request_body(
            scope=self.scope or None, include_client_id=True, client_secret=self.client_secret
        )

    def _assertion(self, robot: _Robot) -> str:
        """Google's: signed with the service account's key, on behalf of the mailbox."""
        from jwt.exceptions import PyJWTError  # noqa: PLC0415 - only with OAuth
        from oauthlib.oauth2 import ServiceApplicationClient  # noqa: PLC0415 - only with OAuth

        now = int(self.clock())
        try:
            return ServiceApplicationClient(self.client_id).prepare_request_body(
                private_key=robot.private_key,
                issuer=robot.email,
                subject=self.subject,
                audience=self.url,
                issued_at=now,
                expires_at=now + _ASSERTION_SECONDS,
                extra_claims={"scope": self.scope},
            )
        except (PyJWTError, ValueError, TypeError):
            raise troubles.no_token(self.account, "service_account_file") from None

    def _read(self, answer: token_server.Answer) -> Token:
        from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error  # noqa: PLC0415 - only with OAuth

        client = BackendApplicationClient(self.client_id)
        try:
            if not isinstance(json.loads(answer.body), dict):
                raise troubles.no_token(self.account, self.host)
            told = client.parse_request_body_response(answer.body.decode())
        except OAuth2Error as exc:
            said = f"{exc.error}: {exc.description}" if exc.description else str(exc.error)
            raise troubles.refused(self.account, self.host, self._clean(said)) from None
        except (ValueError, TypeError, RecursionError):
            raise troubles.no_token(self.account, self.host) from None
        if self.refresh is not None and told.get("refresh_token"):
            self.refresh.replace(str(told["refresh_token"]))
        return _token(self.account, self.host, told.get("access_token"), told.get("expires_in"))

    def _clean(self, said: str) -> str:
        """One line, not too long, and without what is secret."""
        line = said.split("\n", 1)[0].split(" Trace ID:", 1)[0]
        for secret in (self.client_secret, self.refresh.value if self.refresh else ""):
            if secret:
                line = line.replace(secret, "***")
        return "".join(letter for letter in line if letter.isprintable())[:_LONGEST_DESCRIPTION]


@dataclass(frozen=True, slots=True)
class _Command:
    """A program of the user's own."""

    account: Account
    command: tuple[str, ...]

    def __call__(self) -> Token:
        """What it prints."""
        program = self.command[0]
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, from their own settings
                self.command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise troubles.command_failed(
                self.account, program, f"> {_COMMAND_SECONDS:g} s"
            ) from None
        except OSError as exc:
            detail = exc.strerror or type(exc).__name__
            raise troubles.command_failed(self.account, program, detail) from None
        if done.returncode:
            raise troubles.command_failed(self.account, program, f"exit code {done.returncode}")
        return _printed(self.account, program, done.stdout.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class _File:
    """A file that somebody else keeps fresh."""

    account: Account
    path: Path

    def __call__(self) -> Token:
        """What it holds now."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            raise troubles.no_token(self.account, str(self.path)) from None
        return _printed(self.account, str(self.path), text)


def _printed(account: Account, source: str, text: str) -> Token:
    """A token alone, or the object that a token server gives (RFC 6749 section 5.1)."""
    text = text.strip()
    if not text.startswith("{"):
        return _token(account, source, text, None)
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise troubles.no_token(account, source) from None
    return _token(account, source, told.get("access_token"), told.get("expires_in"))


def _token(account: Account, source: str, value: object, seconds: object) -> Token:
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise troubles.no_token(account, source)
    if isinstance(seconds, (int, float)) and seconds > 0:
        return Token(value, float(seconds))
    return Token(value)
