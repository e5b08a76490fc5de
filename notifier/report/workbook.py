"""The report as a workbook: summary, recipients, rejected rows, causes, a sheet each.

xlsxwriter in its constant-memory mode: every row goes to disk as it is written. Texts are written
as texts, never as formulas or links, and neutralised besides, because a workbook is often saved
as csv later.
"""

from __future__ import annotations

from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import xlsxwriter

from notifier.locale import _
from notifier.model import State
from notifier.report.account import account_of
from notifier.report.advice import advise
from notifier.report.cells import neutralised
from notifier.report.words import run_word, state_word, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from zoneinfo import ZoneInfo

    from notifier.ledger.reports import CauseGroup, DeliveryRow, Reader, RunSummary
    from notifier.model import Rejection

#: Excel's limit, the header's row included.
MOST_ROWS = 1_048_576
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class Draft:
    """The file that a workbook is written to; once it fails, it takes in silence what still comes.

    A zip file that was cut off, by a full disk say, tries again when it is forgotten: nobody wants
    to hear of that a second time.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._has_failed = False
        self._at = 0

    def write(self, data: bytes) -> int:
        """Write the bytes. Raises OSError the first time that it can't."""
        self._try(self._stream.write, data)
        self._at += len(data)
        return len(data)

    def flush(self) -> None:
        """Hand on what was written; OSError as `write`."""
        self._try(self._stream.flush)

    def seekable(self) -> bool:
        """Zip files go back to fill in sizes."""
        return True

    def seek(self, offset: int) -> int:
        """Go there; OSError as `write`."""
        self._try(self._stream.seek, offset)
        self._at = offset
        return offset

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def _try(self, action: Callable[..., object], *arguments: object) -> None:
        if self._has_failed:
            return
        try:
            action(*arguments)
        except OSError:
            self._has_failed = True
            raise


class Book:
    """A workbook being written, with its few formats."""

    def __init__(self, stream: BinaryIO | Draft, *, most_rows: int = MOST_ROWS) -> None:
        self._book: Any = xlsxwriter.Workbook(stream, _OPTIONS)
        self._most_rows = most_rows
        self._heading = self._book.add_format(
            {"bold": True, "bg_color": "#0B4A6F", "font_color": "#FFFFFF", "valign": "vcenter"}
        )
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})

    def sheet(
        self, name: str, columns: Sequence[tuple[str, int]], rows: Iterable[Sequence[object]]
    ) -> None:
        """Write a sheet: headers with their widths, frozen; a further sheet where Excel's ends."""
        pages = count(2)
        page, line = self._page(name, columns), 1
        for row in rows:
            if line == self._most_rows:
                page.autofilter(0, 0, line - 1, len(columns) - 1)
                page, line = self._page(f"{name} {next(pages)}", columns), 1
            self._write(page, line, row)
            line += 1
        page.autofilter(0, 0, max(line - 1, 1), len(columns) - 1)

    def close(self) -> None:
        """Put the file together. Raises OSError where it can't be written."""
        try:
            self._book.close()
        except xlsxwriter.exceptions.FileCreateError as trouble:
            raise OSError(str(trouble)) from trouble

    def abandon(self) -> None:
        """Let go of the rows on disk without making a workbook of them."""
        for page in self._book.worksheets():
            page.row_data_fh.close()
            Path(page.row_data_filename).unlink(missing_ok=True)
        self._book.fileclosed = True

    def _page(self, name: str, columns: Sequence[tuple[str, int]]) -> Any:
        page = self._book.add_worksheet(name)
        page.freeze_panes(1, 0)
        for index, (header, width) in enumerate(columns):
            page.set_column(index, index, width)
            page.write_string(0, index, header, self._heading)
        return page

    def _write(self, page: Any, line: int, row: Sequence[object]) -> None:
        for index, value in enumerate(row):
            if isinstance(value, datetime):
                page.write_datetime(line, index, value, self._moment)
            elif isinstance(value, int | float):
                page.write_number(line, index, value)
            elif value not in (None, ""):
                page.write_string(line, index, str(neutralised(value)))


def write_xlsx(
    reader: Reader, run_id: int, path: Path, *, zone: ZoneInfo, most_rows: int = MOST_ROWS
) -> None:
    """Write the workbook; instants are the zone's, as Excel knows no zones.

    Raises OSError where the file can't be written, LedgerError as the reader does.
    """
    write_book(path, lambda book: _fill(book, reader, run_id, zone), most_rows=most_rows)


def write_book(path: Path, fill: Callable[[Book], None], *, most_rows: int = MOST_ROWS) -> None:
    """Write the workbook that `fill` puts sheets into; OSError where it can't be written."""
    with path.open("wb") as stream:
        book = Book(Draft(stream), most_rows=most_rows)
        try:
            fill(book)
        except BaseException:
            book.abandon()
            raise
        book.close()


def _fill(book: Book, reader: Reader, run_id: int, zone: ZoneInfo) -> None:
    summary = reader.summary(run_id)
    book.sheet(_("Summary"), [(_("What"), 34), (_("Figure"), 60)], _summary(summary, zone))
    rows = (_recipient(it, zone) for it in reader.deliveries(run_id))
    book.sheet(_("Recipients"), _recipient_columns(), rows)
    book.sheet(
        _("Rejected rows"),
        [(_("Line"), 8), (_("Column"), 22), (_("Value"), 34), (_("Why not"), 70)],
        (_rejected(it) for it in reader.rejections(run_id)),
    )
    book.sheet(_("Causes"), _cause_columns(), (_cause(it) for it in reader.causes(run_id)))


def _summary(summary: RunSummary, zone: ZoneInfo) -> list[tuple[object, object]]:
    account = account_of(summary)
    lines: list[tuple[object, object]] = [
        (_("In short"), verdict(summary)),
        (_("Title"), summary.title),
        (_("Campaign"), summary.campaign),
        (_("Occurrence"), summary.occurrence),
        (_("Run"), summary.id),
        (_("Relay"), summary.relay),
        (_("State"), run_word(summary)),
        (_("Started"), _local(summary.started_at, zone)),
        (_("Finished"), _local(summary.finished_at, zone)),
        (_("Rows of the sheet"), account.rows),
        (_("Further addresses in a cell"), account.extra_addresses),
        (_("Messages, one for each address"), account.deliveries),
        (_("Rows that could not be used"), account.rejections),
        (_("Rows that share another row's message"), account.folded),
        (_("Recipients that this run was not meant for"), account.left_out),
    ]
    lines += [
        (state_word(state), summary.counts[state]) for state in State if summary.counts.get(state)
    ]
    return lines


def _local(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    return at.astimezone(zone).replace(tzinfo=None, microsecond=0) if at else None


def _recipient_columns() -> list[tuple[str, int]]:
    return [
        (_("Line"), 8),
        (_("Key"), 14),
        (_("Recipient"), 28),
        (_("Address"), 34),
        (_("State"), 16),
        (_("Tries"), 8),
        (_("Cause"), 26),
        (_("Reply code"), 12),
        (_("Enhanced code"), 14),
        (_("Last reply"), 50),
        (_("Time"), 20),
        (_("Relay"), 16),
        (_("What to do"), 70),
    ]


def _recipient(row: DeliveryRow, zone: ZoneInfo) -> list[object]:
    advice = advise(row.cause, row.state) if row.cause else None
    is_fine = row.state is State.ACCEPTED
    return [
        row.line,
        row.key,
        row.name,
        row.address,
        state_word(row.state),
        row.attempts,
        advice.label if advice and not is_fine else "",
        row.code,
        row.enhanced,
        row.text,
        _local(row.at, zone),
        row.relay,
        advice.action if advice and not is_fine else "",
    ]


def _rejected(rejection: Rejection) -> tuple[object, ...]:
    return rejection.line, rejection.column, rejection.value, rejection.reason


def _cause_columns() -> list[tuple[str, int]]:
    return [
        (_("Cause"), 30),
        (_("State"), 16),
        (_("Count"), 10),
        (_("A reply"), 50),
        (_("Domains"), 40),
        (_("What to do"), 80),
    ]


def _cause(group: CauseGroup) -> list[object]:
    advice = advise(group.cause, group.state)
    return [
        advice.label,
        state_word(group.state),
        group.count,
        group.sample_reply,
        ", ".join(group.domains),
        advice.action,
    ]
