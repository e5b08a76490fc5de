"""When a campaign is sent: its schedule, and the hours and days in which it may be sent.

Moments without a zone are in the campaign's zone, and so is everything that is counted in whole
days; what a change of the clocks leaves out or shows twice comes once (`wall_clock.py`). Clocks are
arguments.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from notifier import crontab
from notifier.crontab import WEEKDAYS
from notifier.days_off import check_country, holiday_on
from notifier.locale import _
from notifier.measures import parse_duration
from notifier.wall_clock import instant_of, wall_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

#: Monday is 0, as `datetime.weekday()` has it; Vietnamese names (T2..T7, CN) included.
_DAYS: dict[str, int] = {
    name: day
    for names in (
        WEEKDAYS,
        ("t2", "t3", "t4", "t5", "t6", "t7", "cn"),
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    )
    for day, name in enumerate(names)
}
_HOURS = re.compile(r"(\d{1,2})[:hg](\d{2})?\s*[-–]\s*(\d{1,2})[:hg](\d{2})?")
_MINUTE = 60.0
_DAY = 86400.0


def parse_moment(value: object) -> datetime:
    """`2027-01-15 07:00` (or 7:00), also with seconds and zone; naive: in the campaign's zone.

    Raises:
        ValueError: it is no day and time.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}[T ]+\d", value.strip()):
        text = re.sub(r"[T ]+", "T", value.strip(), count=1)
        try:
            return datetime.fromisoformat(re.sub(r"T(\d):", r"T0\1:", text))
        except ValueError:
            pass
    if isinstance(value, date):
        raise ValueError(  # noqa: TRY004 - pydantic's contract
            _("the time of day is missing: 2027-01-15 07:00.")
        )
    raise ValueError(_("a day and time such as 2027-01-15 07:00 is expected."))


def parse_cron(value: object) -> str:
    """A crontab line of five fields (minute hour day month weekday), as it was written.

    Raises:
        ValueError: it is not one.
    """
    text = value.lower() if isinstance(value, str) else ""
    crontab.parse(text)
    return " ".join(text.split())


def parse_hours(value: object) -> tuple[time, time]:
    """`07:00-18:00`; one that ends before it begins runs past midnight.

    Raises:
        ValueError: it is not written like that, or is empty.
    """
    found = _HOURS.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    try:
        if found and (found[1], found[2] or "00") != (found[3], found[4] or "00"):
            is_midnight = (int(found[3]), int(found[4] or 0)) == (24, 0)
            end = time(0, 0) if is_midnight else time(int(found[3]), int(found[4] or 0))
            return time(int(found[1]), int(found[2] or 0)), end
    except ValueError:
        pass
    if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[0], time):  # noqa: PLR2004 - a pair
        return value[0], value[1]
    raise ValueError(_('hours are written like "07:00-18:00".'))


def parse_days(value: object) -> frozenset[int]:
    """`mon-sat`, `mon, wed, fri`, `t2-t7` or a list of such; Monday is 0.

    Raises:
        ValueError: it is not written like that.
    """
    if isinstance(value, frozenset):
        return value
    items = value if isinstance(value, list) else [value]
    text = ",".join(str(item) for item in items).lower()
    days: set[int] = set()
    for part in re.split(r"[,;\s]+", re.sub(r"\s*[-–]\s*", "-", text.strip())):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if first not in _DAYS or last not in _DAYS:
            raise ValueError(_('days are written like mon-sat or "mon, wed, fri".'))
        span = (_DAYS[last] - _DAYS[first]) % 7
        days.update((_DAYS[first] + step) % 7 for step in range(span + 1))
    return frozenset(days)


def parse_countries(value: object) -> tuple[str, ...]:
    """Countries whose public holidays are known, or parts of them: `VN`, `DE-BY`, or a list.

    Raises:
        ValueError: one is not known; the sentence names the nearest.
    """
    items = value if isinstance(value, (list, tuple)) else [value]
    codes = [it for it in items if isinstance(it, str)]
    if not codes or len(codes) < len(items):
        raise ValueError(_("a country's code such as VN is expected, or a list of them."))
    return tuple(dict.fromkeys(map(check_country, codes)))


def parse_closed(value: object) -> tuple[tuple[date, date], ...]:
    """Days (`2027-05-19`) and spans of days (`2027-02-01..2027-02-14`), one or a list.

    Raises:
        ValueError: it is not written like that, or a span ends before it begins.
    """
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(_span(item) for item in items)


def _span(item: object) -> tuple[date, date]:
    if isinstance(item, tuple) and len(item) == 2:  # noqa: PLR2004 - a pair
        return item
    first, _dots, last = str(item).partition("..")
    try:
        begin, end = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError:
        begin, end = date.max, date.min
    if end < begin:
        raise ValueError(
            _("a day such as 2027-05-19, or days such as 2027-02-01..2027-02-14, are expected.")
        )
    return begin, end


def parse_deadline(value: object) -> datetime | float | None:
    """A day and time, or a duration (`2h`) after the planned time, in seconds.

    Raises:
        ValueError: it is neither.
    """
    if value is None:
        return None
    try:
        return parse_moment(value)
    except ValueError as exc:
        if isinstance(value, (datetime, date)) or "-" in str(value):
            raise
        try:
            return parse_duration(value)
        except ValueError:
            raise exc from None


Deadline = Annotated[
    datetime | float | None,
    BeforeValidator(parse_deadline),
    WithJsonSchema({"type": ["string", "number"], "examples": ["2027-01-15 18:00", "2h"]}),
]


def _every(value: object) -> float:
    seconds = parse_duration(value)
    if seconds < _MINUTE:
        raise ValueError(_("a minute is the shortest."))
    return seconds


def deadline(not_after: datetime | float | None, planned: datetime, zone: tzinfo) -> float | None:
    """From when on it is too late (Unix seconds), for what was planned for that instant."""
    if not_after is None:
        return None
    if isinstance(not_after, datetime):
        return instant_of(not_after, zone).timestamp()
    return planned.timestamp() + not_after


class Schedule(BaseModel):
    """When a run starts: once (`at`), by crontab (`cron`), or again and again (`every`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    at: Annotated[
        datetime | None,
        BeforeValidator(parse_moment),
        WithJsonSchema({"type": "string", "examples": ["2027-01-15 07:00"]}),
    ] = Field(
        default=None,
        description="Day and time, in the campaign's zone; beside every: the first time.",
    )
    cron: Annotated[
        str | None,
        BeforeValidator(parse_cron),
        WithJsonSchema({"type": "string", "examples": ["0 7 * * mon-fri"]}),
    ] = Field(default=None, description="A crontab line of five fields, in the campaign's zone.")
    every: Annotated[
        float | None,
        BeforeValidator(_every),
        WithJsonSchema({"type": ["string", "number"], "examples": ["1d", "12h"]}),
    ] = Field(
        default=None,
        description="A duration: 12h; whole days (1d, 2w) come at the same time of day.",
    )

    missed: Literal["run", "skip", "ask"] | None = Field(
        default=None,
        description="What becomes of an occurrence that was missed while nobody served it; "
        "default: run where kind is emergency, else ask.",
    )
    unchanged: Literal["send", "skip"] = Field(
        default="send", description="skip: not sent where the sheet is as it was the last time."
    )
    missing: Literal["fail", "skip"] = Field(
        default="fail", description="What becomes of an occurrence whose sheet isn't there."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Schedule:
        given = [it is not None for it in (self.at, self.cron, self.every)]
        if sum(given) != 1 and given != [True, False, True]:
            raise ValueError(
                _("exactly one of at, cron and every is expected; at may stand beside every.")
            )
        return self

    @property
    def repeats(self) -> bool:
        """Whether it comes more than once."""
        return self.every is not None or self.cron is not None

    def occurrences(self, after: datetime, zone: tzinfo, *, begun: datetime) -> Iterator[datetime]:
        """The instants (UTC) later than `after` at which a run is due, in order, each once.

        `begun` is when the schedule was made: `every` without `at` counts from there, its first
        occurrence being one duration later.
        """
        previous = after
        for instant in self._instants(after, zone, begun):
            if instant > previous:
                yield instant
                previous = instant

    def _instants(self, after: datetime, zone: tzinfo, begun: datetime) -> Iterator[datetime]:
        if self.every is not None:
            first = instant_of(self.at, zone) if self.at else begun + timedelta(seconds=self.every)
            yield from _again_and_again(self.every, first, after, zone)
        elif self.at is not None:
            yield instant_of(self.at, zone)
        elif self.cron is not None:
            # A day earlier: the times of the gap are instants of later times of day.
            start = wall_at(after, zone) - timedelta(days=1)
            for wall in crontab.parse(self.cron).moments(start):
                yield instant_of(wall, zone)


def _again_and_again(
    seconds: float, first: datetime, after: datetime, zone: tzinfo
) -> Iterator[datetime]:
    """From `first` on; whole days by the wall clock, other durations by the time that passes."""
    step = timedelta(seconds=seconds)
    is_by_wall = seconds % _DAY == 0
    skipped = max(0, (after - first) // step - 1)
    start = wall_at(first, zone) if is_by_wall else first
    count = skipped
    while True:
        try:
            moment = start + count * step
        except OverflowError:
            return
        yield instant_of(moment, zone) if is_by_wall else moment
        count += 1


class Window(BaseModel):
    """The hours and days in which messages may leave, in the campaign's zone."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    hours: Annotated[
        tuple[time, time] | None,
        BeforeValidator(parse_hours),
        WithJsonSchema({"type": "string", "examples": ["07:00-18:00"]}),
    ] = Field(default=None, description="From-to; past midnight where the end is before the start.")
    days: Annotated[
        frozenset[int],
        BeforeValidator(parse_days),
        WithJsonSchema(
            {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
                "examples": ["mon-sat", ["mon", "wed", "fri"]],
            }
        ),
    ] = Field(default=frozenset(range(7)), description="Days of the week: mon-sat, or a list.")

    holidays: Annotated[
        tuple[str, ...],
        BeforeValidator(parse_countries),
        WithJsonSchema(
            {"type": ["string", "array"], "items": {"type": "string"}, "examples": ["VN"]}
        ),
    ] = Field(default=(), description="Countries on whose holidays nothing leaves: VN.")
    closed: Annotated[
        tuple[tuple[date, date], ...],
        BeforeValidator(parse_closed),
        WithJsonSchema(
            {
                "type": ["string", "array"],
                "items": {"type": "string"},
                "examples": [["2027-02-01..2027-02-14", "2027-05-19"]],
            }
        ),
    ] = Field(default=(), description="Further days on which nothing leaves, first and last.")

    def is_open(self, local: datetime) -> bool:
        """Whether messages may leave at `local`, a moment in the campaign's zone.

        Past midnight, the day that counts is the one on which the hours began.
        """
        if self.hours is None:
            return self.is_open_on(local.date())
        start, end = self.hours
        clock = local.time()
        if start < end:
            return start <= clock < end and self.is_open_on(local.date())
        if clock >= start:
            return self.is_open_on(local.date())
        return clock < end and self.is_open_on(local.date() - timedelta(days=1))

    def is_open_on(self, day: date) -> bool:
        """Whether the hours begin on that day at all."""
        return day.weekday() in self.days and not self.why_closed_on(day)

    def why_closed_on(self, day: date) -> str:
        """The holiday's name, or that the school is closed; empty where the day is like others."""
        if any(first <= day <= last for first, last in self.closed):
            return _("closed")
        return holiday_on(day, self.holidays) if self.holidays else ""
