"""Signing in with an OAuth access token: OAUTHBEARER (RFC 7628), XOAUTH2 (Google, Microsoft).

Both say everything at once. A relay that does not accept the token answers 334 with a JSON object
that tells why, waits for an empty answer, and only then says 535.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar

from notifier.smtp.mechanism import ChallengeError, Mechanism, decode, encode, saslname

if TYPE_CHECKING:
    from notifier.smtp.mechanism import Credentials

#: What may be shown of a relay's `status`: `invalid_token`, `insufficient_scope`, `400`.
_STATUS = re.compile(r"[A-Za-z0-9_-]{1,40}")


class XOAuth2(Mechanism):
    """What Google and Microsoft spoke before there was a standard, and still speak."""

    name: ClassVar[str] = "XOAUTH2"
    #: The answer to the relay's reasons.
    _acknowledgement: ClassVar[bytes] = b""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._is_refused = False

    def _say(self) -> str:
        known = self._credentials
        return f"user={known.username}\x01auth=Bearer {known.token}\x01\x01"

    def initial(self) -> str:
        """Name and token."""
        return encode(self._say().encode())

    def respond(self, challenge: str) -> str:
        """Take note of the relay's reasons, once, and let it go on to its 535."""
        if self._is_refused:
            raise ChallengeError(challenge[:80])
        self._is_refused = True
        self.complaint = _status(challenge)
        return encode(self._acknowledgement)


class OAuthBearer(XOAuth2):
    """The standard."""

    name: ClassVar[str] = "OAUTHBEARER"
    #: RFC 7628 section 3.2.3.
    _acknowledgement: ClassVar[bytes] = b"\x01"

    def _say(self) -> str:
        known = self._credentials
        place = f"host={known.host}\x01port={known.port}\x01"
        return f"n,a={saslname(known.username)},\x01{place}auth=Bearer {known.token}\x01\x01"


def _status(challenge: str) -> str:
    """The `status` of the relay's JSON (RFC 7628 section 3.2.2)."""
    try:
        told = json.loads(decode(challenge))
    except (ValueError, RecursionError) as exc:
        raise ChallengeError(challenge[:80]) from exc
    status = str(told.get("status", "")) if isinstance(told, dict) else ""
    return status if _STATUS.fullmatch(status) else "unknown"
