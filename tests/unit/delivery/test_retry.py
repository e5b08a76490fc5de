from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.retry import RetryPolicy
from notifier.model import Cause, Outcome, Scope, State
from notifier.settings import RetrySettings


def _terms(**options) -> RetrySettings:
    return RetrySettings(**{"jitter": 0.0} | options)


DEFERRED = Outcome(State.DEFERRED, Scope.RECIPIENT, Cause.MAILBOX_FULL)
GREYLISTED = Outcome(State.DEFERRED, Scope.RECIPIENT, Cause.GREYLISTED)


def _schedule(policy, outcome=DEFERRED, begin=1_000_000.0):
    """When each attempt is made, until the delivery expires."""
    times = [begin]
    while (due := policy.next_attempt_at(outcome, len(times), begin, times[-1])) is not None:
        times.append(due)
        assert len(times) < 10_000
    return times


def test_waits_grow_by_the_factor_up_to_the_longest():
    """5, 10, 20, ... minutes after one another, and from then on every 4 hours."""
    times = _schedule(RetryPolicy(_terms()))
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert waits[:8] == [300, 600, 1200, 2400, 4800, 9600, 14400, 14400]
    assert set(waits[6:]) == {14400}


def test_no_attempt_comes_after_the_horizon():
    """What would be tried again two days after its first attempt expires instead."""
    times = _schedule(RetryPolicy(_terms()))
    assert 2 * 86400 - 4 * 3600 <= times[-1] - times[0] < 2 * 86400


def test_greylisting_is_waited_out_and_not_longer():
    """A greylisted delivery comes back after five minutes, and then at least every quarter."""
    policy = RetryPolicy(_terms(first=3600.0, jitter=0.1), Random(7))
    times = _schedule(policy, GREYLISTED)
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert 300 <= waits[0] <= 330
    assert all(300 <= wait <= 990 for wait in waits)


def _asked(wait, cause=Cause.GREYLISTED):
    return Outcome(State.DEFERRED, Scope.RECIPIENT, cause, wait)


@pytest.mark.parametrize("cause", [Cause.GREYLISTED, Cause.RATE_LIMITED])
def test_a_reply_that_says_how_long_is_taken_at_its_word(cause):
    """Back in 30 seconds or in an hour, as it was asked for, whatever the policy's own waits."""
    policy = RetryPolicy(_terms())
    assert policy.next_attempt_at(_asked(30.0, cause), 1, 0.0, 0.0) == 30.0
    assert policy.next_attempt_at(_asked(3600.0, cause), 2, 0.0, 100.0) == 3700.0


def test_what_is_asked_for_is_bounded():
    """Neither at once nor next week: from a second to the policy's longest wait."""
    policy = RetryPolicy(_terms())
    assert policy.next_attempt_at(_asked(0.0), 1, 0.0, 0.0) == 1.0
    assert policy.next_attempt_at(_asked(86400.0), 1, 0.0, 0.0) == 14400.0


def test_a_reply_that_always_asks_for_little_gets_the_growing_waits():
    """Asked for five seconds, time after time, it does not come to thousands of attempts."""
    times = _schedule(RetryPolicy(_terms()), _asked(5.0))
    assert times[3] - times[0] == 15.0
    assert len(times) < 200


def test_coming_back_is_spread_but_never_early():
    """Jitter only ever adds to what was asked for."""
    policy = RetryPolicy(_terms(jitter=0.2), Random(3))
    due = [policy.next_attempt_at(_asked(300.0), 1, 0.0, 0.0) for _ in range(50)]
    assert 300 <= min(due) < max(due) <= 360


def test_settings_may_say_sooner_than_five_minutes():
    """Who sets a shorter first wait, for a rehearsal, gets it for greylisting too."""
    policy = RetryPolicy(_terms(first=1.0))
    assert policy.next_attempt_at(GREYLISTED, 1, 50.0, 50.0) == 51.0
    assert policy.pause_seconds == 1.0


def test_retries_are_spread():
    """Deliveries deferred at the same instant don't come back at the same instant."""
    policy = RetryPolicy(_terms(jitter=0.1), Random(1))
    due = [policy.next_attempt_at(DEFERRED, 1, 0.0, 0.0) for _ in range(100)]
    assert len(set(due)) > 90
    assert 270 <= min(due) < 280
    assert 320 < max(due) <= 330


def test_randomness_is_an_argument():
    """The same generator gives the same times."""
    times = [
        [RetryPolicy(_terms(jitter=0.3), Random(5)).next_attempt_at(DEFERRED, n, 0.0, 9.0)]
        for n in (1, 1)
    ]
    assert times[0] == times[1]


@given(
    terms=st.builds(
        RetrySettings,
        first=st.floats(0.5, 7200),
        factor=st.floats(1.0, 10.0),
        longest=st.floats(1.0, 86400),
        horizon=st.floats(1.0, 30 * 86400),
        jitter=st.floats(0.0, 1.0),
    ),
    attempts=st.integers(1, 10_000),
    elapsed=st.floats(0, 40 * 86400),
    outcome=st.sampled_from([DEFERRED, GREYLISTED]),
)
def test_the_next_attempt_is_in_the_future_and_before_the_horizon(
    terms, attempts, elapsed, outcome
):
    """For any settings and any count of attempts: later than now, sooner than the horizon."""
    policy, begin = RetryPolicy(terms, Random(3)), 1_700_000_000.0
    due = policy.next_attempt_at(outcome, attempts, begin, begin + elapsed)
    if due is not None:
        assert begin + elapsed < due <= begin + terms.horizon
        assert due - begin - elapsed <= max(terms.first, terms.longest) * 2 + 1
    else:
        assert elapsed + max(terms.first, terms.longest) * 2 + 1 >= terms.horizon


@pytest.mark.parametrize("attempts", [0, -1])
def test_a_count_that_was_lost_is_taken_for_the_first(attempts):
    """A count below one does no harm."""
    assert RetryPolicy(_terms()).next_attempt_at(DEFERRED, attempts, 0.0, 0.0) == 300.0


def test_a_clock_set_back_does_not_break_the_policy():
    """A first attempt that lies in the future counts as made now."""
    assert RetryPolicy(_terms()).next_attempt_at(DEFERRED, 1, 900.0, 100.0) == 400.0
