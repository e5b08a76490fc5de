from __future__ import annotations

import pytest

from notifier.ledger.ledger import NewRun
from notifier.model import Recipient, RunState, State

from .conftest import check_sums, people, rejection


def test_a_suppression_is_kept_as_it_was_first_given(desk):
    """Case doesn't matter; the first reason stays; lifting it makes the address free again."""
    assert desk.ledger.suppress(" Bà.Tư@X.example ", "asked", "command")
    assert not desk.ledger.suppress("bà.tư@x.EXAMPLE", "bounced", "bounce")
    (found,) = desk.ledger.suppressions()
    assert (found.address, found.reason, found.source) == ("Bà.Tư@X.example", "asked", "command")
    assert found.at == desk.clock()
    assert desk.is_suppressed("BÀ.TƯ@x.example")
    assert desk.ledger.unsuppress("bà.tư@x.example")
    assert not desk.ledger.unsuppress("bà.tư@x.example")
    assert not desk.is_suppressed("bà.tư@x.example")


def test_whoever_is_suppressed_meanwhile_is_not_mailed(desk):
    """What waits for the address in a run is suppressed with it; the counters follow."""
    run_id = desk.run(3)
    desk.ledger.suppress("P1@parents.example")
    assert desk.ledger.counts(run_id) == {State.PENDING: 2, State.SUPPRESSED: 1}
    claimed = desk.ledger.claim(run_id, desk.worker(run_id), 10)
    assert [it.address for it in claimed] == ["p0@parents.example", "p2@parents.example"]


def test_whoever_is_suppressed_while_a_worker_holds_them_is_not_mailed(desk):
    """Its intent is refused; nor are they due again when the worker gives back what it held."""
    run_id = desk.run(2)
    worker = desk.worker(run_id)
    desk.ledger.claim(run_id, worker, 10)
    desk.ledger.suppress("p1@parents.example")
    assert desk.submit([1, 2], worker) == {2}
    desk.settle(1, worker_id=worker)
    desk.ledger.release(worker)
    assert desk.ledger.counts(run_id) == {State.ACCEPTED: 1, State.SUPPRESSED: 1}
    check_sums(desk)


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_run_that_waited_for_nobody_else_is_finished(desk, is_paused):
    """The last one that was put off asked not to be mailed: nothing is left to go on with."""
    run_id = desk.run(2)
    worker = desk.worker(run_id)
    desk.ledger.claim(run_id, worker, 1)
    desk.submit([1], worker)
    desk.settle(1, worker_id=worker)
    if is_paused:
        desk.ledger.pause(run_id, "lunch")
    desk.ledger.suppress("p1@parents.example")
    assert desk.ledger.get_run(run_id).state is RunState.FINISHED
    assert desk.ledger.suppress("p0@parents.example")  # accepted already: nothing to take back
    assert desk.ledger.counts(run_id) == {State.ACCEPTED: 1, State.SUPPRESSED: 1}


def test_many_are_suppressed_at_once(desk, monkeypatch):
    """One transaction for all, so that a list of thousands takes a moment; each is as by itself."""
    run_id = desk.run(4)
    desk.ledger.suppress("p1@parents.example", "asked")
    writes = []
    write = desk.ledger._store.write
    monkeypatch.setattr(desk.ledger._store, "write", lambda: writes.append(1) or write())
    many = ["P1@parents.example", " p2@parents.example", "p3@Parents.example", "x@y.example"]
    assert desk.ledger.suppress_all(many, "left", "list.csv") == 3
    assert len(writes) == 1
    assert desk.ledger.counts(run_id) == {State.PENDING: 1, State.SUPPRESSED: 3}
    assert {it.address: it.reason for it in desk.ledger.suppressions()} == {
        "p1@parents.example": "asked",
        "p2@parents.example": "left",
        "p3@Parents.example": "left",
        "x@y.example": "left",
    }
    assert desk.ledger.suppress_all([]) == 0


def test_a_retry_leaves_suppressed_addresses_out(desk):
    """Refused, then suppressed: `retry` doesn't mail it until the suppression is lifted."""
    run_id = desk.run(1)
    desk.ledger.claim(run_id, desk.worker(run_id), 10)
    desk.settle(1, State.REFUSED, stage="rcpt")
    desk.ledger.suppress("p0@parents.example")
    assert desk.ledger.retry(run_id, [State.REFUSED]) == 0
    desk.ledger.unsuppress("p0@parents.example")
    assert desk.ledger.retry(run_id, [State.REFUSED]) == 1


def _forget(desk, *addresses):
    """As `forget` leaves them: known by a hash alone."""
    with desk.ledger._store.write() as db:
        db.executemany(
            "INSERT INTO forgotten (hash, at) VALUES (hashed(?), 1.0)", [(it,) for it in addresses]
        )


def test_whoever_was_forgotten_is_not_mailed_nor_written_down_again(desk):
    """A later sheet brings the address: its row is accounted for, without who it was."""
    _forget(desk, "p1@parents.example")
    run = desk.ledger.start_run(NewRun("grades", "1", "", "main"))
    rows = [*people(3), Recipient(9, "K1", "P1@Parents.example", "Người 1", {"Toán": 9})]
    for _again in range(2):
        desk.ledger.enrol(run.id, rows, [rejection(5, "p1@parents.example"), rejection(6)])
    desk.ledger.finish_enrolment(run.id, rows=6)
    assert desk.ledger.counts(run.id) == {State.PENDING: 2, State.SUPPRESSED: 2}
    assert not desk.every(
        "SELECT * FROM recipient WHERE instr(lower(address), 'p1@') OR key = 'K1'"
    )
    assert not desk.every("SELECT * FROM rejection WHERE instr(value || reason || context, 'p1@')")
    assert desk.every("SELECT count(*) FROM mailbox") == [(2,)]
    assert desk.ledger.retry(run.id, [State.SUPPRESSED]) == 0


def test_suppressing_whoever_was_forgotten_does_not_write_the_address_down(desk):
    """It is suppressed already; lifting that needs the address, which whoever lifts it knows."""
    _forget(desk, "p1@parents.example")
    assert desk.is_suppressed("P1@parents.example")
    assert not desk.ledger.suppress("p1@parents.example")
    assert desk.ledger.suppress_all(["P1@parents.example", "x@y.example"]) == 1
    assert [it.address for it in desk.ledger.suppressions()] == ["x@y.example"]
    assert desk.ledger.unsuppress("P1@parents.example ")
    assert not desk.is_suppressed("p1@parents.example")


def test_whoever_is_forgotten_is_not_sent_to_again(desk):
    """A delivery that failed before its person was forgotten stays as it is."""
    run_id = desk.run(2)
    desk.ledger.cancel(run_id)
    _forget(desk, "p1@parents.example")
    assert desk.ledger.retry(run_id, [State.CANCELLED]) == 1
    assert desk.state(1) is State.PENDING


def test_who_is_written_down_already_is_found_before_enrolment_is_finished(desk):
    """A run's addresses are put in order at its end; until then its recipients are looked at."""
    from notifier.ledger.ledger import NewRun

    from .conftest import people

    run = desk.ledger.start_run(NewRun("late", "1", "Marks", "main"))
    desk.ledger.enrol(run.id, people(3), [])
    desk.ledger.suppress("P1@parents.example")
    desk.ledger.finish_enrolment(run.id, rows=3)
    assert desk.ledger.counts(run.id) == {State.PENDING: 2, State.SUPPRESSED: 1}
