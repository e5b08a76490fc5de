# ruff: noqa: DTZ001 - what a clock on the wall shows has no zone
from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from math import inf
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.delivery.window import Hours
from notifier.timetable import Window

BERLIN = ZoneInfo("Europe/Berlin")


def at(text, zone=BERLIN):
    """Unix seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def shown(hours, text, count=3):
    """The next few spans as local texts."""

    def spell(instant):
        return datetime.fromtimestamp(instant, hours.zone).strftime("%d %H:%M")

    return [(spell(it.opens), spell(it.closes)) for it in islice(hours.spans(at(text)), count)]


def test_no_window_is_always_open():
    """For ever."""
    hours = Hours(None, BERLIN)
    assert hours.is_open(0.0)
    assert hours.closes_at(5.0) == inf
    assert hours.why_closed(5.0) == ""


def test_it_closes_in_the_evening_and_opens_in_the_morning():
    """The weekend is passed over; 15 January 2027 is a Friday."""
    hours = Hours(Window(hours="07:00-18:00", days="mon-fri"), BERLIN)
    noon, evening = at("2027-01-15T12:00"), at("2027-01-15T18:00")
    assert hours.opens_at(noon) == noon
    assert hours.closes_at(noon) == evening
    assert not hours.is_open(evening)
    assert hours.closes_at(evening) == evening
    assert hours.opens_at(evening) == at("2027-01-18T07:00")
    assert "hours" in hours.why_closed(evening)


def test_hours_past_midnight_belong_to_the_day_on_which_they_began():
    """Friday night reaches into Saturday."""
    hours = Hours(Window(hours="22:00-05:00", days="fri"), BERLIN)
    assert shown(hours, "2027-01-16T03:00", 2) == [
        ("15 22:00", "16 05:00"),
        ("22 22:00", "23 05:00"),
    ]


def test_whole_days_are_one_span():
    """From midnight to midnight nothing stops."""
    hours = Hours(Window(days="mon-sat"), BERLIN)
    assert [it[1] for it in shown(hours, "2027-01-15T12:00", 2)] == ["17 00:00", "24 00:00"]
    assert Hours(Window(days="mon-sun"), BERLIN).closes_at(at("2027-01-15T12:00")) == inf


def test_holidays_and_days_of_ones_own_are_passed_over():
    """The holiday's name is told."""
    window = Window(hours="07:00-18:00", holidays="DE", closed="2027-01-02..2027-01-03")
    hours = Hours(window, BERLIN)
    new_year = at("2027-01-01T12:00")
    assert hours.opens_at(new_year) == at("2027-01-04T07:00")
    assert "Neujahr" in hours.why_closed(new_year) or "New Year" in hours.why_closed(new_year)
    assert hours.why_closed(at("2027-01-02T12:00")) == "closed"


def test_a_window_that_never_opens_is_told():
    """None, and not a search without end."""
    hours = Hours(Window(closed="2020-01-01..2099-12-31"), BERLIN)
    assert hours.opens_at(at("2027-01-15T12:00")) is None
    assert hours.closes_at(at("2027-01-15T12:00")) == at("2027-01-15T12:00")


@pytest.mark.parametrize(
    ("zone", "day", "hours", "seconds"),
    [
        ("Europe/Berlin", "2027-03-28", "01:00-05:00", 3 * 3600),
        ("Europe/Berlin", "2027-10-31", "01:00-05:00", 5 * 3600),
        ("America/New_York", "2027-03-14", "22:00-05:00", 7 * 3600),
        ("America/New_York", "2027-03-13", "22:00-05:00", 6 * 3600),
        ("America/New_York", "2027-11-06", "22:00-05:00", 8 * 3600),
        ("Europe/Berlin", "2027-03-28", "02:15-02:45", 1800),
    ],
)
def test_on_the_day_of_the_change_the_window_is_by_the_wall_clock(zone, day, hours, seconds):
    """An hour less, or more; hours that the clock leaves out come an hour later."""
    found = Hours(Window(hours=hours), ZoneInfo(zone))
    noon = at(f"{day}T12:00", ZoneInfo(zone))
    begin = noon - 13 * 3600 if not hours.startswith("22") else noon
    span = next(it for it in found.spans(begin) if it.opens >= begin)
    assert span.closes - span.opens == seconds


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2026, 6, 1), datetime(2028, 6, 1)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Ho_Chi_Minh"]),
    st.sampled_from(
        [
            {"hours": "07:00-18:00", "days": "mon-sat"},
            {"hours": "22:00-05:00", "days": "fri"},
            {"days": "tue, thu", "holidays": "VN"},
            {"hours": "02:15-02:45"},
        ]
    ),
)
def test_open_and_closed_agree_with_the_clock_on_the_wall(moment, zone, given_):
    """What `Window` says of the local time, away from the hours of a change."""
    window, zone = Window(**given_), ZoneInfo(zone)
    now = moment.replace(tzinfo=UTC).timestamp()
    hours = Hours(window, zone)
    opens, closes = hours.opens_at(now), hours.closes_at(now)
    assert opens >= now
    assert (opens == now) == (closes > now)
    assert opens == now or not hours.is_open(now)
    offsets = {
        datetime.fromtimestamp(now + it * 3600, zone).utcoffset() for it in range(-30, 31, 3)
    }
    if len(offsets) == 1:
        local = datetime.fromtimestamp(now, zone).replace(tzinfo=None)
        assert hours.is_open(now) == window.is_open(local)
