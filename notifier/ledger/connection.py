"""The ledger's file: opening, migrating, transactions, and SQLite's errors in plain words.

    locked        somebody else writes for longer than `BUSY_SECONDS`: LedgerError, nothing changed
    disk full     the transaction is undone whole; the ledger is usable again once there is space
    damaged       said so, with the way back: a backup
    newer         a ledger written by a later version is not touched
    another's     a database that isn't a ledger is not touched

What a power cut may take is in `durability.py`. Whether a ledger must be migrated is told by
`PRAGMA user_version` alone, because importing SQLAlchemy and Alembic takes half a second.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from notifier.errors import LedgerError, LocalProtocolError, NotifierError
from notifier.ledger import durability as disk
from notifier.locale import N_, _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from notifier.model import Durability

#: The schema that this program writes: the number of its newest migration.
SCHEMA = 4
#: "ntfr": marks the file as ours (PRAGMA application_id).
APPLICATION_ID = 0x6E746672
#: STRICT tables; UPDATE FROM and the rest came earlier.
LEAST_SQLITE = (3, 37, 0)
#: Seconds that SQLite itself waits for another writer.
BUSY_SECONDS = 5.0
#: KiB of pages kept in memory.
CACHE_KIB = 16_000

#: By SQLite's result code, the extended one or the primary: what happened, and what to do.
_TROUBLES: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: (
        N_("The ledger is locked by another program."),
        N_("Wait until it is done, or close it, and try again."),
    ),
    sqlite3.SQLITE_LOCKED: (
        N_("The ledger is locked by another program."),
        N_("Wait until it is done, or close it, and try again."),
    ),
    sqlite3.SQLITE_FULL: (
        N_("The disk is full: the ledger can't be written."),
        N_("Free some space, then run the same command again; nothing was lost."),
    ),
    # the index beside the log can't be made, even for reading
    sqlite3.SQLITE_IOERR_SHMSIZE: (
        N_("The disk is full: the ledger can't be written."),
        N_("Free some space, then run the same command again; nothing was lost."),
    ),
    sqlite3.SQLITE_READONLY: (
        N_("The ledger is read-only."),
        N_("Give yourself the right to write the file and its folder."),
    ),
    sqlite3.SQLITE_IOERR: (
        N_("The disk failed while the ledger was read or written."),
        N_("Check the disk and its mount, then run the same command again."),
    ),
    sqlite3.SQLITE_CORRUPT: (
        N_("The ledger is damaged."),
        N_("Put a backup in its place; keep the damaged file for looking into."),
    ),
    sqlite3.SQLITE_NOTADB: (
        N_("The file is not a ledger."),
        N_("Set `ledger` in notifier.toml to another file, or move this one away."),
    ),
    sqlite3.SQLITE_CANTOPEN: (
        N_("The ledger can't be opened."),
        N_("Check that its folder exists and that you may write there."),
    ),
    sqlite3.SQLITE_PERM: (
        N_("The ledger can't be opened."),
        N_("Check that its folder exists and that you may write there."),
    ),
}


def is_locked(error: NotifierError) -> bool:
    """Whether the error says that another program holds the ledger: worth another try."""
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def translate(exc: sqlite3.Error, path: Path) -> NotifierError:
    """SQLite's error as ours: LedgerError, or LocalProtocolError where a constraint caught us."""
    extended = getattr(exc, "sqlite_errorcode", None) or 0
    code = extended & 0xFF
    if code == sqlite3.SQLITE_CONSTRAINT:
        return LocalProtocolError(
            _("The ledger refused a change that must not be: {reason}").format(reason=exc),
            where=str(path),
            next_step=_("This is a mistake in notifier; nothing was changed. Please report it."),
        )
    message, step = _TROUBLES.get(extended) or _TROUBLES.get(code, ("", ""))
    return LedgerError(
        _(message) or _("The ledger can't be used: {reason}").format(reason=exc),
        where=str(path),
        next_step=_(step) or _("Check the file and its disk, then try again."),
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """No `sqlite3.Error` leaves the room."""
    try:
        yield
    except sqlite3.Error as exc:
        raise translate(exc, path) from exc


class Store:
    """One connection that writes, usable from any thread, one at a time."""

    def __init__(self, path: Path, db: sqlite3.Connection, commits: disk.Commits) -> None:
        self.path = path
        self._db = db
        self._commits = commits
        self._lock = threading.RLock()
        self._is_closed = False

    @property
    def durability(self) -> Durability:
        """What a power cut may take."""
        return self._commits.durability

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The connection without a transaction, to read or to set it up."""
        with self._lock, translated(self.path):
            if self._is_closed:
                raise LedgerError(
                    _("The ledger is closed."),
                    where=str(self.path),
                    next_step=_("Open it again."),
                )
            yield self._db

    @contextmanager
    def single(self) -> Iterator[sqlite3.Connection]:
        """The connection for one statement that writes, which is a transaction by itself."""
        with self.alone() as db, self._commits.level():
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that may write: all of it or, on any error, nothing."""
        with self.single() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock, translated(self.path):
            if not self._is_closed:
                self._commits.settle()
            self._is_closed = True
            self._db.close()


def open_store(path: Path, *, now: float, durability: Durability = "full") -> Store:
    """The file, made or migrated where needed.

    `durability`: what a power cut may take of what is written later; never of the tables.

    Raises LedgerError: locked, damaged, read-only, not a ledger, from a newer version, no folder.
    """
    _check_place(path)
    with translated(path):
        db = connect(path)
        try:
            prepare(db, path, now=now)
            commits = disk.Commits(db, durability)
            _tune(db)
        except BaseException:
            db.close()
            raise
    return Store(path, db, commits)


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can't write; LedgerError where there is no ledger of this version."""
    _check_place(path)
    if not path.exists():
        raise LedgerError(
            _("There is no ledger yet."),
            where=str(path),
            next_step=_("Send something first: notifier send CAMPAIGN --live"),
        )
    with translated(path):
        db = connect(path)
        try:
            db.execute("PRAGMA query_only = 1")
            _refuse_older(check_schema(db, path), path)
            db.create_function("fold", 1, str.lower, deterministic=True)
        except BaseException:
            db.close()
            raise
    return db


def _refuse_older(schema: int, path: Path) -> None:
    if schema != SCHEMA:
        raise LedgerError(
            _("The ledger was written by an older version of notifier."),
            where=str(path),
            next_step=_("Bring it up to date, without losing anything: notifier status latest"),
        )


def check_schema(db: sqlite3.Connection, path: Path) -> int:
    """The ledger's schema number, 0 for an empty file; LedgerError for newer ones and others'."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION_ID:
        if version > SCHEMA:
            raise LedgerError(
                _("The ledger was written by a newer version of notifier."),
                where=str(path),
                next_step=_("Install that version or a later one; this one leaves it alone."),
            )
        return int(version)
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application or version or tables:
        raise LedgerError(
            _("The file is a database of another program."),
            where=str(path),
            next_step=_("Set `ledger` in notifier.toml to another file, or move this one away."),
        )
    return 0


def prepare(db: sqlite3.Connection, path: Path, *, now: float) -> None:
    """Create or migrate the tables where that is needed, in one transaction."""
    before = check_schema(db, path)
    if before == SCHEMA:
        return
    # Half a second of imports, for a ledger's first opening by this version alone.
    from notifier.ledger.migrate import keep_old, migrate  # noqa: PLC0415

    disk.Commits(db)
    if before:
        keep_old(path, before)
    db.execute("BEGIN IMMEDIATE")
    try:
        if check_schema(db, path) != SCHEMA:  # somebody else may have been quicker
            migrate(db, now=now)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    if not before:
        disk.settle_folders(path)


def _check_place(path: Path) -> None:
    if sqlite3.sqlite_version_info < LEAST_SQLITE:
        raise LedgerError(
            _("SQLite {found} is too old for the ledger; it needs {least}.").format(
                found=sqlite3.sqlite_version, least=".".join(map(str, LEAST_SQLITE))
            ),
            where=str(path),
            next_step=_("Use a Python that comes with a newer SQLite."),
        )
    if path.is_dir():
        raise LedgerError(
            _("The ledger's path is a folder."),
            where=str(path),
            next_step=_("Set `ledger` in notifier.toml to a file, such as data/ledger.sqlite."),
        )
    if not path.parent.is_dir():
        raise LedgerError(
            _("The ledger's folder does not exist."),
            where=str(path.parent),
            next_step=_("Create the folder, or set `ledger` in notifier.toml to another place."),
        )


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the file as SQLite gives it: nothing is looked at, nothing set."""
    return sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def _tune(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
