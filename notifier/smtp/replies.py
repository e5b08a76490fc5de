r"""Bytes in, replies out (RFC 5321 section 4.2), under limits.

    feed(b"250-relay.example\r\n250 SI")   -> []
    feed(b"ZE 1000\r\n")                   -> [Reply(250, "", "relay.example\nSIZE 1000")]

What is tolerated: a bare LF as the end of a line (some small servers send it; nothing can be
smuggled in this direction, since a reply has one reader), a code without text, bytes that are not
UTF-8 (shown as U+FFFD), and control characters in texts (the same, so that no terminal is steered
by a relay).

What is not: a code outside 200..599, lines of one reply with different codes, and anything beyond
the limits below. The parser then notes a `fault` and takes no more; replies that were complete
before it are given out, because one of them may be the acceptance of a message.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from notifier.locale import N_
from notifier.model import Reply

#: Bytes of one line, its end not counted. RFC 5321 section 4.5.3.1.5 has 512; relays exceed it.
LONGEST_LINE: Final = 4096
#: Lines of one reply.
MOST_LINES: Final = 256
#: Bytes of one reply.
LARGEST_REPLY: Final = 65_536

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
#: RFC 3463 section 2: class.subject.detail, at the beginning of a text.
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|$)")

NOT_A_REPLY = N_("a line that is no SMTP reply")
MIXED_CODES = N_("a reply whose lines have different codes")
LINE_TOO_LONG = N_("a line without end")
REPLY_TOO_LONG = N_("a reply without end")


class ReplyParser:
    """Collects bytes until replies are complete."""

    __slots__ = ("_code", "_size", "_tail", "_texts", "fault")

    def __init__(self) -> None:
        self._tail = b""
        self._texts: list[bytes] = []
        self._code = b""
        self._size = 0
        #: Why nothing more is taken: one of the sentences above; empty while all is well.
        self.fault = ""

    @property
    def is_partial(self) -> bool:
        """Whether there are bytes that are not part of a complete reply."""
        return bool(self._tail or self._texts)

    @property
    def is_faulty(self) -> bool:
        """Whether nothing more is taken."""
        return bool(self.fault)

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that `data` completes, in order. Never raises: see `fault`."""
        if self.fault:
            return []
        lines = (self._tail + data if self._tail else data).split(b"\n")
        self._tail = lines.pop()
        replies = []
        for line in lines:
            reply = (None if self._texts else _single(line)) or self._continue(line)
            if reply is not None:
                replies.append(reply)
            if self.is_faulty:
                break
        if len(self._tail) > LONGEST_LINE + self._tail.endswith(b"\r"):
            self.fault = LINE_TOO_LONG
        return replies

    def _continue(self, line: bytes) -> Reply | None:
        """A line of a reply of several; the reply when it is the last."""
        found = _LINE.fullmatch(line.removesuffix(b"\r"))
        self.fault = self._fault(line, found)
        if found is None or self.fault:
            return None
        self._code, sign, text = found.groups()
        self._texts.append(text or b"")
        if sign == b"-":
            return None
        reply = make_reply(int(self._code), self._texts)
        self._texts, self._size = [], 0
        return reply

    def _fault(self, line: bytes, found: re.Match[bytes] | None) -> str:
        self._size += len(line)
        if len(line) - line.endswith(b"\r") > LONGEST_LINE:
            return LINE_TOO_LONG
        if found is None:
            return NOT_A_REPLY
        if self._texts and found[1] != self._code:
            return MIXED_CODES
        if len(self._texts) >= MOST_LINES or self._size > LARGEST_REPLY:
            return REPLY_TOO_LONG
        return ""


@lru_cache(maxsize=256)
def _single(line: bytes) -> Reply | None:
    """A reply of one line; None where it is anything else. Most lines come again and again."""
    found = _LINE.fullmatch(line.removesuffix(b"\r")) if len(line) <= LONGEST_LINE else None
    if found is None or found[2] == b"-":
        return None
    text = decode(found[3] or b"")
    status = _ENHANCED.match(text)
    if status is None or status[1][0] != chr(found[1][0]):
        return Reply(int(found[1]), "", text)
    return Reply(int(found[1]), status[1], text[status.end() :])


def make_reply(code: int, texts: list[bytes]) -> Reply:
    """A reply from its lines' texts, the enhanced code (RFC 2034) taken from the front of each.

    A code whose class is not the reply's own is left in the text: RFC 2034 section 4 wants them
    to agree, so it is no status.
    """
    lines = [decode(text) for text in texts]
    found = _ENHANCED.match(lines[0])
    if found is None or found[1][0] != str(code)[0]:
        return Reply(code, "", "\n".join(lines))
    enhanced = found[1]
    return Reply(code, enhanced, "\n".join(_without(line, enhanced) for line in lines))


def _without(line: str, enhanced: str) -> str:
    found = _ENHANCED.match(line)
    return line[found.end() :] if found is not None and found[1] == enhanced else line


def decode(data: bytes) -> str:
    """Text that is safe to show: UTF-8, with what can't be printed replaced."""
    text = data.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character == "\t" or (character.isspace() and character > "\x9f") else "\ufffd"
