"""Public holidays, by the `holidays` library: `VN`, or a part of a country, `DE-BY`.

School holidays that no law fixes are the school's own to say (`window.closed`).
"""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic and callers read it
from functools import lru_cache

from notifier.locale import _
from notifier.nearest import nearest


def check_country(text: str) -> str:
    """A country's two letters, or country-part (`DE-BY`), as the library knows it.

    Raises:
        ValueError: it knows no holidays of it; the sentence says what is known.
    """
    code = text.strip().upper()
    country, _dash, part = code.partition("-")
    known = _countries()
    if country not in known:
        near = nearest(country, known)
        raise ValueError(
            _("a country's two letters are expected, such as {name}.").format(name=near or "VN")
        )
    if part and part not in known[country]:
        raise ValueError(
            _("{country} has the parts {parts}.").format(
                country=country, parts=", ".join(known[country]) or _("none")
            )
        )
    return code


@lru_cache(maxsize=1)
def _countries() -> dict[str, list[str]]:
    # 0.1 s of imports, for campaigns alone that name a country.
    import holidays  # noqa: PLC0415

    return dict(holidays.list_supported_countries(include_aliases=False))


@lru_cache(maxsize=64)
def holidays_of(code: str, year: int) -> dict[date, str]:
    """The public holidays of that country or part in that year, with their names."""
    import holidays  # noqa: PLC0415 - as above

    country, _dash, part = code.partition("-")
    found = holidays.country_holidays(country, subdiv=part or None, years=year)
    return dict(found.items())


def holiday_on(day: date, codes: tuple[str, ...]) -> str:
    """The name of the holiday that the day is in one of the countries; empty where it is none."""
    return next((name for code in codes if (name := holidays_of(code, day.year).get(day))), "")
