"""Suppressions: addresses that must not be mailed, compared without regard to case.

Whoever was forgotten is suppressed too, by a hash alone: the address is not kept, and not written
down again when a sheet brings it. `hashed` is SQL's `audit.hash_of` with this ledger's identity.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.ledger import audit, runs
from notifier.ledger.records import Suppression
from notifier.model import Cause, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence


#: What waits for the addresses, in any run. A run's are in `mailbox` once it is enrolled; of a run
#: that isn't yet, each recipient is looked at (nothing waits in one that was given up meanwhile).
_WAITING = """
SELECT d.id, d.run_id, d.state FROM (
    SELECT delivery_id FROM mailbox WHERE address IN (SELECT value FROM json_each(?1))
    UNION SELECT p.delivery_id FROM run r CROSS JOIN recipient p ON p.run_id = r.id
        WHERE r.state = 'enrolling' AND fold(p.address) IN (SELECT value FROM json_each(?1))
) found CROSS JOIN delivery d ON d.id = found.delivery_id
WHERE d.state IN (?2, ?3, ?4)
"""


def add(db: sqlite3.Connection, address: str, reason: str, source: str, now: float) -> bool:
    """Suppress the address; True where it was not yet. The first reason is kept.

    What waits for it in any run is suppressed too, and a run that waited for nothing else is
    finished; what is on the wire already goes out. Whoever was forgotten stays so: suppressed,
    without the address being written down.
    """
    address = address.strip()
    _sweep(db, [address.lower()], now)
    if forgotten(db, [address]):
        return False
    cursor = db.execute(
        "INSERT INTO suppression (folded, address, reason, source, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (folded) DO NOTHING",
        (address.lower(), address, reason, source, now),
    )
    return cursor.rowcount > 0


def add_all(
    db: sqlite3.Connection, addresses: Sequence[str], reason: str, source: str, now: float
) -> int:
    """As `add`, for many: recipients are looked through once. How many were not suppressed yet."""
    before = db.total_changes
    known = forgotten(db, addresses)
    db.executemany(
        "INSERT INTO suppression (folded, address, reason, source, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (folded) DO NOTHING",
        (
            (it.strip().lower(), it.strip(), reason, source, now)
            for it in addresses
            if it.strip().lower() not in known
        ),
    )
    added = db.total_changes - before
    _sweep(db, [it.strip().lower() for it in addresses], now)
    return added


def _sweep(db: sqlite3.Connection, folded: Sequence[str], now: float) -> None:
    # What is claimed is taken from its worker, whose intent is refused then: given back instead,
    # it would be due again, and go out.
    states = (State.PENDING, State.DEFERRED, State.CLAIMED)
    waiting = db.execute(_WAITING, (json.dumps(folded), *states)).fetchall()
    for delivery_id, run_id, prior in waiting:
        db.execute(
            "UPDATE delivery SET state = ?, cause = ?, next_attempt_at = NULL, worker_id = NULL,"
            " changed_at = ? WHERE id = ?",
            (State.SUPPRESSED, Cause.SUPPRESSED, now, delivery_id),
        )
        runs.shift(db, run_id, State(prior), State.SUPPRESSED, 1)
    for run_id in sorted({run_id for _delivery, run_id, _prior in waiting}):
        runs.finish_if_done(db, run_id, now)


def remove(db: sqlite3.Connection, address: str) -> bool:
    """Lift the suppression, a forgotten person's too; True where there was one."""
    folded = address.strip().lower()
    listed = db.execute("DELETE FROM suppression WHERE folded = ?", (folded,)).rowcount
    hidden = db.execute("DELETE FROM forgotten WHERE hash = hashed(?)", (folded,)).rowcount
    return listed + hidden > 0


def every(db: sqlite3.Connection) -> list[Suppression]:
    """All of them, by address."""
    rows = db.execute("SELECT address, reason, source, at FROM suppression ORDER BY folded")
    return [Suppression(*row) for row in rows]


def among(db: sqlite3.Connection, addresses: Iterable[str]) -> set[str]:
    """Those of the addresses that are suppressed or forgotten, in lower case.

    An empty one is: it stood for somebody who was forgotten.
    """
    asked = [address.strip().lower() for address in addresses]
    rows = db.execute(
        "SELECT folded FROM suppression WHERE folded IN (SELECT value FROM json_each(?))",
        (json.dumps(asked),),
    )
    found = {row for (row,) in rows} | forgotten(db, asked)
    return found | {""} if "" in asked else found


def forgotten(db: sqlite3.Connection, addresses: Iterable[str]) -> set[str]:
    """Those of the addresses whose persons were forgotten, in lower case."""
    if not count_forgotten(db):  # as nearly always: no hash is made
        return set()
    asked = [address.strip().lower() for address in addresses]
    rows = db.execute(
        "SELECT value FROM json_each(?) WHERE hashed(value) IN (SELECT hash FROM forgotten)",
        (json.dumps(asked),),
    )
    return {row for (row,) in rows}


@dataclass(frozen=True, slots=True)
class Barred:
    """All who must not be mailed, to be asked with `in`; addresses in lower case."""

    listed: frozenset[str]
    ledger_id: str
    hashes: frozenset[str]

    def __contains__(self, address: object) -> bool:
        """Whether the address is suppressed, or its person was forgotten."""
        if address in self.listed:
            return True
        return bool(self.hashes) and audit.hash_of(self.ledger_id, str(address)) in self.hashes


def barred(db: sqlite3.Connection) -> Barred:
    """All of them, as they are now."""
    (ledger_id,) = db.execute("SELECT ledger_id FROM identity").fetchone()
    return Barred(
        frozenset(row for (row,) in db.execute("SELECT folded FROM suppression")),
        ledger_id,
        frozenset(row for (row,) in db.execute("SELECT hash FROM forgotten")),
    )


def count_forgotten(db: sqlite3.Connection) -> int:
    """How many persons are known by a hash alone."""
    (count,) = db.execute("SELECT count(*) FROM forgotten").fetchone()
    return int(count)
