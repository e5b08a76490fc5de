"""Serving: occurrences become runs when they are due, and runs are sent whenever something is.

One loop looks once a second, and at once when an alarm rings. It reads the schedules afresh each
time, so that what another process changes is noticed at once; it writes down what became of each
occurrence, starts those that are due (each in a thread of its own: reading a sheet takes a while),
and delivers every run of which something is due and that nobody else is sending, side by side.

If step X fails, what happens to whom?

    a campaign, sheet or template is wrong  that occurrence has failed, with why; others go on
    a relay can't be reached                its run stays active and is tried again, less and less
                                            often; other runs go on
    a run breaks off for another reason     it is tried again some minutes later, and told once
    the ledger is locked, the disk full     nothing is done until it can be written; told once
    a schedule's row is damaged             told once; the other schedules go on
    anything else goes wrong                told once, and tried again; the others go on
    asked to stop                           what is on the wire is finished; what was begun goes on
                                            with the next start
    killed                                  the same, and the ledger says what was in doubt; what
                                            was due and not begun counts as missed after a while
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from notifier.errors import LedgerError, NotifierError, RelayUnreachable
from notifier.ledger.schedules import FiringState
from notifier.locale import _
from notifier.model import RunState
from notifier.schedule.aside import call_in, in_thread
from notifier.schedule.office import Started
from notifier.schedule.plans import belated, decide, read_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.ledger.ledger import Ledger
    from notifier.ledger.schedules import Firing, OpenRun, Planned
    from notifier.schedule.alarms import Alarms
    from notifier.schedule.office import Office
    from notifier.schedule.plans import Plan

__all__ = ["Server", "in_thread"]

#: Seconds between two looks at schedules and runs.
LOOK = 1.0
#: Seconds between two signs of life.
BEAT = 20.0
#: Seconds until a run whose relay can't be reached is tried again: at first, and at most.
FIRST_WAIT, LONGEST_WAIT = 30.0, 600.0
#: Seconds until a run that broke off for another reason is tried again.
LONG_WAIT = 300.0
#: Runs that are delivered, and occurrences that are started, at a time.
MOST_RUNS, MOST_STARTS = 8, 4
#: Seconds between two tries to tell the operator what waits to be told.
TELLING = 10.0


@dataclass(slots=True)
class _Known:
    """A schedule as it was read last."""

    row: Planned
    plan: Plan | None
    #: When the next occurrence is due of which nothing became yet.
    next_at: float | None


@dataclass(frozen=True, slots=True)
class _Later:
    """A run that is left alone for a while."""

    until: float
    wait: float
    why: str


class Server:
    """Serves one ledger until it is asked to stop."""

    def __init__(
        self,
        office: Office,
        ledger: Ledger,
        alarms: Callable[[Callable[[str], None]], Alarms] | None = None,
        *,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._office = office
        self._ledger = ledger
        self._log = log
        self._clock = clock
        self._begun_at = clock()
        self._make_alarms = alarms
        self._alarms: Alarms | None = None
        self._bell = asyncio.Event()
        self._stop = asyncio.Event()
        self._worker_id = 0
        self._known: dict[str, _Known] = {}
        self._starting: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._later: dict[int, _Later] = {}
        self._beat_at = self._told_at = self._seen_at = -1e18
        self._telling: asyncio.Task[None] | None = None
        self._trouble = ""
        #: What is wrong with a campaign's schedule, as it was told.
        self._odd: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what is on the wire is finished then."""
        self._stop = stop
        self._worker_id = await in_thread(self._ledger.register_worker)
        loop = asyncio.get_running_loop()
        if self._make_alarms is not None:
            self._alarms = self._make_alarms(
                lambda _campaign: call_in(loop, self._bell.set)  # from APScheduler's thread
            )
            await in_thread(self._alarms.start)
        try:
            while not stop.is_set():
                await self.look()
                await self._rest()
        finally:
            await self._end()

    async def look(self) -> None:
        """Do what is due now. Nothing that goes wrong with it ends the serving."""
        trouble = ""
        for step in (partial(in_thread, self._plan), self._start_due, self._deliver_due):
            try:
                await step()
            except LedgerError as exc:
                trouble = f"{exc.message} {exc.next_step}".strip()
                break
            except Exception as exc:  # noqa: BLE001 - the other steps are about other things
                trouble = _spell(exc)
        self._tell_once(trouble)
        self._tell_operator()

    async def _rest(self) -> None:
        """Until it is time to look again: an alarm rings, somebody stops, or a second is over."""
        self._bell.clear()
        waits = [asyncio.create_task(it.wait()) for it in (self._bell, self._stop)]
        try:
            await asyncio.wait(waits, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    async def _end(self) -> None:
        """What is on the wire is finished; an enrolment goes on with the next start."""
        if self._alarms is not None:
            self._alarms.stop()
        if self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)
        for task in self._starting.values():
            task.cancel()
        with contextlib.suppress(LedgerError):
            await in_thread(self._ledger.release, self._worker_id)

    # --- what is planned ---------------------------------------------------------------------

    def _plan(self) -> None:
        """Write down what became due, and set the alarms. In a thread."""
        now = self._clock()
        if now - self._beat_at >= BEAT or now < self._beat_at:
            self._ledger.heartbeat(self._worker_id)
            self._beat_at = now
        if now < self._seen_at:  # the clock was set back: what comes next is to be found anew
            self._known.clear()
        self._seen_at = now
        rows = {row.campaign: row for row in self._ledger.schedules.every()}
        for campaign in self._known.keys() - rows.keys():
            del self._known[campaign]
        for row in rows.values():
            try:
                self._plan_one(row, now)
            except LedgerError:
                raise
            except Exception as exc:  # noqa: BLE001 - one schedule never stops the others
                self._tell_odd(row.campaign, exc)
        if self._alarms is not None:
            self._alarms.set_all(
                {
                    campaign: known.next_at
                    for campaign, known in self._known.items()
                    if known.next_at is not None
                }
            )

    def _plan_one(self, row: Planned, now: float) -> None:
        known = self._known.get(row.campaign)
        if known is None or known.row != row:
            known = self._known[row.campaign] = self._read(row)
        if known.plan and known.next_at is not None and known.next_at <= now:
            self._note_due(known.plan, now)
            known.next_at = self._next(known.plan)

    def _read(self, row: Planned) -> _Known:
        try:
            plan = read_plan(row)
        except NotifierError as exc:
            self._log(f"{exc.message} {exc.next_step}")
            return _Known(row, None, None)
        return _Known(row, plan, self._next(plan))

    def _next(self, plan: Plan) -> float | None:
        if plan.is_paused:
            return None
        return plan.next_after(self._ledger.schedules.fired_until(plan.campaign))

    def _note_due(self, plan: Plan, now: float) -> None:
        book = self._ledger.schedules
        found = decide(plan, book.fired_until(plan.campaign), now)
        for firing in book.note(found):
            book.drop_questions(
                firing.campaign, firing.due_at, _("A later occurrence took its place.")
            )
            if firing.note:
                self._log(f"{firing.campaign} {firing.occurrence}: {firing.note}")
            if firing.state is FiringState.ASKED:
                self._office.alert(firing, firing.note)

    # --- starting occurrences ----------------------------------------------------------------

    async def _start_due(self) -> None:
        room = MOST_STARTS - len(self._starting)
        if room <= 0:
            return
        take = partial(self._ledger.schedules.take, starting=frozenset(self._starting))
        for firing in await in_thread(take, self._worker_id, room):
            task = asyncio.create_task(self._start(firing))
            self._starting[firing.campaign, firing.occurrence] = task

    async def _start(self, firing: Firing) -> None:
        name = f"{firing.campaign} {firing.occurrence}"
        book = self._ledger.schedules
        try:
            started = await in_thread(self._begin, firing)
            await in_thread(
                book.settle, firing.campaign, firing.occurrence, started.state, started.note
            )
            self._log(f"{name}: {started.note}")
            if started.state in (FiringState.FAILED, FiringState.ASKED):
                await in_thread(self._office.alert, firing, started.note)
        except LedgerError as exc:  # the firing is due still: somebody starts it later
            self._tell_once(f"{exc.message} {exc.next_step}".strip())
            with contextlib.suppress(LedgerError):
                await in_thread(book.give_back, firing.campaign, firing.occurrence)
        finally:
            self._starting.pop((firing.campaign, firing.occurrence), None)
            self._bell.set()

    def _begin(self, firing: Firing) -> Started:
        known = self._known.get(firing.campaign)
        late = belated(known.plan if known is not None else None, firing, self._begun_at)
        if late is not None:
            return Started(late.state, late.note)
        try:
            return self._office.start(firing)
        except LedgerError:
            raise
        except NotifierError as exc:
            note = " ".join(filter(None, (exc.message, exc.where and f"({exc.where})")))
        except Exception as exc:  # noqa: BLE001 - one campaign never stops the others
            note = _("Something went wrong inside notifier ({kind}: {detail}).").format(
                kind=type(exc).__name__, detail=exc
            )
        return Started(FiringState.FAILED, note)

    # --- delivering runs ---------------------------------------------------------------------

    async def _deliver_due(self) -> None:
        now = self._clock()
        for run in await in_thread(self._ledger.schedules.open_runs):
            if run.id in self._running or len(self._running) >= MOST_RUNS:
                continue
            if run.not_after is not None and run.not_after <= now:
                await in_thread(self._expire, run)
            elif await in_thread(self._is_due, run, now):
                self._running[run.id] = asyncio.create_task(self._deliver(run))

    def _expire(self, run: OpenRun) -> None:
        try:
            self._office.expire(run)
        except LedgerError:
            raise
        except NotifierError as exc:
            self._put_off(run, exc.message, LONG_WAIT)
        except Exception as exc:  # noqa: BLE001 - one run never stops the others
            self._put_off(run, _spell(exc), LONG_WAIT)

    def _is_due(self, run: OpenRun, now: float) -> bool:
        """Whether something of the run can be sent now, and nobody else is sending it."""
        later = self._later.get(run.id)
        if run.state is not RunState.ACTIVE or (later is not None and later.until > now):
            return False
        if not run.held and (run.due_at is None or run.due_at > now):
            return False
        if self._ledger.senders(run.id):
            return False
        try:
            return self._office.hours(run.campaign).is_open(now)
        except LedgerError:
            raise
        except NotifierError as exc:
            self._put_off(run, f"{exc.message} ({exc.where})", LONG_WAIT)
        except Exception as exc:  # noqa: BLE001 - one run never stops the others
            self._put_off(run, _spell(exc), LONG_WAIT)
        return False

    async def _deliver(self, run: OpenRun) -> None:
        try:
            await self._office.deliver(run.id, self._stop)
        except RelayUnreachable as exc:
            later = self._later.get(run.id)
            wait = min(LONGEST_WAIT, later.wait * 2 if later else FIRST_WAIT)
            self._put_off(run, exc.message, wait)
        except NotifierError as exc:
            self._put_off(run, f"{exc.message} {exc.next_step}".strip(), LONG_WAIT)
        except Exception as exc:  # noqa: BLE001 - one run never stops the others
            self._put_off(run, _spell(exc), LONG_WAIT)
        else:
            self._later.pop(run.id, None)
            with contextlib.suppress(NotifierError):
                told = await in_thread(self._office.describe, run.id)
                self._log(f"{run.campaign} {run.occurrence}: {told}")
        finally:
            self._running.pop(run.id, None)
            self._told_at = -1e18  # whatever came of it, the operator is told now
            self._bell.set()

    def _put_off(self, run: OpenRun, why: str, wait: float) -> None:
        before = self._later.get(run.id)
        self._later[run.id] = _Later(self._clock() + wait, wait, why)
        if before is None or before.why != why:
            told = _("{name}: run {run} is put off: {why}")
            name = f"{run.campaign} {run.occurrence}"
            self._log(told.format(name=name, run=run.id, why=why))

    # --- telling -----------------------------------------------------------------------------

    def _tell_operator(self) -> None:
        if self._telling is not None and not self._telling.done():
            return
        if self._clock() - self._told_at >= TELLING:
            self._told_at = self._clock()
            self._telling = asyncio.create_task(in_thread(self._office.tell))

    def _tell_odd(self, campaign: str, exc: Exception) -> None:
        told = f"{campaign}: {_spell(exc)}"
        if self._odd.get(campaign) != told:
            self._odd[campaign] = told
            self._log(told)

    def _tell_once(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self._log(trouble)
        self._trouble = trouble


def _spell(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"
