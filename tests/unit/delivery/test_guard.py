from __future__ import annotations

from types import SimpleNamespace

import pytest

from notifier.delivery.guard import broken_rule, check_count, spell_reason, stop_rules
from notifier.errors import GuardError
from notifier.guards import USUAL_STOP, Expect, parse_stop_rules
from notifier.ledger.brakes import Tally, Trouble
from notifier.model import Cause


def _campaign(**changes):
    values = {
        "name": "grades",
        "expect": None,
        "kind": "marks",
        "stop_if": None,
        "recipients": SimpleNamespace(file="data/marks.xlsx"),
    }
    return SimpleNamespace(**(values | changes))


@pytest.mark.parametrize(
    ("count", "usual"),
    [(400, None), (400, 400), (1199, 400), (134, 400), (20, 3), (2, 21), (0, 0)],
)
def test_what_is_as_usual_is_not_asked_about(count, usual):
    """A first run, a little more or less, and small numbers whatever they are a part of."""
    check_count(_campaign(), count, usual)


@pytest.mark.parametrize(
    ("count", "usual", "told"),
    [(1200, 400, "3 times the usual 400"), (133, 400, "3 times fewer"), (30, 0, "30 times")],
)
def test_three_times_as_many_or_as_few_are_asked_about(count, usual, told):
    """With the figures, and how to say that it is right."""
    with pytest.raises(GuardError, match=told) as caught:
        check_count(_campaign(), count, usual)
    assert "--yes-many" in caught.value.next_step
    assert "{growth: 0}" in caught.value.next_step


def test_a_campaign_has_its_own_measure():
    """`expect.growth`; 0 asks never."""
    check_count(_campaign(expect=Expect(growth=0)), 40_000, 400)
    check_count(_campaign(expect=Expect(growth=5)), 1900, 400)
    with pytest.raises(GuardError):
        check_count(_campaign(expect=Expect(growth=1.5)), 650, 400)


def test_rules_are_the_campaigns_or_the_usual_ones():
    """An emergency goes on whatever is refused, unless it says otherwise itself."""
    own = parse_stop_rules("refused > 1")
    assert stop_rules(_campaign()) == USUAL_STOP
    assert stop_rules(_campaign(stop_if=())) == ()
    assert stop_rules(_campaign(stop_if=own)) == own
    assert stop_rules(_campaign(kind="emergency")) == ()
    assert stop_rules(_campaign(kind="emergency", stop_if=own)) == own


def test_the_first_rule_that_is_broken_counts():
    """By state or by cause."""
    rules = parse_stop_rules("refused > 50%, blocked > 2")
    tally = Tally({"accepted": 90, "refused": 10, "blocked": 3})
    assert str(broken_rule(rules, tally)) == "blocked > 2"
    assert broken_rule(rules, Tally({"accepted": 90, "refused": 10, "blocked": 2})) is None
    assert broken_rule(rules, Tally()) is None


def test_the_reason_has_figures_causes_and_domains_and_nobodys_address():
    """What an office reads in `status`, and the operator in an alert."""
    (rule,) = parse_stop_rules("refused > 5% after 50")
    tally = Tally({"accepted": 88, "refused": 12})
    troubles = [Trouble(Cause.NO_SUCH_MAILBOX, 10, ("gmail.com", "school.example"))]
    assert spell_reason(rule, tally, troubles, lambda it: f"<{it}>") == (
        "stop_if refused > 5% after 50: 12 of 100 were refused. "
        "Most often in this run: <no_such_mailbox> (10: gmail.com, school.example)."
    )


def test_a_rule_on_a_cause_says_the_cause():
    """In the reader's words."""
    (rule,) = parse_stop_rules("blocked > 2")
    tally = Tally({"accepted": 7, "refused": 3, "blocked": 3})
    text = spell_reason(rule, tally, [], lambda _cause: "Blocked {x}")
    assert text == "stop_if blocked > 2: 3 of 10: Blocked {x}."
