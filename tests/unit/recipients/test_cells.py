from __future__ import annotations

import unicodedata
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.locale import use
from notifier.recipients.cells import from_cells, from_number, from_text, spell, tidy


@pytest.mark.parametrize(
    "text",
    [
        "007",
        "1.10",
        "0912345678",
        "+84912345678",
        "8.50",
        "-0",
        "1e5",
        "1234567890123456",
        "12A",
        "A1",
        "1/2",
        "31/02/2027",
        "07:30",
        "1.2.3",
        "--",
        "0x10",
        "١٢",
        "1 000",
        "10%",
    ],
)
def test_text_that_would_lose_something_as_a_number_stays_text(text):
    """Ids keep their zeros, phones their plus sign, prices their last zero."""
    assert from_text(text) == text


@pytest.mark.parametrize("text", ["1.234", "1,234", "12.500", "1.234.567", "1.234,5"])
def test_a_number_that_two_readers_read_differently_stays_text(text):
    """1.234 is a thousand and more in Hanoi and a little over one in London."""
    assert from_text(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8,5", 8.5),
        ("8.5", 8.5),
        ("10.0", 10),
        ("10,0", 10),
        ("7", 7),
        ("-3", -3),
        ("0", 0),
        ("0,125", 0.125),
        ("153590.0", 153590),
        (" 9 ", 9),
        ("12345.678", 12345.678),
    ],
)
def test_a_number_without_loss_becomes_one(text, value):
    """Decimal comma or point, and what exports write for a whole number."""
    found = from_text(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("05/09/2027", date(2027, 9, 5)),
        ("5/9/2027", date(2027, 9, 5)),
        ("05-09-2027", date(2027, 9, 5)),
        ("05.09.2027", date(2027, 9, 5)),
        ("2027-09-05", date(2027, 9, 5)),
        ("2027-09-05 07:30", datetime.fromisoformat("2027-09-05T07:30:00")),
        ("05/09/2027 07:30:15", datetime.fromisoformat("2027-09-05T07:30:15")),
    ],
)
def test_dates_are_dates_and_the_day_comes_first(text, value):
    """05/09 is the fifth of September, whatever the computer's language."""
    assert from_text(text) == value


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (153590.0, 153590),
        (10.0, 10),
        (8.5, 8.5),
        (8.49999, 8.49999),
        (8.499999999999999, 8.5),
        (0.1 + 0.2, 0.3),
        (2.9999999999999996, 3),
        (1e20, 1e20),
    ],
)
def test_stored_numbers_are_as_the_sheet_shows_them(stored, value):
    """Excel keeps 15 digits; the rest is binary noise that nobody typed."""
    assert from_number(stored) == value


def test_text_is_composed_and_its_white_space_plain():
    """Decomposed letters, no-break spaces, line ends of any kind."""
    decomposed = unicodedata.normalize("NFD", "Nguyễn Thị Ánh")
    assert from_text(f"\u00a0{decomposed}\u00a0 ") == "Nguyễn Thị Ánh"
    assert from_text("dòng 1\r\ndòng 2\rdòng 3") == "dòng 1\ndòng 2\ndòng 3"
    assert from_text("a\r\nb") == "a\nb"
    assert from_text("An\u200b Bình") == "An Bình"
    assert from_text(" \u00a0\n") is None
    assert from_text("") is None


def test_what_readers_find_becomes_plain_values():
    """Dates without a time of day are dates; durations below a day are times."""
    cells = [
        date(2027, 9, 5),
        datetime.fromisoformat("2027-09-05T00:00:00"),
        datetime.fromisoformat("2027-09-05T07:30:00"),
        time(7, 30),
        timedelta(hours=7.5),
        timedelta(hours=27),
        ("e", "#N/A"),
        True,
        None,
        7.0,
    ]
    assert from_cells(cells) == [
        date(2027, 9, 5),
        date(2027, 9, 5),
        datetime.fromisoformat("2027-09-05T07:30:00"),
        time(7, 30),
        time(7, 30),
        "27:00:00",
        "#N/A",
        True,
        None,
        7,
    ]


def test_percents_are_shown_in_the_language_in_use():
    """95.5% in English, 95,5% in Vietnamese."""
    assert from_cells([("p", 0.955, 1)]) == ["95.5%"]
    use("vi")
    assert from_cells([("p", 0.955, 1), ("p", 0.95, 0)]) == ["95,5%", "95%"]


def test_what_neutralises_a_formula_in_an_export_is_taken_off_again():
    """'=1+1 was written by us (or Excel) so that it does nothing."""
    assert from_text("'+84 912 345 678") == "+84 912 345 678"
    assert from_text("'quoted'") == "'quoted'"
    assert from_text("'=Tổng") == "=Tổng"


@pytest.mark.parametrize("space", ["\x85", "\u2003", "\u2028", "\x1f", "\u00a0", "\t", "\n"])
def test_white_space_of_any_kind_around_a_text_is_taken_off(space):
    """Also the kinds that only word processors and old exports make."""
    assert from_text(f"{space}Ánh{space}") == "Ánh"
    assert from_text(f"{space}An{space}") == "An"
    assert from_text(space) is None


_EDGES = st.sampled_from("'=+-@0123456789.,/# \x85\r\n\u2003ăN")


@given(st.text() | st.text(_EDGES))
def test_no_text_breaks_reading_and_nothing_is_made_of_nothing(text):
    """Whatever a cell holds: tidy text, or a number or date that spells something."""
    value = from_text(text)
    if isinstance(value, str):
        assert value == tidy(text)
    elif value is None:
        assert not tidy(text)
    else:
        assert spell(value)


@given(st.integers(-(10**14), 10**14))
def test_whole_numbers_survive_as_text_and_as_stored(number):
    """The same whether a csv has 153590 or 153590.0, or Excel a float."""
    assert from_text(str(number)) == from_number(float(number)) == number
    assert spell(from_text(str(number))) == str(number)


@given(st.decimals(min_value=-1000, max_value=1000, places=2, allow_nan=False))
def test_a_decimal_that_becomes_a_number_spells_as_it_stood(number):
    """Lossless: what was converted can be written back."""
    text = f"{number:f}"
    value = from_text(text)
    if isinstance(value, float):
        assert spell(value) == text
