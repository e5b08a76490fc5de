"""DKIM signatures (RFC 6376, Ed25519 by RFC 8463), the last thing that happens to a message.

Every field of the header is signed, and those that a reader sees or a program goes by are named
once more than they occur, so that a second one can't be added (RFC 6376, 8.15). Both
canonicalisations are `relaxed`. `t=` is the message's own time: the same message has the same
signature, byte for byte.

What is the same for all messages with the same fields (a *frame*) is put together once, as it is
written and as it is hashed. For each message that leaves two searches through its bytes and two
hashes beside the signature itself: our bodies, base64 above all, mostly equal their relaxed form,
and where they do, nothing is copied.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from notifier.errors import MessageError
from notifier.locale import _
from notifier.render.dkim_key import SigningKey, read_key
from notifier.render.headers import MAX_LINE, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notifier.settings import DkimSettings

__all__ = ["Seal", "Signer", "load_signer", "relaxed_body", "relaxed_header"]

#: Fields that can't be added behind our back: named once more than they occur. Not among them are
#: those that honest programs on the way add: Sender (Exim, for a submission), List-* (a group's
#: address), Resent-*, Received. Where we write them ourselves, they are signed like all others.
OVERSIGNED = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
#: Goes into a campaign's digest; raise it when the same message gets other bytes.
FORMAT = 1
#: Both begin with one sign, which `re` looks for first: 2 us for 3 kB, a class of signs takes 20.
_RUN = re.compile(rb"  +")
_LOOSE = re.compile(rb" [ \r]")
#: As long as Unix times are, from 2001 to 2286.
_ANY_TIME = "1000000000"
#: Characters of a line of the signature.
_LINE = 76
#: No frame, however long its domain and selector, needs more than this beside its signature.
_FRAME_BYTES = 1400
#: As for a message's digest (`delivery/making.py`): below 2 KiB hashlib keeps Python's lock, and
#: getting it back costs ten times what the hash of an ordinary message does.
_LARGE = 100_000
_PIECE = 2_000


@dataclass(frozen=True, slots=True)
class Seal:
    """A key, and the name under which its public half is found."""

    domain: str
    selector: str
    key: SigningKey


@dataclass(frozen=True, slots=True)
class Frame:
    """A signature's field but for its time, body hash and signature: as written, and relaxed."""

    key: SigningKey
    before: bytes
    between: bytes
    relaxed_before: bytes
    relaxed_between: bytes


class Signer:
    """Signs the messages of a campaign, once for each seal."""

    def __init__(self, seals: Iterable[Seal]) -> None:
        self._seals = tuple(seals)
        self._frames = lru_cache(maxsize=16)(self._make_frames)
        #: Bytes that signing adds to a message, at most.
        self.max_bytes = sum(_FRAME_BYTES + 2 * it.key.signature_bytes for it in self._seals)

    @property
    def identity(self) -> list[object]:
        """All that shapes the signatures but for the private keys, as plain values."""
        seals = self._seals
        return [
            FORMAT,
            [[it.domain, it.selector, it.key.public.kind, it.key.public.data] for it in seals],
        ]

    def sign(self, data: bytes, at: int, tail: bytes = b"") -> bytes:
        """The message with its signatures on top; `at`: Unix time for `t=`.

        `tail`: what follows `data`, as in `Message`; it is signed, and not in what is returned.

        Raises:
            MessageError: a field stands in the header twice.
        """
        end = data.find(b"\r\n\r\n") + 2
        names, relaxed = relaxed_header(data[:end])
        moment = b"%d" % at
        body_hash = b2a_base64(_hash_body(data, end + 2, tail), newline=False)
        header = sha256(relaxed)
        pieces: list[bytes] = []
        for frame in self._frames(names):
            signed = header.copy()
            signed.update(
                b"%b%b%b%b; b=" % (frame.relaxed_before, moment, frame.relaxed_between, body_hash)
            )
            signature = b2a_base64(frame.key.sign(signed.digest()), newline=False)
            pieces += (frame.before, moment, frame.between, body_hash, _folded(signature))
        pieces.append(data)
        return b"".join(pieces)

    def _make_frames(self, names: tuple[bytes, ...]) -> tuple[Frame, ...]:
        if len({name.lower() for name in names}) < len(names):
            raise MessageError(
                _("The message's header holds something that does not belong there."),
                next_step=_("Look for line breaks or control characters in this row's cells."),
            )
        return tuple(_frame(seal, [name.decode("ascii") for name in names]) for seal in self._seals)


def load_signer(settings: Sequence[DkimSettings]) -> Signer | None:
    """A signer with these keys, read from their files; None: there are none.

    Raises:
        SettingsError: a key can't be used; see `dkim_key.read_key`.
    """
    if not settings:
        return None
    return Signer(Seal(it.domain, it.selector, read_key(it.key_file)) for it in settings)


# --- the field ---------------------------------------------------------------------------------


def _frame(seal: Seal, names: list[str]) -> Frame:
    tags = [
        "v=1;",
        f"a={seal.key.public.kind}-sha256;",
        "c=relaxed/relaxed;",
        f"d={seal.domain};",
        f"s={seal.selector};",
        f"t={_ANY_TIME}",
    ]
    field = f"DKIM-Signature: {fold(tags, 16)}"
    before = field.removesuffix(_ANY_TIME).encode("ascii")
    between = f";\r\n h={_fold_names([*names, *OVERSIGNED])};\r\n bh=".encode("ascii")
    return Frame(
        seal.key,
        before,
        between,
        b"dkim-signature:" + _relaxed(before.removeprefix(b"DKIM-Signature: ")),
        _relaxed(between),
    )


def _fold_names(names: Sequence[str]) -> str:
    """`From:To:...`, folded after colons (RFC 6376, 3.5, `h=`)."""
    lines, line, room = [], "", MAX_LINE - 4
    for name in names:
        if line and len(line) + len(name) + 1 > room:
            lines.append(line)
            line, room = "", MAX_LINE - 2
        line += f"{name}:"
    return "\r\n ".join([*lines, line[:-1]])


def _folded(signature: bytes) -> bytes:
    """`b=` and the signature in lines; blanks in its value mean nothing (RFC 6376, 3.5)."""
    lines = [signature[start : start + _LINE] for start in range(0, len(signature), _LINE)]
    return b";\r\n b=\r\n " + b"\r\n ".join(lines) + b"\r\n"


# --- canonical forms (RFC 6376, 3.4.2 and 3.4.4) -----------------------------------------------


def relaxed_header(block: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The names of a header block's fields as they are written, and its relaxed form.

    Each field ends with CRLF, in the block and in the relaxed form.
    """
    names, lines = [], []
    for line in _relaxed(block).split(b"\r\n"):
        if line:
            name, _colon, value = line.partition(b":")
            name = name.rstrip(b" ")
            names.append(name)
            lines.append(name.lower() + b":" + value.lstrip(b" ") + b"\r\n")
    return tuple(names), b"".join(lines)


def _relaxed(text: bytes) -> bytes:
    """Unfolded; runs of blanks are one space, and none ends a line."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    text = text.replace(b"\r\n ", b" ")
    return _tightened(text) if _LOOSE.search(text) else text


def _tightened(text: bytes) -> bytes:
    """Runs of blanks are one space, and none ends a line."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    return _RUN.sub(b" ", text).replace(b" \r\n", b"\r\n")


def relaxed_body(body: bytes) -> bytes:
    """The body's relaxed form: blanks as in a header's, no empty lines at its end."""
    text = _tightened(body)
    end = len(text)
    if text.endswith(b" "):  # its last line has no end
        end -= 1
    while text.endswith(b"\r\n", 0, end):
        end -= 2
    return text[:end] + b"\r\n" if end else b""


def _is_relaxed(data: bytes, start: int) -> bool:
    """Whether the body from `start` on, before which stands an empty line, is its relaxed form."""
    return (
        data.endswith(b"\r\n")
        # Also of an empty body, and of one that is a single empty line: `start` follows CRLF CRLF.
        and not data.endswith(b"\r\n\r\n")
        and data.find(b"\t", start) < 0
        and _LOOSE.search(data, start) is None
    )


#: Of tails, each of which thousands of messages have.
_relaxed_tail = lru_cache(maxsize=2)(relaxed_body)


def _hash_body(data: bytes, start: int, tail: bytes = b"") -> bytes:
    """SHA-256 of the relaxed form of the body: `data` from `start` on, and `tail`."""
    if tail:
        relaxed = _relaxed_tail(tail)
        if relaxed:  # the cut is between lines, so each side's blanks are its own
            found = sha256(_tightened(data[start:]))
            found.update(relaxed)
            return found.digest()
        data += tail
    if not _is_relaxed(data, start):
        data, start = relaxed_body(data[start:]), 0
    view = memoryview(data)
    size = len(data)
    if size - start > _LARGE:
        return sha256(view[start:]).digest()
    found = sha256(view[start : start + _PIECE])
    for place in range(start + _PIECE, size, _PIECE):
        found.update(view[place : place + _PIECE])
    return found.digest()
