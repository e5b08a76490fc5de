from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from notifier.timetable import (
    Schedule,
    Window,
    parse_cron,
    parse_days,
    parse_hours,
    parse_moment,
)

MORNING = datetime(2027, 1, 15, 7, 0)  # noqa: DTZ001 - naive is meant: the campaign's zone


@pytest.mark.parametrize(
    "value",
    ["2027-01-15 07:00", "2027-01-15T07:00", " 2027-01-15  07:00:00 ", MORNING],
)
def test_moments(value):
    """With or without seconds, T or blank; naive."""
    assert parse_moment(value) == MORNING


@pytest.mark.parametrize(
    "value",
    ["", "07:00", "2027-01-15", "2027-02-30 07:00", "15/01/2027 07:00", 7, date(2027, 1, 1)],
)
def test_what_is_no_moment_is_refused(value):
    """It says what a moment looks like."""
    with pytest.raises(ValueError, match="2027-01-15 07:00"):
        parse_moment(value)


def test_an_instant_is_in_the_campaigns_zone_unless_it_says_its_own():
    """07:00 in Hanoi is midnight UTC."""
    assert Schedule(at=MORNING).instant("Asia/Ho_Chi_Minh") == datetime(2027, 1, 15, tzinfo=UTC)
    aware = Schedule(at="2027-01-15 07:00+02:00")
    assert aware.instant("Asia/Ho_Chi_Minh") == datetime(2027, 1, 15, 5, tzinfo=UTC)
    assert Schedule(cron="0 7 * * *").instant("UTC") is None


@pytest.mark.parametrize(
    "text",
    ["0 7 * * mon-fri", "*/15 0-23/2 1,15 jan-jun *", "0 0 31 12 7", "0 7 * * SUN", " 0  7 * * * "],
)
def test_crontab_lines(text):
    """Five fields as cron has them."""
    assert parse_cron(text).split() == text.lower().split()


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
        7, None, "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "1-2-3 * * * *",
        "1, * * * *", "@daily",
    ],
)  # fmt: skip
def test_what_is_no_crontab_line_is_refused(text):
    """Out of bounds, wrong number of fields, unknown names."""
    with pytest.raises(ValueError, match="five fields"):
        parse_cron(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("07:00-18:00", (time(7), time(18))),
        ("7:00 - 18:30", (time(7), time(18, 30))),
        ("7h-18h30", (time(7), time(18, 30))),
        ("22:00-05:00", (time(22), time(5))),
        ("07:00-24:00", (time(7), time(0))),
    ],
)
def test_hours(text, expected):
    """From-to, also past midnight and as the Vietnamese write them."""
    assert parse_hours(text) == expected


@pytest.mark.parametrize("text", ["", "07:00", "25:00-26:00", "7-18", "07:00-07:00", 7, None, "x"])
def test_what_are_no_hours_is_refused(text):
    """It says how hours are written."""
    with pytest.raises(ValueError, match="07:00-18:00"):
        parse_hours(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("mon-sat", {0, 1, 2, 3, 4, 5}),
        ("mon, wed,fri", {0, 2, 4}),
        (["mon", "wed-fri"], {0, 2, 3, 4}),
        ("fri-mon", {4, 5, 6, 0}),
        ("t2-t7", {0, 1, 2, 3, 4, 5}),
        ("CN", {6}),
        ("Monday", {0}),
    ],
)
def test_days(value, expected):
    """Ranges, lists, either language."""
    assert parse_days(value) == expected


@pytest.mark.parametrize("value", ["", "mon-", "someday", 1, None, [], ["mon", 2]])
def test_what_are_no_days_is_refused(value):
    """It says how days are written."""
    with pytest.raises(ValueError, match="mon-sat"):
        parse_days(value)


@pytest.mark.parametrize("given_", [{}, {"at": MORNING, "every": "1d"}, {"every": "30s"}])
def test_a_schedule_says_exactly_one_thing(given_):
    """at, cron or every; no more often than a minute."""
    with pytest.raises(ValidationError):
        Schedule(**given_)


@pytest.mark.parametrize(
    ("hours", "days", "moment", "is_open"),
    [
        ("07:00-18:00", "mon-sat", (15, 7, 0), True),
        ("07:00-18:00", "mon-sat", (15, 6, 59), False),
        ("07:00-18:00", "mon-sat", (15, 18, 0), False),
        ("07:00-18:00", "mon-sat", (17, 12, 0), False),
        ("22:00-05:00", "fri", (15, 23, 0), True),
        ("22:00-05:00", "fri", (16, 4, 59), True),
        ("22:00-05:00", "fri", (16, 23, 0), False),
        ("22:00-05:00", "fri", (15, 4, 0), False),
        ("07:00-24:00", "fri", (15, 23, 59), True),
        (None, "sun", (17, 0, 0), True),
    ],
)
def test_a_window_is_open_in_its_hours_on_its_days(hours, days, moment, is_open):
    """15 January 2027 is a Friday; past midnight the day counts on which the hours began."""
    window = Window(days=days, **({"hours": hours} if hours else {}))
    day, hour, minute = moment
    assert window.is_open(datetime(2027, 1, day, hour, minute)) is is_open  # noqa: DTZ001 - the campaign's zone


@given(st.text())
def test_no_text_breaks_the_readers(text):
    """Each reader answers or raises ValueError."""
    for reader in (parse_moment, parse_cron, parse_hours, parse_days):
        try:
            reader(text)
        except ValueError as exc:
            assert str(exc)  # noqa: PT017 - either way is fine
