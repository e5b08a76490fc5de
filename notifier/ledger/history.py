"""How much a relay was used lately: its limits hold across restarts and across runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def recent_attempts(
    db: sqlite3.Connection, relay: str, since: float, limit: int, run_id: int | None, *, now: float
) -> list[float]:
    """An instant for each attempt through the relay since then, oldest first, the latest `limit`.

    Attempts are counted by the second; each is told as its second's end, so that a limit is kept
    rather than just missed.
    """
    rows = db.execute(
        "SELECT t.second, sum(t.count) FROM run r CROSS JOIN tick t ON t.run_id = r.id"
        " WHERE r.relay = ? AND (? IS NULL OR r.id = ?) AND t.second >= ?"
        " GROUP BY t.second ORDER BY t.second DESC",
        (relay, run_id, run_id, int(since)),
    )
    found: list[float] = []
    for second, count in rows:
        found.extend([min(second + 1.0, now)] * min(count, limit - len(found)))
        if len(found) >= limit:
            break
    return found[::-1]
