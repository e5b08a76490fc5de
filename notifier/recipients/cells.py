"""A raw cell -> a plain value, as the sheet shows it.

Text becomes a number or a date only where nothing is lost by it: `007`, `1.10` and `0912345678`
stay text, `8,5` and `8.5` are 8.5, `10.0` (what exports make of Excel's 10) is 10. `1.234` and
`1,234` stay text, because one reader's thousand is another's fraction. Days come first:
`05/09/2027` is the fifth of September. Times written as text stay as they are written.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from notifier.locale import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notifier.model import Value

#: What readers find in a cell; ("e", "#N/A") is a failed formula, ("p", 0.95, 0) a percentage.
RawCell: TypeAlias = (
    str | float | date | datetime | time | timedelta | tuple[str | int | float, ...] | None
)

#: What Excel shows where a formula fails.
ERRORS = frozenset(
    {
        "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!",
        "#SPILL!", "#CALC!", "#GETTING_DATA", "#FIELD!", "#BLOCKED!",
    }
)  # fmt: skip

_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,14})", re.ASCII)
_DECIMAL = re.compile(r"(-?(?:0|[1-9]\d{0,13}))[.,](\d{1,14})", re.ASCII)
_THOUSAND = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_CLOCK = r"(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?"
_DAY_FIRST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})" + _CLOCK, re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})-(\d{2})-(\d{2})" + _CLOCK, re.ASCII)
_STARTS_NUMBER = frozenset("-0123456789")
#: Excel holds 15 significant digits; what is beyond them was never typed by anybody.
_DIGITS = 15
#: A decimal's digits that a float gives back as they were.
_INTEGRAL = 1e15
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u202f\u3000\t", " "))
_UNTIDY = re.compile("[\r\t\u00a0\u2007\u202f\u3000\u200b\u2060\ufeff\u00ad]")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")


def tidy(text: str) -> str:
    """NFC, no space around, plain spaces, line ends as LF; nothing else is touched."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text).translate(_SPACES))
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.strip()
    if text[:1] == "'" and text[1:2] in {"=", "+", "-", "@"}:
        return text[1:]  # what neutralises a formula in an export is not part of the text
    return text


def from_text(text: str) -> Value:
    """The value that a text cell shows; None where it is blank."""
    if not text:
        return None
    first = text[0]
    if first in _STARTS_NUMBER or first == "'" or first.isspace() or text[-1].isspace():
        return _from_odd_text(text)  # numbers, dates, classes: few different ones, many times
    if text.isascii():
        return text if "\r" not in text else tidy(text) or None
    if unicodedata.is_normalized("NFC", text) and not _UNTIDY.search(text):
        return text
    return _from_odd_text(text)


@lru_cache(maxsize=8192)
def _from_odd_text(text: str) -> Value:
    text = tidy(text)
    if not text:
        return None
    if text[0] not in _STARTS_NUMBER or text[-1] not in _STARTS_NUMBER:
        return text
    return _number(text) if _is_numeric(text) else _moment(text)


def _is_numeric(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None or _DECIMAL.fullmatch(text) is not None


def _number(text: str) -> Value:
    if _INTEGER.fullmatch(text):
        return text if text == "-0" else int(text)
    if _THOUSAND.fullmatch(text):
        return text
    found = _DECIMAL.fullmatch(text)
    if found is None:
        return text
    whole, fraction = found.groups()
    if fraction == "0":
        return text if whole == "-0" else int(whole)
    if fraction[-1] == "0" or len(whole.lstrip("-")) + len(fraction) > _DIGITS:
        return text
    return float(f"{whole}.{fraction}")


def _moment(text: str) -> Value:
    if found := _DAY_FIRST.fullmatch(text):
        day, _separator, month, year, *clock = found.groups()
    elif found := _YEAR_FIRST.fullmatch(text):
        year, month, day, *clock = found.groups()
    else:
        return text
    try:
        day_part = date(int(year), int(month), int(day))
        hour, minute, second = (int(part or 0) for part in clock)
        moment = datetime.combine(day_part, time(hour, minute, second))
    except ValueError:
        return text
    return moment if clock[0] else day_part


@lru_cache(maxsize=8192)
def from_number(number: float) -> Value:
    """153590.0 -> 153590; 8.499999999999999 -> 8.5."""
    if number.is_integer() and -_INTEGRAL < number < _INTEGRAL:
        return int(number)
    shown = float(f"{number:.{_DIGITS}g}")
    return int(shown) if shown.is_integer() and abs(shown) < _INTEGRAL else shown


def _as_it_is(cell: Value) -> Value:
    return cell


def _from_datetime(moment: datetime) -> Value:
    return moment.date() if moment.time() == time() else moment


def _from_duration(duration: timedelta) -> Value:
    """A duration: a time of day below 24 hours, else as Excel's [h]:mm:ss shows it."""
    whole = round(duration.total_seconds())
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if 0 <= whole < 24 * 3600:
        return time(hours, minutes, rest)
    return f"{hours}:{minutes:02}:{rest:02}"


def _from_tuple(cell: tuple[str | int | float, ...]) -> Value:
    tag, value, *more = cell
    if tag == "e":
        return str(value)
    text = f"{float(value) * 100:.{more[0]}f}%"
    return text.replace(".", ",") if current() == "vi" else text


_BY_TYPE: dict[type, Callable[[Any], Value]] = {
    str: from_text,
    float: from_number,
    date: _as_it_is,
    time: _as_it_is,
    datetime: _from_datetime,
    timedelta: _from_duration,
    tuple: _from_tuple,
    int: _as_it_is,
    bool: _as_it_is,
    type(None): _as_it_is,
}


def from_cells(cells: Iterable[RawCell]) -> list[Value]:
    """The values of a row's cells as a reader finds them."""
    return [_BY_TYPE[type(cell)](cell) for cell in cells]


def spell(value: Value) -> str:
    """The text that identifies a value: for keys, and for what a rejection shows."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return str(value)
