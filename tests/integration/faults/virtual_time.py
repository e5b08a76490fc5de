"""An event loop with a clock and a network of its own: nothing waits, nothing leaves the process.

When nobody has anything to do, the clock jumps to the next timer, so that a timeout of minutes
costs nothing and can't be missed on a busy machine. When there is no timer either, nothing will
ever happen again: that is a hang, and raises `Stuck` at once.

The network is pairs of transports. What is written arrives in the loop's next turn, in order, so
each run of a test is the same as the last.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import protocols

#: Seconds after which a loop is taken to go round in circles.
ENDLESS = 100_000.0


class Stuck(BaseException):
    """Everybody waits for somebody, or for ever."""


class Clock:
    """Seconds that pass only when somebody waits for them."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class _Selector(selectors.DefaultSelector):
    """Jumps instead of waiting."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock
        self._until = clock.now + ENDLESS

    def select(self, timeout=None):
        found = super().select(0)
        if not found and timeout is None:
            raise Stuck("nothing will ever happen again")
        if not found and timeout > 0:
            self._clock.now += timeout
            if self._clock.now > self._until:
                raise Stuck("it goes on for ever")
        return found


class Loop(asyncio.SelectorEventLoop):
    """`Loop(clock)`; `loop.listen(port, make_protocol)` says who answers there."""

    def __init__(self, clock):
        self.clock = clock
        #: What went wrong where nobody was there to catch it.
        self.mishaps = []
        self._listeners = {}
        super().__init__(_Selector(clock))
        self.set_exception_handler(lambda _loop, context: self.mishaps.append(context))

    def time(self):
        return self.clock.now

    def listen(self, port, connect):
        """`await connect()` is the protocol of the server's side, or raises as the system would."""
        self._listeners[port] = connect

    async def create_connection(self, factory, host=None, port=None, **options):
        assert not options, options
        server = await self._listeners[port]()
        client = factory()
        ours, theirs = Transport(self, client), Transport(self, server)
        ours.peer, theirs.peer = theirs, ours
        client.connection_made(ours)
        server.connection_made(theirs)
        return ours, client


class Transport(asyncio.Transport):
    """One end of a connection; `peer` is the other."""

    _start_tls_compatible = True  # asyncio asks for it before it puts TLS between

    def __init__(self, loop, protocol):
        super().__init__({"sockname": ("127.0.0.1", 40_000), "peername": ("127.0.0.1", 25)})
        self._loop = loop
        self._protocol = protocol
        self._is_closing = self._is_lost = self._is_paused = False
        self._waiting = []
        self.peer = None

    def set_protocol(self, protocol):
        self._protocol = protocol

    def get_protocol(self):
        return self._protocol

    def is_closing(self):
        return self._is_closing

    def is_reading(self):
        return not self._is_paused

    def pause_reading(self):
        self._is_paused = True

    def resume_reading(self):
        self._is_paused = False
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._loop.call_soon(self._happen, *event)

    def get_write_buffer_size(self):
        return 0

    def set_write_buffer_limits(self, high=None, low=None):
        """Everything arrives at once."""

    def can_write_eof(self):
        return False

    def write(self, data):
        if not self._is_closing and data:
            self._loop.call_soon(self.peer._happen, "data", bytes(data))

    def close(self):
        self._end(None, None)

    def abort(self):
        self._end(None, ConnectionResetError(104, "Connection reset by peer"))

    def _end(self, ours, theirs):
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self.peer._happen, "end", theirs)
            self._loop.call_soon(self._happen, "end", ours)

    def _happen(self, kind, value):
        if self._is_lost:
            return
        if self._is_paused and kind == "data":
            self._waiting.append((kind, value))
        elif kind == "end":
            self._lose(value)
        elif isinstance(self._protocol, asyncio.BufferedProtocol):
            protocols._feed_data_to_buffered_proto(self._protocol, value)
        else:
            self._protocol.data_received(value)

    def _lose(self, exc):
        if exc is None and not self._is_closing:
            self._protocol.eof_received()  # whatever it says: there is no half of a connection
        self._is_closing = self._is_lost = True
        self._protocol.connection_lost(exc)
