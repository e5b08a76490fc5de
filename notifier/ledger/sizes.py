"""How large the ledger is, and what takes the space."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from notifier.ledger import connection

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes, and counts of what is kept."""

    size: int
    log_size: int
    #: Inside the file, and used next.
    free: int
    runs: int
    purged: int
    deliveries: int
    forgotten: int
    #: (table with its indexes, bytes), the largest first; empty where SQLite can't tell.
    tables: tuple[tuple[str, int], ...]
    #: Names of copies that were put beside it before a restore or a migration.
    copies: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {**asdict(self), "tables": dict(self.tables)}


def measure(path: Path) -> Sizes:
    """Measure the ledger; LedgerError where it can't be read."""
    with contextlib.closing(connection.open_reader(path)) as db, connection.translated(path):

        def number(sql: str) -> int:
            return int(db.execute(sql).fetchone()[0] or 0)

        log = path.with_name(f"{path.name}-wal")
        return Sizes(
            size=path.stat().st_size,
            log_size=log.stat().st_size if log.exists() else 0,
            free=number("PRAGMA freelist_count") * number("PRAGMA page_size"),
            runs=number("SELECT count(*) FROM run"),
            purged=number("SELECT count(*) FROM run WHERE purged_at IS NOT NULL"),
            deliveries=number("SELECT sum(count) FROM counter"),
            forgotten=number("SELECT count(*) FROM forgotten"),
            tables=_tables(db),
            copies=tuple(sorted(it.name for it in path.parent.glob(f"{path.name}.before-*"))),
        )


def _tables(db: sqlite3.Connection) -> tuple[tuple[str, int], ...]:
    try:
        rows = db.execute(
            "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m"
            " ON m.name = s.name WHERE s.aggregate = 1 GROUP BY m.tbl_name ORDER BY 2 DESC"
        ).fetchall()
    except sqlite3.OperationalError:  # a SQLite without `dbstat`
        return ()
    return tuple(rows)
