"""The HTML tables that school software exports as `.xls`.

The largest table of the page is read; `colspan` and `rowspan` leave their further cells empty
(as merged cells do). Scripts and styles are skipped, nothing is fetched or run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from notifier.errors import SheetError
from notifier.locale import _
from notifier.recipients.encoding import detect_encoding
from notifier.recipients.kinds import unreadable
from notifier.recipients.workbook import Merged

if TYPE_CHECKING:
    from pathlib import Path

    from notifier.settings import LimitSettings

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_MAX_SPAN = 1000
#: Places that one cell may cover; a header of twenty columns over three rows covers sixty.
_MAX_COVERED = 10_000
_SKIPPED = frozenset({"script", "style", "head", "title"})
_BREAKS = frozenset({"br", "p", "div"})


@dataclass(slots=True)
class Table:
    """One table: its rows, and which cells span several places."""

    rows: list[list[str]] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    #: Places that a rowspan from above takes, by (row, column).
    taken: set[tuple[int, int]] = field(default_factory=set)
    #: How many places its cells cover.
    places: int = 0

    def add(self, text: str, across: int, down: int) -> None:
        """Put a cell at the next free place of the last row."""
        at, row = len(self.rows) - 1, self.rows[-1]
        while (at, len(row)) in self.taken:
            row.append("")
        first = len(row)
        down = min(down, max(1, _MAX_COVERED // across))
        self.places += across * down
        row.extend([text] + [""] * (across - 1))
        if across > 1 or down > 1:
            self.merged.append(Merged(at, first, at + down - 1, first + across - 1))
            for below in range(at + 1, at + down):
                self.taken.update((below, column) for column in range(first, first + across))


class _TooLarge(Exception):  # noqa: N818 - never leaves this file
    pass


class _Tables(HTMLParser):
    """Collects the tables of a page; nested tables count as tables of their own."""

    def __init__(self, max_places: int) -> None:
        super().__init__(convert_charrefs=True)
        self._max_places = max_places
        self.found: list[Table] = []
        self._open: list[Table] = []
        self._cell: list[str] | None = None
        self._span = (1, 1)
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Tables, rows and cells; a new one closes what was left open."""
        if tag in _SKIPPED:
            self._skipping += 1
        elif tag == "table":
            self._end_cell()
            self._open.append(Table())
            self.found.append(self._open[-1])
        elif not self._open:
            return
        elif tag == "tr":
            self._end_cell()
            self._open[-1].rows.append([])
        elif tag in {"td", "th"}:
            self._start_cell(dict(attrs))
        elif tag in _BREAKS and self._cell:
            self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """The end of a cell, row or table."""
        if tag in _SKIPPED:
            self._skipping = max(0, self._skipping - 1)
        elif tag in {"td", "th", "tr"}:
            self._end_cell()
        elif tag == "table" and self._open:
            self._end_cell()
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text, white space as browsers show it."""
        if self._cell is not None and not self._skipping:
            self._cell.append(re.sub(r"[ \t\r\n]+", " ", data))

    def _start_cell(self, attrs: dict[str, str | None]) -> None:
        self._end_cell()
        if not self._open[-1].rows:
            self._open[-1].rows.append([])
        self._cell = []
        self._span = _span(attrs.get("colspan")), _span(attrs.get("rowspan"))

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        lines = "".join(self._cell).split("\n")
        text = "\n".join(line.strip() for line in lines).strip()
        self._cell = None
        if self._open:
            self._open[-1].add(text, *self._span)
            if self._open[-1].places > self._max_places:
                raise _TooLarge


def _span(text: str | None) -> int:
    return min(max(int(text), 1), _MAX_SPAN) if text and text.isdecimal() else 1


def read_table(path: Path, limits: LimitSettings) -> tuple[Table, str]:
    """The largest table of the page and the page's encoding.

    Raises:
        SheetError: no table, or too large.
    """
    try:
        if path.stat().st_size > limits.max_sheet_bytes:
            raise _too_large(path)
        data = path.read_bytes()
    except OSError as exc:
        raise unreadable(path, exc) from exc
    text, encoding = _decode(path, data)
    parser = _Tables(limits.max_sheet_cells)
    try:
        parser.feed(text)
        parser.close()
    except _TooLarge as exc:
        raise _too_large(path) from exc
    table = max(parser.found, key=lambda it: sum(map(len, it.rows)), default=None)
    if table is None or not any(table.rows):
        raise SheetError(
            _("{file} is a web page without a table.").format(file=path.name),
            where=str(path),
            next_step=_("Open it in Excel and save it as .xlsx."),
        )
    return table, encoding


def _too_large(path: Path) -> SheetError:
    return SheetError(
        _("{file} is too large for a page with a table.").format(file=path.name),
        where=str(path),
        next_step=_("Open it in Excel and save it as .xlsx."),
    )


def _decode(path: Path, data: bytes) -> tuple[str, str]:
    found = _CHARSET.search(data[:4096])
    if found and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            return data.decode(found.group(1).decode()), found.group(1).decode().lower()
        except (LookupError, UnicodeDecodeError):
            pass
    encoding = detect_encoding(path)
    return data.decode(encoding, "replace"), encoding
