"""Ways to sign in (RFC 4954), and which of them to take.

Here are the short ones: PLAIN (RFC 4616), LOGIN (a draft that all speak), CRAM-MD5 (RFC 2195) and
EXTERNAL (RFC 4422 appendix A); `scram` and `bearer` hold the others.

`choose` takes the strongest that both sides know, and `sign_in` none in clear unless the settings
say so: a password, a token, or a digest that has passed over an open line is one given away.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, ClassVar

from notifier.smtp.bearer import OAuthBearer, XOAuth2
from notifier.smtp.mechanism import ChallengeError, Credentials, Mechanism, decode, encode
from notifier.smtp.scram import ScramSha1, ScramSha1Plus, ScramSha256, ScramSha256Plus

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["ChallengeError", "CramMd5", "Credentials", "External", "Login", "Plain", "choose"]


class Plain(Mechanism):
    """Name and password in one response."""

    name: ClassVar[str] = "PLAIN"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._is_repeated = False

    def initial(self) -> str:
        """Name and password."""
        return encode(f"\0{self._credentials.username}\0{self._credentials.password}".encode())

    def respond(self, challenge: str) -> str:
        """Name and password, once, to an empty challenge (some relays put words in it)."""
        if self._is_repeated:
            raise ChallengeError(challenge[:80])
        self._is_repeated = True
        return self.initial()


class Login(Mechanism):
    """Name, then password, each asked for. The questions' wording differs, so it is not read."""

    name: ClassVar[str] = "LOGIN"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._answers = [credentials.password, credentials.username]

    def respond(self, challenge: str) -> str:
        """The name to the first question, the password to the second."""
        if not self._answers:
            raise ChallengeError(challenge[:80])
        return encode(self._answers.pop().encode())


class CramMd5(Mechanism):
    """A keyed digest of the relay's challenge: the password itself stays here."""

    name: ClassVar[str] = "CRAM-MD5"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._has_answered = False

    def respond(self, challenge: str) -> str:
        """`name digest`, to the one challenge there is."""
        if self._has_answered or not challenge:
            raise ChallengeError(challenge[:80])
        self._has_answered = True
        known = self._credentials
        digest = hmac.new(known.password.encode(), decode(challenge), "md5").hexdigest()
        return encode(f"{known.username} {digest}".encode())


class External(Mechanism):
    """The relay knows us already, by the certificate that TLS has shown it."""

    name: ClassVar[str] = "EXTERNAL"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._is_repeated = False

    def initial(self) -> str:
        """Whose mail it is, where that is set; else whatever the certificate says."""
        return encode(self._credentials.username.encode())

    def respond(self, challenge: str) -> str:
        """The same once more, where the relay asks for it."""
        if self._is_repeated:
            raise ChallengeError(challenge[:80])
        self._is_repeated = True
        return self.initial()


def candidates(known: Credentials) -> tuple[type[Mechanism], ...]:
    """What can be done with what is known, the strongest first.

    Who can bind, binds where the relay offers it (RFC 5802 section 6), with whatever digest.
    """
    if known.token:
        return (OAuthBearer, XOAuth2)
    if not known.password:
        return (External,) if known.has_certificate else ()
    bound = (ScramSha256Plus, ScramSha1Plus) if known.binding is not None else ()
    external = (External,) if known.has_certificate else ()
    return (*bound, ScramSha256, ScramSha1, CramMd5, Plain, Login, *external)


def choose(
    offered: Collection[str],
    wanted: str,
    known: Credentials,
    *,
    without: Collection[str] = (),
) -> type[Mechanism] | None:
    """The strongest mechanism among those `offered`; `wanted` is its name, or `auto`.

    `without`: those that the relay said it can't do after all (504, 534).
    """
    for mechanism in candidates(known):
        if wanted not in {"auto", mechanism.name.lower()} or mechanism.name in without:
            continue
        if mechanism.name in offered:
            return mechanism
    return None
