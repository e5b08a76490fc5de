from __future__ import annotations

import sqlite3

import pytest

from notifier.errors import LedgerError
from notifier.ledger.check import check
from notifier.ledger.invariants import QUERIES, Level
from notifier.model import State

from .conftest import rejection


@pytest.fixture
def lived_in(bench):
    """A ledger with deliveries in every state that a day brings; the desk."""
    run_id = bench.run(9, rejections=[rejection(40)])
    worker = bench.worker(run_id)
    bench.ledger.claim(run_id, worker, 7)
    bench.submit([1, 2, 3, 4, 5], worker)
    for number, state in enumerate(
        (State.ACCEPTED, State.REFUSED, State.DEFERRED, State.UNKNOWN), start=1
    ):
        bench.settle(number, state, worker_id=worker)
    bench.ledger.suppress("p8@parents.example")
    other = bench.run(2, campaign="notice")
    bench.ledger.cancel(other)
    return bench


def _found(desk, **options):
    health = check(desk.ledger.path, now=desk.clock(), **options)
    return {it.check: it for it in health.findings}


def test_a_ledger_in_use_is_sound(lived_in):
    """While a run is being sent, deliveries in every state: nothing is found."""
    health = check(lived_in.ledger.path, now=lived_in.clock())
    assert health.findings == ()
    assert health.is_sound
    assert not health.is_damaged
    assert {it.name for it in QUERIES} < set(health.checks)
    assert (health.runs, health.deliveries, health.journal_mode) == (2, 11, "wal")


#: By the check that must find it: what is done to the file.
_BROKEN = {
    "counters": "UPDATE counter SET count = count + 1 WHERE run_id = 1 AND state = 'accepted'",
    "states": "UPDATE delivery SET state = 'lost' WHERE id = 2",
    "sums": "UPDATE run SET rows = rows + 1 WHERE id = 1",
    "rejections": "DELETE FROM rejection",
    "proofs": "UPDATE attempt SET code = 451 WHERE delivery_id = 1",
    "due times": "UPDATE delivery SET next_attempt_at = 1.0 WHERE id = 1",
    "holders": "UPDATE delivery SET worker_id = NULL WHERE id = 5",
    "attempts": "DELETE FROM attempt WHERE delivery_id = 2",
    "timeline": "UPDATE tick SET count = count + 1",
    "recipients": "UPDATE recipient SET run_id = 2 WHERE delivery_id = 7",
    "tokens": "DELETE FROM token WHERE delivery_id = 3",
    "mailboxes": "DELETE FROM mailbox WHERE delivery_id = 3",
    "ended runs": "UPDATE run SET state = 'finished', finished_at = 1.0 WHERE id = 1",
    "end times": "UPDATE run SET finished_at = 1.0 WHERE id = 1",
    "purged runs": "UPDATE run SET purged_at = 1.0 WHERE id = 2",
    "forgotten": "INSERT INTO forgotten VALUES (hashed('p1@parents.example'), 1.0)",
    "audit's guards": "DROP TRIGGER audit_stays",
    "permits": "INSERT INTO permit (scope, seconds, permits, until) VALUES ('x', 1.0, -1, 1.0)",
    "references": "UPDATE attempt SET delivery_id = 77 WHERE delivery_id = 2",
    "contents": "INSERT INTO document VALUES ('aa', x'00')",
}


@pytest.mark.parametrize(("name", "sql"), _BROKEN.items())
def test_what_must_not_be_is_found(lived_in, name, sql):
    """Each with how many there are, an example, and what to do."""
    with lived_in.ledger._store.alone() as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(sql)
    finding = _found(lived_in)[name]
    assert finding.level is Level.FAULT
    assert finding.count
    assert finding.examples
    assert finding.text
    assert finding.next_step


def test_what_passes_by_itself_is_a_notice(lived_in):
    """A dead process' claims, a run with nothing left, a file that no run names: still sound."""
    lived_in.clock.pass_(3600)
    with lived_in.ledger._store.alone() as db:
        db.execute("UPDATE worker SET host = 'elsewhere'")
    found = _found(lived_in, quick=True)
    assert found["claims"].level is Level.NOTICE
    assert found["claims"].count == 3


def test_a_changed_audit_log_is_found(lived_in):
    """By the digests of its rows."""
    with lived_in.ledger._store.alone() as db:
        db.execute("DROP TRIGGER audit_stays")
        db.execute("UPDATE audit SET actor = 'nobody' WHERE id = 1")
    assert _found(lived_in)["audit"].examples == ("row 1",)


def test_a_damaged_file_is_told_as_that(lived_in):
    """SQLite's own check comes first; what would be read after it says nothing."""
    path = lived_in.ledger.path
    with lived_in.ledger._store.alone() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'delivery_due'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    lived_in.ledger.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x00" * size)
    health = check(path)
    assert health.is_damaged
    assert [it.level for it in health.findings] == [Level.DAMAGE]


def test_quick_leaves_the_files_pages_to_themselves(lived_in):
    """The rest is asked as ever."""
    health = check(lived_in.ledger.path, quick=True, now=lived_in.clock())
    assert "pages" not in health.checks
    assert "counters" in health.checks


def test_what_is_no_ledger_is_refused(tmp_path):
    """And a file that isn't there."""
    with pytest.raises(LedgerError):
        check(tmp_path / "none.sqlite")
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(LedgerError):
        check(tmp_path / "other.sqlite")
