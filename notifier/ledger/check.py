"""Whether a ledger is whole, and says the same thing everywhere: what `ledger check` asks.

Each check is a query that finds what must not be, with a sentence and what to do. All of them see
one instant: a run may go on meanwhile. `damage` is the file's own: SQLite can't trust it. A `fault`
is something that no version of this program writes. A `notice` is nothing to worry about.

What each costs: a pass over deliveries and attempts, some seconds for a million. `quick` leaves out
SQLite's own check of every page, which reads the whole file.
"""

from __future__ import annotations

import hashlib
import socket
import sqlite3
import time
import zlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from notifier.ledger import audit, claims, connection
from notifier.ledger.invariants import QUERIES, REPORT, Level, Query
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Examples that are told of each finding.
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found."""

    check: str
    level: Level
    #: A sentence, in the reader's language.
    text: str
    #: How many such things there are.
    count: int
    #: Some of them: `run 3`, `delivery 17`.
    examples: tuple[str, ...]
    #: What to do, in the reader's language.
    next_step: str


@dataclass(frozen=True, slots=True)
class Health:
    """What the checks came to."""

    findings: tuple[Finding, ...]
    #: The names of the checks that were made.
    checks: tuple[str, ...]
    schema: int
    journal_mode: str
    #: Bytes of the file and of its log; bytes of the file that hold nothing.
    size: int
    log_size: int
    free: int
    runs: int
    deliveries: int

    @property
    def is_damaged(self) -> bool:
        """Whether the file itself can't be trusted."""
        return any(it.level is Level.DAMAGE for it in self.findings)

    @property
    def is_sound(self) -> bool:
        """Whether there is nothing but notices."""
        return all(it.level is Level.NOTICE for it in self.findings)


def check(path: Path, *, quick: bool = False, now: float | None = None) -> Health:
    """Make all checks on the ledger at `path`; writes nothing, keeps nobody from writing.

    Raises LedgerError where it can't be opened at all, or isn't of this version.
    """
    db = connection.open_reader(path)
    try:
        with connection.translated(path):
            (ledger_id,) = db.execute("SELECT ledger_id FROM identity").fetchone()
            hashed = partial(audit.hash_of, ledger_id)
            db.create_function("hashed", 1, hashed, deterministic=True)
            db.execute("BEGIN")  # one instant for all
            return _check(db, path, time.time() if now is None else now, quick=quick)
    finally:
        db.close()


def _check(db: sqlite3.Connection, path: Path, now: float, *, quick: bool) -> Health:
    made: list[tuple[str, Callable[[], Iterator[Finding]]]] = []
    if not quick:
        made.append(("pages", partial(_pages, db)))
        made.append(("references", partial(_references, db)))
    made += [(it.name, partial(_ask, db, it)) for it in QUERIES]
    made.append(("claims", partial(_claims, db, now)))
    made.append(("audit", partial(_audit, db)))
    if not quick:
        made.append(("contents", partial(_contents, db)))
    findings: list[Finding] = []
    done: list[str] = []
    for name, function in made:
        done.append(name)
        try:
            findings += function()
        except sqlite3.DatabaseError as exc:
            findings.append(_damage(name, [str(exc)], 1))
        if any(it.level is Level.DAMAGE for it in findings):
            break  # what is read from a damaged file says nothing
    return _health(db, path, findings, done)


def _health(db: sqlite3.Connection, path: Path, findings: list[Finding], done: list[str]) -> Health:
    def number(sql: str) -> int:
        try:
            return int(db.execute(sql).fetchone()[0] or 0)
        except sqlite3.DatabaseError:
            return 0

    log = path.with_name(path.name + "-wal")
    return Health(
        findings=tuple(findings),
        checks=tuple(done),
        schema=number("PRAGMA user_version"),
        journal_mode=str(db.execute("PRAGMA journal_mode").fetchone()[0]),
        size=path.stat().st_size,
        log_size=log.stat().st_size if log.exists() else 0,
        free=number("PRAGMA freelist_count") * number("PRAGMA page_size"),
        runs=number("SELECT count(*) FROM run"),
        deliveries=number("SELECT sum(count) FROM counter"),
    )


def _ask(db: sqlite3.Connection, query: Query) -> Iterator[Finding]:
    rows = db.execute(f"SELECT * FROM ({query.sql}) LIMIT ?", (EXAMPLES,)).fetchall()  # noqa: S608 - constants of ours
    if rows:
        (count,) = db.execute(f"SELECT count(*) FROM ({query.sql})").fetchone()  # noqa: S608 - constants of ours
        examples = tuple(str(text) for (text,) in rows)
        yield Finding(query.name, query.level, _(query.text), count, examples, _(query.next_step))


def _damage(name: str, found: list[str], count: int) -> Finding:
    return Finding(
        name,
        Level.DAMAGE,
        _("The file is damaged."),
        count,
        tuple(found[:EXAMPLES]),
        _("Put a backup in its place: notifier ledger restore FILE. Keep this one."),
    )


def _pages(db: sqlite3.Connection) -> Iterator[Finding]:
    found = [str(text) for (text,) in db.execute("PRAGMA integrity_check(100)")]
    if found != ["ok"]:
        yield _damage("pages", found, len(found))


def _references(db: sqlite3.Connection) -> Iterator[Finding]:
    found = db.execute("PRAGMA foreign_key_check").fetchmany(100)
    if found:
        examples = tuple(f"{table} {row} -> {parent}" for table, row, parent, _key in found)
        text = _("Rows point at others that are not there.")
        yield Finding("references", Level.FAULT, text, len(found), examples[:EXAMPLES], _(REPORT))


def _claims(db: sqlite3.Connection, now: float) -> Iterator[Finding]:
    here = socket.gethostname()
    held = db.execute(
        "SELECT worker_id, count(*) FROM delivery WHERE worker_id IS NOT NULL GROUP BY worker_id"
    ).fetchall()
    gone = [(worker, count) for worker, count in held if claims.is_dead(db, worker, now, here)]
    if gone:
        yield Finding(
            "claims",
            Level.NOTICE,
            _("Deliveries are held by a process that is gone."),
            sum(count for _worker, count in gone),
            tuple(f"worker {worker}" for worker, _count in gone[:EXAMPLES]),
            _("Nothing is lost: notifier resume RUN takes them over."),
        )


def _audit(db: sqlite3.Connection) -> Iterator[Finding]:
    row = audit.broken_at(db)
    if row is not None:
        yield Finding(
            "audit",
            Level.FAULT,
            _("The audit log was changed by other means than this program."),
            1,
            (_("row {row}").format(row=row),),
            _("Compare it with a backup's: what comes before that row is as it was written."),
        )


def _contents(db: sqlite3.Connection) -> Iterator[Finding]:
    wrong = [
        digest
        for digest, content in db.execute("SELECT digest, content FROM document")
        if not _is_whole(digest, content)
    ]
    if wrong:
        yield Finding(
            "contents",
            Level.FAULT,
            _("Files that runs were made from are not what they were."),
            len(wrong),
            tuple(it[:16] for it in wrong[:EXAMPLES]),
            _(REPORT),
        )


def _is_whole(digest: str, content: bytes) -> bool:
    try:
        return hashlib.sha256(zlib.decompress(content)).hexdigest() == digest
    except zlib.error:
        return False
