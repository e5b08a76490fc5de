"""What the pool's connections ask for messages, and where they bring the replies.

The feed stands between three speeds: the ledger hands over due deliveries in batches, assembly
makes them messages one after the other, and the wire takes them as the relay and the limits allow.
It keeps a small stock of finished messages so that no connection waits for a render, and not more,
so that memory doesn't grow with the run.

If step X fails, what happens to whom?

    a message can't be made     that delivery is refused (`assemble`); the others go on
    a limit is reached          `take` gives nothing until the limit allows it; nobody is touched
    the window closes           nothing more is handed out; what is on the wire is finished
    the intent isn't durable    the message doesn't leave
    a reply refuses somebody    that delivery alone, as `verdict` judges
    the relay is in trouble     the delivery is given back unburnt, and sending pauses, longer each
                                time; minutes of that without one success, or a refusal for good,
                                stop the run with the reason
    ... with one message only   while others are taken: from the third time on it is that message's
                                own trouble, which burns its attempts, so that it ends some day
    the ledger is unavailable   nothing new is taken; what was on the wire is in doubt at worst
    the program is killed       claims are taken over at the next start, intents become `unknown`
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING

from notifier.delivery.dues import Dues
from notifier.delivery.patience import Patience
from notifier.delivery.stock import Stock
from notifier.delivery.terms import Job
from notifier.delivery.waiting import happens
from notifier.ledger.ledger import Intent, Result
from notifier.model import (
    Cause,
    Outcome,
    Scope,
    Stage,
    State,
    Submission,
)
from notifier.smtp.pool import Parcel

if TYPE_CHECKING:
    from notifier.delivery.grants import Grants
    from notifier.delivery.making import Made
    from notifier.delivery.progress import Meter
    from notifier.delivery.terms import Terms
    from notifier.ledger.ledger import Claimed, Ledger
    from notifier.ledger.writer import Writer

#: Results and intents that may wait for the disk before nothing new is taken, and the seconds
#: until a connection looks again.
BACKLOG = 2_000
BREATH = 0.02


class RunFeed:
    """The deliveries of one run, for one worker: `smtp.pool.Feed`."""

    def __init__(
        self, terms: Terms, writer: Writer, ledger: Ledger, meter: Meter, grants: Grants
    ) -> None:
        self._terms = terms
        self._writer = writer
        self._ledger = ledger
        self._meter = meter
        self._stock = Stock(self, terms.assemble, terms.clock, terms.workshop, terms.lanes)
        if terms.workshop is not None:
            terms.workshop.listen(self.stir)
        grants.on_change = self._granted
        grants.on_failure = self.fail
        self._jobs: dict[int, Job] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._stirred = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        writer.on_lost = self._forget
        self._patience = Patience(terms.relay, terms.patience)
        self._dues = Dues(terms, writer, ledger)
        self._suppressing: set[asyncio.Task[bool]] = set()
        self._in_flight = 0
        #: Why the run can't go on, where the relay or the ledger is the reason.
        self.failure: Exception | None = None
        #: Seconds until the limits admit the next message; 0 while they do.
        self.limited_for = 0.0

    @property
    def waiting_until(self) -> float | None:
        """When the next deferred delivery is due, while there is nothing else to do."""
        return self._dues.waiting_until

    # --- what a connection calls -------------------------------------------------------------

    def take(self) -> Parcel | None:
        """The next message, or None while there is none or a limit is reached."""
        if self._is_closed or not self._stock.finished:
            return None
        if self._terms.stops_at < inf and self._terms.clock() >= self._terms.stops_at:
            self.close()
            return None
        if self._writer.backlog > BACKLOG:
            self._wake_after(BREATH)
            return None
        now = self._terms.steady()
        delay = self._patience.held_until - now
        if delay <= 0:
            delay = self._terms.throttle.delay(now)
        if self._in_flight and self._terms.heed.is_single(now):
            delay = inf
        parcel = self._stock.draw(now) if delay <= 0 else None
        if self._stock.is_low:
            self._stirred.set()
        if parcel is None:
            self.limited_for = max(delay, 0.0) or self._stock.opens_at - now
            self._wake_after(self.limited_for)
            return None
        self.limited_for = 0.0
        self._terms.throttle.count(now)
        self._jobs[parcel.id].taken_at = now
        self._in_flight += 1
        return parcel

    async def wait(self) -> bool:
        """Until there may be a message; False when none will come any more."""
        if self._is_closed:
            return False
        if self._stock.finished and self.limited_for <= 0 and self._writer.backlog <= BACKLOG:
            return True
        if self._writer.backlog > BACKLOG:
            self._wake_after(BREATH)  # nothing else tells when the ledger has caught up
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake(1)  # it was meant for somebody who can use it
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            raise
        return not self._is_closed

    def intend(self, parcel: Parcel) -> asyncio.Future[bool]:
        """Write down that the message may leave now; True once that is durable."""
        job = self._jobs[parcel.id]
        job.is_intended = True
        return self._writer.intend(
            Intent(
                delivery_id=parcel.id,
                at=self._terms.clock(),
                message_at=job.message_at,
                digest=job.digest,
                worker_id=self._terms.worker_id,
            )
        )

    def settle(self, parcel: Parcel, submission: Submission) -> None:
        """Record what the wire said; once for each message taken."""
        job = self._jobs.pop(parcel.id)
        self._in_flight -= 1
        outcome = self._patience.judge(parcel.id, submission)
        steady_now = self._terms.steady()
        self._heed(job, submission, steady_now)
        failure = self._patience.note(outcome, submission, steady_now)
        if failure is not None:
            self.fail(failure)
        if outcome.state is State.PENDING and submission.reply is None and not job.is_intended:
            self._put_back(parcel, job)
        else:
            self._writer.settle(self._result(job, submission, outcome, steady_now))
            self._meter.settled += 1
            self._make_way(job)
        self._stirred.set()

    # --- stock -------------------------------------------------------------------------------

    async def fill(self) -> None:
        """Keep the stock filled until the run has nothing left to send, or `close` is called."""
        try:
            while not self._is_closed:
                if not self._stock.has_room:
                    await self._stir()
                elif self._stock.has_claims or await self._claim():
                    if self._stock.make_some():
                        await asyncio.sleep(0)
                    else:
                        await self._stir()
                elif not await self._has_more():
                    self.close()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the run must end and tell it
            self.fail(exc)

    def fail(self, exc: Exception) -> None:
        """Close, and have the run end with this error; the first one counts."""
        self.failure = self.failure or exc
        self.close()

    def close(self) -> None:
        """Give out nothing more; whoever waits is told so. What is on the wire still settles."""
        self._is_closed = True
        self._stirred.set()
        if self._timer is not None:
            self._timer.cancel()
        self._wake(len(self._waiters))

    async def _claim(self) -> bool:
        claimed = await self._dues.claim()
        self._stock.claimed.extend(claimed)
        return bool(claimed)

    async def _has_more(self) -> bool:
        """Wait for what may still become due; False when there is nothing to wait for."""
        if self._in_flight or not self._stock.is_empty:
            await self._stir()
            return True
        return await self._dues.wait(self._stir)

    async def _stir(self, seconds: float | None = None) -> None:
        """Until something changed, or for so many seconds."""
        self._stirred.clear()
        if not self._is_closed:
            await happens(self._stirred, seconds)

    # --- what the stock calls (`stock.Keeper`) -------------------------------------------------

    def made(self, claimed: Claimed, at: float, made: Made) -> Parcel:
        """The message is finished, its `Date:` being `at`."""
        self._jobs[claimed.id] = Job(claimed, at, made.digest)
        self._wake(1)
        return Parcel(claimed.id, made.message, claimed.token)

    def unmade(self, claimed: Claimed, reason: str) -> None:
        """There is no message for it: that is its delivery's end."""
        now = self._terms.steady()
        job = Job(claimed, 0.0, "", taken_at=now)
        submission = Submission(Stage.ASSEMBLE, None, reason)
        outcome = Outcome(State.REFUSED, Scope.MESSAGE, Cause.RENDER_FAILED)
        self._writer.settle(self._result(job, submission, outcome, now))

    def stir(self) -> None:
        """There is something new."""
        self._stirred.set()

    # --- outcomes ----------------------------------------------------------------------------

    def _result(
        self, job: Job, submission: Submission, outcome: Outcome, steady_now: float
    ) -> Result:
        now = self._terms.clock()
        reply = submission.reply
        pause = self._terms.policy.pause_seconds if reply else 0.0
        state, due_at = self._next(job.claimed, outcome, now, pause)
        return Result(
            delivery_id=job.claimed.id,
            number=job.claimed.attempts + 1,
            relay=self._terms.relay,
            started_at=now - max(0.0, steady_now - job.taken_at),
            at=now,
            stage=submission.stage,
            code=reply.code if reply else None,
            enhanced=reply.enhanced if reply else "",
            text=reply.text if reply else submission.error,
            state=state,
            cause=outcome.cause,
            next_attempt_at=due_at,
            burns_attempt=outcome.burns_attempt,
            worker_id=self._terms.worker_id,
        )

    def _next(
        self, claimed: Claimed, outcome: Outcome, now: float, pause: float
    ) -> tuple[State, float | None]:
        """The state the delivery goes to, and when it is due again.

        `pause`: seconds to wait where the relay said that it is in trouble. When a link was lost
        before the message left, it is due at once: the pool and `patience` hold back as they must.
        """
        state = outcome.state
        if state is State.PENDING:
            return state, now + pause
        if state is State.UNKNOWN and self._terms.resends_doubt:
            state = State.DEFERRED
        if state is not State.DEFERRED:
            return state, None
        first_at = claimed.first_attempt_at or now
        due_at = self._terms.policy.next_attempt_at(outcome, claimed.attempts + 1, first_at, now)
        return (State.EXPIRED, None) if due_at is None else (State.DEFERRED, due_at)

    def _put_back(self, parcel: Parcel, job: Job) -> None:
        self._terms.throttle.withdraw(job.taken_at)
        self._make_way(job, withdrawn_at=job.taken_at)
        self._jobs[parcel.id] = job
        self._stock.put_back(parcel)
        self._wake(1)

    def _heed(self, job: Job, submission: Submission, now: float) -> None:
        """Go slower where the reply asks for it."""
        if submission.reply is None or submission.reply.is_positive:
            return
        rule = self._terms.heed.hear(
            submission.reply,
            job.claimed.address,
            taken_at=job.taken_at,
            now=now,
            seen=self._meter.recent_rate(now),
        )
        if rule is not None and rule.suppress:
            self._suppress(job.claimed.address, str(submission.reply))

    def _suppress(self, address: str, reply: str) -> None:
        call = self._writer.call(self._ledger.suppress, address, reply, "slowdown")
        task = asyncio.get_running_loop().create_task(call)
        self._suppressing.add(task)
        task.add_done_callback(self._suppressed)

    def _suppressed(self, task: asyncio.Task[bool]) -> None:
        """An address that could not be written down ends the run with that error."""
        self._suppressing.discard(task)
        if not task.cancelled() and isinstance(exc := task.exception(), Exception):
            self.fail(exc)

    def _make_way(self, job: Job, *, withdrawn_at: float | None = None) -> None:
        """Another message to the same domain may leave now."""
        if self._stock.settled(job.claimed.address, withdrawn_at=withdrawn_at) or (
            self.limited_for == inf  # one at a time, and this was it
        ):
            self._end_limit()

    def _forget(self, delivery_id: int) -> None:
        """A delivery that is not ours any more is not settled either: let go of it."""
        job = self._jobs.pop(delivery_id, None)
        self._in_flight -= 1
        if job is not None:
            self._terms.throttle.withdraw(job.taken_at)
            self._make_way(job, withdrawn_at=job.taken_at)
        self.drop_claims()

    def drop_claims(self) -> None:
        """Let go of all that is not on the wire: it was claimed by others, or is about to be."""
        self._dues.are_lost = True
        for parcel in self._stock.clear():
            self._jobs.pop(parcel.id, None)
        self._stirred.set()

    # --- waking ------------------------------------------------------------------------------

    def _wake(self, count: int) -> None:
        while count > 0 and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1

    def _wake_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds < inf:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._end_limit)

    def _granted(self) -> None:
        """The ledger has answered: somebody may leave."""
        self._stock.answered()
        self._end_limit()

    def _end_limit(self) -> None:
        """A limit may be over."""
        self.limited_for = 0.0
        self._wake(self._stock.finished)
