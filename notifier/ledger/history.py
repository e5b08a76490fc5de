"""How much a relay was used lately: its limits hold across restarts and across runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.model import Cause, Stage

if TYPE_CHECKING:
    import sqlite3


def recent_attempts(
    db: sqlite3.Connection, relay: str, since: float, limit: int, run_id: int | None, *, now: float
) -> list[float]:
    """An instant for each attempt through the relay since then, oldest first, the latest `limit`.

    Attempts are counted by the second; each is told as its second's end, so that a limit is kept
    rather than just missed. Messages that could not be made never reached the relay: not counted.
    """
    unmade = _unmade(db, relay, since, run_id)
    rows = db.execute(
        "SELECT t.second, sum(t.count) FROM run r CROSS JOIN tick t ON t.run_id = r.id"
        " WHERE r.relay = ? AND (? IS NULL OR r.id = ?) AND t.second >= ?"
        " GROUP BY t.second ORDER BY t.second DESC",
        (relay, run_id, run_id, int(since)),
    )
    found: list[float] = []
    for second, count in rows:
        used = count - unmade.get(second, 0)
        found.extend([min(second + 1.0, now)] * min(used, limit - len(found)))
        if len(found) >= limit:
            break
    return found[::-1]


def _unmade(db: sqlite3.Connection, relay: str, since: float, run_id: int | None) -> dict[int, int]:
    """Attempts that ended before the relay was asked, by their second.

    Costs by the number of such deliveries, over the index of what went wrong; what was retried
    since counts as if it had been sent: too careful, never too fast.
    """
    rows = db.execute(
        "SELECT CAST(a.at AS INTEGER), count(*) FROM run r"
        " CROSS JOIN delivery d ON d.run_id = r.id AND d.cause = ? AND d.cause <> 'accepted'"
        " CROSS JOIN attempt a ON a.delivery_id = d.id AND a.stage = ? AND a.note <> 'late'"
        " WHERE r.relay = ? AND (? IS NULL OR r.id = ?) AND a.at >= ? GROUP BY 1",
        (Cause.RENDER_FAILED, Stage.ASSEMBLE, relay, run_id, run_id, int(since)),
    )
    return dict(rows.fetchall())
