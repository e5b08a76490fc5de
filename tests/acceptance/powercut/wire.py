"""What left through the traced connections: each message, and when its end did; each reply."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

_SENT = {"write", "writev", "sendto", "sendmsg", "sendmmsg", "sendfile", "splice"}
_GOT = {"read", "recvfrom", "recvmsg"}
_RCPT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)
#: Replies that end a command; a line `250-...` goes on.
_REPLY = re.compile(rb"^(\d\d\d)(?: [^\n]*)?\r?\n", re.MULTILINE)
END = b"\r\n.\r\n"


@dataclass(slots=True)
class Sent:
    """A message whose end left."""

    address: str
    #: sha256 of its bytes, as the ledger keeps it.
    digest: bytes
    #: The line on which the call that took its end began.
    at: int
    #: The line on which the reply to it was in; None: it never was.
    replied_at: int | None = None
    code: int = 0


@dataclass(slots=True)
class Stream:
    """One connection, fed with what went each way."""

    sent: list[Sent] = field(default_factory=list)
    #: What each expected reply is about: None, or a message.
    _awaited: list[Sent | None] = field(default_factory=lambda: [None])
    _out: bytes = b""
    _in: bytes = b""
    _address: str = ""
    _is_in_body: bool = False
    _chunks: bytes = b""

    def put(self, data, at):
        """The client sent that."""
        self._out += data
        while self._step(at):
            pass

    def got(self, data, at):
        """The relay said that."""
        self._in += data
        while matched := _REPLY.search(self._in):
            self._in = self._in[matched.end() :]
            message = self._awaited.pop(0)
            if message is not None:
                message.replied_at, message.code = at, int(matched[1])

    def _step(self, at):
        if self._is_in_body:
            body, end, rest = self._out.partition(END)
            if end:
                self._out, self._is_in_body = rest, False
                self._ended(re.sub(rb"(^|\r\n)\.", rb"\1", body) + b"\r\n", at)
            return bool(end)
        line, end, rest = self._out.partition(b"\r\n")
        if not end:
            return False
        verb, *words = line.upper().split()
        if verb == b"BDAT":
            return self._chunk(rest, int(words[0]), b"LAST" in words, at)
        self._out = rest
        self._awaited.append(None)
        if recipient := _RCPT.match(line):
            self._address = recipient[1].decode()
        self._is_in_body = verb == b"DATA"
        return True

    def _chunk(self, rest, size, is_last, at):
        if len(rest) < size:
            return False
        self._chunks, self._out = self._chunks + rest[:size], rest[size:]
        if is_last:
            self._ended(self._chunks, at)
            self._chunks = b""
        else:
            self._awaited.append(None)
        return True

    def _ended(self, body, at):
        message = Sent(self._address, hashlib.sha256(body).digest(), at)
        self.sent.append(message)
        self._awaited.append(message)


def messages(calls, port):
    """All messages whose end left to the port, in the order in which it did."""
    streams = {}
    events = []
    for call in calls:
        if not call.place.startswith("TCP:") or not call.place.endswith(f"127.0.0.1:{port}]"):
            continue
        stream = streams.setdefault(call.place, Stream())
        if call.result <= 0:
            continue
        if call.name in _SENT:  # it may leave as soon as the call begins
            events.append((call.began, stream.put, call.data))
        elif call.name in _GOT:
            events.append((call.ended, stream.got, call.data))
    for at, tell, data in sorted(events, key=lambda it: it[0]):
        tell(data, at)
    return sorted((it for stream in streams.values() for it in stream.sent), key=lambda it: it.at)
