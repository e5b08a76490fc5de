"""A report of tables (`tables.Paper`) as json, csv, xlsx and as a page.

The page is the run's page in style and in its content policy: no script, nothing fetched, all of
it escaped. What a spreadsheet program could take for a formula is neutralised in csv and xlsx.
"""

from __future__ import annotations

import csv
import json
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from notifier.locale import _
from notifier.report.cells import neutralised_row
from notifier.report.drawing import drawn
from notifier.report.figures import moment
from notifier.report.fills import PATTERNS
from notifier.report.page import looks, template
from notifier.report.tables import plain
from notifier.report.workbook import write_book

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from notifier.report.tables import Paper, Table
    from notifier.report.workbook import Book


def write_json(paper: Paper, stream: TextIO, *, zone: ZoneInfo) -> None:
    """Write one JSON object: what was asked for, then each table as a list of objects."""
    head = json.dumps(paper.asked, ensure_ascii=False, default=str, indent=2)
    stream.write(head.removesuffix("\n}"))
    for table in _told(paper):
        stream.write(f",\n  {json.dumps(table.name)}: [")
        separator = "\n    "
        for item in _objects(table, zone):
            stream.write(separator + json.dumps(item, ensure_ascii=False))
            separator = ",\n    "
        stream.write("\n  ]" if separator.startswith(",") else "]")
    stream.write("\n}\n")


def _told(paper: Paper) -> list[Table]:
    return [table for table in paper.tables if not table.is_only_drawn]


def _objects(table: Table, zone: ZoneInfo) -> Iterator[dict[str, object]]:
    for row in table.rows:
        pairs = zip(table.columns, row, strict=True)
        yield {it.name: plain(it.kind, value, zone) for it, value in pairs if it.name}


def write_csv(paper: Paper, stream: TextIO, *, zone: ZoneInfo) -> None:
    """Write the paper's chief table as RFC 4180 csv with a byte order mark."""
    table = paper.tables[paper.flat]
    stream.write("\ufeff")
    written = csv.writer(stream, lineterminator="\r\n")
    written.writerow([column.name for column in table.columns if column.name])
    for item in _objects(table, zone):
        written.writerow(neutralised_row(item.values()))


def write_xlsx(paper: Paper, path: Path, *, zone: ZoneInfo) -> None:
    """Write a workbook with a sheet for each table; OSError where it can't be written."""

    def fill(book: Book) -> None:
        for table in _told(paper):
            places = [at for at, column in enumerate(table.columns) if column.label]
            shown = [table.columns[at] for at in places]
            book.sheet(
                table.title[:31],
                [(column.label, column.width) for column in shown],
                ([_excel(row[at], zone) for at in places] for row in table.rows),
            )

    write_book(path, fill)


def _excel(value: object, zone: ZoneInfo) -> object:
    """Excel knows no zones: instants are the zone's."""
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None, microsecond=0)
    return value if isinstance(value, int | float) or value is None else str(value)


def write_page(paper: Paper, stream: TextIO, *, zone: ZoneInfo, now: datetime) -> None:
    """Write the paper as one HTML page, in the language in use; the stream must be UTF-8."""
    pieces = template("overview.html").generate(
        **looks(),
        title=paper.title,
        lead=paper.lead,
        patterns=PATTERNS,
        tables=[drawn(table, zone) for table in paper.tables],
        foot=_("Written by notifier on {time}.").format(time=moment(now, zone)),
    )
    stream.writelines(pieces)
