from __future__ import annotations

import contextlib
import pickle
import sqlite3
import threading
import time

import pytest

from notifier.ledger.ledger import Ledger
from notifier.schedule import alarms as alarms_file
from notifier.schedule.alarms import Alarms, ring


@pytest.fixture
def path(tmp_path):
    """A ledger's file."""
    found = tmp_path / "ledger.sqlite"
    Ledger.open(found).close()
    return found


class Bell:
    """Who rang."""

    def __init__(self):
        self.rung = []
        self.rang = threading.Event()

    def __call__(self, campaign):
        self.rung.append(campaign)
        self.rang.set()


@pytest.fixture
def make_alarms(path):
    """Alarms on the ledger; they stop with the test."""
    made = []

    def make(bell):
        alarms = Alarms(path, bell)
        alarms.start()
        made.append(alarms)
        return alarms

    yield make
    for alarms in made:
        alarms.stop()


def jobs(path):
    """The rows of APScheduler's table."""
    with sqlite3.connect(path) as db:
        return db.execute("SELECT id, job_state FROM apscheduler_jobs ORDER BY id").fetchall()


def test_it_rings_when_the_time_has_come_and_is_gone_then(path, make_alarms):
    """What is far away stays; the ledger opens as before."""
    bell = Bell()
    alarms = make_alarms(bell)
    alarms.set_all({"soon": time.time() - 1, "later": time.time() + 3600})
    assert bell.rang.wait(10)
    assert bell.rung == ["soon"]
    deadline = time.monotonic() + 10
    while len(jobs(path)) > 1:
        assert time.monotonic() < deadline
    assert [name for name, _state in jobs(path)] == ["later"]
    alarms.set_all({"later": time.time() + 7200, "other": time.time() + 3600})
    assert [name for name, _state in jobs(path)] == ["later", "other"]
    alarms.set_all({})
    assert jobs(path) == []
    Ledger.open(path).close()


def test_a_job_is_a_name_and_texts_and_no_object_of_ours(path, make_alarms):
    """So it can be read by any later version."""
    make_alarms(Bell()).set_all({"later": time.time() + 3600})
    ((_name, state),) = jobs(path)
    assert b"notifier.schedule.alarms:ring" in state
    assert state.count(b"notifier") - state.count(b"notifier.schedule.alarms:ring") <= 1
    assert set(pickle.loads(state)["args"]) == {str(path), "later"}


class Mine:
    """Something that must not be made from a ledger's bytes."""

    def __reduce__(self):
        return (print, ("made",))


@pytest.mark.parametrize(
    "state",
    [
        b"damaged",
        pickle.dumps(Mine()),
        pickle.dumps({"func": "os:system", "args": ("true",)}),
    ],
)
def test_a_damaged_or_foreign_job_is_taken_away_and_the_others_ring(
    path, make_alarms, state, capsys
):
    """Nothing of it is run or made."""
    bell = Bell()
    alarms = make_alarms(bell)
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO apscheduler_jobs VALUES ('bad', 1.0, ?)", (state,))
    alarms.set_all({"soon": time.time() - 1})
    assert bell.rang.wait(10)
    assert "bad" not in [name for name, _state in jobs(path)]
    assert "made" not in capsys.readouterr().out


def test_two_on_one_ledger_take_nothing_from_each_other(path, make_alarms):
    """One of them rings at least, and both go on."""
    one, two = Bell(), Bell()
    first, second = make_alarms(one), make_alarms(two)
    for number in range(2):
        wanted = {f"soon{number}": time.time() - 1}
        first.set_all(wanted)
        second.set_all(wanted)
        assert two.rang.wait(10)  # the listener of a path is the last one of the process
        two.rang.clear()
        first.set_all({})
        second.set_all({})


def test_a_ledger_that_is_locked_at_the_start_ends_nothing(path, make_alarms, monkeypatch):
    """Nor does another one that makes the table in the same instant: the clock is looked at."""
    monkeypatch.setattr(alarms_file, "BUSY_SECONDS", 0.0)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        alarms = make_alarms(Bell())
        alarms.set_all({"grades": time.time() + 3600})
    alarms.set_all({"grades": time.time() + 7200})


def test_nobody_listens_and_nothing_happens():
    """An alarm of a process that stopped serving."""
    ring("nowhere", "grades")
