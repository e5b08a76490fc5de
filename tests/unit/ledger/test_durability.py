from __future__ import annotations

import os
import sqlite3

import pytest

from notifier.ledger import durability
from notifier.ledger.ledger import Ledger

from .conftest import START


def _pragma(ledger, name):
    with ledger._store.alone() as db:
        return db.execute(f"PRAGMA {name}").fetchone()[0]


class Watched:
    """A connection, and what `synchronous` was at each of its commits."""

    def __init__(self, db):
        self.db = db
        self.levels = []

    def commit(self, commits):
        """Commit something at the level that is chosen for it."""
        with commits.level():
            self.levels.append(self.db.execute("PRAGMA synchronous").fetchone()[0])


@pytest.fixture
def watched(tmp_path):
    """A file of SQLite's, open."""
    db = sqlite3.connect(tmp_path / "some.sqlite", isolation_level=None)
    yield Watched(db)
    db.close()


def test_the_default_syncs_every_commit_and_where_asked_the_disk_itself(ledger):
    """WAL, synchronous=FULL (2), and macOS' own way to empty the disk's cache."""
    assert ledger.durability == "full"
    found = [_pragma(ledger, it) for it in ("journal_mode", "synchronous", "fullfsync")]
    assert found == ["wal", 2, 1]


def test_fast_syncs_a_commit_a_second(watched, clock):
    """Between two synced commits a second passes; the others are NORMAL (1)."""
    commits = durability.Commits(watched.db, "fast", clock=clock)
    for step in (0, 0.5, 0.5, 0.1, 0.8, 0.2):
        clock.pass_(step)
        watched.commit(commits)
    assert watched.levels == [1, 1, 2, 1, 1, 2]


def test_a_commit_that_fails_leaves_the_next_to_be_synced(watched, clock):
    """What was not written took nothing to the disk."""
    commits = durability.Commits(watched.db, "fast", clock=clock)
    clock.pass_(2)
    with pytest.raises(ZeroDivisionError), commits.level():
        raise ZeroDivisionError
    watched.commit(commits)
    watched.commit(commits)
    assert watched.levels == [2, 1]


def test_a_ledger_opened_as_fast_says_so_and_works(ledger_path, clock):
    """Claims and outcomes as ever."""
    with Ledger.open(ledger_path, clock=clock, durability="fast") as ledger:
        assert ledger.durability == "fast"
        assert _pragma(ledger, "synchronous") == 1
        assert ledger.suppress("a@x.example")
    with Ledger.open(ledger_path, clock=clock) as ledger:
        assert [it.address for it in ledger.suppressions()] == ["a@x.example"]


def test_closing_takes_the_rest_to_the_file_though_somebody_reads(ledger_path, clock):
    """In fast mode: nothing is left to a commit that never comes."""
    other = sqlite3.connect(ledger_path)
    other.execute("SELECT * FROM suppression").fetchall()
    with Ledger.open(ledger_path, clock=clock, durability="fast") as ledger:
        ledger.suppress("a@x.example")
    assert b"a@x.example" in ledger_path.read_bytes()
    other.close()


def test_a_new_ledgers_folders_are_synced(tmp_path, monkeypatch):
    """Each name that leads to it; once, when it is made."""
    synced = []
    fsync = os.fsync

    def noting(handle):
        synced.append(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(durability.os, "fsync", noting)
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "ledger.sqlite"
    Ledger.open(path, clock=lambda: START).close()
    assert synced[:2] == [folder.stat().st_ino, tmp_path.stat().st_ino]
    synced.clear()
    Ledger.open(path, clock=lambda: START).close()
    assert synced == []


def test_where_there_is_no_log_the_folder_is_synced_with_each_commit(tmp_path):
    """A file system without shared memory has no WAL: `synchronous=EXTRA` (3) loses nothing."""
    uri = f"file:{tmp_path / 'some.sqlite'}?vfs=unix-dotfile"
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    durability.Commits(db, "fast")
    assert db.execute("PRAGMA synchronous").fetchone() == (3,)
    db.close()


def test_a_log_that_a_long_reader_made_grow_is_given_back(ledger_path, clock, monkeypatch):
    """While somebody reads a million rows nothing can leave the log; then it shrinks again."""
    monkeypatch.setattr(durability, "CHECKPOINT_PAGES", 10)
    monkeypatch.setattr(durability, "LOG_BYTES", 100_000)
    log = ledger_path.with_name("ledger.sqlite-wal")
    with Ledger.open(ledger_path, clock=clock) as ledger:
        reader = sqlite3.connect(ledger_path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM suppression").fetchone()
        for number in range(100):
            ledger.suppress(f"a{number}@x.example")
        assert log.stat().st_size > 200_000
        reader.close()
        for number in range(3):
            ledger.suppress(f"b{number}@x.example")
        assert log.stat().st_size <= 100_000
