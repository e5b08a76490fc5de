"""Claims: who may deliver what, and what becomes of it when they are gone.

a worker dies             recover(): its claims are due again, its intents are in doubt
a worker is stopped for   the same, once its heartbeat is older than its lease; when it wakes,
longer than its lease     its intents are refused and its outcomes are noted as late (fencing
by worker and state in every statement)
the clock jumps           a living worker may be taken for dead: it is fenced like any other
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from notifier.ledger import processes, runs, statements
from notifier.ledger.records import Claimed, Recovered, Sender
from notifier.model import Cause, RunState, Stage, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

#: Seconds, until a claim says otherwise.
DEFAULT_LEASE = 60.0


def register(db: sqlite3.Connection, host: str, pid: int, run_id: int | None, now: float) -> int:
    """A new worker's number, never used before.

    Whatever this very process had registered for the run before has ended: its engine broke off.
    """
    mark = processes.mark_of(pid)
    db.execute(
        "UPDATE worker SET ended_at = ? WHERE ended_at IS NULL AND host = ? AND pid = ?"
        " AND process_started = ? AND run_id IS ?",
        (now, host, pid, mark, run_id),
    )
    cursor = db.execute(
        "INSERT INTO worker (run_id, host, pid, process_started, registered_at, heartbeat_at,"
        " lease_seconds) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (run_id, host, pid, mark, now, now, DEFAULT_LEASE),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def senders(db: sqlite3.Connection, run_id: int, now: float) -> list[Sender]:
    """Living workers of the run."""
    rows = db.execute(
        "SELECT id, host, pid FROM worker WHERE run_id = ? AND ended_at IS NULL ORDER BY id",
        (run_id,),
    )
    return _living(db, rows.fetchall(), now)


def _living(db: sqlite3.Connection, rows: list[tuple[int, str, int]], now: float) -> list[Sender]:
    here = socket.gethostname()
    return [Sender(host, pid) for number, host, pid in rows if not is_dead(db, number, now, here)]


def beat(db: sqlite3.Connection, worker_id: int, now: float) -> bool:
    """The worker lives; False where it had been taken for dead meanwhile.

    It may go on then: what it held was taken from it, and each of its intents is checked.
    """
    cursor = db.execute(
        "UPDATE worker SET heartbeat_at = ? WHERE id = ? AND ended_at IS NULL", (now, worker_id)
    )
    if cursor.rowcount:
        return True
    db.execute("UPDATE worker SET heartbeat_at = ?, ended_at = NULL WHERE id = ?", (now, worker_id))
    return False


def set_lease(db: sqlite3.Connection, worker_id: int, seconds: float) -> None:
    """How long after its last heartbeat the worker's deliveries are still its own."""
    db.execute("UPDATE worker SET lease_seconds = ? WHERE id = ?", (seconds, worker_id))


def take(
    db: sqlite3.Connection, run_id: int, worker_id: int, limit: int, now: float
) -> list[Claimed]:
    """Claim up to `limit` due deliveries, the longest due first. In autocommit."""
    db.execute(statements.CLAIM, (run_id, worker_id, limit, now))
    heads, contexts = db.execute(statements.TAKEN).fetchone()
    if contexts is None:
        return []
    return [
        Claimed(*(*head[:6], context, *head[6:]))
        for head, context in zip(json.loads(heads), contexts.split("\n"), strict=True)
    ]


def next_due_at(db: sqlite3.Connection, run_id: int) -> float | None:
    """When the next delivery is due; None where none will be, or the run isn't active."""
    if runs.get(db, run_id).state is not RunState.ACTIVE:
        return None
    (due_at,) = db.execute(
        "SELECT min(next_attempt_at) FROM delivery WHERE run_id = ?"
        " AND next_attempt_at IS NOT NULL",
        (run_id,),
    ).fetchone()
    return None if due_at is None else float(due_at)


def release(
    db: sqlite3.Connection, worker_id: int, now: float, *, resends_doubt: bool = False
) -> Recovered:
    """The worker says good-bye: what it still holds is given back, or in doubt."""
    found = _take_from(db, [worker_id], now, resends_doubt=resends_doubt)
    db.execute("UPDATE worker SET ended_at = ? WHERE id = ?", (now, worker_id))
    return found


def recover(
    db: sqlite3.Connection,
    run_id: int,
    now: float,
    host: str,
    *,
    resends_doubt: bool = False,
) -> Recovered:
    """Take over what dead workers hold of a run; living ones keep theirs."""
    holders = db.execute(
        "SELECT DISTINCT worker_id FROM delivery WHERE worker_id IS NOT NULL AND run_id = ?",
        (run_id,),
    ).fetchall()
    dead = [worker for (worker,) in holders if is_dead(db, worker, now, host)]
    if not dead:
        return Recovered()
    found = _take_from(db, dead, now, run_id=run_id, resends_doubt=resends_doubt)
    db.execute(
        "UPDATE worker SET ended_at = coalesce(ended_at, ?)"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (now, json.dumps(dead)),
    )
    return found


def is_dead(db: sqlite3.Connection, worker_id: int, now: float, host: str) -> bool:
    """Whether the worker has ended, is silent for too long, or its process is gone."""
    row = db.execute(
        "SELECT host, pid, process_started, heartbeat_at + lease_seconds, ended_at FROM worker"
        " WHERE id = ?",
        (worker_id,),
    ).fetchone()
    if row is None:
        return True
    its_host, pid, mark, expires_at, ended_at = row
    if ended_at is not None or expires_at <= now:
        return True
    return bool(its_host == host and processes.has_died(pid, mark))


def _take_from(
    db: sqlite3.Connection,
    workers: Collection[int],
    now: float,
    *,
    run_id: int | None = None,
    resends_doubt: bool,
) -> Recovered:
    held = db.execute(
        "SELECT d.run_id, r.state, d.state, json_group_array(d.id), count(*) FROM delivery d"
        " JOIN run r ON r.id = d.run_id"
        " WHERE d.worker_id IN (SELECT value FROM json_each(?)) AND (? IS NULL OR d.run_id = ?)"
        " GROUP BY d.run_id, d.state",
        (json.dumps(list(workers)), run_id, run_id),
    ).fetchall()
    released = in_doubt = resent = 0
    for its_run, run_state, state, ids, count in held:
        is_cancelled = run_state == RunState.CANCELLED  # nothing of it is due any more
        if state == State.CLAIMED:
            after = State.CANCELLED if is_cancelled else State.PENDING
            _give_back(db, its_run, ids, after, now)
            released += count
        elif resends_doubt and not is_cancelled:
            _doubt(db, its_run, ids, State.PENDING, now)
            resent += count
        else:
            _doubt(db, its_run, ids, State.UNKNOWN, now)
            in_doubt += count
    return Recovered(released, in_doubt, resent)


def _give_back(db: sqlite3.Connection, run_id: int, ids: str, after: State, now: float) -> None:
    due_at = now if after is State.PENDING else None
    cursor = db.execute(
        "UPDATE delivery SET state = ?, worker_id = NULL, next_attempt_at = ?, changed_at = ?"
        " WHERE id IN (SELECT value FROM json_each(?)) AND state = ?",
        (after, due_at, now, ids, State.CLAIMED),
    )
    runs.shift(db, run_id, State.CLAIMED, after, cursor.rowcount)


def _doubt(db: sqlite3.Connection, run_id: int, ids: str, after: State, now: float) -> None:
    """An intent without a reply is an attempt, and it counts. Its words are the reader's to say."""
    cursor = db.execute(
        "INSERT INTO attempt (delivery_id, ordinal, worker_id, relay, started_at, at, stage, code,"
        " enhanced, text, outcome, cause, burns, note)"
        " SELECT d.id, d.tries + 1, d.worker_id, r.relay, d.changed_at, ?, ?, NULL, '', '', ?, ?,"
        " 1, 'worker_gone' FROM delivery d JOIN run r ON r.id = d.run_id"
        " WHERE d.id IN (SELECT value FROM json_each(?)) AND d.state = ?",
        (
            now,
            Stage.BODY,
            after,
            Cause.SENDER_GONE,
            ids,
            State.SUBMITTING,
        ),
    )
    count = cursor.rowcount
    db.execute(
        "UPDATE delivery SET state = ?, cause = ?, code = NULL, worker_id = NULL,"
        " next_attempt_at = ?, attempts = attempts + 1, tries = tries + 1,"
        " first_attempt_at = coalesce(first_attempt_at, changed_at), changed_at = ?"
        " WHERE id IN (SELECT value FROM json_each(?)) AND state = ?",
        (
            after,
            Cause.SENDER_GONE,
            now if after is State.PENDING else None,
            now,
            ids,
            State.SUBMITTING,
        ),
    )
    db.execute(
        "INSERT INTO tick (run_id, second, outcome, count) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (run_id, second, outcome) DO UPDATE SET count = count + excluded.count",
        (run_id, int(now), after, count),
    )
    runs.shift(db, run_id, State.SUBMITTING, after, count)
    cursor = db.execute(statements.PROVEN_AMONG, (ids,))
    runs.shift(db, run_id, after, State.ACCEPTED, cursor.rowcount)
