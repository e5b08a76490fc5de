"""Which connections of a pool are open, so that none is left behind when a loop ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notifier.smtp.connection import Connection


class Links:
    """Connections whose sockets are open."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._gone = asyncio.Event()
        self._gone.set()

    def add(self, connection: Connection) -> None:
        """Its socket is open."""
        self._open.add(connection)
        self._gone.clear()

    def discard(self, connection: Connection) -> None:
        """Its socket is closed."""
        self._open.discard(connection)
        if not self._open:
            self._gone.set()

    async def gone(self, seconds: float) -> None:
        """Until none is left, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()

    def hang_up(self) -> None:
        """Close what is left without more ado."""
        for connection in tuple(self._open):
            connection.hang_up()
