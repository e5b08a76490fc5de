"""A table of figures as the page shows it: every row with its bar, the figures beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.locale import ngettext
from notifier.model import State
from notifier.report.bars import bar
from notifier.report.figures import number
from notifier.report.fills import KIND_OF, legend
from notifier.report.tables import FIGURES, Kind, for_people, spell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from markupsafe import Markup

    from notifier.report.tables import Table

#: Rows of a table on the page; the other formats have them all.
LONGEST = 2_000
#: Columns of counts that a bar is put together from.
_PARTS = {
    "accepted": "accepted",
    "presumed": "presumed",
    "refused": "refused",
    "expired": "refused",
    "bounced": "refused",
    "in_doubt": "in_doubt",
    "deferred": "deferred",
    "given_back": "deferred",
    "waiting": "waiting",
    "unsent": "unsent",
}


def drawn(table: Table, zone: ZoneInfo, *, longest_list: int = LONGEST) -> dict[str, object]:
    """The table as `figures.html` shows it: heads, lines with their bars, a legend, notes."""
    places, rows = for_people(table)
    parts = [_parts(table, row) for row in rows[:longest_list]]
    longest = max((sum(it.values()) for it in parts), default=0)
    lines = [
        {"cells": _cells(table, row, places, zone), "bar": _bar(table, row, it, longest)}
        for row, it in zip(rows, parts, strict=False)
    ]
    left = len(rows) - len(lines)
    notes = [*table.notes, *([_left_out(left)] if left else [])]
    return {
        "name": table.name,
        "title": table.title,
        "heads": [
            {"label": table.columns[at].label, "is_figure": table.columns[at].kind in FIGURES}
            for at in places
        ],
        "lines": lines,
        "is_drawn": longest > 0,
        "legend": legend({kind for it in parts for kind in it}),
        "notes": notes,
    }


def _left_out(left: int) -> str:
    return ngettext(
        "... and {count} more: --format csv, xlsx or json has them all.",
        "... and {count} more: --format csv, xlsx or json has them all.",
        left,
    ).format(count=number(left))


def _cells(
    table: Table, row: Sequence[object], places: Sequence[int], zone: ZoneInfo
) -> list[dict[str, object]]:
    return [
        {
            "label": table.columns[at].label,
            "text": spell(table.columns[at].kind, row[at], zone),
            "is_figure": table.columns[at].kind in FIGURES,
            "is_zero": table.columns[at].kind is Kind.COUNT and not row[at],
        }
        for at in places
    ]


def _parts(table: Table, row: Sequence[object]) -> dict[str, int]:
    """The row's counts as a bar has them."""
    named = {column.name: value for column, value in zip(table.columns, row, strict=True)}
    if "cause" in named and isinstance(named.get("count"), int):
        return {KIND_OF[State(str(named["state"]))]: int(str(named["count"]))}
    found: dict[str, int] = {}
    for column, value in zip(table.columns, row, strict=True):
        if column.kind is Kind.COUNT and column.name in _PARTS and isinstance(value, int) and value:
            kind = _PARTS[column.name]
            found[kind] = found.get(kind, 0) + value
    return found


def _bar(table: Table, row: Sequence[object], parts: dict[str, int], longest: int) -> Markup | str:
    if not parts:
        return ""
    about = next(
        (str(v) for it, v in zip(table.columns, row, strict=True) if it.label and v is not None), ""
    )
    return bar(parts, sum(parts.values()) if table.is_share else longest, about=about)
