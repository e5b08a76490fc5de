"""The ledger's pen for asyncio: one thread, and one transaction for all that came meanwhile.

Intents and results that arrive while a transaction runs wait for the next, which takes them all
(group commit): one fsync for many messages, and no wait where there is nothing to share it with.
Other calls of the ledger run on the same thread, in the order in which everything was asked for.

If step X fails, what happens to whom?

    the ledger is locked      the same batch or call is tried again, for up to `patience` seconds
    a batch can't be written  each of its intents fails (don't send); the error is remembered as
                              `failed`, and all that is asked for later fails with it, so that the
                              engine stops. Outcomes are kept and tried once more at the end: what
                              still can't be written is in doubt when the run goes on
    a call fails              its caller alone gets the error
    a waiter is cancelled     its intent may still be written: the delivery is `submitting` then,
                              and in doubt at worst
    the loop ends             `close` writes what is left first
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from notifier.errors import LedgerError
from notifier.ledger.connection import is_locked
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from notifier.ledger.ledger import Ledger
    from notifier.ledger.records import Intent, Result

P = ParamSpec("P")
T = TypeVar("T")

#: Intents and results in one transaction, at most: the door's largest batch.
BATCH = 256
#: Seconds from one transaction to the next, unless there is `ENOUGH` to write: a transaction of 64
#: rows costs little more than one of 16, so that a busy run gathers and a slow one doesn't notice.
PACE = 0.004
ENOUGH = 48
#: Seconds for which a locked ledger is tried again, beyond what SQLite waits by itself.
PATIENCE = 30.0
#: Seconds between two tries of a locked ledger.
PAUSE = 0.2


@dataclass(slots=True)
class _Call:
    """A function of the ledger to be run in its turn."""

    function: Callable[[], Any]
    future: asyncio.Future[Any]


@dataclass(slots=True)
class _Batch:
    """What goes into one transaction."""

    intents: list[Intent] = field(default_factory=list)
    futures: list[asyncio.Future[bool]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    #: Intents and results.
    size: int = 0


class Writer:
    """`async with Writer(ledger) as writer`: what was handed over is written when that ends."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        batch: int = BATCH,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._batch = batch
        self._patience = patience
        self._clock = clock
        #: Batches and calls, in order; the last may be a batch that still grows.
        self._queue: deque[_Batch | _Call] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._is_ending = False
        self._waiting = 0
        self._paced_until = 0.0
        #: Rows in a batch from which the thread is woken; while it gathers, each call of it would
        #: be two hand-overs of Python's lock for nothing.
        self._wakes_at = 1
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        #: Called in the loop with each delivery whose intent came to False, before anybody who
        #: waits for its future goes on.
        self.on_lost: Callable[[int], None] = lambda _delivery_id: None
        #: Why nothing can be written any more; None while it can.
        self.failed: BaseException | None = None
        #: Outcomes that a failure left unwritten.
        self._unwritten: list[Result] = []
        #: Transactions written, and the messages in them: for the measurements.
        self.transactions = 0
        self.recorded = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
        if exc is None and self.failed is not None:
            raise self.failed

    # --- what the event loop calls -----------------------------------------------------------

    @property
    def backlog(self) -> int:
        """Intents and results that are not durable yet: senders slow down when it grows."""
        return self._waiting

    def intend(self, intent: Intent) -> asyncio.Future[bool]:
        """True once the intent is durable; False: the delivery isn't ours any more, don't send.

        Raises LedgerError, at once or through the future, when it can't be written: don't send.
        """
        future: asyncio.Future[bool] = self._running_loop().create_future()
        if self.failed is not None:
            future.set_exception(self.failed)
            return future
        with self._lock:  # the condition's own: a quarter of the time of asking through it
            batch = self._open_batch()
            batch.intents.append(intent)
            batch.futures.append(future)
            batch.size += 1
            self._waiting += 1
            if batch.size >= self._wakes_at:
                self._filled.notify()
        return future

    def settle(self, result: Result) -> None:
        """Write the outcome down with the next batch.

        Once something has `failed`, it is kept for a last try when the writer is closed.
        """
        self._running_loop()
        with self._lock:
            if self.failed is not None:
                self._unwritten.append(result)
                return
            batch = self._open_batch()
            batch.results.append(result)
            batch.size += 1
            self._waiting += 1
            if batch.size >= self._wakes_at:
                self._filled.notify()

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function of the ledger after all that was handed over before; its result.

        Raises what the function raises, and LedgerError once a batch could not be written.
        """
        future: asyncio.Future[T] = self._running_loop().create_future()
        with self._filled:
            self._queue.append(_Call(lambda: function(*args, **kwargs), future))
            self._filled.notify()
        return await future

    def hurry(self) -> None:
        """Try a locked ledger no more than SQLite itself does: somebody wants it all to end."""
        self._hurry.set()

    async def drain(self) -> None:
        """Until everything handed over so far is durable; raises LedgerError where it can't be."""
        await self.call(lambda: None)

    async def close(self) -> None:
        """Write what is left and end the thread. Errors are in `failed`; a second time is nothing.

        A cancelled `close` still waits for the thread: what was accepted must reach the disk.
        """
        thread = self._thread
        if thread is None:
            return
        with self._filled:
            self._is_ending = True
            self._filled.notify()
        ended = asyncio.ensure_future(asyncio.to_thread(thread.join))
        is_cancelled = False
        while not ended.done():
            try:
                await asyncio.shield(ended)
            except asyncio.CancelledError:
                is_cancelled = True
                self._hurry.set()
        self._thread = None
        if is_cancelled:
            raise asyncio.CancelledError

    def _open_batch(self) -> _Batch:
        last = self._queue[-1] if self._queue else None
        if isinstance(last, _Batch) and last.size < self._batch:
            return last
        batch = _Batch()
        self._queue.append(batch)
        return batch

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._is_ending:
            raise LedgerError(
                _("The ledger's writer is closed."),
                where=str(self._ledger.path),
                next_step=_("Open the ledger again."),
            )
        return self._loop

    # --- what the thread does ----------------------------------------------------------------

    def _run(self) -> None:
        while (item := self._next()) is not None:
            if isinstance(item, _Call):
                self._run_call(item)
            else:
                self._write(item)
        if self._unwritten:
            self._try_once_more()

    def _next(self) -> _Batch | _Call | None:
        with self._filled:
            while not self._queue:
                if self._is_ending:
                    return None
                self._filled.wait()
            self._gather()
            return self._queue.popleft()

    def _gather(self) -> None:
        """Let a group grow while transactions follow each other closely; the lock is held."""
        while (left := self._paced_until - time.monotonic()) > 0:
            head = self._queue[0]
            if self._is_ending or isinstance(head, _Call) or head.size >= ENOUGH:
                return
            if len(self._queue) > 1:  # a call waits behind it
                return
            self._wakes_at = ENOUGH
            self._filled.wait(left)
            self._wakes_at = 1

    def _run_call(self, item: _Call) -> None:
        if self.failed is not None:
            self._tell(_fail, [item.future], self.failed)
            return
        try:
            value = self._patiently(item.function)
        except BaseException as exc:  # noqa: BLE001 - the waiter gets it, whatever it is
            self._tell(_fail, [item.future], exc)
        else:
            self._tell(_answer, item.future, value)

    def _write(self, batch: _Batch) -> None:
        try:
            lost = self._record(batch) if self.failed is None else None
        except BaseException as exc:  # noqa: BLE001 - the waiters get it, whatever it is
            lost, self.failed = None, exc
        with self._lock:
            self._waiting -= batch.size
            if lost is None:
                self._unwritten.extend(batch.results)
        if lost is None:
            self._tell(_fail, batch.futures, self.failed)
            return
        self.transactions += 1
        self._paced_until = time.monotonic() + PACE
        self.recorded += batch.size
        if batch.futures:
            self._tell(self._answer_all, batch, lost)

    def _answer_all(self, batch: _Batch, lost: set[int]) -> None:
        gone = []
        for intent, future in zip(batch.intents, batch.futures, strict=True):
            if future.done():
                continue
            is_ours = intent.delivery_id not in lost
            future.set_result(is_ours)
            if not is_ours:
                gone.append(intent.delivery_id)
        for delivery_id in gone:  # whoever waits goes on after this, and even if it raises
            self.on_lost(delivery_id)

    def _try_once_more(self) -> None:
        try:
            self._ledger.record((), self._unwritten)
        except Exception:  # noqa: BLE001 - `failed` has told already; the next start takes over
            return
        self._unwritten = []

    def _record(self, batch: _Batch) -> set[int]:
        return self._patiently(lambda: self._ledger.record(batch.intents, batch.results))

    def _patiently(self, function: Callable[[], T]) -> T:
        """Once more, and again, while another program holds the ledger; nothing was changed."""
        began = self._clock()
        while True:
            try:
                return function()
            except LedgerError as exc:
                is_late = self._clock() - began >= self._patience
                if is_late or not is_locked(exc) or self._hurry.wait(PAUSE):
                    raise

    def _tell(self, function: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more


def _answer(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _fail(futures: Sequence[asyncio.Future[Any]], exc: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(exc)
