"""The engine: one run's due deliveries through one relay, until nothing is left to do.

`deliver` owns the wire and the ledger's pen while it runs: a pool of connections pulls messages
from the run's feed, a filler keeps the feed stocked, one writer makes intents and outcomes durable
in groups, and a ticker renews the lease, notices a pause from elsewhere and tells the progress.

It ends when every delivery is final or in doubt, when it is asked to stop, when somebody pauses or
cancels the run, or when the relay or the ledger is unavailable. However it ends, what was on the
wire is finished first (unless it is cancelled hard), and what was claimed is given back.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.delivery.domains import Lanes
from notifier.delivery.feed import RunFeed
from notifier.delivery.grants import Allowance, Grants
from notifier.delivery.heed import Heed
from notifier.delivery.progress import Meter, Progress
from notifier.delivery.retry import RetryPolicy
from notifier.delivery.terms import Terms
from notifier.delivery.throttle import Throttle, tightest
from notifier.delivery.workshop import open_workshop
from notifier.errors import GuardError, LedgerError, RelayError
from notifier.ledger.writer import Writer
from notifier.locale import _
from notifier.model import RunState, State
from notifier.slowdowns import shipped_rules
from notifier.smtp.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from notifier.delivery.making import Recipe
    from notifier.delivery.workshop import Workshop
    from notifier.ledger.ledger import Ledger, Run
    from notifier.ledger.permits import Ask, Back, Grant
    from notifier.model import Rate
    from notifier.relays import DomainSettings
    from notifier.render.templates import CompiledCampaign
    from notifier.settings import RelaySettings, RetrySettings
    from notifier.slowdowns import SlowdownRule

#: Seconds between two looks at the clock, the run's state and the progress.
TICK = 0.25
#: Seconds after which a worker that gave no sign is taken for dead; it gives one every third.
LEASE = 60.0
#: Seconds of nothing but trouble with the relay before the run is stopped.
PATIENCE = 120.0
#: Seconds for which the loop keeps Python's lock from the writer's thread. At Python's own 5 ms a
#: transaction of 64 took 20 ms while messages were being made, most of it waiting for the lock.
TURN = 0.001
#: Allocations between two garbage collections, by generation: messages make no cycles.
COLLECT = (50_000, 20, 50)
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
    shift = await writer.call(ledger.timebase, clock() - time.clock_gettime(kind))
    return lambda: shift + time.clock_gettime(kind)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be delivered, through what, and how."""

    run: Run
    compiled: CompiledCampaign
    relay: RelaySettings
    retry: RetrySettings
    #: The campaign's own ceiling, below the relay's.
    rate: Sequence[Rate] = ()
    #: The user's own rules on replies that mean "slower"; those that ship come after them.
    slowdowns: Sequence[SlowdownRule] = ()
    resends_doubt: bool = False
    #: Whether to stay until deferred deliveries are due, or to leave them to a later start.
    waits: bool = True
    #: What `compiled` was compiled from; None: messages are made in this process alone.
    recipe: Recipe | None = None
    #: Worker processes that may make messages; None: as many as help.
    workers: int | None = None
    #: Workers that were started already, for this recipe; `deliver` ends them.
    workshop: Workshop | None = None


@dataclass(slots=True)
class _Engine:
    job: Job
    ledger: Ledger
    writer: Writer
    feed: RunFeed
    pool: Pool
    meter: Meter
    throttle: Throttle
    grants: Grants
    heed: Heed
    steady: Callable[[], float]
    stop: asyncio.Event
    on_progress: Callable[[Progress], None] | None
    worker_id: int
    _beat_at: float = 0.0

    async def run(self) -> None:
        """Deliver until there is nothing left, or a reason to stop."""
        filler = asyncio.create_task(self.feed.fill())
        ticker = asyncio.create_task(self._tick())
        try:
            await self.pool.run(self.feed)
        finally:
            self.feed.close()
            ticker.cancel()
            await asyncio.gather(filler, ticker, return_exceptions=True)
            with contextlib.suppress(LedgerError):  # what was granted counts as used, then
                await self.grants.close()
            await self._tell()
        if self.feed.failure is not None:
            raise self.feed.failure

    async def _tick(self) -> None:
        try:
            while not await _happens(self.stop, TICK) and await self._may_go_on():
                await self._tell()
        except Exception as exc:  # noqa: BLE001 - without a ticker nobody could stop the run
            self.feed.fail(exc)
        self.feed.close()
        self.pool.stop()

    async def _may_go_on(self) -> bool:
        now = self.steady()
        self.grants.tidy(now)
        self.heed.forgive(now)
        if now - self._beat_at > LEASE / 3:
            self._beat_at = now
            if not await self.writer.call(self.ledger.heartbeat, self.worker_id):
                self.feed.drop_claims()
        run = await self.writer.call(self.ledger.get_run, self.job.run.id)
        return run.state is RunState.ACTIVE

    async def _tell(self) -> None:
        if self.on_progress is None or self.writer.failed is not None:
            return
        counts = await self.writer.call(self.ledger.counts, self.job.run.id)
        now = self.steady()
        rate = self.meter.rate(now)
        left = sum(counts.get(state, 0) for state in UNSENT)
        progress = Progress(
            counts=counts,
            rate=rate,
            seconds_left=left / rate if rate > 0 else None,
            connections=self.pool.size,
            waiting_until=self.feed.waiting_until,
            limited_by=self._limit(now),
        )
        try:
            self.on_progress(progress)
        except Exception:  # noqa: BLE001 - a closed terminal must not stop the mail
            self.on_progress = None

    def _limit(self, now: float) -> str:
        if self.feed.limited_for <= 0:
            return ""
        if reason := self.heed.reason(now):
            return _("slowed down by the relay: {reason}").format(reason=reason)
        limit = self.throttle.holding(now)
        return _("held back by the limit {rate}").format(rate=limit) if limit else ""


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
    the template is no longer the one that the run was enrolled with, or when somebody else sends
    through the same relay and it has limits, which must hold for both.

    Setting `stop` finishes what is on the wire and returns; cancelling closes the connections at
    once, and what had left without a reply is then in doubt.
    """
    _check_template(job)
    async with Writer(ledger) as writer, _undisturbed(), _workshop(job, ledger, writer) as workshop:
        worker_id = await writer.call(
            ledger.register_worker, socket.gethostname(), os.getpid(), job.run.id
        )
        try:
            engine = await _make_engine(
                job, ledger, writer, worker_id, workshop=workshop, clock=clock or time.time
            )
            engine.stop = stop or engine.stop
            engine.on_progress = on_progress
            await engine.run()
        except RelayError as exc:
            await _put_down(writer, ledger, worker_id)
            reason = f"{exc.message} {exc.next_step}".strip()
            if await writer.call(ledger.finish_if_done, job.run.id) is RunState.ACTIVE:
                await writer.call(ledger.set_run_state, job.run.id, RunState.PAUSED, reason)
            raise
        except BaseException:
            with contextlib.suppress(LedgerError):
                await _put_down(writer, ledger, worker_id)
            raise
        await _put_down(writer, ledger, worker_id)
        return await writer.call(ledger.finish_if_done, job.run.id)


@contextlib.asynccontextmanager
async def _undisturbed() -> AsyncIterator[None]:
    """Tune the interpreter for a long run, and put it back afterwards.

    The writer's thread has its turn soon, though the loop is busy. What is loaded by now is left
    out of garbage collection: it stays anyway, and walking over it again and again took a tenth
    of the time.
    """
    turn, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(min(turn, TURN))
    gc.freeze()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        sys.setswitchinterval(turn)


@contextlib.asynccontextmanager
async def _workshop(job: Job, ledger: Ledger, writer: Writer) -> AsyncIterator[Workshop | None]:
    """The job's workers, or new ones where the run is large enough; they end with this."""
    workshop = job.workshop
    if workshop is None and job.recipe is not None:
        counts = await writer.call(ledger.counts, job.run.id)
        unsent = sum(counts.get(state, 0) for state in (*UNSENT, State.DEFERRED))
        rates = (*job.relay.rate, *job.rate)
        workshop = open_workshop(
            job.recipe, job.compiled.digest, unsent=unsent, rates=rates, allowed=job.workers
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
    grants = _make_grants(ledger, writer, steady)
    throttle = await _make_throttle(job, ledger, writer, grants, steady())
    meter = Meter()
    lanes = _make_lanes(job, grants)
    heed = Heed((*job.slowdowns, *shipped_rules()), throttle, lanes)
    terms = Terms(
        run_id=job.run.id,
        worker_id=worker_id,
        relay=job.relay.name,
        lease_seconds=LEASE,
        assemble=job.compiled.assemble,
        workshop=workshop,
        throttle=throttle,
        lanes=lanes,
        heed=heed,
        policy=RetryPolicy(job.retry),
        clock=clock,
        steady=steady,
        resends_doubt=job.resends_doubt,
        patience=PATIENCE,
        waits=job.waits,
    )
    return _Engine(
        job=job,
        ledger=ledger,
        writer=writer,
        feed=RunFeed(terms, writer, ledger, meter, grants),
        pool=Pool(job.relay),
        meter=meter,
        throttle=throttle,
        grants=grants,
        heed=heed,
        steady=steady,
        stop=asyncio.Event(),
        on_progress=None,
        worker_id=worker_id,
    )


def _make_grants(ledger: Ledger, writer: Writer, steady: Callable[[], float]) -> Grants:
    async def exchange(asks: Sequence[Ask], backs: Sequence[Back], now: float) -> list[Grant]:
        return await writer.call(ledger.exchange, asks, backs, now)

    return Grants(exchange, steady)


async def _make_throttle(
    job: Job, ledger: Ledger, writer: Writer, grants: Grants, now: float
) -> Throttle:
    """The relay's limits and the campaign's below them, knowing what was used before."""
    relay, run_id = job.relay.name, job.run.id

    async def keep(scope: str, rates: Sequence[Rate], of_run: int | None) -> list[Allowance]:
        kept = tightest(rates)
        for rate in kept:
            await writer.call(ledger.keep_limit, scope, rate, relay, now, of_run)
        return [Allowance(scope, rate, grants) for rate in kept]

    whole = Throttle(await keep(f"relay {relay}", job.relay.rate, None))
    return Throttle(await keep(f"run {run_id}", job.rate, run_id), within=whole)


def _make_lanes(job: Job, grants: Grants) -> Lanes:
    """The limits of the domains behind the relay; their grants come with their first message."""

    def make_throttle(domain: str, limits: DomainSettings) -> Throttle:
        scope = f"relay {job.relay.name} @{domain}"
        return Throttle([Allowance(scope, rate, grants) for rate in tightest(limits.rate)])

    return Lanes(job.relay.domains, make_throttle)


async def _put_down(writer: Writer, ledger: Ledger, worker_id: int) -> None:
    await writer.drain()
    await writer.call(ledger.release, worker_id)


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


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
