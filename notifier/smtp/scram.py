"""SCRAM-SHA-256, SCRAM-SHA-1 and their -PLUS (RFC 5802, RFC 7677): both sides prove the password.

    C: n,,n=office,r=NONCE                    who, and what was never said before
    S: r=NONCE+ITS,s=SALT,i=4096              the relay adds its own, and how the password is stored
    C: c=biws,r=NONCE+ITS,p=PROOF             proof of the password; it never travels
    S: v=SIGNATURE                            the relay's proof that it knew it, too

The first letter says what is thought of channel binding, and the proof covers it, so that nobody
between can change it unnoticed (RFC 5802 section 6):

    p=TYPE   the proof is bound to this TLS connection; only in -PLUS
    y        we could bind, and did not see the relay offer it: a relay that does offer it then
             knows that somebody took the offer out, and refuses
    n        we can't bind, or choose not to

SHA-1 is for relays that offer nothing better, such as Cyrus before 2.1.28. What is broken of it is
finding two texts of one digest, on which nothing here rests: HMAC and PBKDF2 with it hold (RFC 6194
section 3). The password stays here and the relay proves itself, which PLAIN, LOGIN and CRAM-MD5
can't offer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, ClassVar

from notifier.smtp.mechanism import ChallengeError, Mechanism, decode, encode, saslname
from notifier.smtp.saslprep import saslprep

if TYPE_CHECKING:
    from notifier.smtp.mechanism import Credentials

#: RFC 5802 section 5.1, RFC 7677 section 4: a digest made with fewer is guessed too quickly.
FEWEST_ROUNDS = 4_096
#: About a second on a slow computer; a relay that asks for more wants to keep us busy.
MOST_ROUNDS = 2_000_000

#: Attributes beyond these may follow (RFC 5802 section 5.1); one before them, `m=`, may not be
#: passed over and so does not fit.
_SERVER_FIRST = re.compile(
    r"r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+),s=(?P<salt>[A-Za-z0-9/+=]+),i=(?P<rounds>[1-9][0-9]{0,9})"
    r"(?:,.*)?",
    re.DOTALL,
)
_SERVER_FINAL = re.compile(r"(?P<kind>[ve])=(?P<value>[^,]+)(?:,.*)?", re.DOTALL)
#: What may be shown of a relay's `e=`.
_REASON = re.compile(r"[a-z-]{1,60}")
#: RFC 5802 section 7.
_WRONG_BINDING_KIND = "unsupported-channel-binding-type"


class ScramSha256(Mechanism):
    """Without channel binding."""

    name: ClassVar[str] = "SCRAM-SHA-256"
    #: The digest, as hashlib calls it.
    _digest: ClassVar[str] = "sha256"
    #: Salt and signature are all that a guess can be checked against.
    hides_challenges: ClassVar[bool] = True

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._password = saslprep(credentials.password).encode()
        self._nonce = credentials.make_nonce()
        self._first = f"n={saslname(saslprep(credentials.username))},r={self._nonce}"
        self._steps = [self._conclude, self._prove]
        self._signature = b""
        self._is_proven = False

    @property
    def is_proven(self) -> bool:
        """Whether the relay's signature was right."""
        return self._is_proven

    def _header(self) -> str:
        known = self._credentials
        return "y,," if known.binding is not None and not known.binds else "n,,"

    def _binding(self) -> bytes:
        return b""

    def initial(self) -> str:
        """Who we are, and our nonce."""
        return encode((self._header() + self._first).encode())

    def respond(self, challenge: str) -> str:
        """The proof to the first challenge, nothing to the second."""
        if not self._steps:
            raise ChallengeError(challenge[:80])
        try:
            said = decode(challenge).decode()
        except UnicodeDecodeError as exc:
            raise ChallengeError(challenge[:80]) from exc
        return self._steps.pop()(said)

    def _prove(self, said: str) -> str:
        found = _SERVER_FIRST.fullmatch(said)
        if found is None:
            return self._hear_refusal(said)
        nonce, rounds = found["nonce"], int(found["rounds"])
        is_fresh = nonce.startswith(self._nonce) and len(nonce) > len(self._nonce)
        if not is_fresh or not FEWEST_ROUNDS <= rounds <= MOST_ROUNDS:
            raise ChallengeError(said[:80])
        binding = encode(self._header().encode() + self._binding())
        final = f"c={binding},r={nonce}"
        proof = self._sign(f"{self._first},{said},{final}", decode(found["salt"]), rounds)
        return encode(f"{final},p={encode(proof)}".encode())

    def _sign(self, exchange: str, salt: bytes, rounds: int) -> bytes:
        """The proof; notes the signature that the relay must give (RFC 5802 section 3)."""
        digest = self._digest
        salted = hashlib.pbkdf2_hmac(digest, self._password, salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", digest)
        stored_key = hashlib.new(digest, client_key).digest()
        mask = hmac.digest(stored_key, exchange.encode(), digest)
        server_key = hmac.digest(salted, b"Server Key", digest)
        self._signature = hmac.digest(server_key, exchange.encode(), digest)
        return bytes(one ^ other for one, other in zip(client_key, mask, strict=True))

    def _conclude(self, said: str) -> str:
        found = _SERVER_FINAL.fullmatch(said)
        if found is None or found["kind"] == "e":
            return self._hear_refusal(said)
        if not hmac.compare_digest(decode(found["value"]), self._signature):
            raise ChallengeError("the relay's signature")
        self._is_proven = True
        return ""

    def _hear_refusal(self, said: str) -> str:
        """`e=REASON`: an empty answer, and the relay ends the exchange with its 535."""
        found = _SERVER_FINAL.fullmatch(said)
        if found is None or found["kind"] != "e":
            raise ChallengeError(said[:80])
        self._steps.clear()
        self.complaint = found["value"] if _REASON.fullmatch(found["value"]) else "other-error"
        return ""


class ScramSha256Plus(ScramSha256):
    """Bound to the TLS connection: a proof that was overheard, or lured out of us, fits no other.

    The binding is `tls-unique` up to TLS 1.2 and `tls-server-end-point` (RFC 5929) from 1.3 on;
    `tls-exporter` (RFC 9266) would be better, but Python's ssl does not give it.
    """

    name: ClassVar[str] = "SCRAM-SHA-256-PLUS"

    @property
    def is_unsupported(self) -> bool:
        """Before our proof: the relay does not know this kind of binding."""
        return len(self._steps) > 1 or self.complaint == _WRONG_BINDING_KIND

    def _header(self) -> str:
        assert self._credentials.binding is not None
        return f"p={self._credentials.binding.kind},,"

    def _binding(self) -> bytes:
        assert self._credentials.binding is not None
        return self._credentials.binding.data


class ScramSha1(ScramSha256):
    """See the head of the file."""

    name: ClassVar[str] = "SCRAM-SHA-1"
    _digest: ClassVar[str] = "sha1"


class ScramSha1Plus(ScramSha256Plus):
    """The same, bound to the TLS connection."""

    name: ClassVar[str] = "SCRAM-SHA-1-PLUS"
    _digest: ClassVar[str] = "sha1"
