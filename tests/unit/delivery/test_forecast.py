from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.delivery.forecast import WINDOW, Channel, Pause, forecast
from notifier.delivery.window import Hours
from notifier.ledger.permits import SLACK
from notifier.model import Rate
from notifier.timetable import Window

ALWAYS = Hours(None, UTC)
SECOND, HOUR, DAY = 1.0, 3600.0, 86_400.0


def at(text):
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_without_limits_it_leaves_at_once():
    """Nobody in no time, many in no time."""
    found = forecast(0, [Channel(())], hours=ALWAYS, start=100.0)
    assert (found.starts_at, found.ends_at, found.late) == (100.0, 100.0, 0)
    found = forecast(10**6, [Channel(())], hours=ALWAYS, start=100.0)
    assert (found.seconds, found.pauses, found.limited_by) == (0.0, (), "")


def test_a_limit_lets_its_number_leave_in_each_span():
    """40 at 20 a second take one second: 20 at the start, 20 at its end."""
    found = forecast(40, [Channel([Rate(20, SECOND)])], hours=ALWAYS, start=0.0)
    assert found.seconds == pytest.approx(1.0 + SLACK)
    assert found.limited_by == "20/second"


def test_the_tightest_limit_counts_and_the_campaigns_own_is_one_of_them():
    """600 an hour of the campaign below 20 a second of the relay; long waits are told."""
    found = forecast(
        1300,
        [Channel([Rate(20, SECOND)])],
        hours=ALWAYS,
        start=0.0,
        ceiling=[Rate(600, HOUR)],
    )
    assert found.seconds == pytest.approx(2 * HOUR, abs=200)
    assert found.limited_by == "600/hour"
    assert [it.why for it in found.pauses] == ["600/hour", "600/hour"]


def test_what_was_sent_before_counts():
    """The day's quota is nearly used up: the rest leaves tomorrow, when it comes free."""
    day = Rate(100, DAY)
    channel = Channel([day], used={day: [(90, -3600.0)]})
    found = forecast(20, [channel], hours=ALWAYS, start=0.0)
    assert found.ends_at == pytest.approx(DAY - 3600 + SLACK)
    assert found.pauses == (Pause(0.0, found.ends_at, "100/day"),)


def test_it_pauses_over_the_night_and_the_weekend():
    """100 an hour from Friday 16:30 until 18:00, then on Monday morning."""
    hours = Hours(Window(hours="07:00-18:00", days="mon-fri"), UTC)
    found = forecast(300, [Channel([Rate(100, HOUR)])], hours=hours, start=at("2027-01-15T16:30"))
    assert found.starts_at == at("2027-01-15T16:30")
    assert found.ends_at == at("2027-01-18T07:00")
    assert [(it.why, it.until) for it in found.pauses][-1] == (WINDOW, at("2027-01-18T07:00"))


def test_outside_the_window_it_begins_when_that_opens():
    """The wait before the first message is no pause."""
    hours = Hours(Window(hours="07:00-18:00"), UTC)
    found = forecast(5, [Channel(())], hours=hours, start=at("2027-01-15T20:00"))
    assert found.starts_at == found.ends_at == at("2027-01-16T07:00")
    assert found.pauses == ()


def test_a_window_that_never_opens_never_ends():
    """inf, in no time."""
    hours = Hours(Window(closed="2020-01-01..2099-12-31"), UTC)
    found = forecast(5, [Channel(())], hours=hours, start=at("2027-01-15T20:00"))
    assert found.starts_at == found.ends_at == inf


def test_what_comes_too_late_is_counted():
    """Two hours at 100 an hour are 200 and the third hundred's time never comes."""
    found = forecast(
        300, [Channel([Rate(100, HOUR)])], hours=ALWAYS, start=0.0, not_after=1.5 * HOUR
    )
    assert found.late == 100
    assert found.ends_at == pytest.approx(HOUR, abs=1)
    night = Hours(Window(hours="07:00-18:00"), UTC)
    late = forecast(
        3,
        [Channel(())],
        hours=night,
        start=at("2027-01-15T20:00"),
        not_after=at("2027-01-15T22:00"),
    )
    assert late.late == 3


def test_several_relays_share_and_one_that_comes_later_waits_until_it_is_needed():
    """Two of one priority are twice as fast; the second priority is for long waits."""
    fast = Channel([Rate(10, SECOND)])
    assert forecast(40, [fast, fast], hours=ALWAYS, start=0.0).seconds == pytest.approx(1 + SLACK)
    reserve = Channel([Rate(10, SECOND)], priority=2)
    assert forecast(40, [fast, reserve], hours=ALWAYS, start=0.0).seconds == pytest.approx(
        3 + 3 * SLACK
    )
    daily = Channel([Rate(10, DAY)])
    found = forecast(20, [daily, reserve], hours=ALWAYS, start=0.0)
    assert found.seconds < 5


def test_how_fast_the_relay_was_seen_to_be_counts_like_a_limit():
    """Also where that is less than one message a second."""
    assert forecast(100, [Channel((), speed=10)], hours=ALWAYS, start=0.0).seconds == pytest.approx(
        9, abs=0.2
    )
    assert forecast(5, [Channel((), speed=0.5)], hours=ALWAYS, start=0.0).seconds == pytest.approx(
        8, abs=0.2
    )


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 60),
    st.lists(st.builds(Rate, st.integers(1, 20), st.sampled_from([1.0, 7.0, 60.0])), max_size=3),
    st.lists(st.builds(Rate, st.integers(1, 20), st.sampled_from([2.0, 90.0])), max_size=2),
    st.floats(0, 7 * DAY),
)
def test_it_is_what_one_message_after_the_other_would_take(count, rates, ceiling, start):
    """Each as soon as every limit and the window allow it."""
    hours = Hours(Window(hours="07:00-07:02"), UTC)
    limits = [(rate, deque(maxlen=rate.count)) for rate in (*rates, *ceiling)]
    now = first = hours.opens_at(start)
    for _number in range(count):
        for rate, sent in limits:
            if len(sent) == rate.count:
                now = max(now, sent[0] + rate.seconds + SLACK)
        now = hours.opens_at(now)
        for _rate, sent in limits:
            sent.append(now)
    found = forecast(count, [Channel(rates)], hours=hours, start=start, ceiling=ceiling)
    assert found.starts_at == first
    assert found.ends_at == pytest.approx(now, abs=0.001)
    assert found.late == 0
