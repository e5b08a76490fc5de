from __future__ import annotations

from notifier.ledger.brakes import Tally, Trouble
from notifier.model import Cause, RunState, State


def _refuse(desk, run, count, cause=Cause.NO_SUCH_MAILBOX):
    worker = desk.worker(run)
    for it in desk.ledger.claim(run, worker, count):
        desk.settle(it.id, State.REFUSED, cause=cause, worker_id=worker)
    desk.ledger.release(worker)


def test_a_tally_counts_states_and_causes(desk):
    """What was tried is what a relay answered, or nobody knows."""
    run = desk.run(6)
    _refuse(desk, run, 2)
    _refuse(desk, run, 1, Cause.BLOCKED)
    found = desk.ledger.brakes.tally(run, by_cause=True)
    assert found.tried == 3
    assert found.counts == {"pending": 3, "refused": 3, "no_such_mailbox": 2, "blocked": 1}
    assert "blocked" not in desk.ledger.brakes.tally(run).counts


def test_the_most_frequent_causes_are_told_with_domains(desk):
    """Domains, and nobody's address."""
    run = desk.run(4)
    _refuse(desk, run, 2)
    _refuse(desk, run, 1, Cause.BLOCKED)
    assert desk.ledger.brakes.troubles(run) == [
        Trouble(Cause.NO_SUCH_MAILBOX, 2, ("parents.example",)),
        Trouble(Cause.BLOCKED, 1, ("parents.example",)),
    ]


def test_stopping_pauses_tells_and_counts_anew(desk):
    """What made it stop is not counted again once somebody goes on."""
    run, brakes = desk.run(6), desk.ledger.brakes
    _refuse(desk, run, 2)
    assert brakes.stop(run, "too many", kind="paused", text="Run stopped")
    assert desk.ledger.get_run(run).state is RunState.PAUSED
    assert desk.ledger.get_run(run).reason == "too many"
    assert [it.text for it in desk.ledger.alerts.newest()] == ["Run stopped"]
    desk.ledger.resume(run)
    assert brakes.tally(run).since(brakes.baseline(run)).counts["refused"] == 0
    _refuse(desk, run, 1)
    assert brakes.tally(run).since(brakes.baseline(run)).counts["refused"] == 1


def test_of_two_that_stop_it_one_does(desk):
    """Two processes that send the same run notice at once: one pause, one alert."""
    run, brakes = desk.run(2), desk.ledger.brakes
    assert brakes.stop(run, "first", kind="paused", text="1")
    assert not brakes.stop(run, "second", kind="paused", text="2")
    assert len(desk.ledger.alerts.newest()) == 1


def test_a_run_may_go_on_whatever_comes(desk):
    """For good: it survives another start."""
    run, brakes = desk.run(2), desk.ledger.brakes
    assert brakes.baseline(run) == Tally()
    brakes.take_off(run)
    assert brakes.baseline(run) is None
    desk.ledger.pause(run)
    desk.ledger.resume(run)
    brakes.take_off(run)
    assert brakes.baseline(run) is None


def test_a_retry_takes_nothing_below_zero():
    """Deliveries that are due again are no debt."""
    assert Tally({"refused": 1}).since(Tally({"refused": 5})).counts == {"refused": 0}
