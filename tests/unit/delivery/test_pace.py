from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.pace import ENOUGH, FLOOR, RECOVERY, Pace
from notifier.model import Rate

NOW = 1_800_000_000.0


def send(pace, begin, seconds, step=0.01):
    """The instants at which somebody leaves who always wants to."""
    found = []
    for turn in range(round(seconds / step)):
        now = begin + turn * step
        if pace.opens_at(now) == -inf:
            pace.use(now)
            found.append(now)
    return found


def test_a_new_pace_holds_nobody_back():
    """Until it is told something."""
    pace = Pace()
    assert pace.opens_at(NOW) == -inf
    assert pace.speed(NOW) == inf
    assert pace.is_over(NOW)
    assert len(send(pace, NOW, 1.0)) == 100


def test_a_share_is_of_what_was_sent_lately():
    """Half of ten a second is five, at once and evenly."""
    pace = Pace()
    pace.slow(NOW, 0.5, seen=10.0)
    assert pace.speed(NOW) == 5.0
    sent = send(pace, NOW, 10.0)
    assert 45 <= len(sent) <= 51
    assert all(b - a >= 0.19 for a, b in pairwise(sent))


def test_a_rate_is_taken_as_it_is_and_never_speeds_up():
    """`slow_to = "12/minute"`; where it was slower already it stays so."""
    pace = Pace()
    pace.slow(NOW, Rate(12, 60.0), seen=10.0)
    assert pace.speed(NOW) == pytest.approx(0.2)
    pace.slow(NOW + 1, Rate(600, 60.0), seen=0.2)
    assert pace.speed(NOW + 1) == pytest.approx(0.2)


def test_it_climbs_evenly_and_is_over_at_last():
    """After `RECOVERY` it is where it was, then it goes on to twice that, then nothing holds."""
    pace = Pace()
    pace.slow(NOW, 0.5, seen=10.0)
    half, whole = pace.speed(NOW + RECOVERY / 2), pace.speed(NOW + RECOVERY)
    assert half == pytest.approx(7.5)
    assert whole == pytest.approx(10.0)
    assert pace.speed(NOW + 2.9 * RECOVERY) < ENOUGH * 10
    assert not pace.is_over(NOW + 2.9 * RECOVERY)
    later = NOW + 3.1 * RECOVERY
    assert pace.is_over(later)
    pace.use(later)
    assert pace.opens_at(later) == -inf


def test_each_further_word_slows_it_again():
    """But it remembers what it climbs back to."""
    pace = Pace()
    pace.slow(NOW, 0.5, seen=16.0)
    pace.slow(NOW + 1, 0.5, seen=8.0)
    assert pace.speed(NOW + 1) == pytest.approx(4.0, rel=0.01)
    assert pace.speed(NOW + 1 + RECOVERY) == pytest.approx(16.0)


def test_what_was_sent_before_the_last_word_says_nothing_new():
    """A burst of refusals counts once."""
    pace = Pace()
    assert not pace.has_heard(NOW - 2)
    pace.slow(NOW, 0.5, seen=16.0)
    assert pace.has_heard(NOW - 0.5)
    assert pace.has_heard(NOW)
    assert not pace.has_heard(NOW + 0.1)


def test_a_pause_is_nothing_at_all_and_the_longest_counts():
    """Then it goes on as before."""
    pace = Pace()
    pace.pause(NOW, 60.0)
    pace.pause(NOW + 1, 10.0)
    assert pace.opens_at(NOW + 30) == NOW + 60
    assert not pace.is_over(NOW + 30)
    assert pace.opens_at(NOW + 60) == -inf
    assert pace.is_over(NOW + 60)


def test_one_at_a_time_until_it_is_forgiven():
    """`one_connection`."""
    pace = Pace()
    pace.go_single(NOW)
    assert pace.is_single(NOW + RECOVERY - 1)
    assert not pace.is_over(NOW + RECOVERY - 1)
    assert not pace.is_single(NOW + RECOVERY)


def test_who_did_not_leave_holds_up_nobody():
    """Its place is the next one's."""
    pace = Pace()
    pace.slow(NOW, Rate(1, 60.0), seen=1.0)
    pace.use(NOW + 60)
    pace.withdraw(NOW + 30)
    assert pace.opens_at(NOW + 61) > NOW + 61
    pace.withdraw(NOW + 60)
    assert pace.opens_at(NOW + 61) == -inf


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 500.0),
            st.one_of(st.floats(0.01, 1.0), st.builds(Rate, st.integers(1, 99), st.just(60.0))),
            st.floats(0.0, 1000.0),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_word_never_makes_it_faster_nor_stops_it_for_good(words):
    """Whatever is said whenever: slower or the same, at least `FLOOR`, and over some day."""
    pace, now = Pace(), NOW
    for delta, to, seen in words:
        now += delta
        before = pace.speed(now)
        pace.slow(now, to, seen)
        assert FLOOR <= pace.speed(now) <= before
        assert pace.opens_at(now) <= now + 2 / FLOOR
    assert pace.is_over(now + 10 * RECOVERY * max(1.0, len(words)) + 1e9)
