"""Random operations, in any order, crashes among them: the sums hold and no other move happens."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from notifier.errors import UsageError
from notifier.ledger import processes
from notifier.ledger.ledger import Ledger
from notifier.ledger.transitions import BY_RESULT, LEGAL, RETRIABLE
from notifier.model import FINAL_STATES, RunState, State

OUTCOMES = sorted({after for _before, after in BY_RESULT})
#: Numbers above Linux's largest: processes that are gone.
GONE = 2**22 + 1


class CrashError(Exception):
    """The process ends here."""


class Machine(RuleBasedStateMachine):
    """Two runs, several workers, one ledger; `sent` is what left for the relay and was taken."""

    blank: Path
    desk_type: type
    clock_type: type
    check: staticmethod

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = Path(shutil.copy(self.blank, self.folder / "ledger.sqlite"))
        self.clock = self.clock_type()
        self.desk = self._open()
        self.workers = []
        #: Claims by worker, as the workers believe them to be theirs.
        self.claimed = {}
        #: Intents that were durable, by worker: on the wire.
        self.on_wire = []
        self.accepted = set()

    def _open(self):
        desk = self.desk_type(Ledger.open(self.path, clock=self.clock), self.clock)
        with desk.ledger._store.alone() as db:
            db.executescript(
                "CREATE TEMP TABLE move (before TEXT, after TEXT);"
                "CREATE TEMP TRIGGER moves AFTER UPDATE OF state ON delivery"
                " WHEN old.state <> new.state"
                " BEGIN INSERT INTO move VALUES (old.state, new.state); END;"
            )
        return desk

    @initialize()
    def enrol(self):
        self.desk.ledger.suppress("p1@parents.example")
        self.runs = [self.desk.run(5), self.desk.run(3, campaign="timetable")]

    @rule(place=st.integers(0, 1), is_gone=st.booleans())
    def start_worker(self, place, is_gone):
        pid = GONE + len(self.workers) if is_gone else None
        worker = self.desk.worker(self.runs[place], host=f"h{len(self.workers)}", pid=pid)
        self.workers.append((worker, self.runs[place]))
        self.claimed[worker] = []

    @rule(data=st.data(), limit=st.integers(1, 4))
    def claim(self, data, limit):
        if self.workers:
            worker, run_id = data.draw(st.sampled_from(self.workers))
            found = self.desk.ledger.claim(run_id, worker, limit)
            self.claimed[worker] += [it.id for it in found]

    @rule(data=st.data())
    def record(self, data):
        """A batch of intents and results, some of them out of place."""
        if not self.workers:
            return
        intents = []
        for worker, _run in self.workers:
            for number in list(self.claimed[worker]):
                if data.draw(st.booleans()):
                    self.claimed[worker].remove(number)
                    intents.append(self.desk.intent(number, worker))
        results = []
        for worker, number in list(self.on_wire):
            if data.draw(st.booleans()):
                self.on_wire.remove((worker, number))
                after = data.draw(st.sampled_from(OUTCOMES))
                results.append(self.desk.result(number, after, worker_id=worker))
        lost = self.desk.ledger.record(intents, results)
        # Two workers may ask for the same delivery: at most one of them may send.
        allowed = [it for it in intents if it.delivery_id not in lost]
        for it in allowed:
            assert it.delivery_id not in self.accepted, "sent again after it was accepted"
            self.on_wire.append((it.worker_id, it.delivery_id))
        self.accepted |= {it.delivery_id for it in results if it.state is State.ACCEPTED}

    @rule(data=st.data(), after=st.sampled_from(OUTCOMES))
    def refuse_the_envelope(self, data, after):
        """A result without an intent."""
        held = [(worker, it) for worker, found in self.claimed.items() for it in found]
        if held and after is not State.ACCEPTED:
            worker, number = data.draw(st.sampled_from(held))
            self.claimed[worker].remove(number)
            self.desk.settle(number, after, worker_id=worker, stage="rcpt")

    @rule(data=st.data(), resends=st.booleans())
    def recover(self, data, resends):
        self.desk.ledger.recover(data.draw(st.sampled_from(self.runs)), resends, host="h0")

    @rule(data=st.data(), resends=st.booleans())
    def release(self, data, resends):
        if self.workers:
            worker, _run = self.workers.pop(data.draw(st.integers(0, len(self.workers) - 1)))
            self.desk.ledger.release(worker, resends)

    @rule(data=st.data(), act=st.sampled_from(["pause", "resume", "cancel", "finish_if_done"]))
    def decide(self, data, act):
        run_id = data.draw(st.sampled_from(self.runs))
        try:
            getattr(self.desk.ledger, act)(run_id)
        except UsageError:
            assert self.desk.ledger.get_run(run_id).state in (
                RunState.FINISHED,
                RunState.CANCELLED,
                RunState.HELD,
            )

    @rule(data=st.data(), states=st.sets(st.sampled_from(sorted(RETRIABLE - {State.UNKNOWN}))))
    def retry(self, data, states):
        self.desk.ledger.retry(data.draw(st.sampled_from(self.runs)), states)

    @rule(seconds=st.sampled_from([1, 70, 400]))
    def wait(self, seconds):
        self.clock.pass_(seconds)
        for worker, _run in self.workers[::2]:
            self.desk.ledger.heartbeat(worker)

    @rule(data=st.data())
    def crash(self, data):
        """The process is gone in the middle of a transaction; another opens the file."""
        run_id = data.draw(st.sampled_from(self.runs))
        with pytest.raises(CrashError), self.desk.ledger._store.write() as db:  # noqa: PT012 - a transaction is several statements
            db.execute("UPDATE delivery SET changed_at = 0 WHERE run_id = ?", (run_id,))
            db.execute("UPDATE counter SET count = count + 1 WHERE run_id = ?", (run_id,))
            raise CrashError
        self._check_moves()
        self.desk.ledger.close()
        self.desk = self._open()
        self.claimed = {worker: [] for worker in self.claimed}

    @invariant()
    def sums_hold(self):
        """Counters and ticks equal a recount, indexes' conditions fit the states."""
        self.check(self.desk)

    @invariant()
    def ended_runs_have_nothing_left(self):
        for run_id in getattr(self, "runs", ()):
            if self.desk.ledger.get_run(run_id).state is RunState.FINISHED:
                assert set(self.desk.ledger.counts(run_id)) <= FINAL_STATES

    @invariant()
    def cancelled_runs_have_nothing_due(self):
        for run_id in getattr(self, "runs", ()):
            if self.desk.ledger.get_run(run_id).state is RunState.CANCELLED:
                left = set(self.desk.ledger.counts(run_id)) - FINAL_STATES
                assert left <= {State.SUBMITTING, State.UNKNOWN}

    def _check_moves(self):
        moves = {(State(a), State(b)) for a, b in self.desk.every("SELECT * FROM move")}
        assert moves <= LEGAL

    def teardown(self):
        self._check_moves()
        self.desk.ledger.close()
        shutil.rmtree(self.folder)


def test_whatever_happens_the_sums_hold(blank_ledger, monkeypatch):
    """Counters equal a recount, only legal moves happen, nothing accepted is sent again.

    But for deliveries that a policy or a person sends again while in doubt, none is even allowed
    to leave twice.
    """
    from .conftest import START, Clock, Desk, check_sums

    assert START
    monkeypatch.setattr(processes, "mark_of", lambda _pid: "")
    Machine.blank, Machine.desk_type, Machine.clock_type = blank_ledger, Desk, Clock
    Machine.check = staticmethod(check_sums)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),  # a step writes to a file
        ),
    )
