"""Worker processes that make a run's messages, so that wire and ledger never wait for a render.

Batches of orders go out, batches of products come back, and each worker has at most `AHEAD` of
them, so that neither side fills the memory. A worker compiles the campaign itself, from the same
recipe; only one whose digest is the run's gets orders, so a template that was changed meanwhile
changes nothing of a run on its way. Where relays want the same messages signed in different ways,
there is a recipe for each, and an order says which (`bench`).

If step X fails, what happens to whom?

    a worker can't start        there is one less; without any, messages are made in process
    it compiles something else  it gets no orders
    a message can't be made     its product says why; the others of the batch go on
    a worker dies, or hangs     what it had is given back (`Lost`); another takes its place, unless
                                it was never ready, or the last few made nothing
    a message is large          it is not sent here, but made here: its product is None
    this process dies           the workers' lines are closed, and they end
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from notifier import locale
from notifier.delivery.bench import Bench
from notifier.delivery.throttle import least_seconds
from notifier.delivery.workbench import LENGTH, pack, unflatten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from notifier.delivery.making import Order, Product, Recipe
    from notifier.model import Rate

#: Batches that a worker has at a time: the one that it makes, and the next.
AHEAD = 2
#: More workers than this one process could not feed to the wire.
MOST = 4
#: Messages from which workers are worth their start: half a second of one core each.
WORTHWHILE = 2_000
#: The same where messages are signed: one costs ten times as much, nearly all of it in the worker,
#: so that feeding the wire takes a small part of a core.
MOST_SIGNED = 16
WORTHWHILE_SIGNED = 500
#: Seconds a message from which the limits leave more than enough time to make it in process.
SLOW = 0.002
#: Seconds that a worker gets beyond what the template's own budget allows a batch.
GRACE = 30.0
#: Pages of one message, each with the budget of `limits.render_seconds`.
PAGES = 4
#: Seconds for a worker to be compiled and ready.
START_SECONDS = 60.0
#: Bytes that may wait in a worker's line: a batch of ordinary messages is 230 kB, for which Linux's
#: own 208 kB are just too few, so that the worker stood still until the loop had time to read.
#: (Measured: the two cores idle for 9 to 10 % of the time instead of 14 %.)
BUFFER = 1 << 20
#: Workers in a row that may be lost before one of them made anything.
BARREN = 3


class Lost(Enum):
    """A batch whose worker is gone."""

    BEGUN = "begun"  # it was at it: something in it may be the reason
    WAITING = "waiting"  # it had not come to it


Done: TypeAlias = "Callable[[Sequence[Product | None] | Lost], None]"


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_workers(
    messages: int, *, cores: int, allowed: int | None = None, is_signed: bool = False
) -> int:
    """How many workers make so many messages soonest; 0: it is better done in process.

    `allowed`: what the settings say, None where they leave it to us. One core is left for the
    process that owns the wire, unless messages are signed: then it has little to do.
    """
    if os.name != "posix":  # the line is a socket pair that the worker inherits
        return 0
    most = MOST_SIGNED if is_signed else MOST
    if allowed is not None:
        return min(allowed, most)
    if is_signed:
        return min(cores, most) if cores > 1 and messages >= WORTHWHILE_SIGNED else 0
    return min(cores - 1, most) if messages >= WORTHWHILE else 0


def open_workshop(
    recipe: Recipe,
    digest: str,
    others: Sequence[tuple[Recipe, str]] = (),
    *,
    unsent: int,
    rates: Iterable[Rate] = (),
    allowed: int | None,
) -> Workshop | None:
    """A workshop for a run with so many unsent messages; None where it would be of no use.

    `rates`: the limits of the run, which may leave more than enough time to make the messages in
    process. The workers start at once, beside whatever this process does next; `close` ends them.
    `others`: further recipes of the same messages, and their digests.
    """
    if least_seconds(unsent, rates) >= unsent * SLOW:
        return None
    is_signed = any(it.dkim for it, _digest in ((recipe, digest), *others))
    count = count_workers(unsent, cores=count_cores(), allowed=allowed, is_signed=is_signed)
    if not count:
        return None
    workshop = Workshop(recipe, digest, others)
    try:
        workshop.start(count)
    except BaseException:
        workshop.close()
        raise
    return workshop


class Workshop:
    """Workers and their orders. `start` them, `attach` them to a loop, `close` it all."""

    def __init__(
        self, recipe: Recipe, digest: str, others: Sequence[tuple[Recipe, str]] = ()
    ) -> None:
        """`others`: further recipes, and their digests."""
        self._recipes = (recipe, *(it for it, _digest in others))
        self._digests = [digest, *(it for _recipe, it in others)]
        self._opening = pack((locale.current(), self._recipes))
        self._seconds = PAGES * recipe.limits.render_seconds
        #: Started, without a loop that reads their lines.
        self._started: list[_Worker] = []
        self._workers: list[_Worker] = []
        self._is_closed = False
        self._barren = 0
        self._tasks: set[asyncio.Task[None]] = set()
        #: Called when a worker became ready, or was lost.
        self.on_change: Callable[[], None] = lambda: None

    def start(self, count: int) -> None:
        """Start so many workers; fewer where the system doesn't allow more. Needs no loop."""
        for _number in range(count):
            try:
                ours, theirs = socket.socketpair()
            except OSError:
                return
            with theirs:
                try:
                    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
                    process = _start(theirs)
                except OSError:
                    ours.close()
                    return
            self._started.append(_Worker(self, process, ours))

    async def attach(self) -> None:
        """Have the running loop read the lines of those that were started."""
        started, self._started = self._started, []
        self._workers += started
        for worker in started:
            try:
                await worker.attach(self._opening)
            except OSError:
                worker.end()
                self.miss(worker)

    def close(self) -> None:
        """End the workers, whatever they are at; nobody is told. A second time does nothing."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        for worker in (*self._workers, *self._started):
            worker.end()
        self._workers.clear()
        self._started.clear()

    def bench(self, recipe: Recipe) -> Bench | None:
        """Where messages are made from that recipe; None where workers don't know it."""
        if recipe not in self._recipes:
            return None
        return Bench(self, self._recipes.index(recipe))

    @property
    def processes(self) -> tuple[int, ...]:
        """The workers' process ids."""
        return tuple(worker.pid for worker in self._workers)

    @property
    def is_ready(self) -> bool:
        """Whether there is a worker to make messages, busy or not."""
        return any(worker.is_ready for worker in self._workers)

    @property
    def is_open(self) -> bool:
        """Whether there is a worker, or will be."""
        return bool(self._workers or self._tasks)

    @property
    def is_full(self) -> bool:
        """Whether there are workers, and all of them have enough to do."""
        is_full = False
        for worker in self._workers:
            if worker.is_ready:
                if len(worker.orders) < AHEAD:
                    return False
                is_full = True
        return is_full

    def order(self, orders: Sequence[Order], done: Done, recipe: int = 0) -> None:
        """Have these made by the worker that has least to do; one must be ready.

        `recipe`: which of them. `done` is called once, later: with the products in the orders'
        sequence (None for one that is to be made in process: it broke, or is large), or with what
        was lost with its worker.
        """
        ready = (it for it in self._workers if it.is_ready)
        min(ready, key=lambda worker: len(worker.orders)).take(orders, done, recipe)

    # --- what workers call -------------------------------------------------------------------

    def greet(self, worker: _Worker, digests: list[str]) -> None:
        """The worker has compiled the campaign."""
        if digests == self._digests:
            worker.is_ready = worker.was_ready = True
            self.on_change()
        else:
            worker.end()

    def miss(self, worker: _Worker) -> None:
        """The worker is gone: let another take its place, and give back what it had."""
        if worker in self._workers:
            self._workers.remove(worker)
        if self._is_closed:
            return
        self._barren = 0 if worker.has_served else self._barren + 1
        if worker.was_ready and self._barren < BARREN:
            self._replace()
        for number, (_orders, done) in enumerate(worker.orders):
            done(Lost.WAITING if number else Lost.BEGUN)
        self.on_change()

    def _replace(self) -> None:
        self.start(1)
        task = asyncio.create_task(self.attach())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def seconds_for(self, orders: Sequence[Order]) -> float:
        """Seconds after which a worker that still has them is taken for hung."""
        return GRACE + self._seconds * len(orders)


def _start(line: socket.socket) -> subprocess.Popen[bytes]:
    # -P: the working folder is not searched for modules. Secrets in the environment stay here.
    command = [sys.executable, "-P", "-m", "notifier.delivery.workbench", str(line.fileno())]
    environment = {name: it for name, it in os.environ.items() if not name.startswith("NOTIFIER_")}
    return subprocess.Popen(  # noqa: S603 - this very program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # what breaks there is met again here, and told
        pass_fds=(line.fileno(),),
        env=environment,
    )


class _Worker(asyncio.Protocol):
    """One worker process, and the orders that it has."""

    def __init__(
        self, workshop: Workshop, process: subprocess.Popen[bytes], line: socket.socket
    ) -> None:
        self._workshop = workshop
        self._process = process
        self._line = line
        self._buffer = bytearray()
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self.orders: deque[tuple[Sequence[Order], Done]] = deque()
        #: It compiled what this run is made from.
        self.is_ready = False
        self.was_ready = False
        #: It made something.
        self.has_served = False

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def attach(self, opening: bytes) -> None:
        """Have the running loop read the line, and send the recipe."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=self._line)
        self._transport.write(opening)
        self._watch(START_SECONDS)

    def take(self, orders: Sequence[Order], done: Done, recipe: int) -> None:
        """Send a batch."""
        self.orders.append((orders, done))
        self._transport.write(pack((recipe, [tuple(order) for order in orders])))
        if len(self.orders) == 1:
            self._watch(self._workshop.seconds_for(orders))

    def end(self) -> None:
        """End the process; `miss` follows with the line's end, unless it is there already."""
        if self._timer is not None:
            self._timer.cancel()
        self.is_ready = False
        if self._process.poll() is None:
            self._process.kill()  # it holds nothing that could be lost
        self._process.wait()
        if self._transport is None:
            self._line.close()
        else:
            self._transport.abort()

    # --- what asyncio calls ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is open."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Frames, or parts of them."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= LENGTH.size:
            (size,) = LENGTH.unpack_from(buffer, start)
            end = start + LENGTH.size + size
            if len(buffer) < end:
                break
            with memoryview(buffer) as view:
                value = pickle.loads(view[start + LENGTH.size : end])  # noqa: S301 - see `workbench`
            start = end
            self._receive(value)
        if start:
            del buffer[:start]

    def connection_lost(self, _exc: Exception | None) -> None:
        """The process is gone, or will be."""
        self.end()
        self._workshop.miss(self)

    def _receive(self, value: Any) -> None:
        if not self.is_ready:
            self._watch(None)
            self._workshop.greet(self, value)
            return
        self.has_served = True
        _orders, done = self.orders.popleft()
        self._watch(self._workshop.seconds_for(self.orders[0][0]) if self.orders else None)
        done([unflatten(flat) for flat in value])

    def _watch(self, seconds: float | None) -> None:
        """Take it for hung after so many seconds of silence."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.end)
