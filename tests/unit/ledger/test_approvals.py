from __future__ import annotations

import pytest

from notifier.errors import GuardError, UsageError
from notifier.ledger.ledger import Ledger, NewRun
from notifier.model import RunState, State

from .conftest import people

ASKER, OTHER = "lan@office", "hieu_pho@office"


@pytest.fixture
def waiting(ledger_path, clock):
    """A ledger, and the number of a run of three that somebody asked for."""
    with Ledger.open(ledger_path, clock=clock, actor=ASKER) as ledger:
        run = ledger.start_run(NewRun("grades", "2027-01-15", "Marks", "main"))
        ledger.enrol(run.id, people(3), ())
        ledger.finish_enrolment(run.id, rows=3, asks=True)
        yield ledger, run.id


def test_a_run_that_needs_approval_waits_and_nothing_of_it_can_be_claimed(waiting):
    """It is never active in between: enrolment's last transaction makes it wait."""
    ledger, run = waiting
    assert ledger.get_run(run).state is RunState.AWAITING
    found = ledger.approvals.find(run)
    assert (found.asked_by, found.is_given) == (ASKER, False)
    assert found.digest == ledger.approvals.seal(run)
    worker = ledger.register_worker("here", 1, run)
    assert ledger.claim(run, worker, 10) == []
    assert ledger.next_due_at(run) is None


@pytest.mark.parametrize(
    "attempt",
    [
        lambda ledger, run: ledger.resume(run),
        lambda ledger, run: ledger.pause(run),
    ],
)
def test_no_other_command_lets_it_go(waiting, attempt):
    """Going on with it, or pausing it to go on later, is refused with the next step."""
    ledger, run = waiting
    with pytest.raises(UsageError):
        attempt(ledger, run)
    assert ledger.get_run(run).state is RunState.AWAITING


def test_retrying_its_suppressed_people_does_not_let_it_go(waiting):
    """What is due again in it waits with the rest."""
    ledger, run = waiting
    ledger.suppress("p0@parents.example")
    ledger.unsuppress("p0@parents.example")
    assert ledger.retry(run, [State.SUPPRESSED]) == 1
    assert ledger.get_run(run).state is RunState.AWAITING


@pytest.mark.parametrize("ended", ["rejected", "too late"])
def test_a_run_that_ended_without_approval_waits_for_it_when_it_is_to_be_sent(waiting, ended):
    """It is never active before somebody says yes, and somebody still can."""
    ledger, run = waiting
    if ended == "rejected":
        ledger.approvals.reject(run, by=OTHER, reason="no")
    else:
        ledger.schedules.expire(run, "too late")
    assert ledger.retry(run, [State.CANCELLED, State.EXPIRED]) == 3
    assert ledger.get_run(run).state is RunState.AWAITING
    ledger.set_run_state(run, RunState.ACTIVE)
    assert ledger.get_run(run).state is RunState.AWAITING
    ledger.approvals.approve(run, by=OTHER)
    assert ledger.get_run(run).state is RunState.ACTIVE


def test_what_was_given_up_before_anybody_was_asked_is_not_brought_back(desk):
    """Half a sheet is nobody's run, and nobody has approved it."""
    run = desk.ledger.start_run(NewRun("grades", "2027-01-15", "Marks", "main"))
    desk.ledger.enrol(run.id, people(3), ())
    desk.ledger.cancel(run.id)
    with pytest.raises(UsageError, match="not all written down") as caught:
        desk.ledger.retry(run.id, [State.CANCELLED])
    assert caught.value.next_step == "notifier send grades --again"
    assert desk.ledger.set_run_state(run.id, RunState.ACTIVE) is RunState.CANCELLED
    assert desk.ledger.counts(run.id) == {State.CANCELLED: 3}


def test_somebody_else_lets_it_go(waiting):
    """Who, when and of what is written down, and it is due."""
    ledger, run = waiting
    ledger.approvals.approve(run, by=OTHER, note="ok")
    found = ledger.approvals.find(run)
    assert (found.approved_by, found.note) == (OTHER, "ok")
    assert found.is_given
    assert ledger.get_run(run).state is RunState.ACTIVE
    worker = ledger.register_worker("here", 1, run)
    assert len(ledger.claim(run, worker, 10)) == 3


@pytest.mark.parametrize("who", [ASKER, "LAN@Office", " lan@office "])
def test_who_asked_can_not_approve(waiting, who):
    """Letters' case and spaces make nobody another person."""
    ledger, run = waiting
    with pytest.raises(UsageError, match="somebody else") as caught:
        ledger.approvals.approve(run, by=who)
    assert "take approval out" in caught.value.next_step
    assert ledger.get_run(run).state is RunState.AWAITING


def test_a_no_cancels_the_run_with_its_reason(waiting):
    """Nothing of it is ever sent, and who said no is told."""
    ledger, run = waiting
    assert ledger.approvals.reject(run, by=OTHER, reason="the date is wrong") == 3
    assert ledger.get_run(run).state is RunState.CANCELLED
    assert "the date is wrong" in ledger.get_run(run).reason
    assert OTHER in ledger.get_run(run).reason


def test_who_asked_may_take_it_back(waiting):
    """A no is anybody's."""
    ledger, run = waiting
    ledger.approvals.reject(run, by=ASKER, reason="too early")
    assert ledger.get_run(run).state is RunState.CANCELLED


def test_it_is_approved_once(waiting):
    """Of two who approve at a time, the second is told that nothing waits."""
    ledger, run = waiting
    ledger.approvals.approve(run, by=OTHER)
    with pytest.raises(UsageError, match="does not wait"):
        ledger.approvals.approve(run, by="third@office")
    with pytest.raises(UsageError, match="does not wait"):
        ledger.approvals.reject(run, by="third@office", reason="no")


def test_a_void_approval_makes_the_run_wait_again(waiting):
    """Whether it was being sent or paused; the reason is kept, and another approval takes it up."""
    ledger, run = waiting
    ledger.approvals.approve(run, by=OTHER)
    ledger.pause(run)
    assert ledger.approvals.void(run, "the sheet was changed")
    assert ledger.get_run(run).state is RunState.AWAITING
    assert ledger.get_run(run).reason == "the sheet was changed"
    assert not ledger.approvals.find(run).is_given
    assert not ledger.approvals.void(run, "again")
    ledger.approvals.approve(run, by=OTHER)
    assert ledger.get_run(run).state is RunState.ACTIVE


def test_a_run_without_a_question_has_no_approval(desk):
    """It is active at once, and can't be approved."""
    run = desk.run()
    assert desk.ledger.approvals.find(run) is None
    assert not desk.ledger.approvals.void(run, "why")
    with pytest.raises(UsageError):
        desk.ledger.approvals.approve(run, by=OTHER)


def test_enrolling_again_asks_once(waiting, clock):
    """A second enrolment of the same occurrence changes nothing of the question."""
    ledger, run = waiting
    before = ledger.approvals.find(run)
    clock.pass_(60)
    ledger.finish_enrolment(run, rows=3, asks=True)
    assert ledger.approvals.find(run) == before


def test_a_planned_occurrence_is_asked_for_by_whoever_planned_it(ledger_path, clock):
    """The account that serves is nobody's other person: who planned it can't let it go."""
    with Ledger.open(ledger_path, clock=clock, actor=ASKER) as ledger:
        ledger.schedules.put("grades", "{}", "UTC")
    with Ledger.open(ledger_path, clock=clock, actor="serve@office") as ledger:
        for occurrence, due_at, asker in (
            ("07:00", clock(), ASKER),
            ("hand", None, "serve@office"),
        ):
            run = ledger.start_run(NewRun("grades", occurrence, "Marks", "main", due_at=due_at))
            ledger.enrol(run.id, people(1), ())
            ledger.finish_enrolment(run.id, rows=1, asks=True)
            assert ledger.approvals.find(run.id).asked_by == asker
        with pytest.raises(UsageError, match="somebody else"):
            ledger.approvals.approve(1, by=ASKER)
        (entry,) = _entries(ledger, "ask")[:1]
        assert (entry.actor, entry.detail["planned_by"]) == ("serve@office", ASKER)


def _entries(ledger, action):
    with ledger.keeping.entries() as found:
        return [it for it in found if it.action == action]


def test_each_step_is_in_the_audit_log(waiting):
    """Asked, approved, void: who and what."""
    ledger, run = waiting
    ledger.approvals.approve(run, by=OTHER)
    ledger.approvals.void(run, "changed", by="serve@office")
    with ledger._store.alone() as db:
        rows = db.execute("SELECT actor, action, subject FROM audit ORDER BY id").fetchall()
    told = [row for row in rows if row[1] in ("ask", "approve", "void")]
    assert told == [
        (ASKER, "ask", f"run {run}"),
        (OTHER, "approve", f"run {run}"),
        ("serve@office", "void", f"run {run}"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE run SET source_digest = 'x'",
        "UPDATE run SET template_digest = 'x'",
        "INSERT INTO run_document VALUES (1, 'file', 'data/a.pdf', 'd')",
    ],
)
def test_an_approval_is_of_what_was_asked_about(waiting, change):
    """Rows, template, files: the seal is over all of it, and another one is refused."""
    ledger, run = waiting
    with ledger._store.write() as db:
        db.execute(change)
    with pytest.raises(GuardError, match="not what was asked about"):
        ledger.approvals.approve(run, by=OTHER)
    assert ledger.get_run(run).state is RunState.AWAITING
