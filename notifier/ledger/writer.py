"""The ledger's pen for asyncio: one thread, and what all connections want written in one group.

While a transaction runs, what is asked for gathers; the next transaction takes all of it. So a busy
run pays for one sync of the disk for many messages, and an idle one is written at once.

If step X fails, what happens to whom?

    a transaction fails      its intents raise, and are not sent; its outcomes are kept and tried
                             again for `PATIENCE` seconds, then the writer has `failed` for good
    the ledger is locked     the same; usually it is free again in time
    it has failed            intents and calls raise the same LedgerError at once; outcomes are
                             dropped, and what they belong to is in doubt at the next start
    whoever waits goes away  what was asked for is written all the same
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from notifier.errors import LedgerError, NotifierError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from notifier.ledger.ledger import Ledger
    from notifier.ledger.records import Intent, Result

T = TypeVar("T")

#: Rows of one transaction: more would only make everybody wait longer for it.
GROUP = 512
#: Seconds for which a transaction that failed is tried again, and between two tries.
PATIENCE = 20.0
PAUSE = 0.5


class _Call:
    """A ledger function to be run in its turn."""

    __slots__ = ("arguments", "function", "future")

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], future: asyncio.Future[Any]
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.future = future


class Writer:
    """Writes to one ledger from one thread. An async context manager; leaving it drains it."""

    def __init__(self, ledger: Ledger, *, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self._ledger = ledger
        self._patience = patience
        self._pause = pause
        self._lock = threading.Condition()
        self._intents: list[tuple[Intent, asyncio.Future[bool]]] = []
        self._results: list[Result] = []
        self._calls: deque[_Call] = deque()
        self._is_closing = False
        self._is_busy = False
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        #: Why nothing is written any more; None while all is well.
        self.failed: NotifierError | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_closing = True
            self._lock.notify()
        assert self._thread is not None
        await asyncio.shield(asyncio.to_thread(self._thread.join))

    @property
    def backlog(self) -> int:
        """Intents and results that are not durable yet, those of the running transaction aside."""
        return len(self._intents) + len(self._results)

    def intend(self, intent: Intent) -> asyncio.Future[bool]:
        """True once the intent is durable; False: not ours any more. Raises LedgerError."""
        future: asyncio.Future[bool] = self._loop.create_future()
        with self._lock:
            if self.failed is not None:
                future.set_exception(self.failed)
                return future
            self._intents.append((intent, future))
            self._lock.notify()
        return future

    def settle(self, result: Result) -> None:
        """Have the outcome written as soon as can be; nobody waits for it."""
        with self._lock:
            if self.failed is None:
                self._results.append(result)
                self._lock.notify()

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a ledger's function on the writer's thread, after all that was asked for before."""
        future: asyncio.Future[T] = self._loop.create_future()
        with self._lock:
            if self.failed is not None:
                raise self.failed
            self._calls.append(_Call(function, arguments, future))
            self._lock.notify()
        return await future

    async def drain(self) -> None:
        """Until all that was asked for is durable; raises LedgerError where it can't be."""
        await self.call(lambda: None)

    # --- the writer's thread -------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._lock:
                while not (self._intents or self._results or self._calls or self._is_closing):
                    self._lock.wait()
                intents, self._intents = self._intents[:GROUP], self._intents[GROUP:]
                results, self._results = self._results[:GROUP], self._results[GROUP:]
                is_clear = not (self._intents or self._results)
                call = self._calls.popleft() if self._calls and is_clear else None
                if not (intents or results or call):
                    return
            if intents or results:
                self._record(intents, results)
            if call is not None:
                self._run(call)

    def _record(
        self, intents: list[tuple[Intent, asyncio.Future[bool]]], results: list[Result]
    ) -> None:
        failure = self.failed
        lost: set[int] = set()
        if failure is None:
            try:
                lost = self._ledger.record([intent for intent, _future in intents], results)
            except NotifierError as exc:
                failure = exc
                self._try_again(results)
            except BaseException as exc:  # the thread must not die in silence
                self.failed = failure = _unforeseen(exc)
        if intents:
            self._tell(_resolve_intents, intents, lost, failure)

    def _try_again(self, results: list[Result]) -> None:
        """The outcomes alone: they tell what has happened, so they are worth the wait."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._ledger.record([], results)
            except NotifierError as exc:
                if not isinstance(exc, LedgerError) or time.monotonic() >= deadline:
                    self.failed = exc
                    return
                time.sleep(self._pause)
            else:
                return

    def _run(self, call: _Call) -> None:
        if self.failed is not None:
            self._tell(_resolve, call.future, None, self.failed)
            return
        try:
            value = call.function(*call.arguments)
        except BaseException as exc:  # noqa: BLE001 - whoever called is told
            self._tell(_resolve, call.future, None, exc)
        else:
            self._tell(_resolve, call.future, value, None)

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return


def _unforeseen(exc: BaseException) -> NotifierError:
    error = LedgerError(str(exc) or type(exc).__name__)
    error.__cause__ = exc
    return error


def _resolve(future: asyncio.Future[Any], value: Any, exc: BaseException | None) -> None:
    if future.done():
        return
    if exc is not None:
        future.set_exception(exc)
    else:
        future.set_result(value)


def _resolve_intents(
    intents: list[tuple[Intent, asyncio.Future[bool]]], lost: set[int], exc: BaseException | None
) -> None:
    """All of a group in one call of the loop: a call for each would cost more than the write."""
    for intent, future in intents:
        _resolve(future, intent.delivery_id not in lost, exc)
