"""Addresses (or anything else) kept in another sheet, found by a column that both have.

The other sheet is held in memory; the main one streams past it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.recipients.cells import spell
from notifier.recipients.table import Table
from notifier.recipients.trailer import Trailer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from notifier.campaign import JoinSpec
    from notifier.model import Value
    from notifier.recipients.note import Notebook
    from notifier.settings import LimitSettings


def match_text(value: Value) -> str:
    """What is compared: `153590`, 153590.0 and ` 153590 ` are one."""
    return spell(value).strip().casefold()


class Joined:
    """The other sheet: its columns beside the main one's, its rows by the common column."""

    def __init__(
        self,
        spec: JoinSpec,
        main: Sequence[str],
        *,
        root: Path,
        wanted: Collection[str],
        limits: LimitSettings,
    ) -> None:
        """Open it and name its columns apart from the main sheet's.

        Raises:
            SheetError: it can't be read, or has no such column.
        """
        self.table = Table(
            root / spec.file, sheet=spec.sheet, header_row=spec.header_row,
            wanted=[spec.on, *wanted], limits=limits,
        )  # fmt: skip
        self.on = self.table.columns.find(spec.on)
        self._at = self.table.header.names.index(self.on)
        self._kept = [at for at in range(len(self.table.header.names)) if at != self._at]
        taken = list(main)
        for at in self._kept:
            taken.append(_apart(self.table.header.names[at], taken))
        #: Names of the columns that it adds.
        self.names = tuple(taken[len(main) :])
        self.nothing: list[Value] = [None] * len(self.names)
        self._rows: dict[str, list[list[Value]]] = {}
        self._lines: dict[str, int] = {}
        self._met: set[str] = set()

    def load(self, notebook: Notebook) -> None:
        """Read it whole, afresh."""
        self._rows, self._lines, self._met = {}, {}, set()
        trailer = Trailer(self.table.header.names)
        for line in self.table.lines(notebook):
            key = match_text(line.values[self._at])
            if all(value is None for value in line.values):
                continue
            has_address = any(isinstance(value, str) and "@" in value for value in line.values)
            if not has_address and trailer.takes(line.values, line.values[self._at]):
                continue
            if not key:
                notebook.add(
                    line.number, self.on, "",
                    _("A row of {file} has no {column}: nobody can be matched with it.").format(
                        file=self.table.sheet.path.name, column=self.on
                    ),
                )  # fmt: skip
                continue
            self._rows.setdefault(key, []).append([line.values[at] for at in self._kept])
            self._lines.setdefault(key, line.number)

    def match(self, value: Value) -> list[list[Value]]:
        """The rows of that key: several where, say, both parents have one; none: unmatched."""
        key = match_text(value)
        found = self._rows.get(key, [])
        if found:
            self._met.add(key)
        return found

    def unmatched(self, notebook: Notebook) -> int:
        """How many rows nobody was matched with; each is noted."""
        left = [key for key in self._rows if key not in self._met]
        for key in left:
            message = _("The row of {file} matches no row of the main sheet.")
            notebook.add(
                self._lines[key], self.on, key, message.format(file=self.table.sheet.path.name)
            )
        return sum(len(self._rows[key]) for key in left)


def _apart(name: str, taken: Sequence[str]) -> str:
    number, apart = 2, name
    while apart in taken:
        apart = f"{name} ({number})"
        number += 1
    return apart
