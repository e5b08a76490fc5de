"""Numbers, instants and durations as the reader's language writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent

from notifier import locale
from notifier.locale import _

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

#: Babel's own medium forms put the time before the date in Vietnamese; offices write it after.
_MOMENTS = {"vi": "dd/MM/yyyy HH:mm:ss", "en": "d MMM yyyy, HH:mm:ss"}
_DAYS = {"vi": "EEEEEE dd/MM/yyyy", "en": "EEE d MMM yyyy"}
_MINUTE = 60
_HOUR = 3600


def number(value: float) -> str:
    """`12.345,5` in Vietnamese, `12,345.5` in English; one decimal place at most."""
    return str(format_decimal(value, format="#,##0.#", locale=locale.current()))


def percent(part: int, whole: int) -> str:
    """`90%`, rounded down so that 100% means all."""
    share = 0 if whole == 0 else part * 100 // whole / 100
    return str(format_percent(share, locale=locale.current()))


def share(value: float) -> str:
    """A part of 1 as percent, rounded down so that 100% means all."""
    whole = int(round(value * 100, 6))  # 0.29 * 100 is a little less than 29
    return str(format_percent(whole / 100, locale=locale.current()))


def day(at: date) -> str:
    """`Fri 15 Jan 2027`, `T6 15/01/2027`."""
    language = locale.current()
    return str(format_date(at, _DAYS[language], locale=language))


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """Date and time of day in the zone; empty for none."""
    if at is None:
        return ""
    pattern = _MOMENTS[locale.current()]
    return str(format_datetime(at.astimezone(zone), pattern, locale=locale.current()))


def clock(at: datetime | None, zone: ZoneInfo, day: datetime | None = None) -> str:
    """Time of day in the zone, with the date where it is not `day`'s."""
    if at is None:
        return ""
    here = at.astimezone(zone)
    if day is not None and here.date() == day.astimezone(zone).date():
        return here.strftime("%H:%M:%S")
    return moment(at, zone)


def duration(seconds: float) -> str:
    """`4,2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < _MINUTE:
        return _("{seconds} s").format(seconds=number(round(seconds, 1)))
    if seconds < _HOUR:
        minutes, rest = divmod(round(seconds), _MINUTE)
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    hours, rest = divmod(round(seconds / _MINUTE), _MINUTE)
    return _("{hours} h {minutes} min").format(hours=number(hours), minutes=rest)
