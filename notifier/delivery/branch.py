"""One relay of several while a run is sent: in use, held up, or down and tried out again.

A branch has a pool and an outlet, new ones each time its relay comes back; its line (limits, pace)
stays the same.
"""

from __future__ import annotations

import asyncio
from math import inf
from random import Random
from typing import TYPE_CHECKING

from notifier.delivery.acquaintance import met_in_trial
from notifier.delivery.outlet import Outlet
from notifier.errors import NotifierError, RelayError, RelayUnreachable
from notifier.ledger.relays import Trouble, Wish
from notifier.locale import _
from notifier.model import Stage
from notifier.smtp.pool import Pool
from notifier.smtp.redial import Redial
from notifier.smtp.transcript import check

if TYPE_CHECKING:
    from notifier.delivery.line import Desk, Line
    from notifier.delivery.supply import Supply
    from notifier.ledger.encounters import Encounter
    from notifier.smtp.transcript import Transcript

#: Seconds for which a relay at its limit is waited for, before others take over.
SHORT_WAIT = 60.0
#: Seconds without anything settled after which its equals don't wait for it to take its share.
STALL = 5.0
#: Seconds until a relay that was given up is tried out again: at first, and at most.
RETURN_FIRST = 30.0
RETURN_LONGEST = 600.0
#: Tries to connect, and seconds of nothing but trouble, where others can take over.
CONNECT_ATTEMPTS = 2
PATIENCE_OF_SEVERAL = 20.0


class Branch:
    """One relay of several, and whether it is in use."""

    def __init__(self, desk: Desk, line: Line, supply: Supply) -> None:
        self.line = line
        self._desk = desk
        self._supply = supply
        self._failures = 0
        #: Seconds that are left of an earlier wait.
        self._first_wait = 0.0
        #: Connections that are this process'.
        self._slots = line.relay.max_connections
        self._outlet, self._pool = self._make()
        #: Why it is not in use; None while it is.
        self.trouble: RelayError | None = None
        #: It is given nothing: until its limit opens, or, where it hangs, until it moves.
        self.is_shut_out = False
        self._shut_until = -inf
        #: What was settled and opened when it last moved, and when that was.
        self._mark = (0, 0)
        self._moved_at = desk.steady()

    def __repr__(self) -> str:
        return f"<Branch {self.line.name}: {self.trouble or self._outlet}>"

    @property
    def connections(self) -> int:
        """Connections that are open or being opened."""
        return self._pool.size

    def wish(self) -> Wish:
        """What it has and wants of its relay's connections."""
        is_in_use = self.trouble is None
        wants = is_in_use and self._outlet.is_busy
        return wish_of(self.line, self._pool, wants=wants, is_in_use=is_in_use)

    def news(self, now: float) -> list[Encounter]:
        """What has come to be known of its relay."""
        return self.line.met.news(self._pool, now)

    def allow(self, most: int) -> None:
        """So many connections are this process'."""
        self._slots = most
        self._pool.limit(most)

    @property
    def outlet(self) -> Outlet:
        """Where its messages come from."""
        return self._outlet

    def limit(self, now: float) -> str:
        """Why nothing moves here; empty while something does."""
        if self.is_shut_out or self._outlet.is_held_back:
            return self.line.limit(now)
        return ""

    def look(self, now: float) -> None:
        """Have the others take over where it is held up for long, and take up again."""
        self.line.heed.forgive(now)
        if self.trouble is not None:
            return
        mark = (self.line.meter.settled, self._pool.stats.opened)
        if self.is_shut_out:
            if now >= self._shut_until or mark != self._mark:
                self.is_shut_out = False
                self._moved_at = now
                self._supply.admit(self._outlet)
            return
        if mark != self._mark or self._outlet.is_held_back or not self._outlet.held:
            self._mark, self._moved_at = mark, now
        self._outlet.is_stalled = now - self._moved_at > STALL
        opens_at = self.line.opens_at(now)
        if opens_at - now > SHORT_WAIT:
            self._shut_out(opens_at)
        elif now - self._moved_at > SHORT_WAIT:
            self._shut_out(inf)

    def _shut_out(self, until: float) -> None:
        self.is_shut_out = True
        self._shut_until = until
        self._supply.shut_out(self._outlet)

    def stop(self) -> None:
        """Take nothing new; what is on the wire is finished."""
        self._pool.stop()

    async def work_once(self) -> RelayError | None:
        """Send until there is nothing left (None), or the relay can't be used: why."""
        self._supply.admit(self._outlet)
        filler = asyncio.create_task(self._outlet.fill())
        trouble: Exception | None = None
        try:
            await self._pool.run(self._outlet)
        except RelayError as exc:
            trouble = exc
        finally:
            self._outlet.close()
            await asyncio.gather(filler, return_exceptions=True)
            self._supply.part_with(self._outlet)
        trouble = trouble or self._outlet.failure
        if trouble is not None and not isinstance(trouble, RelayError):
            raise trouble
        return trouble

    def recall(self, trouble: Trouble) -> bool:
        """Go on with what the ledger knows: whether it is still to be left alone."""
        left = (trouble.until or 0.0) - self._desk.clock()
        if left <= 0:
            return False
        self.trouble = RelayUnreachable(
            trouble.why,
            stage=Stage.CONNECT,
            next_step=_("Try it out: notifier relay check {relay}").format(relay=self.line.name),
        )
        self._first_wait = min(left, RETURN_LONGEST)
        return True

    async def come_back(self) -> bool:
        """Wait until the relay answers again; False where the run is over before."""
        self._failures = 1 if self._pool.stats.accepted else self._failures + 1
        while True:
            wait, self._first_wait = self._first_wait or self._wait(), 0.0
            await self._note(wait)
            if not await self._supply.sleep(wait):
                return False
            if await self._answers():
                self._outlet, self._pool = self._make()
                self.trouble = None
                self.is_shut_out = False
                self._moved_at = self._desk.steady()
                return True
            self._failures += 1

    async def _note(self, wait: float) -> None:
        """Have the ledger know, for others and for later."""
        desk, now = self._desk, self._desk.clock()
        why = self.trouble.message if self.trouble is not None else ""
        trouble = Trouble(self.line.name, why, now, now + wait)
        await desk.writer.call(desk.ledger.traffic.set_relay_trouble, trouble)

    def _wait(self) -> float:
        return min(RETURN_LONGEST, RETURN_FIRST * 2.0 ** min(self._failures - 1, 16))

    async def _answers(self) -> bool:
        """Whether it lets us in: the session is ended without a message."""
        trial = asyncio.create_task(check(self.line.relay))
        try:
            await self._supply.unless_closed(trial)
            if not trial.done():
                return False
            await self._note_trial(trial.result())
            return trial.result().error is None
        except NotifierError:
            return False
        finally:
            trial.cancel()
            await asyncio.gather(trial, return_exceptions=True)

    async def _note_trial(self, found: Transcript) -> None:
        desk = self._desk
        met = met_in_trial(found, desk.clock())
        await desk.writer.call(desk.ledger.traffic.note_relays, [], [met])

    def _make(self) -> tuple[Outlet, Pool]:
        desk, relay = self._desk, self.line.relay
        terms = self.line.terms(patience=PATIENCE_OF_SEVERAL)
        outlet = Outlet(self.line, terms, desk, self._supply)
        attempts = min(relay.connect_attempts, CONNECT_ATTEMPTS)
        random = Random()  # noqa: S311 - for spreading load, not for secrets
        redial = Redial(attempts, random)
        pool = Pool(relay, random=random, redial=redial, ladder=self.line.met.ladder)
        pool.limit(self._slots)
        return outlet, pool


def wish_of(line: Line, pool: Pool, *, wants: bool, is_in_use: bool = True) -> Wish:
    """What a process has and wants of a relay's connections."""
    most = 1 if line.heed.is_single(line.now) else line.relay.max_connections
    works = is_in_use and pool.stats.accepted > 0
    return Wish(line.name, most, most if wants else min(most, pool.size), pool.size, works)
