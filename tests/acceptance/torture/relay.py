"""A relay that counts: what it took is on record before it says so.

    python relay.py PORT FILE [CAPABILITY ...]

serves on a port that stays the same, so that it can be killed and started again, and appends a
line to FILE for each message, by one `write` *before* the reply leaves. Killed at any instant, its
record has every message that it ever answered with 250, and perhaps some that it took without a
word: those are what a sender must hold for in doubt.

    T token address     taken, with the left part of its Message-ID
    R where address     refused or put off: at RCPT, or at the end of data

Who is refused is told by the address, once each, so that a retry finds the relay obliging, however
often it was started anew since: `no...` and `later...` at RCPT (5yz and 4yz), `fat...` and
`full...` at the end of data. What is for `mute...` is taken, and never answered.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

GREETING = b"220 counting.example ESMTP\r\n"
TAKEN = b"250 2.0.0 Ok: on record\r\n"
NOBODY = b"554 5.5.1 no valid recipients\r\n"
BYE = b"221 2.0.0 Bye\r\n"
PLAIN = {
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
    b"QUIT": BYE,
}
END = b"\r\n.\r\n"
REFUSALS = {
    "no": ("rcpt", b"550 5.1.1 no such user\r\n"),
    "later": ("rcpt", b"451 4.7.1 greylisted, come again\r\n"),
    "fat": ("body", b"552 5.3.4 message too big for this mailbox\r\n"),
    "full": ("body", b"452 4.2.2 mailbox full\r\n"),
}
_ADDRESS = re.compile(rb"TO:<([^>]*)>", re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"^Message-ID: <([^@>]+)@", re.IGNORECASE | re.MULTILINE)


class Record:
    """The file: what was taken, and who was refused already."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._refused = {
            line.rpartition(" ")[2]
            for line in Path(path).read_text().splitlines()
            if line.startswith("R ")
        }
        self.lines = []

    def refusal(self, address, where):
        """The reply that the address gets there, the first time; else None."""
        kind = re.match(r"[a-z]*", address).group()
        its_place, reply = REFUSALS.get(kind, ("", None))
        if its_place != where or address in self._refused:
            return None
        self._refused.add(address)
        self.lines.append(f"R {where} {address}\n")
        return reply

    def taken(self, token, address):
        """A message is ours now."""
        self.lines.append(f"T {token} {address}\n")

    def write(self):
        """Put on record what came since the last time."""
        if self.lines:
            os.write(self._file, "".join(self.lines).encode())
            self.lines.clear()


class CountingRelay(asyncio.Protocol):
    """One connection."""

    def __init__(self, record, capabilities):
        *lines, last = ("counting.example", *capabilities)
        self.introduction = (
            "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}\r\n"
        ).encode()
        self.record = record
        self.transport = None
        self.held = b""
        self.is_in_body = False
        self.address = None

    def connection_made(self, transport):
        self.transport = transport
        transport.write(GREETING)

    def data_received(self, data):
        held, at, said = self.held + data, 0, []
        while (after := self._step(held, at, said)) > at:
            at = after
        self.held = held[at:]
        self.record.write()
        if said:
            self.transport.write(b"".join(said))
            if said[-1] is BYE:
                self.transport.close()

    def _step(self, held, at, said):
        """Where the command or body that begins there ends; there, where it is not whole yet."""
        if self.is_in_body:
            return self._take(held, at, held.find(END, at) + len(END), said)
        end = held.find(b"\n", at) + 1
        if not end:
            return at
        line = held[at:end]
        verb = line[:4].upper()
        if verb == b"BDAT":
            return self._take(held, at, end + int(line[5:].split()[0]), said)
        said.append(self._answer(verb, line))
        return end

    def _answer(self, verb, line):
        if verb == b"EHLO":
            return self.introduction
        if verb == b"MAIL":
            self.address = None
            return b"250 2.1.0 Ok\r\n"
        if verb == b"RCPT":
            address = _ADDRESS.search(line).group(1).decode()
            reply = self.record.refusal(address, "rcpt")
            self.address = None if reply else address
            return reply or b"250 2.1.5 Ok\r\n"
        if verb == b"DATA":
            self.is_in_body = self.address is not None
            return b"354 go on\r\n" if self.is_in_body else NOBODY
        return PLAIN.get(verb, b"500 5.5.2 what?\r\n")

    def _take(self, held, at, end, said):
        if not at < end <= len(held):
            return at
        address, self.address, self.is_in_body = self.address, None, False
        if address is None:
            said.append(NOBODY)
            return end
        reply = self.record.refusal(address, "body")
        if reply is None:
            token = _MESSAGE_ID.search(held, at, end).group(1).decode()
            self.record.taken(token, address)
        if not address.startswith("mute"):
            said.append(reply or TAKEN)
        return end


async def serve(port, path, capabilities):
    """Serve for ever; a line on standard output says that it does."""
    record = Record(path)
    loop = asyncio.get_running_loop()
    await loop.create_server(
        lambda: CountingRelay(record, capabilities), "127.0.0.1", port, backlog=512
    )
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
