"""The ledger's tables, or one run's part of them, row by row: for other programs, and for keeping.

All rows are of one instant. Bytes are told in hexadecimal digits, instants in seconds since 1970
(UTC), as the tables have them. What files hold that messages were made from is left out: they are
told by their digests.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from notifier.ledger import connection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

#: What tells the rows of one run, by table; the others are no run's.
_OF_RUN = {
    "run": "id = ?",
    "recipient": "run_id = ?",
    "delivery": "run_id = ?",
    "attempt": "delivery_id IN (SELECT delivery_id FROM recipient WHERE run_id = ?)",
    "rejection": "run_id = ?",
    "counter": "run_id = ?",
    "tick": "run_id = ?",
    "worker": "run_id = ?",
    "run_document": "run_id = ?",
    "approval": "run_id = ?",
    "brake": "run_id = ?",
    "alert": "run_id = ?",
    "audit": "subject = 'run ' || ?",
}
#: Indexes in the shape of tables, what files held, and other programs' tables.
_LEFT_OUT = ("token", "mailbox", "document", "alembic_version", "apscheduler_jobs")
#: Rows read at a time.
_PAGE = 1000


class TableRows(NamedTuple):
    """A table's rows."""

    name: str
    columns: tuple[str, ...]
    #: To be read before the next table is.
    rows: Iterator[tuple[object, ...]]


def export(path: Path, run_id: int | None = None) -> Iterator[TableRows]:
    """Each table that has something to tell, in the order of their names.

    Raises LedgerError where the ledger can't be read.
    """
    db = connection.open_reader(path)
    with contextlib.closing(db):
        with connection.translated(path):
            db.execute("BEGIN")
            names = [
                name
                for (name,) in db.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                    " AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
                )
                if name not in _LEFT_OUT and (run_id is None or name in _OF_RUN)
            ]
        for name in names:
            yield _table(db, path, name, run_id)


def _table(db: sqlite3.Connection, path: Path, name: str, run_id: int | None) -> TableRows:
    where = "" if run_id is None else f" WHERE {_OF_RUN[name]}"
    with connection.translated(path):
        cursor = db.execute(
            f'SELECT * FROM "{name}"{where}',  # noqa: S608 - names of the ledger's own tables
            () if run_id is None else (run_id,),
        )
    columns = tuple(column for column, *_rest in cursor.description)
    return TableRows(name, columns, _rows(cursor, path))


def _rows(cursor: sqlite3.Cursor, path: Path) -> Iterator[tuple[object, ...]]:
    while True:
        with connection.translated(path):
            page = cursor.fetchmany(_PAGE)
        if not page:
            return
        for row in page:
            yield tuple(it.hex() if isinstance(it, bytes) else it for it in row)
