from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.guards import (
    COUNTED,
    SHARED_AFTER,
    USUAL_STOP,
    StopRule,
    parse_stop_rules,
    spell_approval,
)
from notifier.model import Cause, State


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("refused > 5% after 50", [StopRule(State.REFUSED, 0.05, is_share=True, after=50)]),
        ("Refused>5%", [StopRule(State.REFUSED, 0.05, is_share=True, after=SHARED_AFTER)]),
        ("refused > 20", [StopRule(State.REFUSED, 20, is_share=False)]),
        ("blocked > 0", [StopRule(Cause.BLOCKED, 0, is_share=False)]),
        (
            "refused > 20, deferred > 50%",
            [
                StopRule(State.REFUSED, 20, is_share=False),
                StopRule(State.DEFERRED, 0.5, is_share=True, after=SHARED_AFTER),
            ],
        ),
        (["unknown > 3", "expired > 1"], None),
        ("never", []),
    ],
)
def test_rules_as_people_write_them(text, rules):
    """A state or a cause, a count or a share, from how many on; several with commas or a list."""
    found = parse_stop_rules(text)
    if rules is not None:
        assert list(found) == rules
    assert list(parse_stop_rules(", ".join(map(str, found)) or "never")) == list(found)


@pytest.mark.parametrize("text", ["", "refused", "refused > ", "refused < 3", "refused > 101%", 7])
def test_what_is_no_rule_is_told_how_rules_are_written(text):
    """With an example."""
    with pytest.raises(ValueError, match="refused > 5% after 50"):
        parse_stop_rules(text)


def test_a_word_that_is_not_counted_is_told_with_the_nearest():
    """A slip of the pen must not switch a guard off."""
    with pytest.raises(ValueError, match="did you mean refused"):
        parse_stop_rules("refuzed > 5%")


@given(
    st.builds(
        StopRule,
        st.sampled_from(list(COUNTED.values())),
        st.integers(0, 10**6).map(float),
        is_share=st.just(False),
        after=st.integers(0, 10**6),
    )
)
def test_a_rule_reads_back_as_it_is_written(rule):
    """What a report says of a rule may be typed."""
    assert parse_stop_rules(str(rule)) == (rule,)


def test_a_share_is_of_what_was_tried_and_not_of_few():
    """Two of the first three are no disaster; 6 of 100 are more than 5 %."""
    (rule,) = parse_stop_rules("refused > 5% after 50")
    assert not rule.is_broken(2, 3)
    assert not rule.is_broken(5, 100)
    assert rule.is_broken(6, 100)


def test_a_count_holds_from_the_first_on():
    """`> 20` is the twenty-first, whatever it is a part of."""
    (rule,) = parse_stop_rules("refused > 20")
    assert not rule.is_broken(20, 20)
    assert rule.is_broken(21, 10_000)


def test_the_usual_rule_is_for_disasters_alone():
    """A bad list stops nothing; an account that is refused does."""
    (rule,) = USUAL_STOP
    assert not rule.is_broken(45, 90)
    assert not rule.is_broken(50, 100)
    assert rule.is_broken(51, 100)


@pytest.mark.parametrize(("said", "meant"), [(True, "required"), (False, "none"), ("none", "none")])
def test_yes_and_no_are_understood_for_approval(said, meant):
    """YAML reads `approval: yes` as true."""
    assert spell_approval(said) == meant
