# ruff: noqa: DTZ001 - what a clock on the wall shows has no zone
from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from notifier.wall_clock import instant_of, name_of, wall_at

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_time_in_the_gap_is_later_and_one_in_the_repeated_hour_is_the_first():
    """RFC 5545, section 3.3.5."""
    gap = instant_of(datetime(2027, 3, 28, 2, 30), BERLIN)
    assert gap == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert wall_at(gap, BERLIN) == datetime(2027, 3, 28, 3, 30)
    repeated = instant_of(datetime(2027, 10, 31, 2, 30), BERLIN)
    assert repeated == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_an_occurrence_is_called_by_what_the_clock_shows():
    """Seconds and offsets only where they are needed."""
    assert name_of(datetime(2027, 1, 15, 6, tzinfo=UTC), BERLIN) == "2027-01-15T07:00"
    assert name_of(datetime(2027, 1, 15, 6, 0, 5, tzinfo=UTC), BERLIN) == "2027-01-15T07:00:05"
    second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert name_of(second, BERLIN) == "2027-10-31T02:30+01:00"


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Ho_Chi_Minh"]),
)
def test_two_instants_never_have_the_same_name(one, other, zone):
    """So a name is a run's key."""
    first, second = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)
    same = name_of(first, ZoneInfo(zone)) == name_of(second, ZoneInfo(zone))
    assert same == (first == second)
