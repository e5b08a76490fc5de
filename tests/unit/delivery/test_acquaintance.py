"""What a run's sending shows of a relay: the step, what it offers, that it works."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from notifier.delivery.acquaintance import HOLD, LONGEST, Acquaintance, held_for, step_at
from notifier.ledger.encounters import StepRow
from notifier.smtp.envelope import Capabilities
from notifier.smtp.ladder import Ladder, Step

NOW = 1_800_000_000.0


def meet(top=Step.CHUNKED):
    """A relay of which nothing is known."""
    return Acquaintance("main", Ladder("main", top))


def below(step=Step.PIPELINED, since=NOW, falls=1, why="It dropped the link."):
    """A step down, as the ledger has it."""
    return StepRow("main", int(step), why, since, since + held_for(falls), falls)


def test_a_step_down_is_told_once():
    """With what the relay did, and until when it is left alone."""
    met = meet()
    assert met.steps(NOW) == []
    met.ladder.fall(Step.CHUNKED, "It dropped the link.")
    assert met.steps(NOW) == [below()]
    assert met.steps(NOW) == []


def test_what_others_met_is_gone_by():
    """And of two the newer."""
    met = meet()
    met.adopt([below(), below(Step.LOCKSTEP, since=NOW - 9)._replace(relay="other")], NOW)
    assert met.ladder.step is Step.PIPELINED
    met.adopt([below(Step.LOCKSTEP, since=NOW - 9)], NOW)
    assert met.ladder.step is Step.PIPELINED
    assert met.steps(NOW) == []  # it is no news


def test_more_is_tried_again_step_by_step():
    """The next step after the time that was set, the one above after as long again."""
    met = meet()
    met.adopt([below(Step.LOCKSTEP)], NOW)
    for after, step in [(0.99, Step.LOCKSTEP), (1, Step.PIPELINED), (2, Step.CHUNKED)]:
        met.adopt([below(Step.LOCKSTEP)], NOW + after * HOLD)
        assert met.ladder.step is step


def test_settings_are_the_top():
    """What they don't allow is never tried."""
    met = meet(Step.PIPELINED)
    met.adopt([below(Step.LOCKSTEP)], NOW)
    met.adopt([below(Step.LOCKSTEP)], NOW + 9 * HOLD)
    assert met.ladder.step is Step.PIPELINED


def test_a_relay_that_has_to_earn_its_step_earns_it_anew():
    """What it had shown before it failed shows nothing."""
    ladder = Ladder("main")
    for _time in range(3):
        ladder.prove()
    ladder.fall(Step.CHUNKED, "It dropped the link.")
    ladder.rise(Step.CHUNKED)
    assert ladder.step is Step.CHUNKED
    assert not ladder.is_proven


def test_who_fails_again_is_left_alone_for_longer():
    """Twice as long each time, up to a limit."""
    met = meet()
    met.adopt([below(since=NOW - 2 * HOLD)], NOW)
    assert met.ladder.step is Step.CHUNKED
    met.ladder.fall(Step.CHUNKED, "Again.")
    (row,) = met.steps(NOW)
    assert (row.falls, row.until) == (2, NOW + 2 * HOLD)
    assert held_for(99) == LONGEST
    assert step_at(below(falls=99), NOW + LONGEST - 1) is Step.PIPELINED


def test_a_step_down_that_is_not_told_yet_is_not_undone():
    """An older word that comes meanwhile says nothing about it."""
    met = meet()
    met.adopt([below(since=NOW - 9 * HOLD)], NOW)
    met.ladder.fall(Step.CHUNKED, "Again.")
    met.adopt([below(since=NOW - 9 * HOLD)], NOW)
    assert met.ladder.step is Step.PIPELINED
    assert met.steps(NOW)


@pytest.mark.parametrize("step", [Step.LOCKSTEP, Step.PIPELINED])
def test_people_are_told_of_it_once(step):
    """Connections begin anew whoever found out; what others said before is no news."""
    told = []
    ladder = Ladder("main")
    ladder.on_fall = told.append
    ladder.lower(step, "It dropped the link.")
    assert told == [""]
    assert "It dropped the link." in ladder.note


def test_what_a_relay_offers_and_takes_is_told_when_it_is_new():
    """When it took a message last, and what it said that it can do."""
    met = meet()
    pool = SimpleNamespace(stats=SimpleNamespace(accepted=0), offers=None)
    assert met.news(pool, NOW) == []
    pool.offers = Capabilities(has_smtputf8=True, largest_message=5000)
    (found,) = met.news(pool, NOW)
    assert (found.smtputf8, found.largest, found.offered_at) == (1, 5000, NOW)
    assert found.accepted_at is None
    assert met.news(pool, NOW + 1) == []
    pool.stats.accepted = 3
    (found,) = met.news(pool, NOW + 2)
    assert (found.accepted_at, found.smtputf8) == (NOW + 2, None)
