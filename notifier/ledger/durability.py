"""What a power cut may take: which writes reach the disk, in which order, and at what cost.

`full` (the default): nothing that was told as written is lost.

    1. a commit appends its pages to the log (ledger.sqlite-wal), the last one marked as the end
    2. fdatasync of the log; only then does COMMIT return: an intent is told as durable, and the
       end of its message may leave; an outcome counts
    3. now and then (a checkpoint): the log is synced, its pages are written into the file, the
       file is synced, and only then is the log used from its beginning again

That is WAL with `synchronous=FULL`: "an additional sync operation of the WAL file happens after
each transaction commit" (https://www.sqlite.org/pragma.html#pragma_synchronous). Which pages of the
log are whole is told by checksums over all before them, which begin anew with a new salt each time
that the log is used again (https://www.sqlite.org/fileformat2.html#the_write_ahead_log), so pages
that the disk wrote without being asked, in whatever order, change nothing.

`fast`: WAL with `synchronous=NORMAL`, which never syncs at a commit: after a power cut the latest
transactions may be gone, though the file stays whole. To bound that, one commit a second is written
as in `full`, which takes all before it to the disk as well: a power cut takes the last one or two
seconds. Of these an *intent* may be gone although its message left: it is sent again, and nobody is
told. A kill, or a crash of the program, loses nothing at either level.

If step X fails, what happens to whom?

    cut before the sync ended    the transaction is not there; nobody was told that it is
    cut during a checkpoint      the log is still whole, and is read again
    cut after the log was        SQLite removes it when the last connection is closed, after the
    removed                      file was synced: that it may be there again changes nothing
    cut after the ledger was     its folders were synced before anything was told as written;
    made                         SQLite itself syncs the folder when it has made the log
    no fdatasync on this system  macOS: `fullfsync`, as fsync there leaves it in the disk's cache
                                 (https://www.sqlite.org/pragma.html#pragma_fullfsync)
    a disk that lies             nothing helps
    no WAL on this file system   `synchronous=EXTRA`, which syncs the folder too when the journal
                                 is removed
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from notifier.model import Durability

#: Seconds from one synced commit to the next, in `fast`.
SYNC_SECONDS = 1.0
#: Pages of the log before they are moved into the file. SQLite's 1000 moves hot pages too often.
CHECKPOINT_PAGES = 4000
#: Bytes of the log that are kept for the next pages; what a long reader made it grow is given back.
LOG_BYTES = 64 * 1024 * 1024


class Commits:
    """Decides which of a connection's commits wait for the disk."""

    def __init__(
        self,
        db: sqlite3.Connection,
        durability: Durability = "full",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the connection's pragmas. Raises sqlite3.Error."""
        self.durability: Durability = durability
        self._db = db
        self._clock = clock
        self._synced_at = clock()
        self._has_unsynced = False
        (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        self._quick = "NORMAL" if durability == "fast" and mode == "wal" else ""
        db.execute(f"PRAGMA synchronous = {self._quick or safest(mode)}")
        db.execute("PRAGMA fullfsync = 1")
        db.execute("PRAGMA checkpoint_fullfsync = 1")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")

    @contextmanager
    def level(self) -> Iterator[None]:
        """Around a transaction, from before it begins until it is committed."""
        if not self._quick:
            yield
            return
        now = self._clock()
        if now - self._synced_at < SYNC_SECONDS:
            self._has_unsynced = True
            yield
            return
        self._db.execute("PRAGMA synchronous = FULL")
        try:
            yield
            self._synced_at, self._has_unsynced = now, False
        finally:
            self._db.execute(f"PRAGMA synchronous = {self._quick}")

    def settle(self) -> None:
        """Take what no commit took to the disk yet: before the connection is closed.

        Nothing where somebody else holds the ledger: whose next commit, or the system in its own
        time, does that then.
        """
        if self._has_unsynced:
            self._has_unsynced = False
            with contextlib.suppress(sqlite3.OperationalError):
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")


def safest(journal_mode: str) -> str:
    """The `synchronous` that loses nothing, by the journal mode that the file system admits."""
    return "FULL" if journal_mode == "wal" else "EXTRA"


def settle_folders(path: Path) -> None:
    """Take the names that lead to a new file to the disk; the file itself was synced.

    A name is its folder's content, which fsync of the file need not write (fsync(2)). Folders that
    can't be opened for that, as on Windows, are left to the system.
    """
    for folder in path.absolute().parents:
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
