"""A ledger to try things on. Made once by the migrations, then copied: Alembic takes its time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from notifier.ledger import history, suppressions
from notifier.ledger.ledger import Intent, Ledger, NewRun, Result
from notifier.model import Cause, Recipient, Rejection, Stage, State

START = 1_800_000_000.0
DIGEST = "ab" * 32


class Clock:
    """Unix seconds that move when told."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        """Let time pass."""
        self.now += seconds


class Desk:
    """A ledger with shorthands for what an engine does."""

    def __init__(self, ledger, clock):
        self.ledger = ledger
        self.clock = clock
        self.every("PRAGMA synchronous = OFF")  # what is tried here needs no disk

    def run(
        self, count=4, *, campaign="grades", occurrence="2027-01-15", rejections=(), relay="main"
    ):
        """An active run of so many recipients; its number."""
        run = self.ledger.start_run(NewRun(campaign, occurrence, "Marks", relay))
        self.ledger.enrol(run.id, people(count), rejections)
        self.ledger.finish_enrolment(run.id, rows=count + len(rejections))
        return run.id

    def worker(self, run_id, host="here", pid=None):
        """A living worker."""
        import os

        return self.ledger.register_worker(host, pid or os.getpid(), run_id)

    def intent(self, delivery_id, worker_id=0):
        """An intent, now."""
        return Intent(delivery_id, self.clock(), self.clock(), DIGEST, worker_id)

    def result(self, delivery_id, state=State.ACCEPTED, *, worker_id=0, **changes):
        """A result, now, with the reply that fits the state."""
        code = {State.ACCEPTED: 250, State.REFUSED: 550, State.EXPIRED: 451, State.DEFERRED: 451}
        cause = {State.ACCEPTED: Cause.ACCEPTED, State.REFUSED: Cause.NO_SUCH_MAILBOX}
        values = {
            "delivery_id": delivery_id,
            "number": 1,
            "relay": "main",
            "started_at": self.clock(),
            "at": self.clock(),
            "stage": Stage.BODY,
            "code": code.get(state),
            "enhanced": "",
            "text": "said the relay",
            "state": state,
            "cause": cause.get(state, Cause.LINK_LOST),
            "next_attempt_at": self.clock() + 300 if state is State.DEFERRED else None,
            "burns_attempt": state is not State.PENDING,
            "worker_id": worker_id,
        }
        return Result(**(values | changes))

    def submit(self, delivery_ids, worker_id=0):
        """Durable intents; those that were not ours any more."""
        return self.ledger.record([self.intent(it, worker_id) for it in delivery_ids], [])

    def settle(self, delivery_id, state=State.ACCEPTED, **changes):
        """A durable result."""
        self.ledger.record([], [self.result(delivery_id, state, **changes)])

    def state(self, delivery_id):
        """Where a delivery stands."""
        return State(self.one("SELECT state FROM delivery WHERE id = ?", delivery_id)[0])

    def one(self, sql, *values):
        """A row, straight from the file."""
        with self.ledger._store.alone() as db:
            return db.execute(sql, values).fetchone()

    def recent_attempts(self, relay, since, limit, run_id=None):
        """When the relay, or a run, was used: what limits are told of before their time."""
        with self.ledger._store.alone() as db:
            return history.recent_attempts(db, relay, since, limit, run_id, now=self.clock())

    def is_suppressed(self, address):
        """Whether enrolment would pass the address over."""
        with self.ledger._store.alone() as db:
            return bool(suppressions.among(db, [address]))

    def every(self, sql, *values):
        """Rows, straight from the file."""
        with self.ledger._store.alone() as db:
            return db.execute(sql, values).fetchall()


def people(count, begin=0):
    """So many recipients."""
    return [
        Recipient(n + 2, f"K{n}", f"p{n}@parents.example", f"Người {n}", {"Toán": n / 2})
        for n in range(begin, begin + count)
    ]


def rejection(line, value="nobody"):
    """A row that can't become a recipient."""
    return Rejection(line, "Email", value, "not an address", {"Email": value})


def check_sums(desk):
    """Counters, ticks, indexes' conditions and replies are what a recount says."""
    counted = desk.every("SELECT run_id, state, count FROM counter WHERE count > 0 ORDER BY 1, 2")
    assert counted == desk.every(
        "SELECT run_id, state, count(*) FROM delivery GROUP BY 1, 2 ORDER BY 1, 2"
    )
    ticked = desk.every("SELECT run_id, second, outcome, count FROM tick ORDER BY 1, 2, 3")
    assert ticked == desk.every(
        "SELECT d.run_id, CAST(a.at AS INTEGER), a.outcome, count(*) FROM attempt a"
        " JOIN delivery d ON d.id = a.delivery_id WHERE a.note <> 'late' GROUP BY 1, 2, 3"
        " ORDER BY 1, 2, 3"
    )
    assert not desk.every(
        "SELECT * FROM delivery WHERE (next_attempt_at IS NOT NULL) <>"
        " (state IN ('pending', 'deferred'))"
        " OR (worker_id IS NOT NULL) <> (state IN ('claimed', 'submitting'))"
        " OR tries <> (SELECT count(*) FROM attempt WHERE delivery_id = delivery.id)"
    )
    assert not desk.every(
        "SELECT * FROM delivery d WHERE state = 'accepted' AND NOT EXISTS (SELECT 1 FROM attempt a"
        " WHERE a.delivery_id = d.id AND a.code BETWEEN 200 AND 299 AND a.stage = 'body')"
    )


@pytest.fixture(scope="session")
def blank_ledger(tmp_path_factory):
    """The path of a fresh ledger's file, to be copied."""
    path = Path(tmp_path_factory.mktemp("blank")) / "ledger.sqlite"
    Ledger.open(path, clock=Clock()).close()
    return path


@pytest.fixture
def ledger_path(blank_ledger, tmp_path):
    """A fresh ledger's file."""
    return Path(shutil.copy(blank_ledger, tmp_path / "ledger.sqlite"))


@pytest.fixture
def clock():
    """The time."""
    return Clock()


@pytest.fixture
def ledger(ledger_path, clock):
    """A fresh ledger, open."""
    with Ledger.open(ledger_path, clock=clock) as opened:
        yield opened


@pytest.fixture
def desk(ledger, clock):
    """A fresh ledger with shorthands."""
    found = Desk(ledger, clock)
    yield found
    check_sums(found)


@pytest.fixture
def bench(ledger, clock):
    """The same, for tests that put rows into the tables by force: the sums aren't checked."""
    return Desk(ledger, clock)
