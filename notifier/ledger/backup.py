"""Copies of the ledger: made while runs go on, and put back without mailing anybody twice.

A copy is made by SQLite's backup API in one step: one instant of the ledger, whoever writes
meanwhile (https://www.sqlite.org/c3ref/backup_finish.html); then it is looked through page by page,
synced, and only then given its name. It is one file, readable by its owner alone.

What a copy can't know is what was sent after it was made. So it is *calm*, from the moment it is
made: its runs that were being sent are paused with a reason that says so, its schedules are paused,
what was due and not begun is asked about, and what was on the wire is nobody's any more, which the
next one to send finds in doubt. Whoever puts it back by hand, with `cp`, mails nobody by that;
`restore` also tells what the ledger that it replaces knew, takes over who must not be mailed, and
keeps that ledger.

If step X fails, what happens to whom?

    the copying is killed    a file `.NAME.PID.tmp` is left, and no copy of that name
    the disk is full         LedgerError; the ledger is as it was
    somebody has it open     `restore` refuses: LedgerError
    restore is killed        the old ledger is in its place, or the copy is; the old one is beside
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from notifier.errors import LedgerError, UsageError
from notifier.ledger import audit, connection, durability
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The first schema that has schedules.
_WITH_SCHEDULES = 4


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was made."""

    path: Path
    #: Bytes.
    size: int
    runs: int
    #: Numbers of the runs that were being sent, and are paused in the copy.
    paused: tuple[int, ...]


class Lost(NamedTuple):
    """A run of which the ledger that was replaced knew more than the copy."""

    run: int
    campaign: str
    occurrence: str
    #: Accepted deliveries that the copy doesn't know of.
    accepted: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A copy that was put in the ledger's place."""

    #: Where the ledger is that stood there; None: there was none.
    aside: Path | None
    #: Empty too where the old ledger could not be read.
    lost: tuple[Lost, ...]
    was_readable: bool
    #: Runs that were being sent when the copy was made: paused.
    paused: tuple[int, ...]
    #: Addresses that must not be mailed, which the copy did not know: they still must not.
    kept_back: int = 0
    #: Times that somebody was forgotten after the copy was made: it still has their content.
    forgotten: int = 0


def back_up(ledger: Path, target: Path, *, now: float, replace: bool = False) -> Copied:
    """Copy the ledger to `target`, a file or a folder that gets one named after the instant.

    `replace` lets it take the place of a file that is there. UsageError where one is and it may
    not; LedgerError where the copy can't be made, or is not whole.
    """
    target = _named(ledger, target, now)
    if target.exists() and not replace:
        raise _is_there(target)
    temporary = _temporary(target)
    try:
        _copy(ledger, temporary)
        runs, paused = _finish(temporary, now)
        _give_name(temporary, target, replace=replace)
    finally:
        _remove(temporary)
    durability.settle_folders(target)
    return Copied(target, target.stat().st_size, runs, paused)


def copy_aside(ledger: Path, target: Path) -> None:
    """Copy the ledger as it is, runs and all, unless there is such a copy: before a migration."""
    if target.exists():
        return
    temporary = _temporary(target)
    try:
        _copy(ledger, temporary)
        _give_name(temporary, target, replace=True)
    finally:
        _remove(temporary)


def restore(ledger: Path, source: Path, *, now: float, actor: str) -> Restored:
    """Put the copy `source` in the ledger's place; the copy stays, and so does the old ledger.

    UsageError where there is no such file; LedgerError where it isn't a whole ledger, is from a
    newer version, or the ledger is in use.
    """
    if not source.is_file():
        raise UsageError(
            _("There is no file {path}.").format(path=source),
            where=str(source),
            next_step=_("Name the copy that `notifier ledger backup` wrote."),
        )
    temporary = _temporary(ledger)
    try:
        _copy(source, temporary)
        _runs, paused = _finish(temporary, now)
        _note(temporary, source, now, actor)
        with _locked(ledger) as is_readable:
            lost = _compare(ledger, temporary) if is_readable else ()
            kept_back, forgotten = _keep_back(ledger, temporary) if is_readable else (0, 0)
            aside = _put_aside(ledger, now)
            temporary.replace(ledger)
    finally:
        _remove(temporary)
    durability.settle_folders(ledger)
    return Restored(aside, lost, is_readable, paused, kept_back, forgotten)


def _named(ledger: Path, target: Path, now: float) -> Path:
    if target.is_dir():
        return target / f"{ledger.stem}-{_stamp(now)}{ledger.suffix}"
    if not target.parent.is_dir():
        raise UsageError(
            _("There is no folder {path}.").format(path=target.parent),
            where=str(target.parent),
            next_step=_("Create it, or name another place."),
        )
    return target


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")


def _is_there(target: Path) -> UsageError:
    return UsageError(
        _("There is a file {path} already.").format(path=target),
        where=str(target),
        next_step=_("Name another one, or add --force to have it replaced."),
    )


def _temporary(target: Path) -> Path:
    """A new file beside the target that nobody else can read."""
    path = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return path


def _copy(ledger: Path, target: Path) -> None:
    if not ledger.exists():
        raise LedgerError(
            _("There is no ledger yet."),
            where=str(ledger),
            next_step=_("Send something first: notifier send CAMPAIGN --live"),
        )
    with connection.translated(ledger), contextlib.closing(connection.connect(ledger)) as source:
        source.execute("PRAGMA query_only = 1")
        if not connection.check_schema(source, ledger):
            raise LedgerError(
                _("The file is not a ledger."), where=str(ledger), next_step=_("Name another one.")
            )
        with connection.translated(target), contextlib.closing(connection.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole without its log
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _finish(path: Path, now: float) -> tuple[int, tuple[int, ...]]:
    """Make the copy calm and look it through; its runs, and those that are paused in it."""
    with connection.translated(path), contextlib.closing(connection.connect(path)) as db:
        db.execute("PRAGMA synchronous = EXTRA")
        found = [text for (text,) in db.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"]:
            raise LedgerError(
                _("The copy is not whole: {reason}").format(reason=found[0]),
                where=str(path),
                next_step=_("notifier ledger check tells whether the ledger itself is."),
            )
        (runs,) = db.execute("SELECT count(*) FROM run").fetchone()
        return runs, _calm(db, now)


def _calm(db: sqlite3.Connection, now: float) -> tuple[int, ...]:
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    reason = _("From a backup of {moment}: what was sent after it is not known here.").format(
        moment=moment
    )
    db.execute("BEGIN IMMEDIATE")
    rows = db.execute(
        "UPDATE run SET state = ?, reason = ? WHERE state = ? RETURNING id",
        (RunState.PAUSED, reason, RunState.ACTIVE),
    ).fetchall()
    db.execute("UPDATE worker SET ended_at = ? WHERE ended_at IS NULL", (now,))
    if db.execute("PRAGMA user_version").fetchone()[0] >= _WITH_SCHEDULES:
        db.execute("UPDATE schedule SET paused = 1")
        # Planned and not begun: it may have been, since. A person says whether it is run.
        db.execute("UPDATE firing SET state = 'asked', note = ? WHERE state = 'due'", (reason,))
    db.execute("COMMIT")
    return tuple(sorted(number for (number,) in rows))


def _note(path: Path, source: Path, now: float, actor: str) -> None:
    """Bring the copy to this version, and note in it that it was put back, and by whom."""
    with contextlib.closing(connection.open_store(path, now=now)) as store, store.write() as db:
        audit.note(db, actor, "restore", "", {"from": source.name}, now)


@contextlib.contextmanager
def _locked(ledger: Path) -> Iterator[bool]:
    """Nobody else has the ledger open; whether it can be read. LedgerError where somebody has."""
    if not ledger.exists():
        yield False
        return
    with connection.translated(ledger), contextlib.closing(connection.connect(ledger)) as db:
        is_readable = True
        try:
            # Only the one connection that is left may leave WAL, and takes the log in with it.
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LedgerError(
                    _("The ledger is in use: somebody sends, serves or looks at it."),
                    where=str(ledger),
                    next_step=_("Stop that first, then restore."),
                ) from exc
            is_readable = False
        except sqlite3.DatabaseError:
            is_readable = False  # damaged: the reason why it is restored
        yield is_readable


def _compare(ledger: Path, copy: Path) -> tuple[Lost, ...]:
    """What the ledger knows that the copy doesn't, by run."""
    sql = (
        "SELECT r.campaign, r.occurrence, r.id, coalesce((SELECT count FROM counter c"
        " WHERE c.run_id = r.id AND c.state = 'accepted'), 0) FROM run r ORDER BY r.id"
    )
    with contextlib.closing(connection.connect(copy)) as db:
        known = {row[:2]: row[3] for row in db.execute(sql)}
    with contextlib.closing(_replaced(ledger)) as db:
        rows = db.execute(sql).fetchall()
    return tuple(
        Lost(number, campaign, occurrence, accepted - known.get((campaign, occurrence), 0))
        for campaign, occurrence, number, accepted in rows
        if (campaign, occurrence) not in known or accepted > known[campaign, occurrence]
    )


def _replaced(ledger: Path) -> sqlite3.Connection:
    """The ledger that is replaced, while `_locked` holds it: nobody writes."""
    return sqlite3.connect(f"{ledger.absolute().as_uri()}?immutable=1", uri=True)


def _keep_back(ledger: Path, copy: Path) -> tuple[int, int]:
    """Who must not be mailed must not be mailed out of the copy either.

    How many addresses the copy did not know, and how often somebody was forgotten since.
    """
    forgets = "SELECT count(*) FROM audit WHERE action = 'forget'"
    with contextlib.closing(_replaced(ledger)) as old:
        suppressed = old.execute("SELECT folded, address, reason, source, at FROM suppression")
        rows = suppressed.fetchall()
        hashes: list[tuple[str, float]] = []
        forgotten = 0
        if old.execute("PRAGMA user_version").fetchone()[0] >= _WITH_SCHEDULES:
            hashes = old.execute("SELECT hash, at FROM forgotten").fetchall()
            (forgotten,) = old.execute(forgets).fetchone()
    with contextlib.closing(connection.connect(copy)) as db:
        db.execute("BEGIN IMMEDIATE")
        before = db.total_changes
        db.executemany("INSERT OR IGNORE INTO suppression VALUES (?, ?, ?, ?, ?)", rows)
        db.executemany("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", hashes)
        added = db.total_changes - before
        (known,) = db.execute(forgets).fetchone()
        db.execute("COMMIT")
    return added, max(0, forgotten - known)


def _put_aside(ledger: Path, now: float) -> Path | None:
    """Give the ledger that is there a second name, and its log that name too; None: none is."""
    if not ledger.exists():
        return None
    aside = ledger.with_name(f"{ledger.name}.before-restore-{_stamp(now)}")
    try:
        os.link(ledger, aside)
    except OSError:  # a file system without a second name for a file
        ledger.replace(aside)
    log = ledger.with_name(f"{ledger.name}-wal")
    if log.exists():  # only of a damaged one; beside the copy it would be read into it
        log.replace(aside.with_name(f"{aside.name}-wal"))
    ledger.with_name(f"{ledger.name}-shm").unlink(missing_ok=True)
    return aside


def _give_name(temporary: Path, target: Path, *, replace: bool) -> None:
    if replace:
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)  # unlike a renaming, never over a file that is there
    except FileExistsError as exc:
        raise _is_there(target) from exc
    except OSError:
        temporary.rename(target)


def _remove(temporary: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)
