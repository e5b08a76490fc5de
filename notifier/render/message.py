"""The compiled assembler: what is the same for all recipients is bytes already.

A message is a handful of constant pieces and the few values of its recipient. Its header block is
scanned as a whole before it leaves. For the same recipient, token and time it is the same to the
byte, on every machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from notifier.errors import MessageError
from notifier.locale import _
from notifier.model import Message
from notifier.render.headers import (
    block_pattern,
    check_address,
    check_block,
    check_token,
    domain_of,
    encode_mailbox,
    encode_text,
    single_line,
)
from notifier.render.mime import boundary, is_encoded, multipart, text_part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from notifier.render.dkim import Signer

#: Bytes of attachments from which all messages share them: below, one piece costs less.
SHARED = 64_000

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all messages of a campaign say of where they come from."""

    sender_name: str
    sender_address: str
    reply_to: str | None
    list_id: str | None
    zone: ZoneInfo
    #: Where its subjects are written: `templates/grades/subject.txt`.
    subject_file: str = ""


class Content(NamedTuple):
    """What one message says; a tuple, which is made in half the time of a dataclass."""

    subject: str
    text: str
    #: None: a message of text alone.
    html: str | None
    #: Encoded inline pictures and attachments of this message.
    pictures: Sequence[bytes] = ()
    files: Sequence[bytes] = ()
    #: All messages of the campaign have these very files.
    has_same_files: bool = False


def format_date(at: float, zone: ZoneInfo) -> str:
    """A `Date:` value (RFC 5322, 3.3), in the zone's time."""
    moment = datetime.fromtimestamp(int(at), zone)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} "
        f"{moment.year:04d} {moment:%H:%M:%S} {moment:%z}"
    )[:31]


class Assembler:
    """Makes the bytes of a campaign's messages."""

    def __init__(
        self, envelope: Envelope, *, digest: str, max_bytes: int, signer: Signer | None = None
    ) -> None:
        self._sender = check_address(envelope.sender_address)
        self._subject_file = envelope.subject_file
        self._max_bytes = max_bytes
        self._signer = signer
        #: What signatures add, at most.
        self.signature_bytes = signer.max_bytes if signer else 0
        self._domain = domain_of(envelope.sender_address)
        self._is_international = not self._sender.isascii()
        self._date = lru_cache(maxsize=64)(lambda at: format_date(at, envelope.zone))
        self._text = text_part("plain")
        self._html = text_part("html")
        self._alternative = multipart("alternative", boundary(digest, "a"))
        related_type = ' type="text/html";'
        self._related = multipart("related", boundary(digest, "r"), related_type)
        self._mixed = multipart("mixed", boundary(digest, "m"))
        self._shared: tuple[Sequence[bytes], bytes] = ((), b"")
        self._boundary_sign = boundary(digest, "")[2:]
        name = single_line(envelope.sender_name)
        self._shown_sender = f"{name} <{self._sender}>" if name else self._sender
        self._reply_to = envelope.reply_to
        self._from = self._constant_fields(envelope)
        self._end, names = self._closing_fields(envelope)
        opening = ["Date", "From", "To", *(["Reply-To"] if envelope.reply_to else [])]
        fields = [*opening, "Subject", "Message-ID", *names, "MIME-Version", "Content-Type"]
        self._pattern = block_pattern(fields)
        self._pattern_single = block_pattern([*fields, "Content-Transfer-Encoding"])

    def _constant_fields(self, envelope: Envelope) -> tuple[str, str]:
        name = single_line(envelope.sender_name)
        sender = f"\r\nFrom: {encode_mailbox(name, self._sender, 6)}\r\nTo: "
        if not envelope.reply_to:
            return sender, "\r\nSubject: "
        self._is_international |= not envelope.reply_to.isascii()
        return sender, f"\r\nReply-To: {check_address(envelope.reply_to)}\r\nSubject: "

    def _closing_fields(self, envelope: Envelope) -> tuple[str, list[str]]:
        lines = [f"@{self._domain}>"]
        names = ["Auto-Submitted"]
        if envelope.list_id:
            lines.append(f"List-Id: <{_check_list_id(envelope.list_id)}>")
            names.insert(0, "List-Id")
        lines += ["Auto-Submitted: auto-generated", "MIME-Version: 1.0"]
        return "\r\n".join(lines) + "\r\n", names

    def subject(self, text: str) -> str:
        """The subject as one line. Raises MessageError where nothing is left of it."""
        line = single_line(text)
        if line:
            return line
        raise MessageError(
            _("The message has no subject."),
            where=self._subject_file,
            next_step=_("Write one in subject.txt; look at the cells that it uses."),
            problem="empty_subject",
        )

    def assemble(
        self,
        address: str,
        name: str,
        content: Content,
        *,
        token: str,
        at: float,
        is_signed: bool = True,
        splits: bool = False,
    ) -> Message:
        """The finished message. Raises MessageError where it must not leave.

        `is_signed`: with its DKIM signatures, where there is a key; they cost more than the rest.
        `splits`: large attachments that all messages have are its `tail`, not in its `data`.
        """
        check_address(address)
        to = encode_mailbox(single_line(name), address, 4)
        before, after = self._from
        header = (
            f"Date: {self._date(int(at))}{before}{to}{after}"
            f"{encode_text(self.subject(content.subject), 9)}"
            f"\r\nMessage-ID: <{check_token(token)}{self._end}"
        )
        is_international = self._is_international or not address.isascii()
        encoded = header.encode("utf-8" if is_international else "ascii", "strict")
        body, tail = self._split_body(content) if splits else (self._body(content), b"")
        data = b"".join([encoded, *body])
        is_multipart = content.html is not None or bool(content.files)
        self._check(data, len(tail), is_multipart=is_multipart)
        if self._signer is not None and is_signed:
            data = self._signer.sign(data, int(at), tail)
        return Message(
            sender=self._sender,
            address=address,
            data=data,
            needs_smtputf8=is_international,
            is_8bit=is_international and not data.isascii(),
            is_clean=is_encoded(content.text)
            and (content.html is None or is_encoded(content.html)),
            tail=tail,
        )

    def describe(self, address: str, name: str, subject: str) -> tuple[tuple[str, str], ...]:
        """The fields that a reader sees, decoded, for previews."""
        name = single_line(name)
        fields = [
            ("From", self._shown_sender),
            ("To", f"{name} <{address}>" if name else address),
            ("Subject", subject),
        ]
        if self._reply_to:
            fields.insert(2, ("Reply-To", self._reply_to))
        return tuple(fields)

    def _check(self, data: bytes, more: int, *, is_multipart: bool) -> None:
        end = data.find(b"\r\n\r\n") + 2
        check_block(self._pattern if is_multipart else self._pattern_single, data[:end])
        size = len(data) + more + self.signature_bytes
        if size > self._max_bytes:
            raise MessageError(
                _("The message has {size} bytes; the limit is {limit}.").format(
                    size=size, limit=self._max_bytes
                ),
                next_step=_("Attach smaller files, or give links to them instead."),
                problem="oversize",
            )

    def _body(self, content: Content) -> list[bytes]:
        """From the Content-Type on, in pieces."""
        part = self._alternatives(content)
        if not content.files:
            return part
        return self._mixed.wrap([part, *([file] for file in content.files)])

    def _split_body(self, content: Content) -> tuple[list[bytes], bytes]:
        """As `_body`, and what all messages end with in a piece of its own, where that is large.

        The cut is between two lines, so that either side can be looked at alone.
        """
        if not content.has_same_files or sum(map(len, content.files)) < SHARED:
            return self._body(content), b""
        opening = self._mixed.opening
        files, tail = self._shared
        if files != content.files:  # the very same objects, which is seen at once
            whole = b"".join(self._mixed.wrap([(), *([file] for file in content.files)]))
            tail = whole[len(opening) + len(b"\r\n") :]
            self._shared = content.files, tail
        return [opening, *self._alternatives(content), b"\r\n"], tail

    def _alternatives(self, content: Content) -> list[bytes]:
        text = self._text.fill(content.text, self._boundary_sign)
        if content.html is None:
            return text
        html = self._html.fill(content.html, self._boundary_sign)
        if content.pictures:
            html = self._related.wrap([html, *([picture] for picture in content.pictures)])
        return self._alternative.wrap([text, html])


def _check_list_id(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return text
    raise MessageError(
        _("`{text}` is not a list's name.").format(text=single_line(text)),
        next_step=_("Write list_id like grades.school.example."),
    )
