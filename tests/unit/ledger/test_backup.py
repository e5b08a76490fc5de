from __future__ import annotations

import sqlite3
import stat
import threading

import pytest

from notifier.errors import LedgerError, UsageError
from notifier.ledger import backup
from notifier.ledger.check import check
from notifier.ledger.forget import Person
from notifier.ledger.ledger import Ledger, NewRun
from notifier.model import RunState, State

from .conftest import people


@pytest.fixture
def sending(desk):
    """A run in the middle: one accepted, one on the wire, two waiting; the desk."""
    desk.run_id = desk.run(4)
    worker = desk.worker(desk.run_id)
    desk.ledger.claim(desk.run_id, worker, 2)
    desk.submit([1, 2], worker)
    desk.settle(1, worker_id=worker)
    return desk


def _query(path, sql):
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def test_a_copy_is_made_while_a_run_is_going_on(sending, tmp_path):
    """Whole, in one file that its owner alone can read; the ledger goes on as before."""
    target = tmp_path / "copy.sqlite"
    copied = sending.ledger.keeping.back_up(target)
    assert copied.path == target
    assert (copied.runs, copied.paused) == (1, (sending.run_id,))
    assert copied.size == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [it.name for it in tmp_path.iterdir() if "copy" in it.name] == ["copy.sqlite"]
    assert sending.ledger.get_run(sending.run_id).state is RunState.ACTIVE
    assert _query(target, "SELECT count(*) FROM delivery") == [(4,)]
    assert check(target, now=sending.clock()).is_sound
    assert sending.one("SELECT action FROM audit ORDER BY id DESC")[0] == "backup"


def test_a_copy_mails_nobody_by_itself(sending, tmp_path):
    """Its runs are paused, and what was on the wire is in doubt, however it is put back."""
    target = tmp_path / "copy.sqlite"
    sending.ledger.keeping.back_up(target)
    with Ledger.open(target, clock=sending.clock) as copy:
        run = copy.get_run(sending.run_id)
        assert run.state is RunState.PAUSED
        assert "backup" in run.reason
        assert copy.recover(run.id).in_doubt == 1
        assert copy.counts(run.id)[State.UNKNOWN] == 1


def test_a_file_that_is_there_is_not_replaced(sending, tmp_path):
    """Unless that is asked for."""
    target = tmp_path / "copy.sqlite"
    target.write_text("precious", "utf-8")
    with pytest.raises(UsageError, match="already"):
        sending.ledger.keeping.back_up(target)
    assert target.read_text("utf-8") == "precious"
    sending.ledger.keeping.back_up(target, replace=True)
    assert check(target, now=sending.clock()).is_sound


def test_a_folder_gets_a_file_named_after_the_instant(sending, tmp_path):
    """For a copy every night; a folder that isn't there is told."""
    copied = sending.ledger.keeping.back_up(tmp_path)
    assert copied.path.name == "ledger-20270115T080000Z.sqlite"
    with pytest.raises(UsageError, match="no folder"):
        sending.ledger.keeping.back_up(tmp_path / "none" / "copy.sqlite")


def test_a_copy_that_breaks_off_leaves_nothing(sending, tmp_path, monkeypatch):
    """No file of that name, and none half made."""
    monkeypatch.setattr(backup, "_finish", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sending.ledger.keeping.back_up(tmp_path / "copy.sqlite")
    assert not [it for it in tmp_path.iterdir() if "copy" in it.name]


def test_a_copy_is_put_back(sending, tmp_path):
    """The ledger that it replaces is kept; what that one knew beyond the copy is told."""
    path, target = sending.ledger.path, tmp_path / "copy.sqlite"
    sending.ledger.keeping.back_up(target)
    sending.settle(2)
    sending.run(1, campaign="notice")
    sending.ledger.close()
    found = backup.restore(path, target, now=sending.clock(), actor="Lan")
    assert found.was_readable
    assert found.paused == ()  # in the copy they were already
    assert [(it.campaign, it.accepted) for it in found.lost] == [("grades", 1), ("notice", 0)]
    assert _query(found.aside, "SELECT count(*) FROM run") == [(2,)]
    assert _query(path, "SELECT count(*) FROM run") == [(1,)]
    assert _query(path, "SELECT actor, action FROM audit ORDER BY id DESC LIMIT 1") == [
        ("Lan", "restore")
    ]
    assert target.exists()
    reopened = Ledger.open(path, clock=sending.clock)
    sending.ledger = reopened
    assert reopened.get_run(1).state is RunState.PAUSED
    assert check(path, now=sending.clock()).is_sound
    reopened.recover(1)


def test_who_must_not_be_mailed_is_not_mailed_out_of_a_copy(sending, tmp_path):
    """Suppressed or forgotten since: both hold in it, and what it still has of them is told."""
    path, target = sending.ledger.path, tmp_path / "copy.sqlite"
    sending.ledger.keeping.back_up(target)
    sending.ledger.suppress("an@example.com", reason="asked")
    sending.ledger.keeping.forget(Person(("p3@parents.example",)))
    sending.ledger.close()
    found = backup.restore(path, target, now=sending.clock(), actor="Lan")
    assert (found.kept_back, found.forgotten) == (2, 1)
    assert _query(path, "SELECT address, reason FROM suppression") == [("an@example.com", "asked")]
    assert _query(path, "SELECT count(*) FROM forgotten") == [(1,)]
    assert "forgotten" in [it.check for it in check(path, now=sending.clock()).findings]
    sending.ledger = Ledger.open(path, clock=sending.clock)


def test_a_ledger_in_use_is_not_replaced(sending, tmp_path):
    """Somebody has it open: refused, and nothing is changed."""
    target = tmp_path / "copy.sqlite"
    sending.ledger.keeping.back_up(target)
    before = sorted(it.name for it in tmp_path.iterdir())
    with sqlite3.connect(sending.ledger.path, timeout=0) as db, pytest.MonkeyPatch.context() as m:
        m.setattr(backup.connection, "BUSY_SECONDS", 0.05)
        db.execute("SELECT 1 FROM run").fetchall()
        with pytest.raises(LedgerError, match="in use"):
            backup.restore(sending.ledger.path, target, now=0.0, actor="")
    db.close()
    assert sorted(it.name for it in tmp_path.iterdir()) == before


def test_a_damaged_ledger_is_replaced_and_kept(sending, tmp_path):
    """With its log, which must not be read into the copy."""
    path, target = sending.ledger.path, tmp_path / "copy.sqlite"
    sending.ledger.keeping.back_up(target)
    sending.ledger.close()
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(b"left behind")
    found = backup.restore(path, target, now=sending.clock(), actor="")
    assert not found.was_readable
    assert found.lost == ()
    assert not log.exists()
    assert found.aside.with_name(f"{found.aside.name}-wal").read_bytes() == b"left behind"
    sending.ledger = Ledger.open(path, clock=sending.clock)
    assert sending.ledger.get_run(1).state is RunState.PAUSED


def test_what_is_no_copy_is_not_put_back(sending, tmp_path):
    """A file that isn't there, or isn't a ledger."""
    sending.ledger.close()
    path, other = sending.ledger.path, tmp_path / "notes.txt"
    other.write_text("nothing" * 100, "utf-8")
    with pytest.raises(UsageError):
        backup.restore(path, tmp_path / "none", now=0.0, actor="")
    with pytest.raises(LedgerError):
        backup.restore(path, other, now=0.0, actor="")
    sending.ledger = Ledger.open(path, clock=sending.clock)
    assert sending.ledger.get_run(1).state is RunState.ACTIVE


def test_schedules_of_a_copy_are_paused(desk, tmp_path):
    """What was due since the copy was made was sent by the ledger that is gone."""
    with desk.ledger._store.write() as db:
        db.execute("INSERT INTO schedule VALUES ('grades', '{}', 'UTC', 0, 'me', 1.0)")
        db.executemany(
            "INSERT INTO firing (campaign, occurrence, due_at, state, note, at)"
            " VALUES ('grades', ?, 1.0, ?, '', 1.0)",
            [("1", "begun"), ("2", "due")],
        )
    desk.ledger.keeping.back_up(tmp_path / "copy.sqlite")
    assert _query(tmp_path / "copy.sqlite", "SELECT paused FROM schedule") == [(1,)]
    assert _query(tmp_path / "copy.sqlite", "SELECT state FROM firing") == [("begun",), ("asked",)]
    assert desk.one("SELECT paused FROM schedule") == (0,)


def test_a_copy_is_of_one_instant_whoever_writes(desk, tmp_path):
    """Rows come in by the thousand meanwhile: each copy's sums agree."""
    run = desk.ledger.start_run(NewRun("grades", "1", "", "main"))
    done = threading.Event()

    def enrol():
        for begin in range(0, 6000, 50):
            desk.ledger.enrol(run.id, people(50, begin), ())
        done.set()

    thread = threading.Thread(target=enrol)
    thread.start()
    counts = []
    while not done.is_set() or not counts:
        copied = backup.back_up(desk.ledger.path, tmp_path / "copy.sqlite", now=0.0, replace=True)
        assert check(copied.path, now=0.0).findings == ()
        counts += _query(copied.path, "SELECT sum(count) FROM counter")
    thread.join()
    assert all(count % 50 == 0 for (count,) in counts)
