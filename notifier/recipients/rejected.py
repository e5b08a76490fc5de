"""Rejections written out as a sheet: mend it, import it again.

Each row stands as it stood, the reason beside it. Where one address of several was bad, only
that one is written, so that the good ones are not mailed twice. No cell can become a formula:
xlsx cells are marked as text; in csv those that begin like one get an apostrophe, which reading
takes off again.
"""

from __future__ import annotations

import csv
from contextlib import suppress
from datetime import date, datetime, time
from io import BytesIO
from typing import TYPE_CHECKING, Any

import xlsxwriter

from notifier.errors import SheetError, UsageError
from notifier.locale import _, current
from notifier.recipients.cells import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from notifier.model import Rejection, Value

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MAX_TEXT = 32_767  # Excel's cell


def write_rejected(path: Path, rejections: Sequence[Rejection], columns: Sequence[str]) -> None:
    """Write the rejections to `path` (.xlsx or .csv), whole or not at all; makes its folders.

    Raises:
        UsageError: another kind of file is asked for.
        SheetError: the file can't be written.
    """
    writers: dict[str, Callable[[Path, list[list[Value]]], None]] = {
        ".xlsx": _write_xlsx,
        ".csv": _write_csv,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise UsageError(
            _("Rejected rows are written as .xlsx or .csv, not as {name}.").format(name=path.name),
            next_step=_("Use a name such as {name}.").format(name="rejected.xlsx"),
        )
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(unfinished, list(_table(rejections, columns)))
        unfinished.replace(path)
    except OSError as exc:
        with suppress(OSError):  # a part of the path may be no folder
            unfinished.unlink(missing_ok=True)
        raise SheetError(
            _("{file} can't be written: {reason}.").format(
                file=path.name, reason=exc.strerror or exc
            ),
            where=str(path),
            next_step=_("Close it where it is open, or choose another folder."),
        ) from exc


def _table(rejections: Sequence[Rejection], columns: Sequence[str]) -> Iterator[list[Value]]:
    known = list(columns)
    for item in rejections:
        known.extend(name for name in item.row if name not in known)
    yield [*known, _("Row in the sheet"), _("Column to mend"), _("Reason")]
    for item in rejections:
        row: dict[str, Value] = dict(item.row)
        if item.column in row and item.value:
            row[item.column] = item.value
        yield [*(row.get(name) for name in known), item.line, item.column, item.reason]


def _write_xlsx(path: Path, table: list[list[Value]]) -> None:
    # in memory first: a zip file that a full disk cuts off complains once more when it is forgotten
    whole = BytesIO()
    with xlsxwriter.Workbook(
        whole, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True, "quote_prefix": True})
        formats = {
            "text": book.add_format({"quote_prefix": True}),
            "date": book.add_format({"num_format": "dd/mm/yyyy"}),
            "moment": book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"}),
            "time": book.add_format({"num_format": "hh:mm:ss"}),
        }
        for at, name in enumerate(table[0]):
            sheet.write_string(0, at, str(name), bold)
        for number, row in enumerate(table[1:], 1):
            for at, value in enumerate(row):
                _write_cell(sheet, number, at, value, formats)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(table[0]) - 2, 18)
        sheet.set_column(len(table[0]) - 1, len(table[0]) - 1, 60)
    path.write_bytes(whole.getbuffer())


def _write_cell(sheet: Any, row: int, at: int, value: Value, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, at, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, at, value)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, at, value, formats["moment"])
    elif isinstance(value, date):
        sheet.write_datetime(row, at, value, formats["date"])
    elif isinstance(value, time):
        sheet.write_datetime(row, at, value, formats["time"])
    else:
        sheet.write_string(row, at, value[:_MAX_TEXT], formats["text"])


def _write_csv(path: Path, table: list[list[Value]]) -> None:
    delimiter = ";" if current() == "vi" else ","
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([_neutral(value) for value in row] for row in table)


def _neutral(value: Value) -> str:
    text = spell(value)
    if isinstance(value, str) and text.startswith(_FORMULA):
        return "'" + text
    return text
