"""A relay that takes everything, quickly: DATA and BDAT, any number of them in one write.

The scripted relay answers line by line in a coroutine; this one is for measuring and for counting
round trips: bytes in, bytes out, in one call.

    python tests/quick_relay.py 0.05 PIPELINING CHUNKING

serves behind a link whose round trip takes so many seconds, and prints its port.
"""

from __future__ import annotations

import asyncio

CAPABILITIES = ("PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")
GREETING = b"220 quick.example ESMTP\r\n"
TAKEN = b"250 2.0.0 Ok: queued\r\n"
STRAY = b"503 5.5.1 whom is it for?\r\n"
BYE = b"221 2.0.0 Bye\r\n"
REPLIES = {
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"DATA": b"354 go on\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
    b"QUIT": BYE,
}
END = b"\r\n.\r\n"


class QuickRelay(asyncio.Protocol):
    """One connection."""

    def __init__(self, capabilities=CAPABILITIES):
        *lines, last = ("quick.example", *capabilities)
        introduction = "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}\r\n"
        self.replies = {**REPLIES, b"EHLO": introduction.encode()}
        self.transport = None
        self.held = b""
        self.is_in_body = False
        self.has_recipient = False
        #: Messages.
        self.taken = 0

    def connection_made(self, transport):
        self.transport = transport
        transport.write(GREETING)

    def data_received(self, data):
        said = self.answer(data)
        if said:
            self.transport.write(said)
        if said.endswith(BYE):
            self.transport.close()

    def answer(self, data):
        """What it says to that."""
        held, at, said = self.held + data, 0, []
        while (after := self._step(held, at, said)) > at:
            at = after
        self.held = held[at:]
        return b"".join(said)

    def _step(self, held, at, said):
        """Where the command or body that begins there ends; there, where it is not whole yet."""
        if self.is_in_body:
            return self._take(held, at, held.find(END, at) + len(END), said)
        end = held.find(b"\n", at) + 1
        verb = held[at : at + 4].upper()
        if not end:
            return at
        if verb == b"BDAT":
            return self._take(held, at, end + int(held[at + 5 : end].split()[0]), said)
        said.append(self.replies.get(verb, b"500 5.5.2 what?\r\n"))
        self.is_in_body = verb == b"DATA"
        self.has_recipient = verb == b"RCPT" or self.is_in_body
        return end

    def _take(self, held, at, end, said):
        if not at < end <= len(held):
            return at
        said.append(TAKEN if self.has_recipient else STRAY)
        self.taken += self.has_recipient
        self.is_in_body = self.has_recipient = False
        return end


async def serve(seconds, capabilities):
    """Serve for ever."""
    from delay_proxy import DelayProxy

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: QuickRelay(capabilities), "127.0.0.1", 0)
    async with DelayProxy(server.sockets[0].getsockname()[1], seconds=seconds / 2) as proxy:
        print(proxy.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import sys

    import uvloop

    uvloop.run(serve(float(sys.argv[1]), sys.argv[2:]))
