"""Crontab lines: which minutes of the wall clock they mean. Pure; zones are `wall_clock`'s matter.

Fields, names and the rule of the two day fields are those of crontab(5): where day of month and
weekday are both restricted, a day that matches either is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterator

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: The five fields, with their bounds and names. Sunday is 0 and 7.
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 7, {name: number for number, name in enumerate(WEEKDAYS, 1)}),
)
#: Days within which every line that ever means a day means one: 29 February, over a century's end.
_HORIZON = 366 * 8 + 1


@dataclass(frozen=True, slots=True)
class Crontab:
    """A crontab line, taken apart."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    #: Monday is 0, as `datetime.weekday()` has it.
    weekdays: frozenset[int]
    #: Whether a day must match both day fields, one of them being `*`, or either.
    needs_both: bool

    def means(self, day: datetime) -> bool:
        """Whether the line means that day."""
        if day.month not in self.months:
            return False
        found = (day.day in self.days, day.weekday() in self.weekdays)
        return all(found) if self.needs_both else any(found)

    def moments(self, start: datetime) -> Iterator[datetime]:
        """The minutes that it means, from `start` (without a zone) on, in order."""
        day = start.replace(hour=0, minute=0, second=0, microsecond=0)
        idle = 0
        while idle <= _HORIZON:
            idle += 1
            if self.means(day):
                idle = 0
                yield from (it for it in self._minutes_of(day) if it >= start)
            try:
                day += timedelta(days=1)
            except OverflowError:
                return

    def _minutes_of(self, day: datetime) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                yield day.replace(hour=hour, minute=minute)


@lru_cache(maxsize=256)
def parse(text: str) -> Crontab:
    """The line's meaning.

    Raises:
        ValueError: it is no crontab line of five fields, or means no day at all.
    """
    parts = text.lower().split()
    if len(parts) != len(_FIELDS):
        raise _misspelt()
    minutes, hours, days, months, weekdays = map(_field, parts, _FIELDS)
    line = Crontab(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset((day - 1) % 7 for day in weekdays),
        needs_both=parts[2].startswith("*") or parts[4].startswith("*"),
    )
    if next(line.moments(datetime(2024, 1, 1)), None) is None:  # noqa: DTZ001 - the wall clock's
        raise ValueError(_("there is no such day: the schedule would never come."))
    return line


def _misspelt() -> ValueError:
    return ValueError(
        _('five fields are expected: minute hour day month weekday, such as "0 7 * * mon-fri".')
    )


def _field(text: str, bounds: tuple[int, int, dict[str, int]]) -> set[int]:
    return {number for item in text.split(",") for number in _item(item, bounds)}


def _item(item: str, bounds: tuple[int, int, dict[str, int]]) -> range:
    low, high, names = bounds
    span, slash, step = item.partition("/")
    first, dash, last = span.partition("-")
    if slash and not (step.isascii() and step.isdigit() and int(step)):
        raise _misspelt()
    if span == "*":
        return range(low, high + 1, int(step or 1))
    start = _number(first, names)
    end = _number(last, names) if dash else high if slash else start
    if not low <= start <= end <= high:
        raise _misspelt()
    return range(start, end + 1, int(step or 1))


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdigit()):
        raise _misspelt()
    return int(text)
