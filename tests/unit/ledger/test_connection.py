from __future__ import annotations

import sqlite3

import pytest

from notifier.errors import LedgerError, LocalProtocolError
from notifier.ledger import connection
from notifier.ledger.ledger import Ledger
from notifier.ledger.reports import Reader


def _refusal(path, opener=Ledger.open):
    with pytest.raises(LedgerError) as caught:
        opener(path)
    error = caught.value
    assert str(path.parent if "folder does" in error.message else path) == error.where
    assert error.next_step
    assert error.exit_code == 3
    return error.message


@pytest.mark.parametrize("opener", [Ledger.open, Reader.open])
def test_places_that_cant_hold_a_ledger_are_told(tmp_path, opener):
    """A folder, a missing folder: LedgerError with the place and what to do."""
    assert "is a folder" in _refusal(tmp_path, opener)
    assert "does not exist" in _refusal(tmp_path / "no" / "ledger.sqlite", opener)


@pytest.mark.parametrize("opener", [Ledger.open, Reader.open])
def test_files_that_are_no_ledger_are_left_alone(tmp_path, opener):
    """Text, and another program's database: told, and not a byte changed."""
    text = tmp_path / "text.sqlite"
    text.write_text("a letter, and certainly no database\n" * 50)
    assert "not a ledger" in _refusal(text, opener)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    before = other.read_bytes()
    assert "another program" in _refusal(other, opener)
    assert other.read_bytes() == before


@pytest.mark.parametrize("opener", [Ledger.open, Reader.open])
def test_a_ledger_of_a_newer_version_is_not_touched(ledger_path, opener):
    """LedgerError says so, instead of writing what that version would not understand."""
    db = sqlite3.connect(ledger_path)
    db.execute(f"PRAGMA user_version = {connection.SCHEMA + 1}")
    db.close()
    assert "newer version" in _refusal(ledger_path, opener)


def test_a_damaged_ledger_is_told(ledger_path):
    """Pages overwritten by rubbish: LedgerError, whether at opening or at the first look."""
    data = bytearray(ledger_path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    ledger_path.write_bytes(data)
    with pytest.raises(LedgerError) as caught, Ledger.open(ledger_path) as ledger:
        ledger.suppressions()
    assert "damaged" in caught.value.message


def test_an_old_sqlite_is_told(tmp_path, monkeypatch):
    """The version found and the version needed."""
    monkeypatch.setattr(connection.sqlite3, "sqlite_version_info", (3, 34, 1))
    assert "3.37.0" in _refusal(tmp_path / "ledger.sqlite")


def test_a_ledger_that_somebody_else_writes_is_locked(desk, ledger_path, monkeypatch):
    """After a bounded wait: LedgerError; once it is free, the same call works."""
    run_id = desk.run(2)
    desk.every("PRAGMA busy_timeout = 10")
    holder = sqlite3.connect(ledger_path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for attempt in (
        lambda: desk.ledger.suppress("a@x.example"),
        lambda: desk.ledger.record([], []),
        lambda: desk.ledger.claim(run_id, 1, 5),
    ):
        with pytest.raises(LedgerError) as caught:
            attempt()
        assert connection.is_locked(caught.value)
    holder.execute("ROLLBACK")
    holder.close()
    assert desk.ledger.suppress("a@x.example")


def test_a_full_disk_undoes_the_batch_and_no_more(desk):
    """LedgerError; nothing of the batch is there; with space again the ledger works."""
    run_id = desk.run(40)
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 40)]
    desk.submit(ids)
    (pages,) = desk.one("PRAGMA page_count")
    desk.every(f"PRAGMA max_page_count = {pages}")
    batch = [desk.result(it, text="x" * 4000) for it in ids]
    with pytest.raises(LedgerError) as caught:
        desk.ledger.record([], batch)
    assert "disk is full" in caught.value.message
    assert desk.ledger.counts(run_id) == {"submitting": 40}
    assert desk.one("SELECT count(*) FROM attempt") == (0,)
    desk.every("PRAGMA max_page_count = 1000000")
    assert desk.ledger.record([], batch[:3]) == set()
    assert desk.ledger.counts(run_id) == {"submitting": 37, "accepted": 3}


def test_a_disk_too_full_even_for_reading_is_told_as_full(tmp_path):
    """The index beside the log is made by whoever opens the ledger, a report too."""
    trouble = sqlite3.OperationalError("disk I/O error")
    trouble.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    error = connection.translate(trouble, tmp_path / "ledger.sqlite")
    assert "disk is full" in error.message
    assert "Free some space" in error.next_step
    trouble.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    assert "disk failed" in connection.translate(trouble, tmp_path / "ledger.sqlite").message


def test_a_change_that_must_not_be_is_caught_by_the_tables(desk):
    """`accepted` without a 2yz code passes no CHECK, even past the door; that is a bug, told so."""
    desk.run(1)
    for code in (None, 550):
        with pytest.raises(LocalProtocolError), desk.ledger._store.write() as db:
            db.execute("UPDATE delivery SET state = 'accepted', code = ?", (code,))
    with pytest.raises(LocalProtocolError), desk.ledger._store.write() as db:
        db.execute("UPDATE counter SET count = -1")


def test_a_closed_ledger_says_so(ledger_path):
    """LedgerError instead of a crash; closing twice is nothing."""
    ledger = Ledger.open(ledger_path)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError):
        ledger.suppressions()


def test_foreign_keys_are_kept(ledger):
    """SQLite leaves them alone unless told."""
    with ledger._store.alone() as db:
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
