"""A relay far away: a TCP proxy that holds each byte back for a time, and slows nothing else.

    async with DelayProxy(port, seconds=0.025) as proxy: ...     # proxy.port is open meanwhile

Both directions take `seconds`, so that a round trip takes twice as long. However much is under way,
nothing waits for anything but its own time: the link is long, not narrow. (The TCP handshake with
the proxy is not delayed: what is measured begins with the greeting.)
"""

from __future__ import annotations

import asyncio
from collections import deque


class DelayProxy:
    """Between a client and `127.0.0.1:port`."""

    def __init__(self, port, *, seconds):
        self.target = port
        self.seconds = seconds
        self.port = 0

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _End(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc):
        self._server.close()
        await self._server.wait_closed()


class _End(asyncio.Protocol):
    """One end of a line: what it hears leaves at the other end, later."""

    def __init__(self, proxy, other=None):
        self.proxy = proxy
        self.other = other
        self.transport = None
        self.loop = asyncio.get_running_loop()
        #: (when it is due, the bytes; None: the end)
        self.under_way = deque()
        self.opening = None

    def connection_made(self, transport):
        self.transport = transport
        if self.other is None:
            self.opening = self.loop.create_task(self.reach())

    async def reach(self):
        """Connect to the target, which takes less time than the first byte does."""
        _transport, self.other = await self.loop.create_connection(
            lambda: _End(self.proxy, self), "127.0.0.1", self.proxy.target
        )

    def data_received(self, data):
        self.hold(data)

    def connection_lost(self, exc):
        self.hold(None)

    def hold(self, data):
        due = self.loop.time() + self.proxy.seconds
        self.under_way.append((due, data))
        if len(self.under_way) == 1:
            self.loop.call_at(due, self.let_go)

    def let_go(self):
        """Write what is due: in one piece if it is several."""
        pieces = []
        now = self.loop.time() + 0.0005
        while self.under_way and self.under_way[0][0] <= now:
            pieces.append(self.under_way.popleft()[1])
        if self.under_way:
            self.loop.call_at(self.under_way[0][0], self.let_go)
        if self.other is None or self.other.transport.is_closing():
            return
        self.other.transport.write(b"".join(piece for piece in pieces if piece is not None))
        if None in pieces:
            self.other.transport.close()
