"""DKIM's private keys: made, read from their files with care, and never shown.

Which algorithm signs is the key's own matter: RSA keys sign `rsa-sha256` (RFC 6376, 3.3.1), Ed25519
keys `ed25519-sha256` (RFC 8463, 3). Both are deterministic, so that the same message has the same
signature. Nothing of a key is in its repr, in an error, or in a pickle: other processes are told
where the file is and read it themselves.
"""

from __future__ import annotations

import logging
import os
import stat
from base64 import b64encode
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from notifier.errors import SettingsError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal, TypeAlias

    Kind: TypeAlias = Literal["rsa", "ed25519"]

_log = logging.getLogger("notifier")

#: Bits of a new RSA key: what every verifier must handle (RFC 8301, 3.2).
RSA_BITS = 2048
#: Verifiers must not take shorter ones (RFC 8301, 3.2).
SHORTEST_RSA_BITS = 1024
#: A PEM file of RSA-8192 has 6.4 kB; who names a whole disk by mistake waits no longer for that.
_MAX_BYTES = 32_768
#: Bytes of an Ed25519 signature (RFC 8032, 5.1.6).
_ED25519_BYTES = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half that stands in DNS."""

    kind: Kind
    #: Base64, for `p=`: an RSA key's SubjectPublicKeyInfo (RFC 6376, erratum 3017), the 32 bytes of
    #: an Ed25519 key (RFC 8463, 4.2).
    data: str


class SigningKey:
    """A private key that can do one thing: sign a SHA-256 digest. Its repr is its public half."""

    __slots__ = ("_sign", "bits", "public", "signature_bytes")

    def __init__(self, key: RSAPrivateKey | Ed25519PrivateKey) -> None:
        self._sign: Callable[[bytes], bytes]
        if isinstance(key, RSAPrivateKey):
            # Keywords: what is left for the call is the digest alone.
            self._sign = partial(key.sign, padding=PKCS1v15(), algorithm=Prehashed(SHA256()))
            self.bits = key.key_size
            self.signature_bytes = (key.key_size + 7) // 8
            data = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            self.public = PublicKey("rsa", b64encode(data).decode("ascii"))
        else:
            self._sign = key.sign
            self.bits = 256
            self.signature_bytes = _ED25519_BYTES
            self.public = PublicKey(
                "ed25519", b64encode(key.public_key().public_bytes_raw()).decode("ascii")
            )

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 digest (32 bytes)."""
        return self._sign(digest)

    def __repr__(self) -> str:
        return f"SigningKey({self.public!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled: pass its file's name")


def generate_pem(kind: Kind) -> bytes:
    """A new private key as PEM (PKCS #8); the randomness is the system's."""
    key: RSAPrivateKey | Ed25519PrivateKey
    if kind == "rsa":
        key = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_pem(path: Path, pem: bytes) -> None:
    """Write a private key where nothing is yet, readable by the owner alone from its first byte.

    Raises:
        SettingsError: there is a file of that name, or it can't be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise SettingsError(
            _("There is a file of that name already, and a key is never written over."),
            where=str(path),
            next_step=_("Give the new key another name."),
        ) from exc
    except OSError as exc:
        raise SettingsError(
            _("The key's file can't be written: {reason}.").format(reason=exc.strerror),
            where=str(path),
            next_step=_("Choose a folder that you may write to."),
        ) from exc
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path) -> SigningKey:
    """The private key of a PEM file. Warns on the log, once per file, where it is short.

    Raises:
        SettingsError: it can't be read, others than its owner may use it (POSIX), or it does not
            hold an RSA key of 1024 bits or more, or an Ed25519 key, without a password.
    """
    key = _load(_read(path), path)
    if not isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)):
        raise _unusable(path, _("The key is neither an RSA nor an Ed25519 key."))
    signing = SigningKey(key)
    if isinstance(key, RSAPrivateKey) and key.key_size < RSA_BITS:
        _refuse_short(path, key.key_size)
    return signing


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_MAX_BYTES)
    except OSError as exc:
        raise SettingsError(
            _("The DKIM key's file can't be read: {reason}.").format(reason=exc.strerror),
            where=str(path),
            next_step=_("Correct key_file, or make a key with: notifier dkim keygen -o FILE"),
        ) from exc
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            _("Others than its owner may read the DKIM key's file."),
            where=str(path),
            next_step=_("Make it yours alone: chmod 600 {path}").format(path=path),
        )
    return raw


def _load(raw: bytes, path: Path) -> object:
    try:
        return load_pem_private_key(raw, password=None)
    except TypeError:  # not `from`: nothing of the file may travel on
        raise _unusable(path, _("The key is protected by a password.")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(path, _("The file is not a private key in PEM form.")) from None


def _unusable(path: Path, message: str) -> SettingsError:
    step = _("Make another with: notifier dkim keygen -o FILE")
    return SettingsError(message, where=str(path), next_step=step)


def _refuse_short(path: Path, bits: int) -> None:
    if bits < SHORTEST_RSA_BITS:
        raise _unusable(
            path,
            _("The RSA key has {bits} bits; receivers take no signature below {least}.").format(
                bits=bits, least=SHORTEST_RSA_BITS
            ),
        )
    _warn(str(path), bits)


@cache
def _warn(path: str, bits: int) -> None:
    text = _("The DKIM key {path} has {bits} bits; {wanted} are asked for today.")
    _log.warning(text.format(path=path, bits=bits, wanted=RSA_BITS))
