# ruff: noqa: DTZ001 - what a clock on the wall shows has no zone
from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from notifier.timetable import (
    Schedule,
    Window,
    deadline,
    parse_countries,
    parse_cron,
    parse_days,
    parse_hours,
    parse_moment,
)
from notifier.wall_clock import name_of

MORNING = datetime(2027, 1, 15, 7, 0)


@pytest.mark.parametrize(
    "value",
    ["2027-01-15 07:00", "2027-01-15 7:00", "2027-01-15T07:00", " 2027-01-15  07:00:00 ", MORNING],
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


def occurrences(schedule, zone, after, count=3, begun=None):
    """The next few, as local texts with offset."""
    begun = begun or after
    found = schedule.occurrences(after, ZoneInfo(zone), begun=begun)
    return [it.astimezone(ZoneInfo(zone)).isoformat() for it in islice(found, count)]


def test_an_instant_is_in_the_campaigns_zone_unless_it_says_its_own():
    """07:00 in Hanoi is midnight UTC; once it is over nothing comes any more."""
    before, hanoi = datetime(2027, 1, 1, tzinfo=UTC), ZoneInfo("Asia/Ho_Chi_Minh")
    planned = datetime(2027, 1, 15, tzinfo=UTC)
    found = Schedule(at=MORNING).occurrences(before, hanoi, begun=before)
    assert list(found) == [planned]
    assert list(Schedule(at=MORNING).occurrences(planned, hanoi, begun=before)) == []
    aware = Schedule(at="2027-01-15 07:00+02:00").occurrences(before, hanoi, begun=before)
    assert list(aware) == [datetime(2027, 1, 15, 5, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("zone", "day", "gap", "repeated"),
    [
        ("Europe/Berlin", "2027-03-28", "2027-03-28T03:30:00+02:00", None),
        ("America/New_York", "2027-03-14", "2027-03-14T03:30:00-04:00", None),
        ("Europe/Berlin", "2027-10-31", None, "2027-10-31T02:30:00+02:00"),
        ("America/New_York", "2027-11-07", None, "2027-11-07T01:30:00-04:00"),
    ],
)
def test_the_clock_change_sends_once(zone, day, gap, repeated):
    """A time in the gap comes an hour later, one in the repeated hour the first time."""
    clock = "01:30" if zone == "America/New_York" and repeated else "02:30"
    after = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    expected = gap or repeated
    for schedule in (
        Schedule(at=f"{day} {clock}"),
        Schedule(cron=f"{clock[3:]} {int(clock[:2])} * * *"),
        Schedule(every="1d", at=f"{day} {clock}"),
    ):
        found = occurrences(schedule, zone, after, count=2)
        assert found[0] == expected
        assert [it[:10] for it in found].count(day) == 1


def test_a_cron_line_for_each_half_hour_loses_and_repeats_nothing_around_the_change():
    """In the gap the two meanings of one instant are one; the repeated hour comes once."""
    spring = datetime(2027, 3, 27, 23, 59, tzinfo=UTC)  # 00:59 in Berlin
    assert [
        it[11:16] for it in occurrences(Schedule(cron="*/30 * * * *"), "Europe/Berlin", spring, 5)
    ] == ["01:00", "01:30", "03:00", "03:30", "04:00"]
    autumn = datetime(2027, 10, 30, 23, 59, tzinfo=UTC)  # 01:59 in Berlin
    found = occurrences(Schedule(cron="0 * * * *"), "Europe/Berlin", autumn, 3)
    assert found == [
        "2027-10-31T02:00:00+02:00",
        "2027-10-31T03:00:00+01:00",
        "2027-10-31T04:00:00+01:00",
    ]


def test_whole_days_are_by_the_clock_on_the_wall_and_hours_by_the_time_that_passes():
    """07:00 stays 07:00 over the change; 12 hours stay 12 hours."""
    after = datetime(2027, 3, 26, 20, tzinfo=UTC)
    daily = Schedule(at="2027-03-01 07:00", every="1d")
    assert [it[11:] for it in occurrences(daily, "Europe/Berlin", after)] == [
        "07:00:00+01:00",
        "07:00:00+02:00",
        "07:00:00+02:00",
    ]
    halves = Schedule(at="2027-03-27 07:00", every="12h")
    assert [it[11:16] for it in occurrences(halves, "Europe/Berlin", after)] == [
        "07:00",
        "19:00",
        "08:00",
    ]


def test_every_without_a_first_time_counts_from_when_the_schedule_was_made():
    """The first one is one duration later."""
    begun = datetime(2027, 1, 15, 3, 20, tzinfo=UTC)
    schedule = Schedule(every="2h")
    assert occurrences(schedule, "UTC", begun, 2) == [
        "2027-01-15T05:20:00+00:00",
        "2027-01-15T07:20:00+00:00",
    ]
    later = begun + timedelta(days=30, minutes=1)
    assert occurrences(schedule, "UTC", later, 1, begun) == ["2027-02-14T05:20:00+00:00"]


@given(
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Asia/Ho_Chi_Minh", "Australia/Lord_Howe"]
    ),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(
        [
            {"cron": "30 2 * * *"},
            {"cron": "*/20 1-3 * * sun"},
            {"every": "1d", "at": "2026-03-29 02:30"},
            {"every": "7h", "at": "2026-03-29 02:30"},
            {"every": "90s"},
        ]
    ),
)
def test_occurrences_come_in_order_each_once_and_from_anywhere_the_same(zone, start, given_):
    """Asked again from the first of them, the second comes; names tell them apart."""
    zone, after = ZoneInfo(zone), start.replace(tzinfo=UTC)
    schedule, begun = Schedule(**given_), datetime(2026, 1, 1, tzinfo=UTC)
    found = list(islice(schedule.occurrences(after, zone, begun=begun), 6))
    assert found == sorted(set(found))
    assert all(it > after for it in found)
    assert list(islice(schedule.occurrences(found[0], zone, begun=begun), 5)) == found[1:]
    assert len({name_of(it, zone) for it in found}) == 6


def test_a_deadline_is_a_moment_or_some_time_after_the_planned_one():
    """Both as Unix seconds."""
    planned, hanoi = datetime(2027, 1, 15, tzinfo=UTC), ZoneInfo("Asia/Ho_Chi_Minh")
    assert deadline(None, planned, hanoi) is None
    assert deadline(7200.0, planned, hanoi) == planned.timestamp() + 7200
    assert deadline(MORNING, planned, hanoi) == planned.timestamp()


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


def test_a_line_that_means_no_day_is_refused():
    """30 February would wait for ever."""
    with pytest.raises(ValueError, match="never come"):
        parse_cron("0 7 30 2 *")


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


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"at": MORNING, "cron": "0 7 * * *"},
        {"cron": "0 7 * * *", "every": "1d"},
        {"every": "30s"},
    ],
)
def test_a_schedule_says_exactly_one_thing(given_):
    """at, cron or every, the first time of every aside; no more often than a minute."""
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
    assert window.is_open(datetime(2027, 1, day, hour, minute)) is is_open


def test_nothing_leaves_on_holidays_and_on_days_of_ones_own():
    """Tết of 2027, as the government has it, and the school's own break."""
    window = Window(holidays="VN", closed=["2027-02-01..2027-02-03", date(2027, 5, 19)])
    closed = {day for day in range(1, 29) if not window.is_open(datetime(2027, 2, day, 9))}
    assert closed == {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
    assert not window.is_open(datetime(2027, 5, 19, 9))
    assert "Tết" in window.why_closed_on(date(2027, 2, 6)) or "Lunar" in window.why_closed_on(
        date(2027, 2, 6)
    )


def test_a_country_that_nobody_knows_is_refused():
    """The nearest is named; a part of a country must be one."""
    assert parse_countries(["vn", "DE-BY", "VN"]) == ("VN", "DE-BY")
    for wrong in ("XX", "Vietnam", "DE-ZZ", [], 7):
        with pytest.raises(ValueError, match=r"expected|has the parts"):
            parse_countries(wrong)


@given(st.text())
def test_no_text_breaks_the_readers(text):
    """Each reader answers or raises ValueError."""
    for reader in (parse_moment, parse_cron, parse_hours, parse_days):
        try:
            reader(text)
        except ValueError as exc:
            assert str(exc)  # noqa: PT017 - either way is fine
