"""A sheet with its header: rows as values by column, each with its number."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from notifier.errors import SheetError
from notifier.locale import _
from notifier.recipients.cells import ERRORS
from notifier.recipients.columns import Columns
from notifier.recipients.header import HEAD_ROWS, find_header
from notifier.recipients.sheet_traps import Lookout
from notifier.recipients.spreadsheet import open_sheet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from notifier.model import Row, Value
    from notifier.recipients.note import Notebook
    from notifier.recipients.workbook import Merged
    from notifier.settings import LimitSettings

#: More rows than any sheet has: a header row beyond is looked for no further.
_MOST_ROWS = 10**9


class Line(NamedTuple):
    """One row of the table; all its values None: a blank row."""

    #: 1-based, as people see it.
    number: int
    values: list[Value]
    #: Text that stands right of the last column, where the table has no name for it.
    surplus: str = ""


class Table:
    """A sheet whose columns are known; its lines can be read again and again."""

    def __init__(
        self,
        path: Path,
        *,
        sheet: str | int | None,
        header_row: int | None,
        wanted: Collection[str],
        limits: LimitSettings,
    ) -> None:
        """Open the sheet and find its header.

        Raises:
            SheetError: it can't be read, is empty, or the row named as its header is blank.
        """
        self.sheet = open_sheet(path, sheet=sheet, limits=limits)
        self._pending: Iterator[list[Value]] | None = self.sheet.rows()
        head = list(islice(self._pending, max(HEAD_ROWS, min(header_row or 0, _MOST_ROWS) + 20)))
        self._head = head
        filled = [at for at, line in enumerate(head, 1) if any(cell is not None for cell in line)]
        if not filled:
            self._refuse_empty()
        if header_row is not None and header_row not in filled:
            self._refuse_header(header_row, filled[-1])
        self.header = find_header(head, self.sheet.merged, wanted, header_row)
        self.columns = Columns(self.header.names, where=self.where(), short=self.header.short)
        self._fills = _fills(self.sheet.merged, self.header.first_line)
        #: The first rows below the header, for guessing what columns hold.
        self.sample: list[Row] = [
            dict(zip(self.header.names, self._pick(line), strict=True))
            for line in head[self.header.first_line - 1 :]
        ]

    def _refuse_empty(self) -> NoReturn:
        self.close()
        others = [name for name in self.sheet.names if name != self.sheet.name]
        raise SheetError(
            _("There is nothing in the sheet."),
            where=self.where(),
            next_step=_("Other sheets of the file: {names}.").format(names=", ".join(others))
            if others
            else _("Fill it in, save it, and try again."),
        )

    def _refuse_header(self, header_row: int, last: int) -> NoReturn:
        self.close()
        raise SheetError(
            _("Row {row} can't be the header: the sheet ends at row {last}.").format(
                row=header_row, last=last
            )
            if header_row > last
            else _("Row {row} can't be the header: it is blank.").format(row=header_row),
            where=self.where(),
            next_step=_(
                "Name a row from 1 to {last}; or none, and the header is found by itself."
            ).format(last=last),
        )

    def where(self, row: int | None = None) -> str:
        """The place as errors tell it: file, sheet, row."""
        parts = [self.sheet.path.name]
        if self.sheet.name:
            parts.append(_("sheet {name}").format(name=self.sheet.name))
        number = row if row is not None else self.header.row if hasattr(self, "header") else None
        if number is not None:
            parts.append(_("row {row}").format(row=number))
        return ", ".join(parts)

    def close(self) -> None:
        """Stop a reading that was begun."""
        self._pending = None

    def _pick(self, cells: Sequence[Value]) -> list[Value]:
        count = len(cells)
        return [cells[place] if place < count else None for place in self.header.places]

    def _all_rows(self) -> Iterator[list[Value]]:
        """All rows; the first time those that were already looked at need no second reading."""
        pending, self._pending = self._pending, None
        if pending is None:
            return self.sheet.rows()
        head, self._head = self._head, []
        return chain(head, pending)

    def lines(self, notebook: Notebook) -> Iterator[Line]:
        """Every row below the header, blank ones included; failed formulas are noted."""
        first = self.header.first_line
        places = self.header.places
        width = places[-1] + 1 if places else 0
        is_whole = places == tuple(range(width))
        fills = _Filling(self._fills, places)
        lookout = Lookout(self.sheet, self.header, notebook)
        for number, values in enumerate(islice(self._all_rows(), first - 1, None), first):
            surplus = _surplus(values, width) if len(values) > width else ""
            if len(values) != width or not is_whole:
                values = self._pick(values)  # noqa: PLW2901 - the same row
            if fills.pending:
                fills.apply(number, values)
            if not ERRORS.isdisjoint(values):
                self._note_errors(number, values, notebook)
            if number in lookout.rows:
                lookout.look(number, values)
            yield Line(number, values, surplus)
        lookout.tell_hidden()

    def _note_errors(self, number: int, values: list[Value], notebook: Notebook) -> None:
        for name, value in zip(self.header.names, values, strict=True):
            if isinstance(value, str) and value in ERRORS:
                message = _("The cell shows {value}: its formula fails. Mend it in the sheet.")
                notebook.add(number, name, value, message.format(value=value))


def _surplus(values: Sequence[Value], width: int) -> str:
    return " ".join(str(value) for value in values[width:] if value is not None)


def _fills(merged: Sequence[Merged], first_line: int) -> list[Merged]:
    """Cells merged downwards within the table: people see their text beside each row."""
    below = [it for it in merged if it.bottom > it.top and it.top >= first_line - 1]
    return sorted(below, key=lambda it: it.top)


class _Filling:
    """Repeats the text of a cell that is merged over several rows in each of them."""

    def __init__(self, fills: list[Merged], places: Sequence[int]) -> None:
        at = {place: index for index, place in enumerate(places)}
        self.pending = [
            (it.top + 1, it.bottom + 1, at[it.first]) for it in fills if it.first in at
        ][::-1]
        self._open: list[tuple[int, int, Value]] = []
        if not self.pending:
            return
        self._last = max(bottom for _top, bottom, _at in self.pending)

    def apply(self, number: int, values: list[Value]) -> None:
        """Fill in row `number`; a row that is otherwise blank stays so."""
        if number > self._last:
            self.pending = []
            return
        is_blank = all(value is None for value in values)
        self._open = [it for it in self._open if it[0] >= number]
        for _bottom, at, value in self._open:
            if not is_blank and values[at] is None:
                values[at] = value
        while self.pending and self.pending[-1][0] <= number:
            top, bottom, at = self.pending.pop()
            if top == number:
                self._open.append((bottom, at, values[at]))
        if not self.pending and self._open:
            self.pending = [(self._last + 1, self._last + 1, 0)]
