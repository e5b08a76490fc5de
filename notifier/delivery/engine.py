"""The engine: one run's due deliveries through its relays, until nothing is left to do.

`deliver` owns the wire and the ledger's pen while it runs: pools of connections pull messages from
the run's feed (`fleet.py`), a filler keeps the feed stocked, one writer makes intents and outcomes
durable in groups, and a ticker renews the lease, notices a pause from elsewhere and tells the
progress.

It ends when every delivery is final or in doubt, when it is asked to stop, when the run's window
closes or it is too late for it, when somebody pauses or cancels the run, or when all its relays, or
the ledger, are unavailable. However it ends, what was on the wire is finished first (unless it is
cancelled hard), and what was claimed is given back.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import time
from datetime import UTC
from typing import TYPE_CHECKING

from notifier.delivery import events
from notifier.delivery.fleet import make_sender
from notifier.delivery.grants import Grants
from notifier.delivery.guard import Watch
from notifier.delivery.line import LEASE, Desk, Job, Route, keep_limits, open_line
from notifier.delivery.progress import Progress
from notifier.delivery.waiting import happens
from notifier.delivery.window import too_late
from notifier.delivery.workshop import open_workshop
from notifier.errors import GuardError, LedgerError, RelayError, RelayUnreachable
from notifier.ledger.relays import Trouble
from notifier.ledger.writer import Writer
from notifier.locale import _
from notifier.model import RunState, State
from notifier.slowdowns import shipped_rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from notifier.delivery.fleet import Sender
    from notifier.delivery.making import Recipe
    from notifier.delivery.workshop import Workshop
    from notifier.ledger.ledger import Ledger
    from notifier.ledger.permits import Ask, Back, Grant

__all__ = ["Job", "Route", "deliver"]

#: Seconds between two looks at the clock, the run's state and the progress.
TICK = 0.25
#: Seconds between two exchanges with whoever sends through the same relays.
SHARING = 1.0
#: Seconds for which the loop keeps Python's lock from the writer's thread. At Python's own 5 ms a
#: transaction of 64 took 20 ms while messages were being made, most of it waiting for the lock.
TURN = 0.001
#: Allocations between two garbage collections, by generation: messages make no cycles.
COLLECT = (50_000, 20, 50)
#: How the interpreter was tuned before, once for each run that is being delivered.
_busy: list[tuple[float, tuple[int, int, int]]] = []
#: What is still to be sent now; deferred deliveries wait for their time.
UNSENT = (State.PENDING, State.CLAIMED, State.SUBMITTING)


async def _steady_clock(
    clock: Callable[[], float], ledger: Ledger, writer: Writer
) -> Callable[[], float]:
    """Unix time from now on that never jumps: setting the clock moves no limit.

    It goes on while the machine sleeps, where the system has a clock that does, and is the same
    for all processes that use the ledger.
    """
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    shift = await writer.call(ledger.traffic.timebase, clock() - time.clock_gettime(kind))
    return lambda: shift + time.clock_gettime(kind)


class _Engine:
    """Drives a run's sender, and looks after its lease and the run's state."""

    def __init__(self, desk: Desk, sender: Sender) -> None:
        self._desk = desk
        self._sender = sender
        self._beat_at = 0.0
        self._shared_at = 0.0
        job = desk.job
        self._watch = Watch(desk.ledger, desk.writer, job.run.id, job.stop_rules, job.say_cause)
        self.stop = asyncio.Event()
        self.on_progress: Callable[[Progress], None] | None = None

    async def run(self) -> None:
        """Deliver until there is nothing left, or a reason to stop."""
        try:
            await self._run()
        except RelayError as exc:
            desk, now = self._desk, self._desk.clock()
            for relay, why in self._sender.downs(exc).items():
                trouble = Trouble(relay, why, since=now, until=None)
                await desk.writer.call(desk.ledger.traffic.set_relay_trouble, trouble)
            raise

    async def _run(self) -> None:
        await self._share(self._desk.steady())
        ticker = asyncio.create_task(self._tick())
        try:
            await self._sender.run()
        except asyncio.CancelledError:
            self._desk.writer.hurry()
            raise
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
            with contextlib.suppress(LedgerError):  # what was granted counts as used, then
                await self._desk.grants.close()
                await self._share(self._desk.steady())
            await self._tell()
        if self._sender.failure is not None:
            raise self._sender.failure

    async def _tick(self) -> None:
        try:
            while not await happens(self.stop, TICK) and await self._may_go_on():
                await self._tell()
        except Exception as exc:  # noqa: BLE001 - without a ticker nobody could stop the run
            self._sender.fail(exc)
        self._sender.stop()

    async def _may_go_on(self) -> bool:
        desk, now = self._desk, self._desk.steady()
        if desk.clock() >= desk.stops_at:
            return False
        desk.grants.tidy(now)
        self._sender.look(now)
        if now - self._shared_at > SHARING or self._is_pressing():
            await self._share(now)
        if now - self._beat_at > LEASE / 3:
            self._beat_at = now
            if not await desk.writer.call(desk.ledger.heartbeat, desk.worker_id):
                self._sender.drop_claims()
        await self._watch.look(now)
        run = await desk.writer.call(desk.ledger.get_run, desk.job.run.id)
        return run.state is RunState.ACTIVE

    def _is_pressing(self) -> bool:
        return any(line.lanes.is_pressing for line in self._sender.lines)

    async def _share(self, now: float) -> None:
        """Share connections and paces with whoever sends through the same relays."""
        desk, sender = self._desk, self._sender
        self._shared_at = now
        news = [row for line in sender.lines for row in line.heed.news()]
        at = desk.clock()
        places = [wish for line in sender.lines for wish in line.lanes.wishes(now)]
        steps = [row for line in sender.lines for row in line.met.steps(at)]
        shared = await desk.writer.call(
            desk.ledger.traffic.sync_relays,
            desk.worker_id,
            [*sender.wishes(), *places],
            news,
            (steps, sender.news(at)),
        )
        sender.allow(shared.slots)
        for line in sender.lines:
            line.heed.adopt(shared.paces, shared.senders[line.name], now)
            line.met.adopt(shared.steps, at)
        moved = [line.lanes.allow(shared.slots, now) for line in sender.lines]
        if any(moved):
            desk.grants.on_change()  # whoever waited for a place may leave

    async def _tell(self) -> None:
        desk = self._desk
        if self.on_progress is None or desk.writer.failed is not None:
            return
        counts = await desk.writer.call(desk.ledger.counts, desk.job.run.id)
        now = desk.steady()
        rate = sum(line.meter.rate(now) for line in self._sender.lines)
        left = sum(counts.get(state, 0) for state in UNSENT)
        progress = Progress(
            counts=counts,
            rate=rate,
            seconds_left=left / rate if rate > 0 else None,
            connections=self._sender.connections,
            waiting_until=self._sender.waiting_until,
            limited_by=self._sender.limit(now),
        )
        try:
            self.on_progress(progress)
        except Exception:  # noqa: BLE001 - a closed terminal must not stop the mail
            self.on_progress = None


async def deliver(
    job: Job,
    ledger: Ledger,
    *,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] | None = None,
) -> RunState:
    """Deliver the run's due messages; the state that the run is in afterwards.

    Raises RelayError when the relay can't be used: the run is paused then, with the reason, and
    nobody's attempt is burnt. Raises LedgerError when the ledger can't be written, GuardError when
    the template is no longer the one that the run was enrolled with.

    Setting `stop` finishes what is on the wire and returns; cancelling closes the connections at
    once, and what had left without a reply is then in doubt. Where the run's window is closed, or
    closes, the run stays active and this returns; where it is too late, what is left expires.
    """
    clock = clock or time.time
    if job.is_too_late(clock()):
        await asyncio.to_thread(ledger.recover, job.run.id, job.resends_doubt)
        await asyncio.to_thread(_expire, job, ledger)
    if job.stops_at(clock()) <= clock():
        return (await asyncio.to_thread(ledger.get_run, job.run.id)).state
    _check_template(job)
    async with Writer(ledger) as writer, _undisturbed(), _workshop(job, ledger, writer) as workshop:
        worker_id = await writer.call(
            ledger.register_worker, socket.gethostname(), os.getpid(), job.run.id
        )
        try:
            engine = await _make_engine(
                job, ledger, writer, worker_id, workshop=workshop, clock=clock
            )
            engine.stop = stop or engine.stop
            engine.on_progress = on_progress
            await engine.run()
        except RelayError as exc:
            await _put_down(writer, ledger, worker_id)
            reason = f"{exc.message} {exc.next_step}".strip()
            is_left = await writer.call(_close, job, ledger) is RunState.ACTIVE
            if is_left and (job.pauses or not isinstance(exc, RelayUnreachable)):
                await writer.call(ledger.set_run_state, job.run.id, RunState.PAUSED, reason)
            raise
        except BaseException:
            with contextlib.suppress(LedgerError):
                await _put_down(writer, ledger, worker_id)
            raise
        await _put_down(writer, ledger, worker_id)
        if job.is_too_late(clock()):
            await writer.call(_expire, job, ledger)
        return await writer.call(_close, job, ledger)


def _close(job: Job, ledger: Ledger) -> RunState:
    """The run is over where nothing is left of it, and whoever looks after it is told."""
    state = ledger.finish_if_done(job.run.id)
    events.tell_ended(ledger, job.run.id)
    return state


def _expire(job: Job, ledger: Ledger) -> None:
    """Everything that did not leave in time never does."""
    assert job.run.not_after is not None
    zone = UTC if job.hours is None else job.hours.zone
    told = too_late(job.run.not_after, zone)
    if count := ledger.schedules.expire(job.run.id, told):
        events.tell_too_late(ledger, job.run.id, told, count)


@contextlib.asynccontextmanager
async def _undisturbed() -> AsyncIterator[None]:
    """Tune the interpreter for a long run, and put it back afterwards.

    The writer's thread has its turn soon, though the loop is busy. What is loaded by now is left
    out of garbage collection: it stays anyway, and walking over it again and again took a tenth
    of the time. Of several runs at a time the last one puts it back.
    """
    if not _busy:
        _busy.append((sys.getswitchinterval(), gc.get_threshold()))
        sys.setswitchinterval(min(sys.getswitchinterval(), TURN))
        gc.freeze()
        gc.set_threshold(*COLLECT)
    else:
        _busy.append(_busy[0])
    try:
        yield
    finally:
        turn, thresholds = _busy.pop()
        if not _busy:
            gc.set_threshold(*thresholds)
            gc.unfreeze()
            sys.setswitchinterval(turn)


def _digest_of(job: Job, recipe: Recipe) -> str:
    return job.compiled.digest if recipe is job.recipe else recipe.compile().digest


@contextlib.asynccontextmanager
async def _workshop(job: Job, ledger: Ledger, writer: Writer) -> AsyncIterator[Workshop | None]:
    """The job's workers, or new ones where the run is large enough; they end with this."""
    workshop, recipes = job.workshop, job.recipes
    if workshop is None and recipes:
        counts = await writer.call(ledger.counts, job.run.id)
        unsent = sum(counts.get(state, 0) for state in (*UNSENT, State.DEFERRED))
        (recipe, digest), *others = [(it, _digest_of(job, it)) for it in recipes]
        own = job.relay.rate if len(job.routes) <= 1 else ()
        workshop = open_workshop(
            recipe,
            digest,
            others,
            unsent=unsent,
            rates=(*own, *job.rate),
            allowed=job.workers,
        )
    if workshop is None:
        yield None
        return
    try:
        await workshop.attach()
        yield workshop
    finally:
        workshop.close()
        await asyncio.sleep(0)  # their lines close


async def _make_engine(
    job: Job,
    ledger: Ledger,
    writer: Writer,
    worker_id: int,
    *,
    workshop: Workshop | None,
    clock: Callable[[], float],
) -> _Engine:
    await writer.call(ledger.recover, job.run.id, job.resends_doubt)
    steady = await _steady_clock(clock, ledger, writer)
    desk = Desk(
        stops_at=job.stops_at(clock()),
        job=job,
        ledger=ledger,
        writer=writer,
        worker_id=worker_id,
        workshop=workshop,
        grants=_make_grants(ledger, writer, steady),
        clock=clock,
        steady=steady,
        rules=(*job.slowdowns, *shipped_rules()),
    )
    ceiling = await keep_limits(desk, f"run {job.run.id}", job.rate, job.relay.name, job.run.id)
    routes = job.routes or (Route(job.relay),)
    return _Engine(desk, make_sender(desk, [await open_line(desk, it, ceiling) for it in routes]))


def _make_grants(ledger: Ledger, writer: Writer, steady: Callable[[], float]) -> Grants:
    async def exchange(asks: Sequence[Ask], backs: Sequence[Back], now: float) -> list[Grant]:
        return await writer.call(ledger.traffic.exchange, asks, backs, now)

    return Grants(exchange, steady)


async def _put_down(writer: Writer, ledger: Ledger, worker_id: int) -> None:
    # Whatever the policy for doubt: all that was on the wire is settled by it before this. What is
    # not was left by a mistake of ours, perhaps with the relay's 2yz in hand: a person decides.
    await writer.drain()
    await writer.call(ledger.release, worker_id)


def _check_template(job: Job) -> None:
    if job.run.template_digest and job.run.template_digest != job.compiled.digest:
        raise GuardError(
            _("The template or campaign was changed after this run had begun."),
            where=_("run {run}").format(run=job.run.id),
            next_step=_(
                "Undo the change to go on with the run, or cancel it "
                "(notifier cancel {run}) and send the campaign again."
            ).format(run=job.run.id),
        )
