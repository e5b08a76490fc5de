from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from notifier.report.timeline import chart, nice_ceiling, picture


@pytest.mark.parametrize(
    ("value", "top"), [(1, 1), (3, 4), (5, 10), (10, 10), (11, 20), (100_001, 200_000)]
)
def test_the_axis_ends_at_a_round_number(value, top):
    """Never below the highest bar, and its half is a whole number."""
    assert nice_ceiling(value) == top


def test_the_picture_is_well_formed_and_tells_itself_to_those_who_cannot_see_it(ledger, zone):
    """It carries the sums as text."""
    svg = ET.fromstring(picture(ledger.timeline(12), zone))
    assert svg.get("role") == "img"
    title, told, *_ = svg
    assert title.text == "Course of the run"
    assert told.text == "From 07:00:00 to 07:00:07: 21 accepted, 7 put off, 1 refused."
    assert svg.get("aria-labelledby").split() == [title.get("id"), told.get("id")]


def test_bars_stand_within_the_frame(ledger, zone):
    """No bar leaves the picture, however many buckets there are."""
    many = ledger.timeline(12) * 20
    for y, height in re.findall(
        r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', picture(many, zone)
    ):
        assert 0 <= float(y) <= 200
        assert float(y) + float(height) <= 200


def test_a_run_that_has_not_begun_has_no_picture(ledger, zone):
    """An empty frame says nothing."""
    assert picture([], zone) == ""


def test_one_bucket_is_a_picture_too(ledger, zone):
    """A run of one second has one bar and one time."""
    second = ledger.timeline(12)[1]
    bucket = replace(second, at=second.at + timedelta(hours=1))
    assert picture([bucket], zone).count("08:00:01") == 3


def test_doubt_is_not_counted_as_put_off(ledger, zone):
    """What is in doubt has a pattern, a word and a column of its own."""
    first, *rest = ledger.timeline(12)
    drawn = chart([replace(first, in_doubt=2), *rest], zone)
    assert "url(#p-in_doubt)" in drawn.picture
    assert "in doubt 2" in drawn.legend
    assert drawn.heads == ("From", "accepted", "put off", "in doubt", "refused")
    assert drawn.rows[0] == ("07:00:00", "0", "0", "2", "0")


def test_kinds_that_there_are_none_of_are_not_in_the_legend(ledger, zone):
    """A legend of what can't be seen would be looked for."""
    drawn = chart(ledger.timeline(12), zone)
    assert "in doubt" not in drawn.legend
