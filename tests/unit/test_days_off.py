from __future__ import annotations

from datetime import date

import pytest

from notifier.days_off import check_country, holiday_on, holidays_of


@pytest.mark.parametrize(
    "day", [date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6)]
)
def test_the_first_day_of_tet(day):
    """The lunar year's first day, as almanacs have it, is a holiday in Viet Nam."""
    assert holiday_on(day, ("VN",))
    assert not holiday_on(day, ("DE",))


def test_the_holidays_of_a_year_stand_on_their_days():
    """Reunification, Labour Day, National Day."""
    found = holidays_of("VN", 2027)
    assert {date(2027, 4, 30), date(2027, 5, 1), date(2027, 9, 2)} <= set(found)


def test_a_part_of_a_country_has_days_of_its_own():
    """Epiphany is a holiday in Bavaria and not in Berlin."""
    epiphany = date(2027, 1, 6)
    assert holiday_on(epiphany, ("DE-BY",))
    assert not holiday_on(epiphany, ("DE-BE",))
    assert holiday_on(epiphany, ("VN", "DE-BY"))


def test_an_unknown_country_is_told_with_a_known_one():
    """The sentence names a code that works."""
    with pytest.raises(ValueError, match="such as"):
        check_country("vienam")
    with pytest.raises(ValueError, match="BY"):
        check_country("DE-XX")
