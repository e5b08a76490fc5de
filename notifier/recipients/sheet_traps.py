"""Traps of a sheet told as notes, once it is known which rows and columns are the table's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.recipients.address import parse_addresses
from notifier.recipients.traps import spell_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifier.model import Value
    from notifier.recipients.header import Header
    from notifier.recipients.note import Notebook
    from notifier.recipients.spreadsheet import Sheet

#: A list of hidden rows that is longer is cut.
_LONGEST = 80


class Lookout:
    """One reading's watch over the rows that have something hidden about them."""

    def __init__(self, sheet: Sheet, header: Header, notebook: Notebook) -> None:
        self._names, self._notebook = header.names, notebook
        traps, first = sheet.traps, header.first_line
        at = {place + sheet.left: index for index, place in enumerate(header.places)}
        self._hidden = {row for row in traps.hidden if row >= first}
        self._found: list[int] = []
        self._links: dict[int, list[tuple[int, str]]] = {}
        for (row, column), address in traps.links.items():
            if column in at and row >= first:
                self._links.setdefault(row, []).append((at[column], address))
        self._formulas: dict[int, list[int]] = {}
        for row, column in traps.formulas:
            if column in at and row >= first:
                self._formulas.setdefault(row, []).append(at[column])
        #: The rows that `look` has something to say about.
        self.rows = frozenset({*self._hidden, *self._links, *self._formulas})

    def look(self, number: int, values: Sequence[Value]) -> None:
        """Note what is hidden about the row."""
        if number in self._hidden and any(value is not None for value in values):
            self._found.append(number)
        for index, address in self._links.get(number, ()):
            self._compare(number, self._names[index], values[index], address)
        for index in self._formulas.get(number, ()):
            if values[index] is None:
                message = _(
                    "The formula has no result. Open the file in Excel or LibreOffice and save "
                    "it, then try again."
                )
                self._notebook.add(number, self._names[index], "", message)

    def _compare(self, number: int, column: str, value: Value, address: str) -> None:
        shown = parse_addresses(value) if isinstance(value, str) and "@" in value else []
        addresses = [it.lower() for it in shown if isinstance(it, str)]
        if addresses and address not in addresses:
            message = _(
                "A click on the cell would mail {address}. What the cell shows is used: see that "
                "it is right."
            )
            self._notebook.add(number, column, str(value), message.format(address=address))

    def tell_hidden(self) -> None:
        """Note the hidden rows that were read, all in one."""
        if not self._found:
            return
        rows = spell_rows(self._found)
        shown = rows if len(rows) <= _LONGEST else f"{rows[:_LONGEST].rpartition(',')[0]}, …"
        message = _("These rows are hidden in the sheet, and are read like all others.")
        self._notebook.add(self._found[0], "", shown, message)
