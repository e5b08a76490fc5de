"""A ledger of each released version, with rows in every table and state, becomes one of today."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest

from notifier.ledger import connection, migrate
from notifier.ledger.check import check
from notifier.ledger.ledger import Ledger
from notifier.model import RunState, State

START = 1_800_000_000.0
RELEASED = ("0001", "0002", "0003")
#: State, code, attempts, tries, due, worker: one delivery each.
DELIVERIES = (
    ("pending", None, 0, 0, START, None),
    ("claimed", None, 0, 0, None, 1),
    ("submitting", None, 0, 0, None, 1),
    ("accepted", 250, 1, 1, None, None),
    ("deferred", 451, 1, 1, START + 300, None),
    ("refused", 550, 1, 1, None, None),
    ("expired", 451, 1, 1, None, None),
    ("unknown", None, 1, 1, None, None),
    ("suppressed", None, 0, 0, None, None),
    ("cancelled", None, 0, 0, None, None),
    ("bounced", 250, 1, 1, None, None),
)
#: The states that there were then.
STATES = [it[0] for it in DELIVERIES]
#: By the first version that had it: rows of its tables.
LATER = {
    "0002": (
        "INSERT INTO permit VALUES (7, 'relay main', 1.0, 5, 1800000000.0)",
        "INSERT INTO timebase VALUES ('boot', 12.5)",
    ),
    "0003": (
        "INSERT INTO pace VALUES ('relay main', 1.0, 9.0, 1.0, 2.0, 3.0, 4.0, '421 slow')",
        "INSERT INTO trouble VALUES ('main', 'down', 1.0, NULL)",
        "INSERT INTO lease VALUES ('main', 1, 4, 2, 1, 5.0)",
    ),
}
#: Runs: number, state, whether it is enrolled.
RUNS = (
    (3, RunState.ACTIVE, True),
    (5, RunState.FINISHED, True),
    (6, RunState.CANCELLED, True),
    (8, RunState.PAUSED, True),
    (9, RunState.ENROLLING, False),
)


def _fill(db):
    """Run 3 has a delivery in every state; the others have one or none."""
    db.create_function("fold", 1, str.lower, deterministic=True)
    for number, state, is_enrolled in RUNS:
        count = len(DELIVERIES) if number == 3 else 1 if is_enrolled else 0
        end = START if state in (RunState.FINISHED, RunState.CANCELLED) else None
        db.execute(
            "INSERT INTO run VALUES (?, 'grades', ?, 'Marks', 'main', ?, '', 'c', 't', 'f', 's',"
            " 'yaml: 1', ?, 0, 0, 1, 2, ?, ?, ?, ?, ?)",
            (
                number,
                f"o{number}",
                state,
                count + 1 if is_enrolled else 0,
                int(is_enrolled),
                START,
                START if is_enrolled else None,
                START,
                end,
            ),
        )
        db.executemany("INSERT INTO counter VALUES (?, ?, 0)", [(number, it) for it in STATES])
        if is_enrolled:
            db.execute(
                'INSERT INTO rejection (run_id, line, "column", value, again, reason, context)'
                " VALUES (?, 99, 'Email', 'nobody', 0, 'no address', '[{},{},[]]')",
                (number,),
            )
    db.execute("INSERT INTO worker VALUES (1, 3, 'gone', 1, '', ?, ?, 60.0, NULL)", (START, START))
    db.execute("INSERT INTO suppression VALUES ('a@x.example', 'A@x.example', 'asked', 'me', 1.0)")
    for number, row in enumerate(DELIVERIES, 1):
        _deliver(db, number, 3, *row)
    _deliver(db, 20, 5, "accepted", 250, 1, 1, None, None)
    _deliver(db, 21, 6, "cancelled", None, 0, 0, None, None)
    _deliver(db, 22, 8, "pending", None, 0, 0, START, None)
    db.execute("UPDATE sqlite_sequence SET seq = 40 WHERE name IN ('run', 'recipient')")


def _deliver(db, number, run_id, state, code, attempts, tries, due_at, worker):  # noqa: PLR0917 - a row
    address = f"P{number % 4}@X.example" if number != 4 else "Bà.Tư@x.example"
    db.execute(
        "INSERT INTO recipient VALUES (?, ?, ?, ?, ?, ?, 'Lan', '[{\"a\":1},{},[]]')",
        (number, run_id, number + 1, f"token{number}", f"K{number}", address),
    )
    db.execute("INSERT INTO token VALUES (?, ?)", (f"token{number}", number))
    db.execute(
        "INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, x'abcd', ?)",
        (
            number,
            run_id,
            state,
            "accepted" if code == 250 else "other",
            code,
            attempts,
            tries,
            due_at,
            worker,
            START,
            START,
        ),
    )
    db.execute(
        "UPDATE counter SET count = count + 1 WHERE run_id = ? AND state = ?", (run_id, state)
    )
    if tries:
        outcome = "accepted" if code == 250 else state
        db.execute(
            "INSERT INTO attempt VALUES (?, 1, 1, 'main', ?, ?, 'body', ?, '', 'said', ?, 'other',"
            " 1, '')",
            (number, START, START, code, outcome),
        )
        db.execute(
            "INSERT INTO tick VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            (run_id, int(START), outcome),
        )


@pytest.fixture(params=RELEASED)
def older(request, tmp_path):
    """The path of a ledger of that version."""
    path = tmp_path / "ledger.sqlite"
    db = connection.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    migrate.migrate(db, now=START, revision=request.param)
    db.execute(f"PRAGMA user_version = {int(request.param)}")
    _fill(db)
    for version, statements in LATER.items():
        for statement in statements if version <= request.param else ():
            db.execute(statement)
    db.execute("COMMIT")
    db.close()
    return path


def _rows(path):
    """Everything in the file, by table: (columns, rows)."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        names = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != "alembic_version"
        ]
        found = {}
        for name in names:
            cursor = db.execute(f'SELECT * FROM "{name}"')
            columns = [it[0] for it in cursor.description]
            found[name] = (columns, sorted(cursor.fetchall(), key=repr))
        return found


def _narrowed(before, after):
    """The rows of `after` in the columns that the table had before."""
    found = {}
    for name, (columns, _old) in before.items():
        if name == "sqlite_sequence":
            continue
        now, rows = after[name]
        places = [now.index(it) for it in columns]
        found[name] = (columns, sorted((tuple(row[at] for at in places) for row in rows), key=repr))
    return found


def test_nothing_is_lost_on_the_way_to_today(older):
    """Each row is as it was; the invariants hold; what is new is filled in."""
    before = _rows(older)
    assert all(rows for name, (_columns, rows) in before.items()), "a table without a row"
    with Ledger.open(older, clock=lambda: START + 1) as ledger:
        assert ledger.counts(3) == dict.fromkeys(map(State, STATES), 1)
        assert ledger.start_run(_new()).id == 41  # no number is given twice
    after = _narrowed(before, _rows(older))
    for name, (columns, rows) in before.items():
        if name == "counter":
            rows = [*rows, *((number, "presumed", 0) for number, *_rest in RUNS)]  # noqa: PLW2901
        if name != "sqlite_sequence":
            kept = [it for it in after[name][1] if 41 not in it[:1]]
            assert kept == sorted(rows, key=repr), name
        assert columns
    health = check(older, now=START + 1)
    assert [it for it in health.findings if it.check != "claims"] == []
    with contextlib.closing(sqlite3.connect(older)) as db:
        addresses = db.execute("SELECT address, delivery_id FROM mailbox ORDER BY 2").fetchall()
    assert len(addresses) == len(DELIVERIES) + 3
    assert addresses[3] == ("bà.tư@x.example", 4)
    assert addresses[0] == ("p1@x.example", 1)


def _new():
    from notifier.ledger.ledger import NewRun

    return NewRun("new", "1", "", "main")


def test_the_ledger_is_copied_as_it_was_before(older):
    """Beside it, for its owner alone; not calmed: it is what was there."""
    before = _rows(older)
    Ledger.open(older, clock=lambda: START).close()
    with contextlib.closing(sqlite3.connect(older)) as db:
        schema = db.execute("PRAGMA user_version").fetchone()[0]
    assert schema == connection.SCHEMA
    (copy,) = older.parent.glob("ledger.sqlite.before-*")
    assert _rows(copy) == before
    assert copy.stat().st_mode & 0o077 == 0


def test_a_disk_without_room_for_a_copy_keeps_nobody_from_going_on(older, monkeypatch):
    """A migration is one transaction: the copy is for our own mistakes."""
    monkeypatch.setattr(migrate, "LEAST_SPACE", 1 << 60)
    Ledger.open(older, clock=lambda: START).close()
    assert not list(older.parent.glob("ledger.sqlite.before-*"))


_KILLED = """
import os, sys
from notifier.ledger import connection
from notifier.ledger.ledger import Ledger
left = int(sys.argv[2])
plain = connection.connect
def connect(path):
    db = plain(path)
    def see(_statement):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
    if not str(path).endswith(".tmp"):
        db.set_trace_callback(see)
    return db
connection.connect = connect
Ledger.open(sys.argv[1]).close()
"""


@pytest.mark.parametrize("statements", [3, 20, 30, 45, 60, 75])
def test_a_migration_that_is_killed_leaves_the_old_or_the_new(older, statements):
    """At whatever statement; the next opening brings it to today."""
    before = _rows(older)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(older), str(statements)],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
    )
    with contextlib.closing(sqlite3.connect(older)) as db:
        schema = db.execute("PRAGMA user_version").fetchone()[0]
    if schema != connection.SCHEMA:
        assert killed.returncode == -9
        assert _rows(older) == before
    Ledger.open(older, clock=lambda: START).close()
    assert [it for it in check(older, now=START).findings if it.check != "claims"] == []
