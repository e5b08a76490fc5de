from __future__ import annotations

import pytest

from notifier.errors import UsageError
from notifier.ledger.ledger import NewRun
from notifier.ledger.runs import RUN_MOVES
from notifier.ledger.transitions import RETRIABLE
from notifier.locale import use
from notifier.model import Rejection, RunState, State


def _settled(desk, *states):
    """A run with a delivery in each of these states; its number and theirs."""
    run_id = desk.run(len(states))
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, len(states))]
    desk.submit(ids)
    for number, state in zip(ids, states, strict=True):
        if state is not State.SUBMITTING:
            desk.settle(number, state)
    return run_id, ids


@pytest.mark.parametrize(
    ("reference", "place"), [("1", 0), ("latest", 2), ("grades", 1), ("grades@a", 0), (" 3 ", 2)]
)
def test_a_run_is_found_by_what_people_say(desk, reference, place):
    """Its number, `latest`, its campaign (the latest run), or campaign@occurrence."""
    runs = [desk.run(1, occurrence="a"), desk.run(1, occurrence="b"), desk.run(1, campaign="fees")]
    assert desk.ledger.find_run(reference).id == runs[place]


@pytest.mark.parametrize(
    ("reference", "hint"),
    [("grade", "grades"), ("7", "notifier runs"), ("grades@z", "grades"), ("x", "notifier runs")],
)
def test_a_run_that_is_not_there_is_told_with_the_nearest(desk, reference, hint):
    """UsageError whose next step can be followed."""
    desk.run(1)
    with pytest.raises(UsageError) as caught:
        desk.ledger.find_run(reference)
    assert hint in caught.value.next_step


def test_pause_and_resume(desk):
    """Paused with the reason, resumed without it; both may be said twice."""
    run_id = desk.run(1)
    for _ in range(2):
        desk.ledger.pause(run_id, "lunch")
        assert desk.ledger.get_run(run_id).reason == "lunch"
    for _ in range(2):
        desk.ledger.resume(run_id)
        assert desk.ledger.get_run(run_id).state is RunState.ACTIVE
    assert desk.ledger.get_run(run_id).reason == ""


def test_cancel_keeps_what_is_on_the_wire(desk):
    """Pending, deferred and claimed are cancelled; submitting finishes with its own outcome."""
    run_id = desk.run(4)
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 3)]
    desk.submit(ids[:2])
    desk.settle(ids[0], State.DEFERRED)
    assert desk.ledger.cancel(run_id) == 3
    assert desk.ledger.cancel(run_id) == 0
    assert desk.submit([ids[2]]) == {ids[2]}
    desk.settle(ids[1])
    assert desk.ledger.counts(run_id) == {State.ACCEPTED: 1, State.CANCELLED: 3}
    assert desk.ledger.finish_if_done(run_id) is RunState.CANCELLED


@pytest.mark.parametrize("after", [State.DEFERRED, State.PENDING])
def test_what_would_be_sent_again_of_a_cancelled_run_is_cancelled(desk, after):
    """It was on the wire when the run was cancelled: its refusal for now is its last word."""
    run_id = desk.run(2)
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 2)]
    desk.submit(ids)
    desk.ledger.cancel(run_id)
    desk.settle(ids[0], after, code=451, next_attempt_at=desk.clock())
    desk.settle(ids[1], State.REFUSED)
    assert desk.ledger.counts(run_id) == {State.REFUSED: 1, State.CANCELLED: 1}
    assert desk.ledger.retry(run_id, {State.CANCELLED}) == 1


def test_a_doubt_of_a_cancelled_run_stays_a_doubt(desk):
    """`cancelled` says that it was not sent, which nobody knows here, whatever the policy."""
    run_id = desk.run(2)
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 2)]
    desk.submit(ids)
    desk.ledger.cancel(run_id)
    desk.settle(ids[0], State.DEFERRED, code=None)  # the campaign resends what is in doubt
    assert desk.ledger.release(worker, True).in_doubt == 1
    assert desk.ledger.counts(run_id) == {State.UNKNOWN: 2}


def test_claims_of_a_cancelled_run_are_not_due_again(desk):
    """Given back by their worker, or taken from a dead one."""
    run_id = desk.run(2)
    gone = desk.worker(run_id, pid=2**22 + 1)
    desk.ledger.claim(run_id, gone, 1)
    worker = desk.worker(run_id)
    desk.ledger.claim(run_id, worker, 1)
    desk.ledger.set_run_state(run_id, RunState.CANCELLED)
    desk.ledger.recover(run_id, host="here")
    desk.ledger.release(worker)
    assert desk.ledger.counts(run_id) == {State.CANCELLED: 2}


def test_cancelling_again_sweeps_again(desk):
    """Whatever is left of a cancelled run goes, however it came to be left."""
    run_id = desk.run(2)
    desk.ledger.set_run_state(run_id, RunState.CANCELLED)
    assert desk.ledger.cancel(run_id) == 2
    assert desk.ledger.cancel(run_id) == 0
    assert desk.ledger.counts(run_id) == {State.CANCELLED: 2}


def test_a_run_is_finished_when_all_is_final_and_held_when_doubts_are_left(desk):
    """And neither while anything else is left; a held run that is settled finishes."""
    run_id, ids = _settled(desk, State.ACCEPTED, State.SUBMITTING, State.REFUSED)
    assert desk.ledger.finish_if_done(run_id) is RunState.ACTIVE
    desk.settle(ids[1], State.UNKNOWN)
    assert desk.ledger.finish_if_done(run_id) is RunState.HELD
    assert desk.ledger.retry(run_id, [State.UNKNOWN]) == 1
    assert desk.ledger.get_run(run_id).state is RunState.ACTIVE
    worker = desk.worker(run_id)
    desk.submit([it.id for it in desk.ledger.claim(run_id, worker, 1)])
    desk.settle(ids[1])
    assert desk.ledger.finish_if_done(run_id) is RunState.FINISHED
    assert desk.ledger.get_run(run_id).finished_at == desk.clock()


def test_retry_gives_failures_a_new_start(desk):
    """Due now, no attempts, no cause, a new horizon; the run is active again."""
    run_id, ids = _settled(desk, State.REFUSED, State.EXPIRED, State.ACCEPTED)
    assert desk.ledger.finish_if_done(run_id) is RunState.FINISHED
    assert desk.ledger.retry(run_id, [State.REFUSED, State.EXPIRED]) == 2
    found = desk.ledger.claim(run_id, desk.worker(run_id), 5)
    assert [(it.id, it.attempts, it.first_attempt_at) for it in found] == [
        (ids[0], 0, None),
        (ids[1], 0, None),
    ]
    assert desk.ledger.get_run(run_id).finished_at is None


def test_retry_by_address_takes_those_alone(desk):
    """Without regard to case, Vietnamese letters included."""
    run_id, _ids = _settled(desk, State.REFUSED, State.REFUSED)
    assert desk.ledger.retry(run_id, [State.REFUSED], ["P1@Parents.example"]) == 1
    assert desk.ledger.retry(run_id, [State.REFUSED], ["nobody@x.example"]) == 0


def test_suppressed_people_are_retried_only_once_it_is_lifted(desk):
    """A suppression stands above whoever retries."""
    desk.ledger.suppress("p0@parents.example")
    run_id = desk.run(1)
    assert desk.ledger.retry(run_id, [State.SUPPRESSED]) == 0
    desk.ledger.unsuppress("P0@parents.example")
    assert desk.ledger.retry(run_id, [State.SUPPRESSED]) == 1


def test_what_was_accepted_or_is_on_its_way_is_never_retried(desk):
    """UsageError, and nothing is changed."""
    run_id, _ids = _settled(desk, State.ACCEPTED, State.REFUSED)
    for state in set(State) - RETRIABLE:
        with pytest.raises(UsageError):
            desk.ledger.retry(run_id, [State.REFUSED, state])
    assert set(State) - {
        State.ACCEPTED, State.PENDING, State.CLAIMED, State.SUBMITTING,
    } == RETRIABLE  # fmt: skip


def test_what_cant_be_done_now_is_told(desk):
    """UsageError naming the run, its state and what to do instead."""
    enrolling = desk.ledger.start_run(NewRun("fees", "1", "", "main")).id
    finished, _ids = _settled(desk, State.ACCEPTED)
    desk.ledger.finish_if_done(finished)
    for act, run_id in (
        (desk.ledger.pause, enrolling),
        (desk.ledger.resume, enrolling),
        (lambda it: desk.ledger.retry(it, [State.REFUSED]), enrolling),
        (desk.ledger.pause, finished),
        (desk.ledger.resume, finished),
        (desk.ledger.cancel, finished),
        (desk.ledger.get_run, 99),
    ):
        with pytest.raises(UsageError) as caught:
            act(run_id)
        assert caught.value.next_step.startswith("notifier ")


def test_what_cant_be_done_now_is_told_in_the_readers_language(desk):
    """The run's state, too, is a word that people say."""
    finished, _ids = _settled(desk, State.ACCEPTED)
    desk.ledger.finish_if_done(finished)
    use("vi")
    try:
        with pytest.raises(UsageError) as caught:
            desk.ledger.resume(finished)
    finally:
        use("en")
    assert caught.value.where.endswith("đã kết thúc")


@pytest.mark.parametrize("before", list(RunState))
def test_a_runs_state_moves_only_where_the_table_says(desk, before):
    """Whatever else is asked for changes nothing: a pause can't undo a cancellation."""
    for after in RunState:
        run_id = desk.ledger.start_run(NewRun("c", f"{before} {after}", "", "main")).id
        with desk.ledger._store.write() as db:
            db.execute("UPDATE run SET state = ?, enrolled_at = 1.0 WHERE id = ?", (before, run_id))
        found = desk.ledger.set_run_state(run_id, after)
        assert found is (after if (before, after) in RUN_MOVES else before)
        assert desk.ledger.get_run(run_id).state is found


def test_an_empty_run_is_finished(desk):
    """A sheet of rejections alone: nothing to send, nothing left."""
    run_id = desk.run(0, rejections=[Rejection(3, "Email", "", "no address")])
    assert desk.ledger.finish_if_done(run_id) is RunState.FINISHED


@pytest.mark.parametrize(
    ("occurrence", "only"),
    [
        ("2027-01-15", ""),
        ("2027-01-15-changed", " --only changed"),
        ("2027-01-15-failed-2", " --only failed"),
        ("2027-01-15-late", ""),
    ],
)
def test_an_enrolment_that_was_cut_off_goes_on_as_it_was_begun(desk, occurrence, only):
    """A correction's command says for whom it was; anything else would be another run."""
    run = desk.ledger.start_run(NewRun("grades", occurrence, "Marks", "main"))
    with pytest.raises(UsageError) as told:
        desk.ledger.resume(run.id)
    assert told.value.next_step == f"notifier send grades{only} --live"
