"""The listener: a thread with a loop of its own, or the whole program for `notifier sandbox`."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.smtp import AuthResult, LoginPassword

from notifier.errors import UsageError
from notifier.locale import _
from notifier.sandbox.maildir import Kept, Maildir
from notifier.sandbox.rules import Rules
from notifier.sandbox.session import MAX_MESSAGE_BYTES, Desk, Session, TooMany

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from notifier.sandbox.events import Event
    from notifier.settings import SandboxRule, SandboxSettings

#: Connections at a time; one more is answered 421.
MAX_SESSIONS = 200
#: Seconds that a silent client is kept.
IDLE = 300.0


class Sandbox:
    """The capture server; a context manager that listens in a thread of its own meanwhile.

    `rules` and `port` go before the settings' own; port 0 takes any free one, which `port` then
    tells. With `password`, AUTH PLAIN and LOGIN are offered and required; an empty one takes any.
    With `tls`, STARTTLS is offered (`rehearsal_tls` makes a context). `on_event` is called in the
    server's thread. Raises UsageError where it can't listen or can't write its folder.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        maildir: Path,
        rules: Sequence[SandboxRule] | None = None,
        *,
        port: int | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self.host = settings.host
        #: Where it listens, once it does.
        self.port = settings.port if port is None else port
        self.maildir = Maildir(maildir, clock)
        self.rules = Rules(settings.rules if rules is None else rules)
        self._password = password
        self._sleep = sleep
        #: How many were kept, refused, deferred and dropped.
        self.counts: Counter[str] = Counter()
        self._tls = tls
        self._on_event = on_event
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        listening = threading.Event()
        failure: list[BaseException] = []
        self._thread = threading.Thread(
            target=self._run, args=(listening, failure), name="sandbox", daemon=True
        )
        self._thread.start()
        listening.wait()
        if failure:
            self._thread.join()
            raise failure[0]
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def serve_forever(self, on_listening: Callable[[], None] | None = None) -> None:
        """Listen in this thread until `stop` is called elsewhere, or KeyboardInterrupt."""
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve(on_listening or (lambda: None)))

    def stop(self) -> None:
        """Hang up on everybody and stop listening; any thread may call it."""
        loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None:
            with suppress(RuntimeError):  # it has stopped already
                loop.call_soon_threadsafe(stopping.set)

    def messages(self) -> Iterator[Kept]:
        """What was kept, in the order of arrival; earlier runs' messages included."""
        return iter(self.maildir)

    def _tell(self, event: Event) -> None:
        """Count an event and pass it on."""
        self.counts[event.kind] += 1
        if self._on_event is not None:
            self._on_event(event)

    def _run(self, listening: threading.Event, failure: list[BaseException]) -> None:
        try:
            self.serve_forever(listening.set)
        except BaseException as exc:  # noqa: BLE001 - handed to the thread that waits
            failure.append(exc)
        finally:
            listening.set()

    async def _serve(self, on_listening: Callable[[], None]) -> None:
        self.maildir.create()
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        desk = Desk(
            self.maildir,
            self.rules,
            password=self._password,
            sleep=self._sleep,
            tell=self._tell,
        )
        server = await self._listen(desk)
        on_listening()
        try:
            await self._stopping.wait()
        finally:
            server.close()
            await desk.hang_up()
            await server.wait_closed()

    async def _listen(self, desk: Desk) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: self._session(desk), self.host, self.port)
        except OSError as exc:
            raise UsageError(
                _("The sandbox can't listen on {place}: {reason}").format(
                    place=f"{self.host}:{self.port}", reason=os.strerror(exc.errno or 0)
                ),
                where=f"{self.host}:{self.port}",
                next_step=_("Stop what listens there, or set another [sandbox] port."),
            ) from exc
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _session(self, desk: Desk) -> asyncio.Protocol:
        if len(desk) >= MAX_SESSIONS:
            return TooMany()
        return Session(
            desk,
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="sandbox.localhost",
            ident="notifier sandbox",
            tls_context=self._tls,
            timeout=IDLE,
            auth_require_tls=False,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        wanted = (self._password or "").encode()
        return AuthResult(
            success=not wanted or data.password == wanted, handled=False, auth_data=data
        )
