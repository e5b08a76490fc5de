"""Schedules, and what became of each occurrence that they planned.

A schedule is a row: what was asked for, in whose zone, since when. An occurrence that is due
becomes a *firing*, unique by (campaign, occurrence): whoever serves writes it down first, starts
its run, and writes down how that ended. So nothing is planned twice, on however many hosts somebody
serves; and what was missed, skipped or could not be started is a row that people can read.

If step X fails, what happens to whom?

    killed before the firing is there  it is found to be due, or missed, when somebody serves again
    killed while its run is enrolled   the firing is due and its worker dead: another one starts it,
                                       and enrolment goes on where it was
    two serve, and both see it due     one row; one of them starts it
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from notifier.ledger import audit, claims, deadlines, runs
from notifier.ledger.records import Sender
from notifier.model import RunState, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable

    from notifier.ledger.connection import Store
    from notifier.ledger.records import Run


class FiringState(StrEnum):
    """What became of a planned occurrence; each comment says who moves it on."""

    DUE = "due"  # whoever serves starts its run
    ASKED = "asked"  # missed: a person, with `schedule run` or `schedule skip`
    BEGUN = "begun"  # it has its run
    SKIPPED = "skipped"  # a person, with `schedule run`
    FAILED = "failed"  # its run could not be started: a person, with `schedule run`


#: What a person may still have run.
UNSETTLED = frozenset({FiringState.ASKED, FiringState.SKIPPED, FiringState.FAILED})


@dataclass(frozen=True, slots=True)
class Planned:
    """A campaign's schedule."""

    campaign: str
    #: JSON: what was asked for, as rooms above write it.
    spec: str
    timezone: str
    is_paused: bool
    #: Who wrote it, `user@host`.
    by: str
    #: Since when it holds (Unix seconds).
    at: float


@dataclass(frozen=True, slots=True)
class Firing:
    """A planned occurrence that was due."""

    campaign: str
    occurrence: str
    #: Unix seconds.
    due_at: float
    state: FiringState
    #: Why it is so, in a sentence; empty where nothing is to be said.
    note: str
    #: When it came to be so.
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is not over, and what it waits for."""

    id: int
    campaign: str
    occurrence: str
    state: RunState
    #: From when on it is too late (Unix seconds).
    not_after: float | None
    #: When its next delivery is due; None: none is.
    due_at: float | None
    #: Deliveries that a worker holds, or held when it died.
    held: int


_PLANNED = "SELECT campaign, spec, timezone, paused, by, at FROM schedule"
_COLUMNS = "campaign, occurrence, due_at, state, note, at"


class Schedules:
    """The ledger's door for schedules; each call is one transaction."""

    def __init__(self, store: Store, clock: Callable[[], float], actor: str = "") -> None:
        self._store = store
        self._clock = clock
        self._actor = actor

    # --- schedules ---------------------------------------------------------------------------

    def put(self, campaign: str, spec: str, timezone: str) -> None:
        """Schedule the campaign from now on, in the place of any schedule that it had."""
        with self._store.write() as db:
            now = self._clock()
            db.execute(
                "INSERT INTO schedule (campaign, spec, timezone, paused, by, at)"
                " VALUES (?, ?, ?, 0, ?, ?) ON CONFLICT (campaign) DO UPDATE SET"
                " spec = excluded.spec, timezone = excluded.timezone, paused = 0,"
                " by = excluded.by, at = excluded.at",
                (campaign, spec, timezone, self._actor, now),
            )
            self._note(db, "schedule", campaign, {"spec": spec, "timezone": timezone})

    def remove(self, campaign: str) -> bool:
        """Plan nothing more of it; False where it had no schedule."""
        with self._store.write() as db:
            found = db.execute("DELETE FROM schedule WHERE campaign = ?", (campaign,)).rowcount
            if found:
                self._note(db, "unschedule", campaign, {})
            return bool(found)

    def set_paused(self, campaign: str, *, is_paused: bool) -> bool:
        """Start nothing of it until it goes on; False where it has no schedule.

        What would have come while it was paused never comes.
        """
        with self._store.write() as db:
            found = db.execute(
                "UPDATE schedule SET paused = ?, at = CASE WHEN paused AND NOT ? THEN ? ELSE at END"
                " WHERE campaign = ?",
                (is_paused, is_paused, self._clock(), campaign),
            ).rowcount
            if found:
                verb = "pause schedule" if is_paused else "resume schedule"
                self._note(db, verb, campaign, {})
            return bool(found)

    def every(self) -> list[Planned]:
        """All schedules, by campaign."""
        with self._store.alone() as db:
            return [_planned(row) for row in db.execute(f"{_PLANNED} ORDER BY campaign")]

    def find(self, campaign: str) -> Planned | None:
        """The campaign's schedule."""
        with self._store.alone() as db:
            row = db.execute(f"{_PLANNED} WHERE campaign = ?", (campaign,)).fetchone()
            return _planned(row) if row is not None else None

    # --- firings -----------------------------------------------------------------------------

    def fired_until(self, campaign: str) -> float | None:
        """When the latest occurrence was due that something became of; None: none was.

        What is not due yet by the clock was written while the clock was wrong: it holds up nothing.
        """
        with self._store.alone() as db:
            (found,) = db.execute(
                "SELECT max(due_at) FROM firing WHERE campaign = ? AND due_at <= ?",
                (campaign, self._clock()),
            ).fetchone()
            return None if found is None else float(found)

    def note(self, firings: Iterable[Firing]) -> list[Firing]:
        """Write down what becomes of occurrences; those of which nobody had written before.

        A question about an earlier occurrence is over where a later one of its campaign is due.
        """
        new = []
        with self._store.write() as db:
            now = self._clock()
            for it in firings:
                cursor = db.execute(
                    "INSERT OR IGNORE INTO firing (campaign, occurrence, due_at, state, note, at)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (it.campaign, it.occurrence, it.due_at, it.state, it.note, now),
                )
                if cursor.rowcount:
                    new.append(it)
        return new

    def drop_questions(self, campaign: str, before: float, note: str) -> None:
        """Nobody needs to answer for what was due before that instant any more."""
        with self._store.write() as db:
            db.execute(
                "UPDATE firing SET state = ?, note = ?, at = ?"
                " WHERE campaign = ? AND state = ? AND due_at < ?",
                (FiringState.SKIPPED, note, self._clock(), campaign, FiringState.ASKED, before),
            )

    def take(
        self,
        worker_id: int,
        limit: int = 1_000_000,
        *,
        starting: Collection[tuple[str, str]] | None = None,
    ) -> list[Firing]:
        """Occurrences that are due, and that no other living worker is starting: now yours.

        `starting` are those that you are starting (campaign and occurrence), where you know: what
        else is yours could not be given back, and is due as before. None: all that is yours.
        """
        with self._store.write() as db:
            now, here = self._clock(), socket.gethostname()
            rows = db.execute(
                f"SELECT {_COLUMNS}, worker_id FROM firing"  # noqa: S608 - constants
                " WHERE state = ? ORDER BY due_at, campaign",
                (FiringState.DUE,),
            ).fetchall()
            free = [
                row[:-1]
                for row in rows
                if row[-1] is None
                or (row[-1] != worker_id and claims.is_dead(db, row[-1], now, here))
                or (row[-1] == worker_id and starting is not None and row[:2] not in starting)
            ][:limit]
            db.executemany(
                "UPDATE firing SET worker_id = ? WHERE campaign = ? AND occurrence = ?",
                [(worker_id, *row[:2]) for row in free],
            )
            return [_firing(row) for row in free]

    def give_back(self, campaign: str, occurrence: str) -> None:
        """It is still due, and not yours any more."""
        with self._store.write() as db:
            db.execute(
                "UPDATE firing SET worker_id = NULL WHERE campaign = ? AND occurrence = ?",
                (campaign, occurrence),
            )

    def settle(self, campaign: str, occurrence: str, state: FiringState, note: str = "") -> None:
        """How starting it ended."""
        with self._store.write() as db:
            db.execute(
                "UPDATE firing SET state = ?, note = ?, at = ?, worker_id = NULL"
                " WHERE campaign = ? AND occurrence = ? AND state = ?",
                (state, note, self._clock(), campaign, occurrence, FiringState.DUE),
            )

    def decide(self, campaign: str, occurrence: str, state: FiringState, note: str) -> bool:
        """A person has it run (DUE), or skipped; False where it isn't theirs to decide now."""
        with self._store.write() as db:
            found = db.execute(
                "UPDATE firing SET state = ?, note = ?, at = ?, worker_id = NULL"
                " WHERE campaign = ? AND occurrence = ?"
                " AND state IN (SELECT value FROM json_each(?))",
                (state, note, self._clock(), campaign, occurrence, json.dumps(sorted(UNSETTLED))),
            ).rowcount
            if found:
                verb = "run occurrence" if state is FiringState.DUE else "skip occurrence"
                self._note(db, verb, campaign, {"occurrence": occurrence})
            return bool(found)

    def firings(
        self,
        campaign: str = "",
        states: Collection[FiringState] = frozenset(FiringState),
        limit: int = 50,
    ) -> list[Firing]:
        """What became of the latest occurrences, the latest first."""
        with self._store.alone() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM firing WHERE (? = '' OR campaign = ?)"  # noqa: S608 - constants
                " AND state IN (SELECT value FROM json_each(?))"
                " ORDER BY due_at DESC, campaign LIMIT ?",
                (campaign, campaign, json.dumps(sorted(states)), limit),
            )
            return [_firing(row) for row in rows]

    # --- serving -----------------------------------------------------------------------------

    def open_runs(self) -> list[OpenRun]:
        """Runs that may still send something, the one that is due longest first."""
        with self._store.alone() as db:
            rows = db.execute(
                "SELECT r.id, r.campaign, r.occurrence, r.state, r.not_after,"
                " (SELECT min(d.next_attempt_at) FROM delivery d"
                "  WHERE d.run_id = r.id AND d.next_attempt_at IS NOT NULL) AS due_at,"
                " (SELECT coalesce(sum(c.count), 0) FROM counter c"
                "  WHERE c.run_id = r.id AND c.state IN (?, ?))"
                " FROM run r WHERE r.state IN (?, ?, ?) ORDER BY due_at IS NULL, due_at, r.id",
                (
                    State.CLAIMED,
                    State.SUBMITTING,
                    RunState.ACTIVE,
                    RunState.PAUSED,
                    RunState.AWAITING,
                ),
            )
            return [
                OpenRun(number, campaign, occurrence, RunState(state), not_after, due_at, held)
                for number, campaign, occurrence, state, not_after, due_at, held in rows
            ]

    def find_begun(self, campaign: str, begin: str) -> Run | None:
        """The campaign's latest run whose occurrence begins like that."""
        with self._store.alone() as db:
            row = db.execute(
                "SELECT id FROM run WHERE campaign = ? AND substr(occurrence, 1, ?) = ?"
                " ORDER BY id DESC LIMIT 1",
                (campaign, len(begin), begin),
            ).fetchone()
            return runs.get(db, row[0]) if row is not None else None

    def last_digest(self, campaign: str, occurrence: str) -> str:
        """The sheet's digest of the campaign's latest run but this one; empty where none is known.

        Runs that were cancelled don't count: nobody has what they were about. Neither do
        corrections, which are about a part of the sheet.
        """
        with self._store.alone() as db:
            row = db.execute(
                "SELECT source_digest FROM run WHERE campaign = ? AND occurrence <> ?"
                " AND left_out = 0 AND state NOT IN (?, ?) ORDER BY id DESC LIMIT 1",
                (campaign, occurrence, RunState.CANCELLED, RunState.ENROLLING),
            ).fetchone()
            return row[0] if row is not None else ""

    def expire(self, run_id: int, reason: str) -> int:
        """It is too late for the run: see `deadlines.expire`."""
        with self._store.write() as db:
            moved = deadlines.expire(db, run_id, reason, self._clock())
            if moved:
                audit.note(
                    db, self._actor, "expire", f"run {run_id}", {"count": moved}, self._clock()
                )
            return moved

    def lift_deadline(self, run_id: int) -> None:
        """A person has the run sent however late it is."""
        with self._store.write() as db:
            if deadlines.lift(db, run_id):
                audit.note(db, self._actor, "lift deadline", f"run {run_id}", {}, self._clock())

    def servers(self) -> list[Sender]:
        """Who serves now: living workers of no run."""
        with self._store.alone() as db:
            rows = db.execute(
                "SELECT id, host, pid FROM worker WHERE run_id IS NULL AND ended_at IS NULL"
            ).fetchall()
            now, here = self._clock(), socket.gethostname()
            return [
                Sender(host, pid)
                for number, host, pid in rows
                if not claims.is_dead(db, number, now, here)
            ]

    def _note(
        self, db: sqlite3.Connection, action: str, campaign: str, detail: dict[str, object]
    ) -> None:
        audit.note(db, self._actor, action, campaign, detail, self._clock())


def _planned(row: tuple[str, str, str, int, str, float]) -> Planned:
    return Planned(*row[:3], bool(row[3]), *row[4:])


def _firing(row: tuple[str, str, float, str, str, float]) -> Firing:
    return Firing(*row[:3], FiringState(row[3]), *row[4:])
