"""How values read in a mail: dates, numbers and names, in the campaign's language and zone.

Babel knows the languages and is slow (20 to 60 us a value), so its compiled patterns are kept and
so are the last results: marks, amounts and dates repeat from row to row.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_date_format, get_datetime_format, get_time_format, parse_pattern
from babel.numbers import format_currency, format_decimal, format_percent
from jinja2 import Undefined
from jinja2.filters import do_default
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable

#: Results kept per filter: the distinct values of a campaign's columns, mostly.
REMEMBERED = 4096

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?\Z")
_WIDTHS: dict[str, Literal["short", "medium", "long", "full"]] = {
    "short": "short",
    "medium": "medium",
    "long": "long",
    "full": "full",
}
#: Short dates as the offices write them; CLDR's short forms ("5/1/27") are ambiguous in a mail.
_SHORT_DATES = {"vi": "dd/MM/y", "en": "d MMM y"}
#: What a yes or no reads as.
_TRUTH = {"vi": ("không", "có"), "en": ("no", "yes")}


def _as_decimal(value: Any) -> Decimal | None:
    """A number, or a text that is one ("8,5"); None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(value)
    text = str(value).strip()
    if not _NUMBER.match(text):
        return None
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None


def family_name(name: Any) -> str:
    """The first word of a Vietnamese name: "Nguyễn" of "Nguyễn Văn An"."""
    words = str(name).split()
    return words[0] if words else ""


def given_name(name: Any) -> str:
    """The last word of a Vietnamese name: "An" of "Nguyễn Văn An"."""
    words = str(name).split()
    return words[-1] if words else ""


def title_name(name: Any) -> str:
    """A name as people write it: "NGUYỄN VĂN AN" becomes "Nguyễn Văn An"."""
    return " ".join(word[:1].upper() + word[1:].lower() for word in str(name).split())


def default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002 - Jinja's own signature
    """The value, or `default_value` where there is none: undefined, or an empty cell."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return default_value
    return do_default(value, default_value, boolean)


def break_lines(value: Any) -> Markup:
    """The value with `<br>` at its line breaks, everything else escaped."""
    return Markup("<br>\n").join(Markup.escape(line) for line in str(value).splitlines())


class Formats:
    """The filters of one language and zone."""

    def __init__(self, locale: str, timezone: str) -> None:
        self.locale = Locale.parse(locale.replace("-", "_"))
        self.zone = ZoneInfo(timezone)
        self._no_yes = _TRUTH.get(self.locale.language, _TRUTH["en"])
        self._decimal_sign = self.locale.number_symbols["latn"]["decimal"]
        self._moment = lru_cache(REMEMBERED)(self._make_moment)
        self._numeral = lru_cache(REMEMBERED)(self._make_numeral)
        self._pattern = lru_cache(256)(self._find_pattern)
        #: Cells without a value that were printed so far.
        self.blanks = 0
        self._plain: dict[type, Callable[[Any], str]] = {
            type(None): self._print_blank,
            float: lru_cache(REMEMBERED)(self._make_plain_float),
            bool: self._no_yes.__getitem__,
            date: lambda value: self._moment("date", value, "short"),
            datetime: lambda value: self._moment("datetime", value, "short"),
            time: lambda value: self._moment("time", value, "short"),
        }

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By the name that templates use."""
        return {
            "date": self.date,
            "time": self.time,
            "datetime": self.datetime,
            "number": self.number,
            "money": self.money,
            "percent": self.percent,
            "family_name": family_name,
            "given_name": given_name,
            "title_name": title_name,
            "default": default,
            "d": default,
            "break_lines": break_lines,
        }

    def plain(self, value: Any) -> Any:
        """How a value prints that no filter was asked for (Jinja's `finalize`)."""
        make = self._plain.get(type(value))
        return value if make is None else make(value)

    def _print_blank(self, _value: None) -> str:
        self.blanks += 1
        return ""

    # --- dates -------------------------------------------------------------------------------

    def date(self, value: Any, pattern: str = "short") -> Any:
        """A date; `pattern`: short, medium, long, full, or as in "EEEE, d MMMM y"."""
        return self._moment("date", value, pattern) if isinstance(value, date) else value

    def time(self, value: Any, pattern: str = "short") -> Any:
        """A time of day; `pattern`: short, medium, or as in "HH:mm"."""
        if isinstance(value, (datetime, time)):
            return self._moment("time", value, pattern)
        return value

    def datetime(self, value: Any, pattern: str = "short") -> Any:
        """A date with its time of day; `pattern`: short ... full, or as in "HH:mm dd/MM/y"."""
        return self._moment("datetime", value, pattern) if isinstance(value, date) else value

    def _make_moment(self, kind: str, value: Any, pattern: str) -> str:
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(self.zone)
        if kind == "datetime" and pattern in _WIDTHS:
            joined = str(get_datetime_format(_WIDTHS[pattern], locale=self.locale)).replace("'", "")
            day, hour = self._make_moment("date", value, pattern), self.time(value, pattern)
            return joined.replace("{0}", str(hour)).replace("{1}", day)
        if type(value) is date and kind != "date":
            value = datetime(value.year, value.month, value.day, tzinfo=self.zone)
        return str(self._pattern(kind, pattern).apply(value, self.locale))

    def _find_pattern(self, kind: str, pattern: str) -> Any:
        if pattern not in _WIDTHS:
            return parse_pattern(pattern)
        if kind == "time":
            # "full" and "long" name the zone, which a sheet's times don't have.
            return get_time_format("short" if pattern == "short" else "medium", locale=self.locale)
        if pattern == "short" and self.locale.language in _SHORT_DATES:
            return parse_pattern(_SHORT_DATES[self.locale.language])
        return get_date_format(_WIDTHS[pattern], locale=self.locale)

    # --- numbers -----------------------------------------------------------------------------

    def number(self, value: Any, decimals: int | None = None) -> Any:
        """A number with the language's signs; `decimals` fixes the digits behind the sign."""
        return self._of_number("number", value, decimals)

    def money(self, value: Any, currency: str = "VND") -> Any:
        """An amount of money, as "1.250.000 ₫"."""
        return self._of_number("money", value, currency)

    def percent(self, value: Any, decimals: int = 0) -> Any:
        """A share of one: 0.85 is "85%"."""
        return self._of_number("percent", value, decimals)

    def _of_number(self, kind: str, value: Any, option: Any) -> Any:
        if isinstance(value, Undefined):
            return value
        found = _as_decimal(value)
        return value if found is None else self._numeral(kind, found, option)

    def _make_numeral(self, kind: str, value: Decimal, option: Any) -> str:
        if kind == "money":
            return format_currency(value, str(option), locale=self.locale)
        if kind == "percent":
            return format_percent(value, _decimals("#,##0", option) + "%", locale=self.locale)
        if option is None:
            return format_decimal(value, locale=self.locale, decimal_quantization=False)
        return format_decimal(value, _decimals("#,##0", option), locale=self.locale)

    def _make_plain_float(self, value: float) -> str:
        if not abs(value) < 1e16:  # noqa: PLR2004 - beyond it a float has no decimals, inf and nan neither
            return str(value)
        if value == int(value):
            return str(int(value))
        text = format(Decimal(repr(value)), "f")
        return text.replace(".", self._decimal_sign)


def _decimals(pattern: str, count: Any) -> str:
    digits = min(max(int(count), 0), 20)
    return pattern + ("." + "0" * digits if digits else "")
