from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from notifier.render.filters import Formats

DAY = date(2027, 1, 15)
MOMENT = datetime(2027, 1, 15, 7, 5)  # noqa: DTZ001 - as a sheet's cell has it


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ x }}", "8,5"),
        ("{{ whole }}", "153590"),
        ("{{ none }}", ""),
        ("{{ yes }}", "có"),
        ("{{ day }}", "15/01/2027"),
        ("{{ moment }}", "07:05 15/01/2027"),
        ("{{ hour }}", "07:30"),
        ("{{ day | date('EEEE, d MMMM y') }}", "Thứ Sáu, 15 tháng 1 2027"),
        ("{{ day | date('full') }}", "Thứ Sáu, 15 tháng 1, 2027"),
        ("{{ moment | time }}", "07:05"),
        ("{{ moment | datetime('HH:mm dd/MM') }}", "07:05 15/01"),
        ("{{ x | number }}", "8,5"),
        ("{{ x | number(2) }}", "8,50"),
        ("{{ 1234567.5 | number }}", "1.234.567,5"),
        ("{{ '8,5' | number(1) }}", "8,5"),
        ("{{ 'vắng' | number(1) }}", "vắng"),
        ("{{ 1250000 | money }}", "1.250.000\xa0₫"),
        ("{{ 12.5 | money('USD') }}", "12,50\xa0US$"),
        ("{{ 0.855 | percent(1) }}", "85,5%"),
        ("{{ none | default('vắng') }}{{ '' | default('-') }}{{ 0 | default('x') }}", "vắng-0"),
        ("{{ missing | default('không có') }}", "không có"),
        ("{{ who | given_name }} {{ who | family_name }}", "An Nguyễn"),
        ("{{ 'TRẦN THỊ BÌNH' | title_name }}", "Trần Thị Bình"),
        ("{{ none | date }}{{ 'soon' | date }}", "soon"),
    ],
)
def test_values_read_as_vietnamese_offices_write_them(fill, source, expected):
    """Numbers, dates and names in the campaign's language, with or without a filter."""
    printed = fill(
        source,
        x=8.5,
        whole=153590.0,
        none=None,
        yes=True,
        day=DAY,
        moment=MOMENT,
        hour=time(7, 30),
        who="Nguyễn Văn An",
    )
    assert printed == expected


def test_english_has_its_own_signs():
    """A point, and a date that nobody can take for another."""
    formats = Formats("en", "UTC")
    assert formats.plain(8.5) == "8.5"
    assert formats.plain(DAY) == "15 Jan 2027"
    assert formats.number(1234567.5) == "1,234,567.5"


def test_an_instant_is_shown_in_the_campaigns_zone():
    """A time with a zone is moved; a sheet's time, which has none, is taken as it stands."""
    formats = Formats("vi", "Asia/Ho_Chi_Minh")
    assert formats.plain(datetime(2027, 1, 15, 0, 5, tzinfo=UTC)) == "07:05 15/01/2027"
    assert formats.plain(MOMENT) == "07:05 15/01/2027"


@pytest.mark.parametrize("value", [1e300, float("inf"), float("nan"), 1e-7, -0.0, 1e16, 0.1 + 0.2])
def test_odd_floats_print_something(value):
    """No float makes the printing fail."""
    assert Formats("vi", "UTC").plain(value)


def test_line_breaks_of_a_cell_can_be_kept(workspace):
    """`break_lines` makes `<br>`, and escapes the rest."""
    assert "a &lt;b&gt;<br>\nc" in workspace.html("{{ x | break_lines }}", x="a <b>\nc")
