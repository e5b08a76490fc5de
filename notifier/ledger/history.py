"""How much a relay was used lately: its limits hold across restarts and across runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from notifier.model import Cause, Stage

if TYPE_CHECKING:
    import sqlite3


def recent_attempts(
    db: sqlite3.Connection, relay: str, since: float, limit: int, run_id: int | None, *, now: float
) -> list[float]:
    """An instant for each attempt through the relay since then, oldest first, the latest `limit`.

    With `run_id`: for each attempt of that run, through whatever relay. Attempts are counted by the
    second; each is told as its second's end, so that a limit is kept rather than just missed.
    Messages that could not be made never reached the relay: not counted.
    """
    used = _of_runs(db, relay, since, run_id)
    if run_id is None:
        used.update(_of_shared_runs(db, relay, since))
    found: list[float] = []
    for second in sorted(used, reverse=True):
        found.extend([min(second + 1.0, now)] * min(used[second], limit - len(found)))
        if len(found) >= limit:
            break
    return found[::-1]


def _of_runs(db: sqlite3.Connection, relay: str, since: float, run_id: int | None) -> Counter[int]:
    """Attempts by their second, of one run or of all that have this relay alone."""
    rows = db.execute(
        "SELECT t.second, sum(t.count) FROM run r CROSS JOIN tick t ON t.run_id = r.id"
        " WHERE (r.id = ?1 OR (?1 IS NULL AND r.relay = ?2)) AND t.second >= ?3"
        " GROUP BY t.second",
        (run_id, relay, int(since)),
    )
    used = Counter(dict(rows.fetchall()))
    used.subtract(_unmade(db, relay, since, run_id))
    return used


def _of_shared_runs(db: sqlite3.Connection, relay: str, since: float) -> Counter[int]:
    """The same of runs with several relays, this one among them: attempt by attempt.

    Costs by the deliveries of the runs that sent anything since then.
    """
    rows = db.execute(
        "SELECT CAST(a.at AS INTEGER), count(*) FROM run r"
        " CROSS JOIN recipient p ON p.run_id = r.id"
        " CROSS JOIN attempt a ON a.delivery_id = p.delivery_id"
        " WHERE r.relay <> ?1 AND instr(', ' || r.relay || ', ', ', ' || ?1 || ', ')"
        " AND EXISTS (SELECT 1 FROM tick t WHERE t.run_id = r.id AND t.second >= ?2)"
        " AND a.relay = ?1 AND a.at >= ?2 AND a.stage <> ?3 GROUP BY 1",
        (relay, int(since), Stage.ASSEMBLE),
    )
    return Counter(dict(rows.fetchall()))


def _unmade(db: sqlite3.Connection, relay: str, since: float, run_id: int | None) -> dict[int, int]:
    """Attempts that ended before the relay was asked, by their second.

    Costs by the number of such deliveries, over the index of what went wrong; what was retried
    since counts as if it had been sent: too careful, never too fast.
    """
    rows = db.execute(
        "SELECT CAST(a.at AS INTEGER), count(*) FROM run r"
        " CROSS JOIN delivery d ON d.run_id = r.id AND d.cause = ? AND d.cause <> 'accepted'"
        " CROSS JOIN attempt a ON a.delivery_id = d.id AND a.stage = ? AND a.note <> 'late'"
        " WHERE (r.id = ? OR (? IS NULL AND r.relay = ?)) AND a.at >= ? GROUP BY 1",
        (Cause.RENDER_FAILED, Stage.ASSEMBLE, run_id, run_id, relay, int(since)),
    )
    return dict(rows.fetchall())
