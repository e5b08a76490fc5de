from __future__ import annotations

from notifier.ledger.alerts import AT_ONCE, FIRST_WAIT, LONGEST_WAIT, TOLD_WITHIN

KINDS = ("paused", "relay_down")


def test_an_event_is_told_once(ledger):
    """However often somebody notices it."""
    assert ledger.alerts.raise_once("ended run 1", "paused", "Run 1 ended.")
    assert not ledger.alerts.raise_once("ended run 1", "paused", "Run 1 ended.")
    assert [it.text for it in ledger.alerts.newest()] == ["Run 1 ended."]


def test_what_comes_again_and_again_is_told_after_a_while(ledger, clock):
    """A relay that is down for hours is one event an hour, not one for each try."""
    assert ledger.alerts.raise_once("down main", "relay_down", "down", quiet=3600)
    assert not ledger.alerts.raise_once("down main", "relay_down", "down", quiet=3600)
    assert ledger.alerts.raise_once("down main2", "relay_down", "another", quiet=3600)
    clock.pass_(3601)
    assert ledger.alerts.raise_once("down main", "relay_down", "down", quiet=3600)


def test_a_try_is_claimed_by_one_program(ledger, clock):
    """Whoever comes second has nothing to tell; after a while it is tried again, ever later."""
    ledger.alerts.raise_once("a", "paused", "A")
    assert [it.text for it in ledger.alerts.claim(KINDS)] == ["A"]
    assert ledger.alerts.claim(KINDS) == []
    clock.pass_(FIRST_WAIT)
    assert [it.tries for it in ledger.alerts.claim(KINDS)] == [2]
    clock.pass_(FIRST_WAIT)
    assert ledger.alerts.claim(KINDS) == []
    clock.pass_(FIRST_WAIT)
    assert [it.tries for it in ledger.alerts.claim(KINDS)] == [3]
    for _again in range(10):
        clock.pass_(LONGEST_WAIT)
        assert len(ledger.alerts.claim(KINDS)) == 1


def test_what_was_told_is_not_told_again(ledger, clock):
    """By all ways: done. By one of two: the other is still due, and the first is remembered."""
    ledger.alerts.raise_once("a", "paused", "A")
    ledger.alerts.raise_once("b", "paused", "B")
    first, second = ledger.alerts.claim(KINDS)
    ledger.alerts.settle(first.id, told={"mail", "webhook"}, is_done=True)
    ledger.alerts.settle(second.id, told={"mail"}, error="webhook: 500")
    clock.pass_(FIRST_WAIT)
    (left,) = ledger.alerts.claim(KINDS)
    assert (left.text, left.told, left.error) == ("B", {"mail"}, "webhook: 500")
    assert ledger.alerts.newest()[-1].sent_at is not None


def test_old_news_is_given_up_and_stays_in_the_list(ledger, clock):
    """A relay that comes back after a week brings no flood of old mail."""
    ledger.alerts.raise_once("a", "paused", "A")
    clock.pass_(TOLD_WITHIN)
    assert ledger.alerts.claim(KINDS) == []
    (found,) = ledger.alerts.newest()
    assert found.is_given_up(clock())


def test_only_what_is_wanted_is_claimed(ledger):
    """What is of another kind is left alone."""
    ledger.alerts.raise_once("a", "failures", "A")
    assert ledger.alerts.claim(KINDS) == []
    assert ledger.alerts.newest()[0].tries == 0


def test_a_flood_is_told_in_portions(ledger):
    """The oldest first."""
    for number in range(AT_ONCE + 5):
        ledger.alerts.raise_once(f"e{number}", "paused", f"E{number}")
    assert [it.text for it in ledger.alerts.claim(KINDS)] == [f"E{n}" for n in range(AT_ONCE)]
    assert len(ledger.alerts.claim(KINDS)) == 5
