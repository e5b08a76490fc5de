"""What every way to sign in shares (RFC 4422, RFC 4954): what is known, and how it is exchanged.

A mechanism is a small state machine: `initial()` gives the response that may travel with the
command (None: the relay speaks first), `respond(challenge)` the next one. All text is Base64.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of chance in a nonce; RFC 5802 leaves the number open, 18 make 24 letters.
_NONCE_BYTES = 18


class ChallengeError(ValueError):
    """The relay's challenge makes no sense for the mechanism; stays within the room."""


class UnpreparedError(ValueError):
    """A name or password that no relay can have stored (RFC 4013); stays within the room."""


class ChannelBinding(NamedTuple):
    """What only the two ends of one TLS connection know (RFC 5056)."""

    #: `tls-unique` or `tls-server-end-point` (RFC 5929).
    kind: str
    data: bytes


def make_nonce() -> str:
    """Letters that nobody can foresee; no comma is among them."""
    return secrets.token_urlsafe(_NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in, where, and with what."""

    username: str
    password: str = field(default="", repr=False)
    #: An OAuth access token.
    token: str = field(default="", repr=False)
    host: str = ""
    port: int = 0
    #: Whether TLS has shown a certificate of ours.
    has_certificate: bool = False
    #: Of the TLS connection; None where there is none to be had.
    binding: ChannelBinding | None = field(default=None, repr=False)
    #: Whether the relay announced a mechanism that uses it.
    binds: bool = False
    #: Gives a nonce that was never given before.
    make_nonce: Callable[[], str] = field(default=make_nonce, repr=False)


class Mechanism:
    """One exchange of challenges and responses, for one connection."""

    name: ClassVar[str] = ""
    #: Whether what the relay says would let a reader guess the password, guess by guess.
    hides_challenges: ClassVar[bool] = False

    def __init__(self, credentials: Credentials) -> None:
        """Raises UnpreparedError where name or password can't be said in this mechanism."""
        self._credentials = credentials
        #: Why the relay refuses, as it says within the exchange; empty where it says nothing.
        self.complaint = ""

    @property
    def is_proven(self) -> bool:
        """Whether the relay has shown what it had to show; a 235 before that is worth nothing."""
        return True

    @property
    def is_unsupported(self) -> bool:
        """Whether a refusal now is about the mechanism, and says nothing of the account."""
        return False

    def initial(self) -> str | None:
        """The initial response in Base64, or None where the relay must speak first."""
        return None

    def respond(self, challenge: str) -> str:
        """The response in Base64 to the text of a 334; ChallengeError where there is none."""
        raise ChallengeError(challenge[:80])


def encode(data: bytes) -> str:
    """Base64, as it travels."""
    return base64.b64encode(data).decode("ascii")


def decode(challenge: str) -> bytes:
    """The bytes of Base64; ChallengeError for anything else."""
    try:
        return base64.b64decode(challenge, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ChallengeError(challenge[:80]) from exc


def saslname(name: str) -> str:
    """The name as it stands between commas (RFC 5801 section 4)."""
    return name.replace("=", "=3D").replace(",", "=2C")
