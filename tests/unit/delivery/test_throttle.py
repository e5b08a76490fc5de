from __future__ import annotations

import bisect
import tracemalloc
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.throttle import Throttle, Window, least_seconds
from notifier.model import Rate

# Instants on a grid of 1/64 s are exact as floats, so that the tests measure the limiter and not
# rounding.
GRID = 64
rates = st.lists(
    st.builds(
        Rate,
        count=st.integers(1, 8),
        seconds=st.sampled_from([0.25, 1.0, 2.5, 10.0, 60.0]),
    ),
    min_size=1,
    max_size=3,
)
steps = st.lists(st.integers(0, 3 * GRID), min_size=1, max_size=80)


def _instants(deltas):
    at, found = 1_000_000 * GRID, []
    for delta in deltas:
        at += delta
        found.append(at / GRID)
    return found


def _most_in_any_window(instants, seconds):
    """Windows are half open; the fullest one begins at an admission."""
    return max(
        (bisect.bisect_left(instants, at + seconds) - i for i, at in enumerate(instants)),
        default=0,
    )


@given(rates, steps)
def test_no_window_ever_holds_more_than_its_limit(limits, deltas):
    """Whenever messages come, no interval of a limit's length holds more than its count."""
    throttle = Throttle(limits)
    admitted = [now for now in _instants(deltas) if throttle.admit(now) == 0]
    for rate in limits:
        assert _most_in_any_window(admitted, rate.seconds) <= rate.count


@given(rates, steps)
def test_admits_whenever_one_more_would_break_nothing(limits, deltas):
    """A message is held back only if admitting it would break a limit, and no longer than that."""
    throttle = Throttle(limits)
    admitted: list[float] = []
    for now in _instants(deltas):
        delay = throttle.admit(now)
        fits = all(
            _most_in_any_window([*admitted, now], rate.seconds) <= rate.count for rate in limits
        )
        assert (delay == 0) is fits
        if fits:
            admitted.append(now)
        else:
            again = now + delay
            assert all(
                _most_in_any_window([*admitted, again], rate.seconds) <= rate.count
                for rate in limits
            )


@given(rates, st.integers(1, 60))
def test_waiting_as_told_is_enough(limits, count):
    """Who waits exactly as long as told is admitted then, and all get through."""
    throttle, now, admitted = Throttle(limits), 5_000.0, []
    while len(admitted) < count:
        delay = throttle.admit(now)
        if delay == 0:
            admitted.append(now)
        now += delay
    for rate in limits:
        assert _most_in_any_window(admitted, rate.seconds) <= rate.count
    assert admitted[-1] - admitted[0] >= least_seconds(count, limits)
    if len(limits) == 1:
        assert Fraction(admitted[-1]) - Fraction(admitted[0]) == least_seconds(count, limits)


@given(rates, steps, st.integers(0, 79))
def test_a_restart_forgets_nothing(limits, deltas, cut):
    """A throttle restored from the admissions so far decides as the one that lived on."""
    instants = _instants(deltas)
    lived = Throttle(limits)
    before = [now for now in instants[:cut] if lived.admit(now) == 0]
    restored = Throttle(limits)
    restored.restore(reversed(before[-lived.memory_count :]))
    for now in instants[cut:]:
        assert restored.admit(now) == lived.admit(now)


@given(rates, steps)
def test_history_is_what_restore_needs(limits, deltas):
    """`history` of one throttle restores another to the same decisions."""
    instants = _instants(deltas)
    lived = Throttle(limits)
    for now in instants:
        lived.admit(now)
    restored = Throttle(limits)
    restored.restore(lived.history(instants[-1]))
    later = instants[-1] + 1 / GRID
    assert restored.admit(later) == lived.admit(later)


@given(rates, rates, steps)
def test_a_campaign_stays_below_its_relay(relay_limits, campaign_limits, deltas):
    """What leaves under a campaign's own limits counts for the relay's, and obeys both."""
    relay = Throttle(relay_limits)
    first = Throttle(campaign_limits, within=relay)
    second = Throttle(campaign_limits, within=relay)
    sent, sent_first = [], []
    for turn, now in enumerate(_instants(deltas)):
        if (first, second)[turn % 2].admit(now) == 0:
            sent.append(now)
            if turn % 2 == 0:
                sent_first.append(now)
    for rate in relay_limits:
        assert _most_in_any_window(sent, rate.seconds) <= rate.count
    for rate in campaign_limits:
        assert _most_in_any_window(sent_first, rate.seconds) <= rate.count


def test_what_was_not_given_to_the_relay_can_be_taken_back():
    """An admission withdrawn leaves room for another, at once."""
    throttle = Throttle([Rate(2, 60.0), Rate(3, 3600.0)])
    assert throttle.admit(100.0) == 0
    assert throttle.admit(101.0) == 0
    assert throttle.admit(102.0) == 58.0
    throttle.withdraw(100.0)
    throttle.withdraw(55.0)  # nobody's: nothing happens
    assert throttle.admit(102.0) == 0
    assert throttle.admit(103.0) == 58.0


def test_a_clock_set_back_holds_for_one_window_at_most():
    """After the clock jumps back an hour, the limit is kept and nobody waits for that hour."""
    throttle = Throttle([Rate(2, 1.0)])
    assert throttle.admit(10_000.0) == 0
    assert throttle.admit(10_000.5) == 0
    assert throttle.admit(6_400.0) == 0.5
    assert throttle.admit(6_400.5) == 0
    assert throttle.admit(6_400.75) == 0.25


def test_a_clock_set_back_is_followed_once_by_those_who_share_a_limit():
    """Two campaigns below one relay notice the jump one after the other; its limit is kept."""
    relay = Throttle([Rate(3, 60.0)])
    first = Throttle([Rate(9, 60.0)], within=relay)
    second = Throttle([Rate(9, 60.0)], within=relay)
    assert [first.admit(10_000.0), second.admit(10_001.0)] == [0.0, 0.0]
    assert first.admit(5_000.0) == 0
    assert second.admit(5_000.0) == 59.0
    assert first.admit(5_000.0) == 59.0


def test_says_which_limit_holds():
    """The limit that holds back longest is the one that people are told of."""
    slow, quick = Rate(2, 3600.0), Rate(1, 1.0)
    throttle = Throttle([quick, slow])
    assert throttle.holding(0.0) is None
    throttle.admit(0.0)
    assert throttle.holding(0.5) is quick
    throttle.admit(1.0)
    assert throttle.holding(1.5) is slow


def test_no_limit_admits_always_and_remembers_nothing():
    """Without limits everything is admitted at once, and nothing is kept."""
    throttle = Throttle()
    assert [throttle.admit(5.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert throttle.memory_seconds == 0
    assert throttle.memory_count == 0
    assert throttle.history(5.0) == []


def test_uses_its_clock_where_no_instant_is_given():
    """`admit()` asks the clock."""
    times = iter([50.0, 50.0, 51.0])
    throttle = Throttle([Rate(1, 1.0)], lambda: next(times))
    assert [throttle.admit(), throttle.admit(), throttle.admit()] == [0.0, 1.0, 0.0]


def test_memory_is_bounded_by_the_limit():
    """A limit of 10,000 a day keeps 10,000 instants at most, however long the run."""
    throttle = Throttle([Rate(10_000, 86_400.0)])
    tracemalloc.start()
    for turn in range(30_000):
        throttle.admit(turn * 10.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(throttle.history(30_000 * 10.0)) <= 10_000
    assert peak < 1_000_000


@pytest.mark.parametrize("rate", [Rate(0, 1.0), Rate(1, 0.0), Rate(1, float("inf"))])
def test_a_limit_that_admits_nothing_is_refused(rate):
    """A limit of nothing, or over no time, is a mistake and not a limit."""
    with pytest.raises(ValueError, match="no limit"):
        Window(rate)


@pytest.mark.parametrize(
    ("count", "limits", "seconds"),
    [
        (0, [Rate(20, 1.0)], 0),
        (20, [Rate(20, 1.0)], 0),
        (21, [Rate(20, 1.0)], 1),
        (1000, [Rate(20, 1.0)], 49),
        (600, [Rate(600, 3600.0)], 0),
        (601, [Rate(600, 3600.0), Rate(20, 1.0)], 3600),
        (10**6, [], 0),
    ],
)
def test_the_least_time_of_a_run_is_known_beforehand(count, limits, seconds):
    """Each limit lets a full burst through at its start; the tightest one counts."""
    assert least_seconds(count, limits) == seconds


@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_more_messages_never_take_less_time(count, limit):
    """The estimate grows with the number of messages."""
    limits = [Rate(limit, 60.0)]
    assert least_seconds(count + 1, limits) >= least_seconds(count, limits)
