"""What is known of deliveries in doubt, and what comes of a person's decision."""

from __future__ import annotations

import pytest

from notifier.errors import UsageError
from notifier.ledger.ledger import NewRun
from notifier.model import Cause, RunState, Stage, State


@pytest.fixture
def doubtful(desk):
    """A held run of four: two in doubt (a lost link, a sender that is gone), two accepted."""
    run_id = desk.run(4)
    worker = desk.worker(run_id, host="elsewhere")
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 4)]
    desk.submit(ids)
    for number in ids[2:]:
        desk.settle(number)
    lost = desk.result(
        ids[0],
        State.UNKNOWN,
        code=None,
        enhanced="",
        text="the relay did not answer in 300 s",
        cause=Cause.LINK_LOST,
    )
    desk.ledger.record([], [lost])
    desk.clock.pass_(20)
    desk.ledger.release(worker)
    assert desk.ledger.finish_if_done(run_id) is RunState.HELD
    return run_id, ids


def test_all_that_is_known_is_told(desk, doubtful):
    """Who, what was heard, when, why, which attempt, and what to search for."""
    run_id, ids = doubtful
    lost, gone = desk.ledger.doubts.of_run(run_id)
    assert (lost.id, lost.key, lost.address, lost.name) == (
        ids[0],
        "K0",
        "p0@parents.example",
        "Người 0",
    )
    assert (lost.cause, lost.relay, lost.stage) == (Cause.LINK_LOST, "main", Stage.BODY)
    assert lost.text == "the relay did not answer in 300 s"
    assert (gone.cause, gone.code, gone.text) == (Cause.SENDER_GONE, 0, "")
    assert gone.at == gone.started_at + 20
    assert (gone.number, gone.tries) == (1, 1)
    assert len(gone.token) == 26
    assert len(gone.digest) == 64


def test_taken_as_arrived_is_final_and_never_accepted(desk, doubtful):
    """`presumed`, not `accepted`: the run finishes once the last doubt is gone."""
    run_id, ids = doubtful
    found = desk.ledger.doubts.settle(run_id, State.PRESUMED, deliveries=[ids[0]])
    assert (found.count, found.left, found.state) == (1, 1, RunState.HELD)
    found = desk.ledger.doubts.settle(run_id, State.PRESUMED)
    assert (found.count, found.left, found.state) == (1, 0, RunState.FINISHED)
    assert desk.ledger.counts(run_id) == {State.ACCEPTED: 2, State.PRESUMED: 2}
    assert desk.ledger.get_run(run_id).finished_at == desk.clock()


def test_sent_again_is_due_at_once_with_a_new_horizon(desk, doubtful):
    """The run is active again; nothing else of it is due."""
    run_id, ids = doubtful
    found = desk.ledger.doubts.settle(run_id, State.PENDING, addresses=["P1@parents.EXAMPLE"])
    assert (found.count, found.left, found.state) == (1, 1, RunState.ACTIVE)
    (claimed,) = desk.ledger.claim(run_id, desk.worker(run_id), 9)
    assert (claimed.id, claimed.attempts, claimed.first_attempt_at) == (ids[1], 0, None)


def test_a_suppressed_address_stays_in_doubt_rather_than_be_mailed(desk, doubtful):
    """It is counted, and can still be taken as arrived."""
    run_id, _ids = doubtful
    desk.ledger.suppress("p0@parents.example")
    found = desk.ledger.doubts.settle(run_id, State.PENDING)
    assert (found.count, found.suppressed, found.left) == (1, 1, 1)
    assert desk.ledger.doubts.settle(run_id, State.PRESUMED).count == 1


def test_what_is_not_in_doubt_is_left_alone(desk, doubtful):
    """An accepted delivery is neither sent again nor made less than accepted."""
    run_id, ids = doubtful
    assert desk.ledger.doubts.settle(run_id, State.PENDING, deliveries=[ids[2]]).count == 0
    assert desk.ledger.doubts.settle(run_id, State.PRESUMED, deliveries=[ids[3]]).count == 0
    assert desk.ledger.get_run(run_id).state is RunState.HELD


def test_a_late_reply_proves_what_was_presumed(desk, doubtful):
    """A worker that wakes up with a 2yz makes it accepted, with that reply."""
    run_id, ids = doubtful
    desk.ledger.doubts.settle(run_id, State.PRESUMED)
    desk.settle(ids[1])
    assert desk.ledger.counts(run_id) == {State.ACCEPTED: 3, State.PRESUMED: 1}


def test_what_was_presumed_can_be_sent_again_after_all(desk, doubtful):
    """A person learns that it did not arrive: `retry --state presumed`."""
    run_id, _ids = doubtful
    desk.ledger.doubts.settle(run_id, State.PRESUMED)
    assert desk.ledger.retry(run_id, [State.PRESUMED]) == 2


def test_a_decision_is_noted_with_who_made_it_and_without_addresses(desk, doubtful):
    """The audit log has the actor, the run and how many."""
    run_id, _ids = doubtful
    desk.ledger.doubts.settle(run_id, State.PRESUMED, by="office@pc1")
    rows = desk.every("SELECT actor, action, subject, detail FROM audit WHERE action = 'doubt'")
    assert rows == [("office@pc1", "doubt", f"run {run_id}", '{"to": "presumed", "count": 2}')]


def test_a_run_that_is_still_enrolled_is_told(desk):
    """Nothing can be in doubt there."""
    run = desk.ledger.start_run(NewRun("grades", "x", "Marks", "main"))
    with pytest.raises(UsageError, match="not all written down"):
        desk.ledger.doubts.settle(run.id, State.PENDING)
