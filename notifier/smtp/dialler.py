"""Opening connections to one relay: the socket, TLS where it comes first, and signing in.

A connection that is handed out is ready for messages. Where it can't be, the error says at which
step, and nothing is left open.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notifier.errors import RelayError
from notifier.model import Stage
from notifier.smtp import troubles
from notifier.smtp.account import Account
from notifier.smtp.connection import Connection
from notifier.smtp.ladder import Ladder
from notifier.smtp.links import Links
from notifier.smtp.oauth import TokenKeeper
from notifier.smtp.protocol import Session
from notifier.smtp.tls import make_context, translate
from notifier.smtp.transitions import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.settings import RelaySettings

#: The host was reached, and ended the connection: with implicit TLS, in the handshake.
_DROPPED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)


#: Seconds for the relay's part in closing TLS, and then for the system's.
GRACE, LAST = 1.0, 0.1


class Dialler:
    """Makes connections to one relay."""

    def __init__(self, relay: RelaySettings, ladder: Ladder | None = None) -> None:
        """`ladder`: one that outlives this; one of its own unless given.

        Raises SettingsError for a password that can't be read, TlsError for `ca_file`.
        """
        self.account = Account.of(relay)
        #: What its connections learn of the relay's ways, and go by.
        self.ladder = ladder or Ladder.of(self.account)
        self._relay = relay
        #: Those whose sockets are open.
        self._links = Links()
        self._tokens = TokenKeeper.of(relay, self.account)
        self._context = None if relay.tls == "none" else make_context(relay, self.account)

    async def dial(self, trace: Callable[[str, str], None] | None = None) -> Connection:
        """A connection that is ready for messages; a RelayError when there is none to be had.

        `trace` is called with `C` or `S` and each line, secrets left out.
        """
        if self._tokens is None:
            return await self._dial(self.account, trace)
        return await self._tokens.spend(
            lambda token: self._dial(replace(self.account, token=token), trace)
        )

    async def close(self) -> None:
        """Wait until the sockets of connections that are over are closed.

        TLS takes its leave with a word and waits for one. A loop that ends meanwhile breaks that
        off in the middle, which uvloop answers with an error.
        """
        await self._links.gone(GRACE)
        self._links.hang_up()
        await self._links.gone(LAST)

    async def _dial(self, account: Account, trace: Callable[[str, str], None] | None) -> Connection:
        """Again at once where the relay flunks the test before whole messages."""
        while True:
            connection = Connection(
                account,
                self._relay,
                lambda name: Session(account, name, trace=trace, ladder=self.ladder),
                self._links,
            )
            try:
                return await self._open(connection)
            except RelayError:
                if not connection.has_taught:
                    raise

    async def _open(self, connection: Connection) -> Connection:
        try:
            await self._reach(connection)
            while await connection.milestone() is Signal.START_TLS:
                assert self._context is not None
                await connection.start_tls(self._context)
        except BaseException:
            _discard(connection)
            raise
        if connection.is_over:
            raise connection.error or troubles.lost(self.account, Stage.EHLO)
        return connection

    async def _reach(self, connection: Connection) -> None:
        is_implicit = self._relay.tls == "implicit"
        seconds = self._relay.connect_timeout
        options: dict[str, Any] = {}
        if is_implicit:
            options = {
                "ssl": self._context,
                "server_hostname": self.account.host,
                "ssl_handshake_timeout": seconds,
            }
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, self.account.host, self.account.port, **options
                )
        except (OSError, ssl.SSLError, UnicodeError) as exc:
            was_reached = is_implicit and isinstance(exc, _DROPPED)
            stage = Stage.TLS if was_reached else Stage.CONNECT
            raise translate(self.account, stage, exc, seconds) from exc


def _discard(connection: Connection) -> None:
    if hasattr(connection, "session"):
        connection.abort(troubles.interrupted(connection.session.account, Stage.CONNECT))
