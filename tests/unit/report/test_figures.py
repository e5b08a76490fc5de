from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from notifier import locale
from notifier.report import figures

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
LATE = datetime(2027, 1, 14, 18, 30, 5, tzinfo=UTC)


def test_vietnamese_writes_a_decimal_comma_and_the_day_first():
    """8,5 and 1.234; day, month, year."""
    locale.use("vi")
    assert figures.number(1234.5) == "1.234,5"
    assert figures.moment(LATE, HANOI) == "15/01/2027 01:30:05"


def test_english_writes_a_decimal_point_and_the_months_name():
    """8.5 and 1,234; an unambiguous day."""
    assert figures.number(1234.5) == "1,234.5"
    assert figures.moment(LATE, HANOI) == "15 Jan 2027, 01:30:05"


@pytest.mark.parametrize(
    ("part", "whole", "told"), [(999, 1000, "99%"), (5, 5, "100%"), (0, 0, "0%")]
)
def test_all_but_one_is_not_all(part, whole, told):
    """A share is rounded down: 100% means every one."""
    assert figures.percent(part, whole) == told


def test_a_time_on_another_day_carries_its_date():
    """Within the run's day the time of day is enough."""
    assert figures.clock(LATE, HANOI, LATE) == "01:30:05"
    assert figures.clock(LATE, HANOI, datetime(2027, 1, 13, tzinfo=UTC)).startswith("15 Jan")
    assert figures.clock(None, HANOI) == ""
    assert figures.moment(None, HANOI) == ""


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(4.24, "4.2 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (59.99, "60 s")],
)
def test_a_duration_reads_in_two_units_at_most(seconds, told):
    """Precise where it is short."""
    assert figures.duration(seconds) == told
