from __future__ import annotations

from datetime import datetime
from itertools import islice

import pytest

from notifier import crontab


def moments(line, start, count=3):
    """The first few minutes that it means."""
    found = crontab.parse(line).moments(datetime.fromisoformat(start))
    return [it.isoformat(timespec="minutes") for it in islice(found, count)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 7 * * mon-fri", ["2027-01-15T07:00", "2027-01-18T07:00", "2027-01-19T07:00"]),
        ("0 7 * * 0", ["2027-01-17T07:00", "2027-01-24T07:00", "2027-01-31T07:00"]),
        ("0 7 * * 7", ["2027-01-17T07:00", "2027-01-24T07:00", "2027-01-31T07:00"]),
        ("0 7 29 2 *", ["2028-02-29T07:00", "2032-02-29T07:00", "2036-02-29T07:00"]),
        ("5/20 6-7 * * *", ["2027-01-15T06:05", "2027-01-15T06:25", "2027-01-15T06:45"]),
        ("0 0 1,15 jan *", ["2027-01-15T00:00", "2028-01-01T00:00", "2028-01-15T00:00"]),
    ],
)  # fmt: skip
def test_lines_mean_what_cron_means(line, expected):
    """From 15 January 2027 (a Friday) on; Sunday is 0 and 7."""
    assert moments(line, "2027-01-15T00:00") == expected


def test_two_restricted_day_fields_mean_either():
    """crontab(5): the 1st of the month, and each Monday; with a `*` both must match."""
    assert moments("0 7 1 * mon", "2027-01-26T00:00") == [
        "2027-02-01T07:00",  # both
        "2027-02-08T07:00",
        "2027-02-15T07:00",
    ]
    assert moments("0 7 */2 * mon", "2027-01-26T00:00", 2) == [
        "2027-02-01T07:00",
        "2027-02-15T07:00",
    ]


def test_it_begins_where_it_is_asked_to():
    """The minute itself is meant, an earlier one is not."""
    assert moments("0 7 * * *", "2027-01-15T07:00", 1) == ["2027-01-15T07:00"]
    assert moments("0 7 * * *", "2027-01-15T07:00:30", 1) == ["2027-01-16T07:00"]
