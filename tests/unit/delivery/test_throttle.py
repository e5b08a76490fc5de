from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.throttle import Throttle, least_seconds, tightest
from notifier.model import Rate


class Limit:
    """A limit that opens when the test says."""

    def __init__(self, opens_at, rate):
        self.at, self.rate, self.used = opens_at, rate, []

    @property
    def closed_until(self):
        return self.at

    def opens_at(self, now):
        return self.at if self.at > now else -inf

    def use(self, now):
        self.used.append(now)

    def withdraw(self, instant):
        self.used.remove(instant)


def test_without_limits_everything_is_admitted():
    """At once."""
    assert Throttle().admit(5.0) == 0.0
    assert Throttle().holding(5.0) is None


def test_all_limits_must_allow_it_and_all_of_them_count_it():
    """The latest one says when; nothing is counted before."""
    first, second = Limit(110.0, Rate(2, 1.0)), Limit(120.0, Rate(3, 1.0))
    throttle = Throttle([first], within=Throttle([second]))
    assert throttle.admit(100.0) == 20.0
    assert throttle.holding(100.0) == Rate(3, 1.0)
    assert throttle.admit(115.0) == 5.0
    assert throttle.delay(120.0) == 0.0
    assert first.used == second.used == []
    assert throttle.admit(120.0) == 0.0
    assert first.used == second.used == [120.0]
    throttle.withdraw(120.0)
    assert first.used == second.used == []


def test_of_limits_with_the_same_span_the_smallest_is_kept():
    """They would count the same messages twice otherwise."""
    rates = [Rate(20, 1.0), Rate(5, 60.0), Rate(10, 1.0), Rate(30, 1.0)]
    assert tightest(rates) == [Rate(10, 1.0), Rate(5, 60.0)]


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
