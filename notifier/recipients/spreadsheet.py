"""A file of any kind -> rows of values, numbered as people see them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from notifier.recipients import delimited
from notifier.recipients.cells import from_cells
from notifier.recipients.encoding import detect_encoding
from notifier.recipients.html_table import read_table
from notifier.recipients.kinds import Kind, look
from notifier.recipients.traps import Scanners, Traps, traps_of
from notifier.recipients.workbook import Merged, Reader, check_zip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from notifier.model import Value
    from notifier.settings import LimitSettings


class Sheet(ABC):
    """A sheet that can be read again and again."""

    path: Path
    #: xlsx, xlsb, xls, ods, csv, tsv or html: what the file is, not what it is called.
    format: str
    encoding: str | None = None
    delimiter: str | None = None
    name: str | None = None
    #: Names of all visible sheets.
    names: tuple[str, ...] = ()
    merged: tuple[Merged, ...] = ()
    #: Columns left of the first one in use, which is the first of `rows`.
    left: int = 0
    #: What the sheet hides from whoever reads its cells; known of xlsx alone.
    traps: Traps = Traps()

    @abstractmethod
    def rows(self) -> Iterator[list[Value]]:
        """Every row from row 1 on, blank ones included."""


class DelimitedSheet(Sheet):
    """csv or tsv; each reading streams the file."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Find encoding, delimiter and width."""
        self.path = path
        self._layout = delimited.lay_out(path, detect_encoding(path), prefer_tab=kind is Kind.TSV)
        self.encoding = self._layout.encoding
        self.delimiter = self._layout.delimiter
        self.format = "tsv" if kind is Kind.TSV else "csv"

    def rows(self) -> Iterator[list[Value]]:
        """Rows of values."""
        yield from delimited.read_rows(self.path, self._layout)


class WorkbookSheet(Sheet):
    """One sheet of a workbook; the first reading goes on with the process that opened it."""

    def __init__(
        self, path: Path, kind: Kind, sheet: str | int | None, limits: LimitSettings
    ) -> None:
        """Start the reader and learn what the workbook holds."""
        self.path, self.format = path, kind.value
        self._kind, self._limits = kind, limits
        self._reader: Reader | None = Reader(path, kind, sheet, limits)
        scanners = Scanners()
        try:
            if kind is not Kind.XLS:  # beside the reader, which has caps of its own
                check_zip(path, limits, scanners.watch if kind is Kind.XLSX else None)
            self._reader.greet()
        except BaseException:
            self._reader.close()
            raise
        self.name = self._reader.name
        self.names = self._reader.sheets
        self.merged = self._reader.merged
        self.left = self._reader.left
        self.traps = traps_of(path, self.name, scanners)

    def rows(self) -> Iterator[list[Value]]:
        """Rows of values."""
        reader, self._reader = self._reader, None
        if reader is None:
            reader = Reader(self.path, self._kind, self.name, self._limits)
            reader.greet()
        yield from reader.rows()

    def __del__(self) -> None:
        if getattr(self, "_reader", None) is not None:
            self._reader.close()  # type: ignore[union-attr]  # looked at in the line above


class PageSheet(Sheet):
    """A table in an HTML page."""

    format = "html"

    def __init__(self, path: Path, limits: LimitSettings) -> None:
        """Read the page's largest table."""
        self.path = path
        self._table, self.encoding = read_table(path, limits)
        self.merged = tuple(self._table.merged)

    def rows(self) -> Iterator[list[Value]]:
        """Rows of values."""
        yield from map(from_cells, self._table.rows)


def open_sheet(path: Path, *, sheet: str | int | None, limits: LimitSettings) -> Sheet:
    """Open a file by what it is, whatever its name says.

    `sheet` is a name, or a number among the visible sheets (1 is the first); None is the first
    visible one that has cells. A workbook is being read by its own process afterwards.

    Raises:
        SheetError: it can't be read as a sheet; names place and next step.
    """
    kind = look(path)
    if kind in {Kind.CSV, Kind.TSV}:
        return DelimitedSheet(path, kind)
    if kind is Kind.HTML:
        return PageSheet(path, limits)
    return WorkbookSheet(path, kind, sheet, limits)
