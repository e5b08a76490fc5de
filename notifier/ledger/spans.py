"""When a run was being sent: the spans of its workers, not the pauses between them.

A worker's span ends with its last outcome or heartbeat, whichever is later. That it ended is only
written down when somebody notices: a worker that was killed before lunch is found dead after it.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

#: Replies that came while the worker lived: what a recovery writes down is `unknown` or `pending`.
_LAST_REPLY = """
SELECT second + 1 FROM tick WHERE run_id = ? AND second >= ? AND second <= ? AND second < ?
AND outcome IN ('accepted', 'refused', 'deferred', 'expired') ORDER BY second DESC LIMIT 1
"""


def sending_seconds(
    db: sqlite3.Connection, run_id: int, started_at: float, finished_at: float | None
) -> float | None:
    """Seconds in which at least one worker was sending the run; None where none is on record.

    Costs by the number of times that somebody sent it.
    """
    workers = db.execute(
        "SELECT registered_at, heartbeat_at, coalesce(ended_at, ?) FROM worker WHERE run_id = ?"
        " ORDER BY registered_at, id",
        (inf, run_id),
    ).fetchall()
    if not workers:
        return None
    latest = finished_at if finished_at is not None else inf
    spans = []
    for at, (start, beat, end) in enumerate(workers):
        following = workers[at + 1][0] // 1 if at + 1 < len(workers) else inf  # its own replies
        replies = db.execute(_LAST_REPLY, (run_id, int(start), end, following)).fetchone()
        last = max(beat, replies[0] if replies else 0.0)
        spans.append((max(start, started_at), min(last, end, latest)))
    return union(spans)


def union(spans: Iterable[tuple[float, float]]) -> float:
    """The length of what the spans cover together; they come in the order of their starts."""
    total, covered = 0.0, -inf
    for start, end in spans:
        total += max(0.0, end - max(start, covered))
        covered = max(covered, end)
    return total
