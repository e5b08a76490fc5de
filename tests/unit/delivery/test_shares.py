"""Whose turn it is, among several relays: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.shares import Share, Shares


def deal(shares, names, count, *, ready=None, portion=1):
    """Give out `count` messages to whoever may take first; how many each got."""
    got = dict.fromkeys(names, 0)
    while sum(got.values()) < count:
        turn = next(it for it in names if shares.may_take(it, names, ready or names))
        part = shares.portion(turn, portion)
        shares.give(turn, part)
        got[turn] += part
    return got


@given(
    weights=st.lists(st.integers(1, 100), min_size=1, max_size=6),
    count=st.integers(1, 2000),
    portion=st.integers(1, 64),
)
def test_each_relay_gets_its_share_by_weight_to_within_a_portion(weights, count, portion):
    """At any moment nobody is further from its part than one portion of each relay."""
    names = [f"r{number}" for number in range(len(weights))]
    shares = Shares(Share(name, weight) for name, weight in zip(names, weights, strict=True))
    got = deal(shares, names, count, portion=portion)
    total = sum(got.values())
    for name, weight in zip(names, weights, strict=True):
        ideal = total * weight / sum(weights)
        assert abs(got[name] - ideal) <= portion * len(names) + 1


@given(
    weights=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    priorities=st.lists(st.integers(1, 4), min_size=5, max_size=5),
    usable=st.sets(st.integers(0, 4), min_size=1),
)
def test_somebody_may_always_take_and_nobody_of_a_later_priority(weights, priorities, usable):
    """While a relay can be used there is one whose turn it is, of the lowest number."""
    names = [f"r{number}" for number in range(len(weights))]
    shares = Shares(
        Share(name, weight, priority)
        for name, weight, priority in zip(names, weights, priorities, strict=False)
    )
    able = [names[it] for it in usable if it < len(names)]
    for _number in range(50):
        takers = [it for it in names if shares.may_take(it, able, able)]
        assert bool(takers) is bool(able)
        if not able:
            return
        first = min(shares.priority(it) for it in able)
        assert all(shares.priority(it) == first for it in takers)
        shares.give(takers[0], 1)


def test_a_relay_that_is_held_back_is_not_waited_for_and_makes_up_for_nothing():
    """The others go on; once back it has its share of what comes, and no more."""
    shares = Shares([Share("a"), Share("b")])
    for _number in range(100):
        assert shares.may_take("b", ["a", "b"], ["b"])
        shares.give("b", 1)
    got = deal(shares, ["a", "b"], 100)
    assert abs(got["a"] - got["b"]) <= 2


def test_what_was_given_back_counts_as_never_given():
    """A relay that gave all back is where it was."""
    shares = Shares([Share("a", 2), Share("b", 1)])
    shares.give("a", 60)
    shares.give("a", -60)
    assert deal(shares, ["a", "b"], 90) == {"a": 60, "b": 30}


def test_a_portion_is_in_proportion_to_the_weight():
    """The heaviest gets all of it, the lightest at least one message."""
    shares = Shares([Share("a", 90), Share("b", 30), Share("c", 1)])
    assert [shares.portion(name, 9) for name in "abc"] == [9, 3, 1]
