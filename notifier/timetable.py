"""When a campaign is sent: its schedule, and the hours and days in which it may be sent.

Moments without a zone are in the campaign's zone. Clocks are arguments.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from notifier.locale import _
from notifier.measures import parse_duration

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Monday is 0, as `datetime.weekday()` has it; Vietnamese names (T2..T7, CN) included.
_DAYS: dict[str, int] = {
    name: day
    for names in (
        _WEEKDAYS,
        ("t2", "t3", "t4", "t5", "t6", "t7", "cn"),
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    )
    for day, name in enumerate(names)
}
_HOURS = re.compile(r"(\d{1,2})[:hg](\d{2})?\s*[-–]\s*(\d{1,2})[:hg](\d{2})?")
#: The five fields of cron, with their bounds and names.
_CRON: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 7, {name: number for number, name in enumerate(_WEEKDAYS, 1)}),
)
_CRON_ITEM = re.compile(r"(\*|[a-z0-9]+(?:-[a-z0-9]+)?)(?:/(\d+))?")
_MINUTE = 60.0
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def parse_moment(value: object) -> datetime:
    """`2027-01-15 07:00`, with or without seconds and zone; naive: in the campaign's zone.

    Raises:
        ValueError: it is no day and time.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}[T ]+\d", value.strip()):
        try:
            return datetime.fromisoformat(re.sub(r"[T ]+", "T", value.strip(), count=1))
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
    text = value.strip().lower() if isinstance(value, str) else ""
    parts = text.split()
    if len(parts) != len(_CRON) or not all(map(_is_cron_field, parts, _CRON)):
        raise ValueError(
            _('five fields are expected: minute hour day month weekday, such as "0 7 * * mon-fri".')
        )
    return " ".join(parts)


def _is_cron_field(text: str, bounds: tuple[int, int, dict[str, int]]) -> bool:
    return all(_is_cron_item(item, bounds) for item in text.split(","))


def _is_cron_item(item: str, bounds: tuple[int, int, dict[str, int]]) -> bool:
    low, high, names = bounds
    found = _CRON_ITEM.fullmatch(item)
    if not found or (found[2] and int(found[2]) == 0):
        return False
    if found[1] == "*":
        return True
    ends = [names.get(end, int(end) if end.isdigit() else -1) for end in found[1].split("-")]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)


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
    """Country codes of ISO 3166, with a subdivision where needed: `VN`, `DE-BY`, or a list.

    Raises:
        ValueError: it is not written like that.
    """
    items = [value] if isinstance(value, str) else value
    codes = [it.strip().upper() for it in items if isinstance(it, str)] if items else []  # type: ignore[attr-defined]
    if not codes or not all(_COUNTRY.fullmatch(code) for code in codes):
        raise ValueError(_("a country's code such as VN is expected, or a list of them."))
    return tuple(codes)


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


class Schedule(BaseModel):
    """When a run starts: once (`at`), by crontab (`cron`), or again and again (`every`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    at: Annotated[
        datetime | None,
        BeforeValidator(parse_moment),
        WithJsonSchema({"type": "string", "examples": ["2027-01-15 07:00"]}),
    ] = Field(default=None, description="Day and time, in the campaign's zone.")
    cron: Annotated[
        str | None,
        BeforeValidator(parse_cron),
        WithJsonSchema({"type": "string", "examples": ["0 7 * * mon-fri"]}),
    ] = Field(default=None, description="A crontab line of five fields, in the campaign's zone.")
    every: Annotated[
        float | None,
        BeforeValidator(_every),
        WithJsonSchema({"type": ["string", "number"], "examples": ["1d", "12h"]}),
    ] = Field(default=None, description="A duration, such as 12h or 1d.")

    missed: Literal["run", "skip", "ask"] | None = Field(
        default=None,
        description="What becomes of an occurrence that was missed while nobody served it.",
    )
    unchanged: Literal["send", "skip"] = Field(
        default="send", description="skip: not sent where the sheet is as it was the last time."
    )
    missing: Literal["fail", "skip"] = Field(
        default="fail", description="What becomes of an occurrence whose sheet isn't there."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Schedule:
        if sum(it is not None for it in (self.at, self.cron, self.every)) != 1:
            raise ValueError(_("exactly one of at, cron and every is expected."))
        return self

    def instant(self, timezone: str) -> datetime | None:
        """`at` as an instant in UTC; None where the schedule repeats."""
        if self.at is None:
            return None
        aware = self.at if self.at.tzinfo else self.at.replace(tzinfo=ZoneInfo(timezone))
        return aware.astimezone(UTC)


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
            return local.weekday() in self.days
        start, end = self.hours
        clock = local.time()
        if start < end:
            return start <= clock < end and local.weekday() in self.days
        if clock >= start:
            return local.weekday() in self.days
        return clock < end and (local.weekday() - 1) % 7 in self.days
