"""The bytes of each command (RFC 5321 section 4.1), and of the end of data.

Nothing that could end a command line early leaves here: control characters are refused in every
argument, addresses are checked byte by byte against what a path may hold, and a message with a
bare CR or LF is refused (SMTP smuggling, CVE-2023-51764 and kin). What is refused raises
LocalProtocolError, since whoever made the message should have made it right.
"""

from __future__ import annotations

import re
from functools import lru_cache

from notifier.errors import LocalProtocolError
from notifier.locale import _

CRLF = b"\r\n"
DATA = b"DATA\r\n"
RSET = b"RSET\r\n"
NOOP = b"NOOP\r\n"
QUIT = b"QUIT\r\n"
STARTTLS = b"STARTTLS\r\n"
#: A chunk outside of a message, to be refused and swallowed; whoever reads it as a command answers
#: it (RFC 3030 section 2).
STRAY_CHUNK = b"BDAT 6 LAST\r\nNOOP\r\n"
#: Bytes up to which a message is copied to be written in one piece with what is around it.
COPIED = 131_072
#: Ends a data phase in which nothing was sent.
LONE_DOT = b".\r\n"

#: RFC 5321 section 4.5.3.1.3: a path has at most 256 octets, its angle brackets included.
LONGEST_ADDRESS = 254
#: RFC 5321 section 4.5.3.1.4, without the CRLF; longer initial responses are sent on their own.
LONGEST_COMMAND = 510

#: A mailbox in bytes. Dots may stand anywhere in the local part (some providers gave out such
#: addresses), bytes above 127 are UTF-8 (RFC 6531), a domain may have underscores or be a literal.
_MAILBOX = re.compile(
    rb"""(?: [^\x00-\x20\x7f()<>@,;:\\"\[\]]+ | "(?:[^\x00-\x1f\x7f"\\]|\\[\x20-\x7e])*" )
    @ (?: [0-9A-Za-z_.\x80-\xff-]+ | \[[\x21-\x5a\x5e-\x7e]+\] )""",
    re.VERBOSE,
)
#: Bytes that end no line and are no NUL.
_ORDINARY = bytes(set(range(256)) - set(b"\r\n\0"))
#: One word: a host name, an address literal, the name of a SASL mechanism, Base64.
_WORD = re.compile(rb"[\x21-\x7e]+")


def _word(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    if _WORD.fullmatch(data) is None:
        raise LocalProtocolError(_("A command's argument has characters it must not have."))
    return data


@lru_cache(maxsize=64)
def path(address: str) -> bytes:
    """`<address>` (a sender's, seldom another one: remembered); the empty address is `<>`."""
    return b"<>" if not address else _path(address)


def _path(address: str) -> bytes:
    data = address.encode("utf-8", "surrogatepass")
    if len(data) > LONGEST_ADDRESS or _MAILBOX.fullmatch(data) is None:
        raise LocalProtocolError(
            _("The address {address} can't stand in an envelope.").format(address=repr(address)),
            next_step=_("Correct the address where it comes from."),
        )
    return b"<" + data + b">"


def ehlo(name: str) -> bytes:
    """`EHLO name`; `name` is a host name or an address literal."""
    return b"EHLO " + _word(name) + CRLF


def helo(name: str) -> bytes:
    """`HELO name`, for relays that don't know EHLO."""
    return b"HELO " + _word(name) + CRLF


def auth(mechanism: str, initial: str | None) -> bytes:
    """`AUTH mechanism [initial response]` (RFC 4954); `initial` is Base64, empty is sent as `=`."""
    line = b"AUTH " + _word(mechanism)
    return line + CRLF if initial is None else line + b" " + _word(initial or "=") + CRLF


def auth_response(response: str) -> bytes:
    """A response to a challenge, Base64; empty is an empty line."""
    return _word(response) + CRLF if response else CRLF


def mail_from(
    sender: str,
    *,
    size: int = 0,
    is_8bit: bool = False,
    is_utf8: bool = False,
    wishes: bytes = b"",
) -> bytes:
    """`MAIL FROM` with SIZE (RFC 1870; 0: not given), BODY (RFC 6152) and SMTPUTF8 (RFC 6531).

    `wishes`: further parameters, as `notifications` makes them.
    """
    line = b"MAIL FROM:" + path(sender)
    if size:
        line += b" SIZE=%d" % size
    if is_8bit:
        line += b" BODY=8BITMIME"
    return line + wishes + (b" SMTPUTF8\r\n" if is_utf8 else CRLF)


def rcpt_to(address: str, wishes: bytes = b"") -> bytes:
    """`RCPT TO:<address>`; `wishes` as for `mail_from`."""
    return b"RCPT TO:" + _path(address) + wishes + CRLF


def is_clean(data: bytes) -> bool:
    """Whether `body(data)` is `data` and the end, and nothing is to be refused or stuffed."""
    return (
        _has_whole_lines(data)
        and data.endswith(CRLF)
        and not data.startswith(b".")
        and data.rfind(b"\r\n.") < 0
    )


def body(data: bytes, *, is_seen: bool = False) -> bytes:
    """The message as it leaves after 354: dots stuffed (RFC 5321 section 4.5.2), and its end.

    `is_seen`: `is_clean(data)` was true, in this process or in the one that made the message.
    Raises LocalProtocolError where `data` has a bare CR or LF, or a NUL.
    """
    if is_seen:
        return data + LONE_DOT
    check_lines(data)
    if data.rfind(b"\r\n.") >= 0:  # twice as fast as `in`, which seeks from the other end
        data = data.replace(b"\r\n.", b"\r\n..")
    if data.startswith(b"."):
        data = b"." + data
    return data + (b".\r\n" if data.endswith(CRLF) or not data else b"\r\n.\r\n")


def chunk(data: bytes, *, is_seen: bool = False) -> bytes:
    """The message as the only chunk of its transaction (RFC 3030 section 2): no dots are stuffed.

    `is_seen` as for `body`; raises LocalProtocolError as that does, because relays pass it on line
    by line.
    """
    if not is_seen:
        check_lines(data)
        if not data.endswith(CRLF):
            data += CRLF
    return b"BDAT %d LAST\r\n" % len(data) + data


def body_pieces(data: bytes, tail: bytes, *, is_seen: bool) -> tuple[bytes, ...]:
    """`data` and `tail` as they leave after 354: as `body`, but what is large is not copied."""
    if is_seen and (tail or len(data) > COPIED):
        return (data, tail, LONE_DOT) if tail else (data, LONE_DOT)
    return (body(data + tail if tail else data, is_seen=is_seen),)


def chunk_pieces(data: bytes, tail: bytes, *, is_seen: bool) -> tuple[bytes, ...]:
    """`data` and `tail` as one chunk: as `chunk`, but what is large is not copied."""
    if is_seen and (tail or len(data) > COPIED):
        head = b"BDAT %d LAST\r\n" % (len(data) + len(tail))
        return (head, data, tail) if tail else (head, data)
    return (chunk(data + tail if tail else data, is_seen=is_seen),)


def check_lines(data: bytes) -> None:
    """Refuse what only some servers would take for the end of a line (or of the message)."""
    if _has_whole_lines(data):
        return
    if b"\0" in data:
        raise LocalProtocolError(_("The message has a NUL byte, which mail can't carry."))
    raise LocalProtocolError(_("The message has a line that does not end with CR LF."))


def _has_whole_lines(data: bytes) -> bool:
    """Whether each CR and LF belongs to a CR LF, and there is no NUL.

    There are as many of them as two for each pair. (Two passes; counting all three takes a third
    longer.)
    """
    return len(data.translate(None, _ORDINARY)) == 2 * data.count(CRLF)
