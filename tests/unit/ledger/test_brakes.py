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
    found = desk.ledger.brakes.since_stop(run, by_cause=True)
    assert found.tried == 3
    assert found.counts == {"pending": 3, "refused": 3, "no_such_mailbox": 2, "blocked": 1}
    assert "blocked" not in desk.ledger.brakes.since_stop(run).counts


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
    assert brakes.has_stopped(run)
    desk.ledger.resume(run)
    assert brakes.since_stop(run).counts["refused"] == 0
    _refuse(desk, run, 1)
    assert brakes.since_stop(run).counts["refused"] == 1
    assert brakes.since_stop(run).tried == 1


def test_of_two_that_stop_it_one_does(desk):
    """Two processes that send the same run notice at once: one pause, one alert."""
    run, brakes = desk.run(2), desk.ledger.brakes
    assert brakes.stop(run, "first", kind="paused", text="1")
    assert not brakes.stop(run, "second", kind="paused", text="2")
    assert len(desk.ledger.alerts.newest()) == 1


def test_what_is_sent_again_and_refused_again_counts(desk):
    """A whole run that was retried, and is refused anew, stops as it did before."""
    run, brakes = desk.run(4), desk.ledger.brakes
    _refuse(desk, run, 3)
    brakes.stop(run, "too many", kind="paused", text="Run stopped")
    assert desk.ledger.retry(run, [State.REFUSED]) == 3
    desk.ledger.resume(run)
    _refuse(desk, run, 3)
    found = brakes.since_stop(run, by_cause=True)
    assert (found.counts["refused"], found.counts["no_such_mailbox"]) == (3, 3)


def test_a_run_may_go_on_whatever_comes(desk):
    """For good: it survives another start."""
    run, brakes = desk.run(2), desk.ledger.brakes
    assert brakes.since_stop(run) is not None
    brakes.take_off(run)
    noted = desk.one("SELECT action, subject FROM audit ORDER BY id DESC")
    assert noted == ("ignore stop_if", f"run {run}")
    assert brakes.since_stop(run) is None
    assert brakes.stop(run, "by another process", kind="paused", text="1")
    desk.ledger.resume(run)
    assert brakes.since_stop(run) is None
    assert not brakes.has_stopped(run)


def test_the_usual_number_is_the_median_of_the_last_runs(desk):
    """One odd run changes nothing; what was never let go, or was for a few alone, is left out."""
    usual = desk.ledger.brakes.usual_count
    assert usual("grades") is None
    for number, count in enumerate((9, 3, 4, 3, 40, 4)):
        desk.run(count, occurrence=str(number))
    assert usual("grades") == 4
    cancelled = desk.run(50, occurrence="cancelled")
    desk.ledger.cancel(cancelled)
    partly = desk.run(1, occurrence="partly")
    desk.every("UPDATE run SET left_out = 49 WHERE id = ?", partly)
    assert usual("grades") == 4
    assert usual("other") is None


def test_a_retry_takes_nothing_below_zero():
    """Deliveries that are due again are no debt."""
    assert Tally({"refused": 1}).since(Tally({"refused": 5})).counts == {"refused": 0}
