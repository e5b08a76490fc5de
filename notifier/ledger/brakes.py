"""What guards count: deliveries of a run by state and by cause, recipients of earlier runs.

`stop_if` counts what came since it last stopped the run.

Stopping pauses the run and writes down how the counts stood, in one transaction: when somebody
goes on with the run, what made it stop is not counted again, and what comes after it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from notifier.ledger import alerts, audit, runs
from notifier.model import Cause, RunState, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from notifier.ledger.connection import Store

#: States in which a relay has answered, or nobody knows: what a share is of.
TRIED = (
    State.ACCEPTED,
    State.PRESUMED,
    State.BOUNCED,
    State.REFUSED,
    State.EXPIRED,
    State.DEFERRED,
    State.UNKNOWN,
)
#: Of these, what a cause is counted in.
_FAILED = (State.REFUSED, State.EXPIRED, State.DEFERRED, State.UNKNOWN)
#: States of runs that were let go, and how many runs back the usual number is looked for.
_LET_GO = (RunState.ACTIVE, RunState.PAUSED, RunState.HELD, RunState.FINISHED)
_LOOKED_BACK = 5
#: Deliveries that are looked at for their domains, and domains that are told.
_SAMPLED, _DOMAINS = 1000, 3


@dataclass(frozen=True, slots=True)
class Tally:
    """How a run's deliveries stand, by the words of states and causes."""

    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        """How many were tried."""
        return sum(self.counts.get(state, 0) for state in TRIED)

    def since(self, earlier: Tally) -> Tally:
        """What came after: never less than nothing, where a retry took some back."""
        return Tally(
            {word: max(0, n - earlier.counts.get(word, 0)) for word, n in self.counts.items()}
        )


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause of failures."""

    cause: Cause
    count: int
    #: Of the addresses concerned, the most frequent first.
    domains: tuple[str, ...]


class Brakes:
    """The ledger's door for it; each call is one transaction."""

    def __init__(self, store: Store, clock: Callable[[], float], actor: str = "") -> None:
        self._store = store
        self._clock = clock
        self._actor = actor

    def since_stop(self, run_id: int, by_cause: bool = False) -> Tally | None:  # noqa: FBT001, FBT002 - passed on by Writer.call
        """What came of the run since it was last stopped; None: it is not to be stopped any more.

        From counters; causes cost by the number of failures, over their own index.
        """
        with self._store.alone() as db:
            row = _row(db, run_id)
            if row is not None and row[1]:
                return None
            now = _tally(db, run_id, by_cause=by_cause)
            return now if row is None else now.since(Tally(json.loads(row[0])))

    def has_stopped(self, run_id: int) -> bool:
        """Whether the run was stopped before, and may be again."""
        with self._store.alone() as db:
            row = _row(db, run_id)
            return row is not None and not row[1]

    def usual_count(self, campaign: str) -> int | None:
        """How many recipients the campaign's last runs had: their median; None: it has none.

        Only runs that were meant for everybody, and were let go.
        """
        with self._store.alone() as db:
            found = db.execute(
                "SELECT (SELECT sum(count) FROM counter WHERE run_id = run.id) FROM run"
                " WHERE campaign = ? AND left_out = 0"
                " AND state IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?",
                (campaign, json.dumps(_LET_GO), _LOOKED_BACK),
            ).fetchall()
        return int(median(count for (count,) in found)) if found else None

    def troubles(self, run_id: int, most: int = 3) -> list[Trouble]:
        """The most frequent causes of its failures, each with a few domains."""
        with self._store.alone() as db:
            found = db.execute(
                "SELECT cause, count(*) FROM delivery WHERE run_id = ? AND cause <> 'accepted' AND"
                " state IN (SELECT value FROM json_each(?)) GROUP BY cause"
                " ORDER BY count(*) DESC, cause LIMIT ?",
                (run_id, json.dumps(_FAILED), most),
            ).fetchall()
            return [Trouble(Cause(it), n, _domains(db, run_id, it)) for it, n in found]

    def stop(self, run_id: int, reason: str, *, kind: str, text: str) -> bool:
        """Pause the run, count anew from here, and have it told; False where it isn't active."""
        now = self._clock()
        with self._store.write() as db:
            if runs.get(db, run_id).state is not RunState.ACTIVE:
                return False
            runs.move(db, run_id, RunState.PAUSED, reason, now)
            counts = _tally(db, run_id, by_cause=True).counts
            db.execute(
                "INSERT INTO brake (run_id, at, counts, is_off) VALUES (?, ?, ?, 0)"
                " ON CONFLICT (run_id) DO UPDATE SET at = excluded.at, counts = excluded.counts",
                (run_id, now, json.dumps(counts)),
            )
            alerts.raise_once(db, f"{kind} run {run_id}", kind, text, now, run_id=run_id, quiet=1)
            return True

    def take_off(self, run_id: int) -> None:
        """Let the run go on whatever comes; UsageError where there is no such run."""
        with self._store.write() as db:
            runs.get(db, run_id)
            db.execute(
                "INSERT INTO brake (run_id, at, counts, is_off) VALUES (?, ?, '{}', 1)"
                " ON CONFLICT (run_id) DO UPDATE SET is_off = 1",
                (run_id, self._clock()),
            )
            audit.note(db, self._actor, "ignore stop_if", f"run {run_id}", {}, self._clock())


def lower(db: sqlite3.Connection, run_id: int) -> None:
    """What is sent again is no part of what was counted when the run stopped: it counts anew."""
    row = _row(db, run_id)
    if row is None or row[1]:
        return
    now = _tally(db, run_id, by_cause=True).counts
    counts = {word: min(n, now.get(word, 0)) for word, n in json.loads(row[0]).items()}
    db.execute("UPDATE brake SET counts = ? WHERE run_id = ?", (json.dumps(counts), run_id))


def _row(db: sqlite3.Connection, run_id: int) -> tuple[str, int] | None:
    row: tuple[str, int] | None = db.execute(
        "SELECT counts, is_off FROM brake WHERE run_id = ?", (run_id,)
    ).fetchone()
    return row


def _tally(db: sqlite3.Connection, run_id: int, *, by_cause: bool) -> Tally:
    counts = {str(state): count for state, count in runs.counts(db, run_id).items()}
    if by_cause:
        counts |= dict(
            db.execute(
                "SELECT cause, count(*) FROM delivery WHERE run_id = ? AND cause <> 'accepted' AND"
                " state IN (SELECT value FROM json_each(?)) GROUP BY cause",
                (run_id, json.dumps(_FAILED)),
            ).fetchall()
        )
    return Tally(counts)


def _domains(db: sqlite3.Connection, run_id: int, cause: str) -> tuple[str, ...]:
    rows = db.execute(
        "SELECT p.address FROM (SELECT id FROM delivery WHERE run_id = ? AND cause = ? AND"
        " cause <> 'accepted' AND state IN (SELECT value FROM json_each(?)) LIMIT ?) d"
        " JOIN recipient p ON p.delivery_id = d.id",
        (run_id, cause, json.dumps(_FAILED), _SAMPLED),
    )
    seen: dict[str, int] = {}
    for (address,) in rows:
        domain = address.rpartition("@")[2].lower()
        seen[domain] = seen.get(domain, 0) + 1
    return tuple(sorted(seen, key=lambda it: (-seen[it], it))[:_DOMAINS])
