"""Personal content of old runs goes; counts, states, times and digests stay.

    goes    addresses, names, keys, rows, Message-IDs, the words of replies, rejected rows, files
            that messages were made from, alerts; why older occurrences could not be begun
    stays   the run with its sums, how each delivery ended and when, reply codes, the message's
            digest (whoever brings a message can still be told that it was ours), the campaign's
            and the template's text, the audit log

Only runs that have ended go: finished or cancelled, with nothing on the wire. First the run is
marked, which is when it counts as purged; then its deliveries follow some thousand at a time, with
gaps in which others have their turn: whoever sends meanwhile waits a moment, and the log stays
small. If it is killed in the middle, the next purge goes on with it; `ledger check` tells.

Freed bytes are overwritten (`secure_delete`), but pages are moved about meanwhile, and the log has
them as they were: gone for good they are after `compact`, which writes the file anew without them
and empties the log.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from notifier.errors import LedgerError
from notifier.ledger import audit, connection
from notifier.ledger.enrolment import GAP
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from notifier.ledger.connection import Store

#: Deliveries, or rejections, of one transaction.
BATCH = 5_000
#: What a row without content is: `model.dump_context` of nobody.
NO_CONTEXT = "[{},{},[]]"

_ENDED = f"r.state IN ('{RunState.FINISHED}', '{RunState.CANCELLED}')"
#: Of `run r`: something of it may still change.
_MOVES = """EXISTS (SELECT 1 FROM counter c WHERE c.run_id = r.id AND c.count > 0
    AND c.state IN ('pending', 'claimed', 'submitting', 'deferred'))"""
_LEFT = """(r.purged_at IS NULL OR EXISTS (
    SELECT 1 FROM recipient p WHERE p.run_id = r.id AND p.line > 0)
    OR EXISTS (SELECT 1 FROM rejection j WHERE j.run_id = r.id))"""
_COLUMNS = """r.id, r.campaign, r.occurrence, r.state, coalesce(r.finished_at, r.created_at),
    coalesce((SELECT sum(count) FROM counter c WHERE c.run_id = r.id), 0), r.rejections"""


class OldRun(NamedTuple):
    """A run that is old enough."""

    id: int
    campaign: str
    occurrence: str
    state: RunState
    #: When it ended; of one that has not, when it began.
    at: float
    deliveries: int
    rejections: int


@dataclass(frozen=True, slots=True)
class Old:
    """What a purge would do."""

    #: Their content goes.
    runs: tuple[OldRun, ...]
    #: Old, but not ended: they stay until somebody decides about them.
    open: tuple[OldRun, ...]

    @property
    def deliveries(self) -> int:
        """Of all runs that go."""
        return sum(it.deliveries for it in self.runs)

    @property
    def rejections(self) -> int:
        """Of all runs that go."""
        return sum(it.rejections for it in self.runs)


def find_old(db: sqlite3.Connection, before: float) -> Old:
    """Runs that ended before that instant and have content left, and older ones that are open."""
    ended = db.execute(
        f"SELECT {_COLUMNS} FROM run r WHERE {_ENDED} AND NOT {_MOVES} AND r.finished_at < ?"  # noqa: S608 - constants of ours
        f" AND {_LEFT} ORDER BY r.id",
        (before,),
    )
    runs = tuple(_old(row) for row in ended.fetchall())
    still = db.execute(
        f"SELECT {_COLUMNS} FROM run r WHERE (NOT {_ENDED} OR {_MOVES}) AND r.created_at < ?"  # noqa: S608 - constants of ours
        " ORDER BY r.id",
        (before,),
    )
    return Old(runs, tuple(_old(row) for row in still.fetchall()))


def _old(row: Sequence[Any]) -> OldRun:
    number, campaign, occurrence, state, *rest = row
    return OldRun(number, campaign, occurrence, RunState(state), *rest)


def purge(
    store: Store,
    run_id: int,
    *,
    now: float,
    actor: str,
    told: Callable[[int], None] = lambda _count: None,
) -> None:
    """Take a run's personal content away; `told` hears how many deliveries each step did.

    The run is one of `find_old`: it is looked at once more in the transaction that marks it, and
    left alone where somebody has made it active since.
    """
    overwrite(store)
    with store.write() as db:
        if not _mark(db, run_id, now, actor):
            return
    while count := _step(store, _erase_some, run_id):
        told(count)
        rest()
    while _step(store, _drop_rejections, run_id):
        rest()
    with store.write() as db:
        drop_orphans(db)


def rest() -> None:
    """Let others write: one transaction right after the other keeps them from it for good."""
    time.sleep(GAP)


def overwrite(store: Store) -> None:
    """Have this connection overwrite from now on what it takes away."""
    with store.alone() as db:
        db.execute("PRAGMA secure_delete = ON")


def _mark(db: sqlite3.Connection, run_id: int, now: float, actor: str) -> bool:
    row = db.execute(
        f"SELECT {_COLUMNS}, r.purged_at FROM run r WHERE r.id = ? AND {_ENDED} AND NOT {_MOVES}",  # noqa: S608 - constants of ours
        (run_id,),
    ).fetchone()
    if row is None:
        return False
    *columns, purged_at = row
    if purged_at is None:
        old = _old(columns)
        told = {"deliveries": old.deliveries, "rejections": old.rejections}
        audit.note(db, actor, "purge", f"run {run_id}", told, now)
    db.execute(
        "UPDATE run SET purged_at = coalesce(purged_at, ?), reason = '' WHERE id = ?",
        (now, run_id),
    )
    db.execute(
        "DELETE FROM run_document WHERE run_id = ? AND role IN ('file', 'manifest')", (run_id,)
    )
    ended_at = columns[4]
    # What failed before it had a run may repeat a cell or the name of a file; it is older still.
    db.execute(
        "DELETE FROM alert WHERE run_id = ? OR (run_id IS NULL AND at < ?)", (run_id, ended_at)
    )
    db.execute("UPDATE firing SET note = '' WHERE state = 'failed' AND at < ?", (ended_at,))
    db.execute("UPDATE approval SET note = '' WHERE run_id = ?", (run_id,))
    return True


def _step(store: Store, function: Callable[[sqlite3.Connection, int], int], run_id: int) -> int:
    with store.write() as db:
        return function(db, run_id)


def _erase_some(db: sqlite3.Connection, run_id: int) -> int:
    rows = db.execute(
        "SELECT delivery_id FROM recipient WHERE run_id = ? AND line > 0 LIMIT ?", (run_id, BATCH)
    ).fetchall()
    erase(db, [number for (number,) in rows])
    return len(rows)


def _drop_rejections(db: sqlite3.Connection, run_id: int) -> int:
    cursor = db.execute(
        "DELETE FROM rejection WHERE id IN (SELECT id FROM rejection WHERE run_id = ? LIMIT ?)",
        (run_id, BATCH),
    )
    return cursor.rowcount


def erase(db: sqlite3.Connection, deliveries: Collection[int]) -> None:
    """Nobody can tell any more whom these deliveries were to, or what they said.

    Line 0 says that it was done. Their keys are no one's, but differ: a run's index wants that.
    """
    chosen = json.dumps(list(deliveries))
    among = "IN (SELECT value FROM json_each(?))"
    rows = db.execute(
        f"SELECT token, address, delivery_id FROM recipient WHERE delivery_id {among}",  # noqa: S608 - constants of ours
        (chosen,),
    ).fetchall()
    db.executemany("DELETE FROM token WHERE token = ?", [(token,) for token, *_rest in rows])
    db.executemany(
        "DELETE FROM mailbox WHERE address = ? AND delivery_id = ?",
        [(address.lower(), number) for _token, address, number in rows],
    )
    db.execute(f"UPDATE attempt SET text = '' WHERE delivery_id {among} AND text <> ''", (chosen,))  # noqa: S608 - constants of ours
    db.execute(
        "UPDATE recipient SET line = 0, token = '', key = 'erased:' || delivery_id, address = '',"  # noqa: S608 - constants of ours
        f" name = '', context = '{NO_CONTEXT}' WHERE delivery_id {among}",
        (chosen,),
    )


def drop_orphans(db: sqlite3.Connection) -> int:
    """Take away the documents that no run names any more; how many."""
    cursor = db.execute(
        "DELETE FROM document WHERE digest NOT IN (SELECT digest FROM run_document)"
    )
    return cursor.rowcount


def compact(path: Path) -> int:
    """Write the file anew without what was taken away, and empty its log; bytes that it shrank.

    Takes as much free space as the ledger has bytes, twice over while it works, and keeps others
    from writing meanwhile. LedgerError where somebody else holds it, or the disk is too small; the
    ledger is then as it was.
    """
    with connection.translated(path), contextlib.closing(connection.connect(path)) as db:
        connection.check_schema(db, path)
        before = path.stat().st_size
        db.execute("PRAGMA synchronous = FULL")
        db.execute("VACUUM")
        (is_busy, *_pages) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise LedgerError(
                _("The ledger is read by another program: its log still has what was taken out."),
                where=str(path),
                next_step=_("Close it, then purge or forget once more."),
            )
        return before - path.stat().st_size
