"""How many connections there are to one relay, and who gets the next parcel.

Its crew *decides* purely (`crew.py`), the pool acts on it (`_carry_out`). Couriers take parcels
themselves as long as there are any; one scout waits for the feed when there are none.

How many: one at first. Each message that the relay takes makes room for one more, up to
`max_connections` (Postfix grows its concurrency so), and one is opened when there is work for it.
A relay that refuses another connection while some work gets no more of them for a while: that is
no failure. A relay that can't be reached at all is tried again (`redial`), then `run` raises.

If step X fails, what happens to whom?

    opening, others are at work    fewer connections; nobody is touched
    opening, nobody is at work     tried again after a wait; no parcel was taken for it
    ... too often, or for good     `run` raises; what was taken is settled first
    a connection is lost           its parcels are settled (in doubt: at most one); it is replaced
    lost without one answer        counts as a failure to open
    ... while commands were sent in a row   held against that (`ladder`): the next asks less
    the feed raises                everything is settled, then `run` raises the same
    `run` is cancelled             connections close at once; everything is settled before it ends
    `stop`                         couriers finish what they hold, take leave, and `run` returns
"""

from __future__ import annotations

import asyncio
import logging
import time
from random import Random
from typing import TYPE_CHECKING

from notifier.errors import RelayError
from notifier.locale import _
from notifier.smtp.courier import Courier
from notifier.smtp.crew import Crew, Plan, Stats
from notifier.smtp.dialler import Dialler
from notifier.smtp.parcel import Feed, Parcel
from notifier.smtp.redial import Redial

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.model import Submission
    from notifier.settings import RelaySettings
    from notifier.smtp.envelope import Capabilities
    from notifier.smtp.ladder import Ladder

__all__ = ["Feed", "Parcel", "Plan", "Pool", "Stats"]

_log = logging.getLogger("notifier")

#: Seconds without growth after a relay refused another connection.
CALM = 30.0
#: How far a connection's count and age stay below their limits, by chance, so that they don't all
#: end at once.
JITTER = 0.1
#: Seconds that the end of `run` waits for intents that were asked for.
PATIENCE = 5.0


class Pool:
    """The connections to one relay."""

    def __init__(
        self,
        relay: RelaySettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
        on_event: Callable[[str, str], None] | None = None,
        redial: Redial | None = None,
        ladder: Ladder | None = None,
    ) -> None:
        """Raises SettingsError or TlsError for a password or `ca_file` that can't be read.

        `on_event(kind, sentence)` hears `opened`, `lost`, `fewer`, `slower` and `retry`; the
        sentences are without secrets. `redial` says when to try again to connect. `ladder`: what
        was learnt before of the relay's ways.
        """
        self._relay = relay
        self._dialler = Dialler(relay, ladder)
        self._dialler.ladder.on_fall = self._step_down
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - for spreading load, not for secrets
        self._on_event = on_event or (lambda _kind, _text: None)
        self._redial = redial or Redial(relay.connect_attempts, self._random)
        self._feed: Feed
        self._crew = Crew(relay.max_connections, relay.idle_timeout)
        self._deferred: set[asyncio.Future[bool]] = set()
        self._failures = 0
        self._calm_until = 0.0
        self._is_fed = False
        self._is_stopping = False
        self._is_exhausted = False
        self._failure: BaseException | None = None
        self._wake_at: float | None = None
        self._stirred = asyncio.Event()
        self._hungry = asyncio.Event()
        self.stats = Stats()
        #: What the relay said last that it can do; None: it was not reached yet.
        self.offers: Capabilities | None = None

    def __repr__(self) -> str:
        busy = len(self._crew.couriers) - len(self._crew.idle)
        return (
            f"<Pool {self._dialler.account.name}: {busy} busy, {len(self._crew.idle)} idle, "
            f"{len(self._crew.openings)} opening, window {self._crew.window}/{self._crew.most}>"
        )

    @property
    def size(self) -> int:
        """Connections that are open or being opened."""
        return self._crew.size

    # --- the contract ------------------------------------------------------------------------

    async def run(self, feed: Feed) -> None:
        """Carry the feed's parcels until there are no more, and all are settled.

        Raises RelayError when the relay can't be used, and whatever the feed raises; every parcel
        that was taken is settled before that, and when this is cancelled.
        """
        self._feed = feed
        scout = asyncio.create_task(self._scout())
        self._hungry.set()
        try:
            while self._failure is None:
                plan = self.plan(self._clock())
                self._carry_out(plan)
                if plan.is_done:
                    break
                await self._rest(plan.wake_at)
        finally:
            await self._wind_down(scout)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Take nothing new; what is on the wire is finished, then `run` returns."""
        self._is_stopping = True
        self._stir()

    def limit(self, most: int) -> None:
        """Have no more connections than these from now on; those beyond finish what they hold."""
        if most != self._crew.most:
            self._crew.limit(most)
            self._stir()

    def plan(self, now: float) -> Plan:
        """What is to be done at that instant; changes nothing."""
        if self._is_stopping or self._is_exhausted:
            is_done = not self._crew.couriers and not self._crew.openings and not self._deferred
            return Plan(0, tuple(self._crew.idle), (), None, is_done)
        return self._crew.plan(now, is_fed=self._is_fed)

    # --- acting ------------------------------------------------------------------------------

    def _carry_out(self, plan: Plan) -> None:
        if self._is_stopping or self._is_exhausted:
            for opening in self._crew.openings:
                opening.cancel()
        for courier in plan.retire:
            courier.is_worn = True
        for courier in plan.close:
            self._crew.idle.remove(courier)
            courier.quit()
        for _number in range(plan.connect):
            self._crew.openings.add(asyncio.create_task(self._open()))

    async def _open(self) -> None:
        try:
            connection = await self._dialler.dial()
        except RelayError as exc:
            self._could_not_open(exc)
        except Exception as exc:  # noqa: BLE001 - a bug in opening must end the run, not hang it
            self.crash(exc)
        else:
            self.offers = connection.session.capabilities
            self._opened(
                Courier(
                    connection,
                    self,
                    depth=self._relay.pipeline_depth,
                    messages=self._shorten(self._relay.max_messages_per_connection),
                    expires_at=self._clock()
                    + self._relay.max_connection_age * (1 - JITTER * self._random.random()),
                )
            )
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._crew.openings.discard(task)
            self._stir()

    def _shorten(self, count: int) -> int:
        return max(1, round(count * (1 - JITTER * self._random.random())))

    def _opened(self, courier: Courier) -> None:
        self.stats.opened += 1
        self._crew.couriers.add(courier)
        self._on_event("opened", _("A connection to the relay is open."))
        courier.serve()

    def _could_not_open(self, exc: RelayError) -> None:
        self.stats.refused_connections += 1
        others = self._crew.size - 1
        if others > 0:
            self._grow_no_more(others, exc)
        else:
            self._count_failure(exc)

    def _grow_no_more(self, working: int, exc: RelayError) -> None:
        self._crew.window = max(1, working)
        self._calm_until = self._clock() + CALM * (1 + self._random.random())
        self._on_event("fewer", exc.message)

    def _count_failure(self, exc: RelayError) -> None:
        self._failures += 1
        self._crew.window = 1
        wait = self._redial.wait(exc, self._failures)
        if wait is None:
            self.crash(exc)
        else:
            self._crew.retry_at = self._clock() + wait
            self._on_event("retry", exc.message)

    async def _scout(self) -> None:
        """Wait for the feed while somebody could use a parcel, and hand out what comes."""
        try:
            while not self._is_exhausted:
                await self._hungry.wait()
                self._hungry.clear()
                while self._can_use_parcels():
                    if not await self._feed.wait():
                        self._is_exhausted = True
                        break
                    if not self._hand_out():
                        await asyncio.sleep(0)  # the feed was too hopeful: let others go on
            self._stir()
        except Exception as exc:  # noqa: BLE001 - the feed's errors are raised by run
            self.crash(exc)

    def _can_use_parcels(self) -> bool:
        if self._is_stopping or self._is_exhausted or self._failure is not None:
            return False
        return bool(self._crew.idle) or (not self.size and not self._is_fed)

    def _hand_out(self) -> bool:
        """Let idle couriers take parcels, the last used first; whether anything came of it."""
        if not self._crew.idle:
            self._is_fed = True
            self._stir()
            return True
        served = 0
        self._is_fed = True
        while self._crew.idle and self._is_fed:
            self._crew.idle.pop().serve()
            served += self._is_fed
        if self._is_fed:
            self._stir()
        return served > 0

    async def _rest(self, wake_at: float | None) -> None:
        self._wake_at = wake_at
        delay = None if wake_at is None else max(0.0, wake_at - self._clock())
        try:
            async with asyncio.timeout(delay):
                await self._stirred.wait()
        except TimeoutError:
            pass
        self._stirred.clear()

    def _stir(self) -> None:
        self._stirred.set()

    async def _wind_down(self, scout: asyncio.Task[None]) -> None:
        tasks = [scout, *self._crew.openings]
        for task in tasks:
            task.cancel()
        error = self._failure if isinstance(self._failure, RelayError) else None
        self._is_stopping = True
        for courier in list(self._crew.couriers):
            courier.abort(error)
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._deferred:
            await asyncio.wait(self._deferred, timeout=PATIENCE)
            await asyncio.sleep(0)  # their callbacks settle
        await self._dialler.close()

    def _step_down(self, note: str) -> None:
        """The relay can't take what was sent in a row: connections begin anew, a step lower."""
        if note:
            _log.warning("%s", note)
            self._on_event("slower", note)
        for courier in self._crew.couriers:
            courier.is_worn = True

    # --- what couriers call (`courier.Dispatcher`) ---------------------------------------------

    def take(self) -> Parcel | None:
        """The next parcel, if there is one now."""
        if self._is_stopping or self._failure is not None:
            return None
        try:
            parcel = self._feed.take()
        except Exception as exc:  # noqa: BLE001 - the feed's errors are raised by run
            self.crash(exc)
            return None
        if parcel is None:
            self._is_fed = False
            return None
        self._is_fed = True
        self.stats.taken += 1
        if self._crew.window > self._crew.size:
            self._stir()
        return parcel

    def intend(self, parcel: Parcel) -> asyncio.Future[bool]:
        """The durable intent; a feed that raises makes it a failed one."""
        try:
            intent = self._feed.intend(parcel)
            return intent if isinstance(intent, asyncio.Future) else asyncio.ensure_future(intent)
        except Exception as exc:  # noqa: BLE001 - the feed's errors are raised by run
            failed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            failed.set_exception(exc)
            return failed

    def settle(self, parcel: Parcel, submission: Submission) -> None:
        """The parcel's end."""
        self.stats.settled += 1
        try:
            self._feed.settle(parcel, submission)
        except Exception as exc:  # noqa: BLE001 - the feed's errors are raised by run
            self.crash(exc)

    def settle_later(
        self, intent: asyncio.Future[bool], parcel: Parcel, submission: Submission
    ) -> None:
        """The parcel's end, unless its intent turns out to be refused."""

        def settle(done: asyncio.Future[bool]) -> None:
            self._deferred.discard(done)
            if done.cancelled() or done.exception() is not None or done.result():
                self.settle(parcel, submission)
            self._stir()

        self._deferred.add(intent)
        intent.add_done_callback(settle)

    def succeeded(self) -> None:
        """The relay took a message: there may be one more connection."""
        self.stats.accepted += 1
        self._failures = 0
        if self._crew.window < self._crew.most and self._clock() >= self._calm_until:
            self._crew.window += 1

    def crash(self, exc: BaseException) -> None:
        """End `run` with this, after settling."""
        if self._failure is None:
            self._failure = exc
        self._stir()

    def idle(self, courier: Courier) -> None:
        """Nothing to do for this one."""
        courier.idle_since = self._clock()
        self._crew.idle.append(courier)
        self._hungry.set()
        leaves_at = self._crew.leaves_at(courier)
        if (
            self._is_stopping
            or self._is_exhausted
            or self._wake_at is None
            or leaves_at < self._wake_at
        ):
            self._stir()

    def gone(self, courier: Courier, error: RelayError | None) -> None:
        """A connection is over."""
        self._crew.couriers.discard(courier)
        if courier in self._crew.idle:
            self._crew.idle.remove(courier)
            error = None  # a relay may close what is idle
        self._hungry.set()
        self._stir()
        if error is None or self._is_stopping:
            return
        self.stats.lost += 1
        self._on_event("lost", error.message)
        if courier.has_taught:
            return
        if courier.answers:
            self._crew.window = max(1, self._crew.window - 1)
        elif self.size:
            self._grow_no_more(self.size, error)
        else:
            self._count_failure(error)
