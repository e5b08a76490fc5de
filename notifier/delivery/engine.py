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
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.delivery.feed import RunFeed, Terms
from notifier.delivery.progress import Meter, Progress
from notifier.delivery.retry import RetryPolicy
from notifier.delivery.throttle import Throttle
from notifier.errors import GuardError, LedgerError, NotifierError, RelayError
from notifier.ledger.writer import Writer
from notifier.locale import _
from notifier.model import RunState, State
from notifier.smtp.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.ledger.ledger import Ledger, Run
    from notifier.model import Rate
    from notifier.render.templates import CompiledCampaign
    from notifier.settings import RelaySettings, RetrySettings

#: Seconds between two looks at the clock, the run's state and the progress.
TICK = 0.25
#: Seconds after which a worker that gave no sign is taken for dead; it gives one every third.
LEASE = 60.0
#: Failures of the relay in a row, for each connection, before the run is stopped.
PATIENCE = 3
#: What is still to be sent now; deferred deliveries wait for their time.
UNSENT = (State.PENDING, State.CLAIMED, State.SUBMITTING)


def steady_clock() -> Callable[[], float]:
    """Unix time that never jumps: somebody setting the clock moves no limit and no lease."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be delivered, through what, and how."""

    run: Run
    compiled: CompiledCampaign
    relay: RelaySettings
    retry: RetrySettings
    #: The campaign's own ceiling, below the relay's.
    rate: Sequence[Rate] = ()
    resends_doubt: bool = False
    #: Whether to stay until deferred deliveries are due, or to leave them to a later start.
    waits: bool = True


@dataclass(slots=True)
class _Engine:
    job: Job
    ledger: Ledger
    writer: Writer
    feed: RunFeed
    pool: Pool
    meter: Meter
    throttle: Throttle
    clock: Callable[[], float]
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
            await self._tell()
        if self.feed.failure is not None:
            raise self.feed.failure

    async def _tick(self) -> None:
        try:
            while True:
                if await _happens(self.stop, TICK) or not await self._may_go_on():
                    self.feed.close()
                    self.pool.stop()
                    return
                await self._tell()
        except NotifierError as exc:
            self.feed.failure = self.feed.failure or exc
            self.feed.close()
            self.pool.stop()

    async def _may_go_on(self) -> bool:
        now = self.clock()
        if now - self._beat_at > LEASE / 3:
            self._beat_at = now
            await self.writer.call(self.ledger.heartbeat, self.worker_id)
        run = await self.writer.call(self.ledger.get_run, self.job.run.id)
        return run.state is RunState.ACTIVE

    async def _tell(self) -> None:
        if self.on_progress is None:
            return
        counts = await self.writer.call(self.ledger.counts, self.job.run.id)
        now = self.clock()
        rate = self.meter.rate(now)
        left = sum(counts.get(state, 0) for state in UNSENT)
        self.on_progress(
            Progress(
                counts=counts,
                rate=rate,
                seconds_left=left / rate if rate > 0 else None,
                connections=self.pool.size,
                waiting_until=self.feed.waiting_until,
                limited_by=self._limit(now),
            )
        )

    def _limit(self, now: float) -> str:
        limit = self.throttle.holding(now) if self.feed.limited_for > 0 else None
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
    the template is no longer the one that the run was enrolled with, or somebody else is
    delivering this run. Setting `stop` finishes what is on the wire and returns; cancelling closes
    the connections at once, and what had left without a reply is then in doubt.
    """
    _check_template(job)
    clock = clock or steady_clock()
    async with Writer(ledger) as writer:
        worker_id = await writer.call(
            ledger.register_worker, socket.gethostname(), os.getpid(), job.run.id
        )
        try:
            await writer.call(ledger.recover, job.run.id, job.resends_doubt)
            throttle = await _make_throttle(job, ledger, writer, clock)
            feed, meter = _make_feed(
                job, ledger, writer, throttle, worker_id=worker_id, clock=clock
            )
            engine = _Engine(
                job=job,
                ledger=ledger,
                writer=writer,
                feed=feed,
                pool=Pool(job.relay),
                meter=meter,
                throttle=throttle,
                clock=clock,
                stop=stop or asyncio.Event(),
                on_progress=on_progress,
                worker_id=worker_id,
            )
            await engine.run()
        except RelayError as exc:
            await _put_down(writer, ledger, worker_id)
            reason = f"{exc.message} {exc.next_step}".strip()
            await writer.call(ledger.set_run_state, job.run.id, RunState.PAUSED, reason)
            raise
        except LedgerError:
            raise
        except BaseException:
            await _put_down(writer, ledger, worker_id)
            raise
        await _put_down(writer, ledger, worker_id)
        return await writer.call(ledger.finish_if_done, job.run.id)


async def _make_throttle(
    job: Job, ledger: Ledger, writer: Writer, clock: Callable[[], float]
) -> Throttle:
    """The relay's limits and the campaign's below them, knowing what was used before."""
    relay = Throttle(job.relay.rate, clock)
    campaign = Throttle(job.rate, clock, within=relay)
    for throttle, run_id in ((relay, None), (campaign, job.run.id)):
        if throttle.memory_count:
            since = clock() - throttle.memory_seconds
            throttle.restore(
                await writer.call(
                    ledger.recent_attempts, job.relay.name, since, throttle.memory_count, run_id
                )
            )
    return campaign


def _make_feed(
    job: Job,
    ledger: Ledger,
    writer: Writer,
    throttle: Throttle,
    *,
    worker_id: int,
    clock: Callable[[], float],
) -> tuple[RunFeed, Meter]:
    meter = Meter()
    terms = Terms(
        run_id=job.run.id,
        worker_id=worker_id,
        relay=job.relay.name,
        lease_seconds=LEASE,
        assemble=job.compiled.assemble,
        throttle=throttle,
        policy=RetryPolicy(job.retry),
        clock=clock,
        resends_doubt=job.resends_doubt,
        patience=PATIENCE * job.relay.max_connections,
        waits=job.waits,
    )
    return RunFeed(terms, writer, ledger, meter), meter


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
