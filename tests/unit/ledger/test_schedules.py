from __future__ import annotations

import pytest

from notifier.ledger import claims
from notifier.ledger.ledger import Ledger
from notifier.ledger.schedules import Firing, FiringState
from notifier.model import Cause, RunState, State

from .conftest import START

GONE = "a-host-that-is-off"


@pytest.fixture
def book(desk):
    """The schedules of a ledger."""
    return desk.ledger.schedules


def firing(occurrence="2027-01-15T07:00", state=FiringState.DUE, due_at=START, note=""):
    """An occurrence of grades."""
    return Firing("grades", occurrence, due_at, state, note)


def test_a_campaign_has_one_schedule_and_the_last_one_counts(book, desk):
    """Scheduling again replaces it, and it holds from then on."""
    book.put("grades", '{"cron": "0 7 * * *"}', "Asia/Ho_Chi_Minh")
    desk.clock.pass_(60)
    book.put("grades", '{"at": "2027-01-15 07:00"}', "Asia/Ho_Chi_Minh")
    (found,) = book.every()
    assert (found.campaign, found.spec) == ("grades", '{"at": "2027-01-15 07:00"}')
    assert found.at == START + 60
    assert book.find("grades") == found
    assert book.find("marks") is None


def test_paused_it_stays_and_going_on_it_holds_from_then(book, desk):
    """What would have come while it was paused is not missed."""
    book.put("grades", "{}", "UTC")
    assert book.set_paused("grades", is_paused=True)
    assert book.find("grades").is_paused
    assert book.find("grades").at == START
    desk.clock.pass_(3600)
    assert book.set_paused("grades", is_paused=False)
    assert not book.find("grades").is_paused
    assert book.find("grades").at == START + 3600
    assert not book.set_paused("marks", is_paused=True)


def test_removed_it_is_gone_and_what_came_of_it_stays(book):
    """Twice does nothing more."""
    book.put("grades", "{}", "UTC")
    book.note([firing(state=FiringState.BEGUN)])
    assert book.remove("grades")
    assert not book.remove("grades")
    assert book.every() == []
    assert len(book.firings("grades")) == 1


def test_a_clock_that_was_wrong_holds_up_nothing(book, desk):
    """What was written while it was ahead counts once its time has come."""
    book.note([firing(), firing("2027-01-16T07:00", due_at=START + 100)])
    assert book.fired_until("grades") == START
    desk.clock.pass_(100)
    assert book.fired_until("grades") == START + 100


def test_so_many_are_taken_at_a_time(book, desk):
    """The others stay for the next look."""
    worker = desk.worker(None)
    book.note([firing("a"), firing("b"), firing("c")])
    assert len(book.take(worker, 2)) == 2
    assert len(book.take(worker, 2)) == 1


def test_an_occurrence_is_written_down_once(book):
    """Whoever comes second is told that nothing of it is new."""
    assert book.note([firing(), firing("2027-01-16T07:00", due_at=START + 1)]) == [
        firing(),
        firing("2027-01-16T07:00", due_at=START + 1),
    ]
    assert book.note([firing()]) == []
    assert book.fired_until("grades") == START
    assert book.fired_until("marks") is None


def test_one_worker_starts_it_and_another_one_only_when_that_is_dead(book, desk):
    """A living worker's is left alone; a dead one's is taken over."""
    mine, other = desk.worker(None), desk.worker(None, GONE, 7)
    book.note([firing()])
    assert [it.occurrence for it in book.take(other)] == ["2027-01-15T07:00"]
    assert book.take(mine) == []
    desk.clock.pass_(claims.DEFAULT_LEASE + 1)
    assert [it.occurrence for it in book.take(mine)] == ["2027-01-15T07:00"]
    assert book.take(mine) == []
    book.give_back("grades", "2027-01-15T07:00")
    assert len(book.take(mine)) == 1
    book.settle("grades", "2027-01-15T07:00", FiringState.BEGUN)
    assert book.take(other) == []
    assert book.firings()[0].state is FiringState.BEGUN


def test_what_was_asked_or_failed_is_a_persons_to_decide(book):
    """What has its run already is not."""
    book.note(
        [
            firing("a", FiringState.ASKED),
            firing("b", FiringState.FAILED),
            firing("c", FiringState.BEGUN),
        ]
    )
    assert book.decide("grades", "a", FiringState.DUE, "")
    assert book.decide("grades", "b", FiringState.SKIPPED, "not wanted")
    assert not book.decide("grades", "c", FiringState.DUE, "")
    assert not book.decide("grades", "nothing", FiringState.DUE, "")
    states = {it.occurrence: it.state for it in book.firings("grades")}
    assert states == {
        "a": FiringState.DUE,
        "b": FiringState.SKIPPED,
        "c": FiringState.BEGUN,
    }
    assert [it.occurrence for it in book.firings(states={FiringState.DUE})] == ["a"]


def test_an_old_question_is_over_when_a_later_occurrence_is_due(book):
    """Nobody needs to answer for last week's."""
    book.note([firing("a", FiringState.ASKED), firing("b", FiringState.ASKED, START + 100)])
    book.drop_questions("grades", START + 100, "a later one took its place")
    found = {it.occurrence: (it.state, it.note) for it in book.firings()}
    assert found["a"] == (FiringState.SKIPPED, "a later one took its place")
    assert found["b"][0] is FiringState.ASKED


def test_a_run_is_found_by_how_its_occurrence_begins(book, desk):
    """The latest of a day, whatever was sent since; of that campaign alone."""
    desk.run(1, occurrence="2027-01-15T07:00")
    second = desk.run(1, occurrence="2027-01-15T12:00")
    desk.run(1, occurrence="2027-01-15-changed")
    desk.run(1, occurrence="2027-01-15T13:00", campaign="marks")
    assert book.find_begun("grades", "2027-01-15T").id == second
    assert book.find_begun("grades", "2027-01-16T") is None


def test_open_runs_tell_what_they_wait_for(book, desk):
    """Active ones with what is due; what is over isn't told."""
    run, over = desk.run(2), desk.run(1, occurrence="over")
    desk.ledger.cancel(over)
    (found,) = book.open_runs()
    assert (found.id, found.state, found.due_at, found.held) == (run, RunState.ACTIVE, START, 0)
    worker = desk.worker(run)
    desk.ledger.claim(run, worker, 10)
    (found,) = book.open_runs()
    assert (found.due_at, found.held) == (None, 2)
    desk.ledger.pause(run)
    assert book.open_runs()[0].state is RunState.PAUSED


def test_whoever_serves_is_told_from_whoever_sends_a_run(book, desk):
    """A dead one isn't serving."""
    desk.worker(desk.run(1))
    assert book.servers() == []
    desk.worker(None)
    desk.worker(None, GONE, 7)
    assert len(book.servers()) == 2
    desk.clock.pass_(claims.DEFAULT_LEASE + 1)
    assert book.servers() == []


def test_too_late_everything_that_did_not_leave_expires_and_the_run_is_over(book, desk):
    """What is on the wire finishes; the run's reason says why."""
    run = desk.run(4)
    worker = desk.worker(run)
    first, second = desk.ledger.claim(run, worker, 2)
    desk.ledger.record([desk.intent(first.id, worker)], [])
    assert book.expire(run, "too late") == 3
    assert desk.ledger.counts(run) == {State.SUBMITTING: 1, State.EXPIRED: 3}
    assert desk.ledger.get_run(run).state is RunState.ACTIVE
    assert desk.ledger.record([desk.intent(second.id, worker)], []) == {second.id}
    desk.ledger.record([], [desk.result(first.id, worker_id=worker)])
    assert book.expire(run, "too late") == 0
    found = desk.ledger.get_run(run)
    assert (found.state, found.reason) == (RunState.FINISHED, "too late")
    causes = desk.every("SELECT DISTINCT cause FROM delivery WHERE state = 'expired'")
    assert causes == [(Cause.TOO_LATE,)]


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.ACTIVE])
def test_a_paused_run_can_be_too_late_as_well(book, desk, state):
    """It would mail nobody in time."""
    run = desk.run(2)
    desk.ledger.set_run_state(run, state, "waiting")
    assert book.expire(run, "too late") == 2
    assert desk.ledger.get_run(run).state is RunState.FINISHED
    assert book.expire(run, "too late") == 0


def test_a_run_that_waits_for_approval_can_be_too_late(ledger_path, clock):
    """It ends without having been approved."""
    from notifier.ledger.ledger import NewRun

    from .conftest import people

    with Ledger.open(ledger_path, clock=clock) as ledger:
        run = ledger.start_run(NewRun("grades", "x", "Marks", "main", not_after=START))
        ledger.enrol(run.id, people(2), ())
        ledger.finish_enrolment(run.id, rows=2, asks="digest")
        assert ledger.schedules.open_runs()[0].not_after == START
        assert ledger.schedules.expire(run.id, "too late") == 2
        assert ledger.get_run(run.id).state is RunState.FINISHED
        ledger.schedules.lift_deadline(run.id)
        assert ledger.get_run(run.id).not_after is None


@pytest.mark.parametrize("is_in_doubt", [True, False])
def test_what_is_on_the_wire_is_waited_for_by_a_void_approval_too(book, desk, is_in_doubt):
    """The run ends when that is settled, and is held where it is in doubt."""
    run = desk.run(3)
    desk.every("INSERT INTO approval VALUES (?, '', 'lan', 0, 'an', 1, '')", run)
    worker = desk.worker(run)
    (first,) = desk.ledger.claim(run, worker, 1)
    desk.ledger.record([desk.intent(first.id, worker)], [])
    assert desk.ledger.approvals.void(run, "the sheet")
    assert book.expire(run, "too late") == 2
    assert desk.ledger.get_run(run).state is RunState.AWAITING
    if is_in_doubt:
        desk.ledger.release(worker)
        book.expire(run, "too late")
        assert desk.ledger.get_run(run).state is RunState.HELD
        desk.ledger.doubts.settle(run, State.PRESUMED)
    else:
        desk.ledger.record([], [desk.result(first.id, worker_id=worker)])
        book.expire(run, "too late")
    assert desk.ledger.get_run(run).state is RunState.FINISHED


def test_deciding_is_written_down(ledger_path, clock):
    """Who scheduled, paused, ran and removed, in the audit log."""
    with Ledger.open(ledger_path, clock=clock, actor="lan@office") as ledger:
        book = ledger.schedules
        book.put("grades", "{}", "UTC")
        book.set_paused("grades", is_paused=True)
        book.note([firing(state=FiringState.ASKED)])
        book.decide("grades", "2027-01-15T07:00", FiringState.DUE, "")
        book.remove("grades")
        with ledger._store.alone() as db:
            rows = db.execute("SELECT actor, action FROM audit ORDER BY id").fetchall()
    assert {actor for actor, _action in rows} == {"lan@office"}
    assert [action for _actor, action in rows] == [
        "schedule",
        "pause schedule",
        "run occurrence",
        "unschedule",
    ]
