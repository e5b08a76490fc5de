"""Signing in (RFC 4954): PLAIN (RFC 4616), LOGIN (a draft that all speak), CRAM-MD5 (RFC 2195).

Each mechanism is a small state machine: `initial()` gives the response that may travel with the
command (None: the relay speaks first), `respond(challenge)` the next one. All text is Base64.

`choose` takes the strongest that both sides know, and never one in clear unless the settings say
so: a password, or its digest, that has passed over an open line is a password given away.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection


class ChallengeError(ValueError):
    """The relay's challenge makes no sense for the mechanism; stays within the room."""


class Mechanism(Protocol):
    """One exchange of challenges and responses, for one connection."""

    name: ClassVar[str]

    def __init__(self, username: str, password: str) -> None: ...

    def initial(self) -> str | None:
        """The initial response in Base64, or None where the relay must speak first."""

    def respond(self, challenge: str) -> str:
        """The response in Base64 to the text of a 334; ChallengeError where there is none."""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(challenge: str) -> bytes:
    try:
        return base64.b64decode(challenge, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ChallengeError(challenge[:80]) from exc


class Plain:
    """Name and password in one response."""

    name: ClassVar[str] = "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        self._response: str | None = _base64(f"\0{username}\0{password}".encode())

    def initial(self) -> str | None:
        """Name and password."""
        return self._response

    def respond(self, challenge: str) -> str:
        """Name and password, once, to an empty challenge (some relays put words in it)."""
        response, self._response = self._response, None
        if response is None:
            raise ChallengeError(challenge[:80])
        return response


class Login:
    """Name, then password, each asked for. The questions' wording differs, so it is not read."""

    name: ClassVar[str] = "LOGIN"

    def __init__(self, username: str, password: str) -> None:
        self._answers = [_base64(password.encode()), _base64(username.encode())]

    def initial(self) -> str | None:
        """Nothing: not every relay takes the name with the command."""
        return None

    def respond(self, challenge: str) -> str:
        """The name to the first question, the password to the second."""
        if not self._answers:
            raise ChallengeError(challenge[:80])
        return self._answers.pop()


class CramMd5:
    """A keyed digest of the relay's challenge: the password itself stays here."""

    name: ClassVar[str] = "CRAM-MD5"

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password: bytes | None = password.encode()

    def initial(self) -> str | None:
        """Nothing: the relay's challenge comes first."""
        return None

    def respond(self, challenge: str) -> str:
        """`name digest`, to the one challenge there is."""
        password, self._password = self._password, None
        if password is None or not challenge:
            raise ChallengeError(challenge[:80])
        digest = hmac.new(password, _decode(challenge), "md5").hexdigest()
        return _base64(f"{self._username} {digest}".encode())


#: The strongest first.
MECHANISMS: tuple[type[Mechanism], ...] = (CramMd5, Plain, Login)


def choose(
    offered: Collection[str], wanted: str, *, without: Collection[str] = ()
) -> type[Mechanism] | None:
    """The strongest mechanism among those `offered`; `wanted` is its name, or `auto`.

    `without`: those that the relay said it can't do after all (504, 534).
    """
    for mechanism in MECHANISMS:
        if wanted not in {"auto", mechanism.name.lower()} or mechanism.name in without:
            continue
        if mechanism.name in offered:
            return mechanism
    return None
