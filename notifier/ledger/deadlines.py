"""Too late: what was not sent by its run's deadline never is, and is told as that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.ledger import runs
from notifier.model import FINAL_STATES, Cause, RunState, State

if TYPE_CHECKING:
    import sqlite3

#: States of a run that may still send something.
_LIVE = (RunState.ACTIVE, RunState.PAUSED, RunState.AWAITING, RunState.HELD)


def expire(db: sqlite3.Connection, run_id: int, reason: str, now: float) -> int:
    """Everything of the run that is not on the wire expires; how many deliveries that are.

    What is on the wire finishes. Then the run is over, unless something is on the wire or in doubt;
    `reason` is what its reports say. A second time sweeps again.
    """
    if runs.get(db, run_id).state not in _LIVE:
        return 0
    moved = 0
    for state in (State.PENDING, State.DEFERRED, State.CLAIMED):
        cursor = db.execute(
            "UPDATE delivery SET state = ?, cause = ?, next_attempt_at = NULL, worker_id = NULL,"
            " changed_at = ? WHERE run_id = ? AND state = ?"
            " AND (worker_id IS NOT NULL OR next_attempt_at IS NOT NULL)",
            (State.EXPIRED, Cause.TOO_LATE, now, run_id, state),
        )
        runs.shift(db, run_id, state, State.EXPIRED, cursor.rowcount)
        moved += cursor.rowcount
    if runs.get(db, run_id).state is RunState.AWAITING:
        _end_waiting(db, run_id, reason, now)
    runs.finish_if_done(db, run_id, now)
    db.execute(
        "UPDATE run SET reason = ? WHERE id = ? AND EXISTS (SELECT 1 FROM delivery"
        " WHERE run_id = run.id AND cause = ? AND cause <> 'accepted')",
        (reason, run_id, Cause.TOO_LATE),
    )
    return moved


def _end_waiting(db: sqlite3.Connection, run_id: int, reason: str, now: float) -> None:
    """Nobody has to approve it any more. An approval may be void while something is on the wire."""
    left = set(runs.counts(db, run_id)) - FINAL_STATES
    if not left - {State.UNKNOWN}:
        runs.move(db, run_id, RunState.HELD if left else RunState.FINISHED, reason, now)


def lift(db: sqlite3.Connection, run_id: int) -> bool:
    """Nothing is too late for the run any more; False where nothing was."""
    found = db.execute(
        "UPDATE run SET not_after = NULL WHERE id = ? AND not_after IS NOT NULL", (run_id,)
    )
    return bool(found.rowcount)
