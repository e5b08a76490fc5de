"""Which deliveries an address has, over all runs: what `history` and `forget` ask.

Addresses come in the sheet's order, and an index kept meanwhile would write a page for each of
them. So a run's are put in order at the end of its enrolment, as tokens are, and a range at a time,
because sorting takes memory. Tokens are spread evenly; addresses are not, so the ranges' bounds are
taken from a sample of the run's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

#: Addresses sorted at once: some 8 MB.
SORTED = 1 << 17
#: Every so manieth is looked at for the bounds, of a run that needs more than one range.
SAMPLED = 97

#: As `str.lower`, which is a call back into Python, where the address isn't ASCII.
_FOLDED = (
    "CASE WHEN length(address) = length(CAST(address AS BLOB)) THEN lower(address)"
    " ELSE fold(address) END"
)


def parts(db: sqlite3.Connection, run_id: int, count: int) -> list[tuple[str, tuple[object, ...]]]:
    """The statements that put the run's addresses in order, a range each; once more does no harm.

    `count` is how many there are. What is without an address, because its person was forgotten, is
    left out. They read the index over keys and addresses alone: the rows themselves are ten times
    as large.
    """
    bounds = _bounds(db, run_id, -(-count // SORTED)) if count > SORTED else []
    found = []
    for low, high in zip([None, *bounds], [*bounds, None], strict=True):
        within = " AND folded >= ?" * (low is not None) + " AND folded < ?" * (high is not None)
        sql = (
            "INSERT OR IGNORE INTO mailbox (address, delivery_id)"  # noqa: S608 - constants
            f" SELECT {_FOLDED} AS folded, delivery_id FROM recipient"
            f" WHERE run_id = ? AND address <> '' {within} ORDER BY 1, 2"
        )
        found.append((sql, (run_id, *(it for it in (low, high) if it is not None))))
    return found


def _bounds(db: sqlite3.Connection, run_id: int, parts: int) -> list[str]:
    """What divides the run's addresses into so many parts, about equal; ascending, each once."""
    rows = db.execute(
        f"SELECT {_FOLDED} FROM recipient WHERE run_id = ? AND delivery_id % {SAMPLED} = 0"  # noqa: S608 - constants
        " ORDER BY 1",
        (run_id,),
    ).fetchall()
    if not rows:
        return []
    return sorted({rows[len(rows) * part // parts][0] for part in range(1, parts)} - {""})
