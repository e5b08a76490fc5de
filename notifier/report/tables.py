"""Tables of figures: one shape for the screen, for programs, for Excel and for the page.

A cell is kept as what it is (a count, a share, seconds, an instant); each format writes it in its
own way. Rows may be an iterator: what is long is written as it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.report.figures import day, duration, moment, number, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo


class Kind(StrEnum):
    """What a column's cells are."""

    TEXT = "text"
    COUNT = "count"  # a whole number, or none
    CHANGE = "change"  # a whole number with its sign
    NUMBER = "number"
    SHARE = "share"  # 0..1
    SECONDS = "seconds"
    MOMENT = "moment"  # an aware datetime
    DAY = "day"  # a date


#: Aligned to the right.
FIGURES = frozenset({Kind.COUNT, Kind.CHANGE, Kind.NUMBER, Kind.SHARE, Kind.SECONDS})
_WIDTHS = {Kind.TEXT: 30, Kind.MOMENT: 20}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name for programs, its heading for people; who has none doesn't get it."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    #: In Excel, in letters; 0: what its kind needs.
    letters: int = 0
    #: The column that it explains: a screen has it below the table, once for each cell of that.
    about: str = ""

    @property
    def width(self) -> int:
        """Letters that it is wide in Excel."""
        return self.letters or _WIDTHS.get(self.kind, 14)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures under one heading."""

    #: The key in JSON.
    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[object]]
    #: Under the table.
    notes: tuple[str, ...] = ()
    #: On the page alone: the figures stand in another table.
    is_only_drawn: bool = False
    #: On the page each row's bar is as long as the others (its parts are shares), or by its count.
    is_share: bool = True


@dataclass(frozen=True, slots=True)
class Paper:
    """A report that is not of one run: a title, a sentence, tables."""

    title: str
    lead: str
    tables: tuple[Table, ...]
    #: What was asked for, as JSON has it.
    asked: dict[str, object] = field(default_factory=dict)
    #: Which of the tables csv has: it can't have two.
    flat: int = 0


def for_people(table: Table) -> tuple[list[int], list[Sequence[object]]]:
    """The places of the columns that people are shown, and the rows.

    A column without a heading is left out, and so is one that is empty, or has only zeros to count.
    """
    rows = list(table.rows)
    shown = [
        at
        for at, column in enumerate(table.columns)
        if column.label and (not rows or any(_says(column.kind, row[at]) for row in rows))
    ]
    return shown, rows


def _says(kind: Kind, value: object) -> bool:
    return bool(value) if kind is Kind.COUNT else value not in (None, "")


def spell(kind: Kind, value: object, zone: ZoneInfo) -> str:
    """The cell as people read it."""
    if value is None or value == "":
        return ""
    if isinstance(value, datetime):
        return moment(value, zone)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, int | float):
        return _figure(kind, value)
    return str(value)


def _figure(kind: Kind, value: float) -> str:
    if kind is Kind.SHARE:
        return share(value)
    if kind is Kind.SECONDS:
        return duration(value)
    if kind is Kind.CHANGE and value:
        return ("+" if value > 0 else "\N{MINUS SIGN}") + number(abs(value))
    return number(value) if kind is not Kind.TEXT else str(value)


def plain(kind: Kind, value: object, zone: ZoneInfo) -> object:
    """The cell as programs read it: numbers stay numbers, instants are ISO 8601 in the zone."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 4 if kind is Kind.SHARE else 3)
    return value


def note_purged(runs: Sequence[int]) -> tuple[str, ...]:
    """A note that some runs have no persons any more; none where all have."""
    if not runs:
        return ()
    told = ", ".join(str(run) for run in runs)
    return (
        _("Not counted here, because their recipients were purged: runs {runs}.").format(runs=told),
    )
