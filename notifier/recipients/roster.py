"""A campaign's sheet -> recipients and rejections, streamed, adding up.

Every row about somebody becomes at least one Recipient or Rejection, or is folded into a
Recipient of its key. `Tally.adds_up` holds after every reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from notifier.errors import SheetError
from notifier.locale import _
from notifier.model import Rejection
from notifier.recipients.columns import Columns, find_roles, is_expression
from notifier.recipients.joined import Joined
from notifier.recipients.note import Note, Notebook
from notifier.recipients.prose import is_prose
from notifier.recipients.sieve import Evaluate, Item, Plan, Sieve
from notifier.recipients.table import Table
from notifier.recipients.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from notifier.campaign import RecipientsSpec
    from notifier.settings import LimitSettings


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file was read."""

    file: Path
    #: What the file is (xlsx, xlsb, xls, ods, csv, tsv, html), whatever its name says.
    format: str
    #: None where it has none.
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    #: All visible sheets.
    sheets: tuple[str, ...]
    #: 1-based, the upper one of two; None: the sheet has no header, names are made up.
    header_row: int | None
    columns: tuple[str, ...]
    #: email, name, key -> header or expression.
    roles: Mapping[str, str]
    #: The sheet joined to it.
    joined: Reading | None = None


def open_roster(
    spec: RecipientsSpec,
    *,
    root: Path,
    limits: LimitSettings,
    evaluate: Evaluate | None = None,
) -> Roster:
    """Open the campaign's sheet (below `root`) and decide what its columns mean.

    Raises:
        SheetError: it can't be read, a column that the campaign names is not there, or no
            column can be taken for the addresses; names the place and the next step.
    """
    return Roster(spec, root=root, limits=limits, evaluate=evaluate)


class Roster:
    """Recipients and rejections of a sheet; each iteration reads it afresh.

    `tally` and `notes` are about the latest iteration, whole once it has ended.
    """

    def __init__(
        self,
        spec: RecipientsSpec,
        *,
        root: Path,
        limits: LimitSettings,
        evaluate: Evaluate | None = None,
    ) -> None:
        """See `open_roster`."""
        wanted = _wanted(spec)
        self._table = Table(
            root / spec.file, sheet=spec.sheet, header_row=spec.header_row,
            wanted=wanted, limits=limits,
        )  # fmt: skip
        names = self._table.header.names
        self._joined = (
            Joined(spec.join, names, root=root, wanted=wanted, limits=limits)
            if spec.join is not None
            else None
        )
        self._on = names.index(self._table.columns.find(spec.join.on)) if spec.join else 0
        self._columns = self._all_columns()
        self._refuse_unnamed(wanted)
        if spec.email is None and self._joined is None and is_prose(self._table):
            self._refuse_prose()
        sample = [*self._table.sample, *(self._joined.table.sample if self._joined else ())]
        self._roles = find_roles(spec, self._columns, sample, self._table.header.spans)
        if evaluate is None and any(map(is_expression, (self._roles.email, *self._roles.name))):
            raise SheetError(
                _("An expression can't be used here."), where=self._table.where(),
                next_step=_("Name a column instead."),
            )  # fmt: skip
        self._plan = Plan(
            self._table, self._joined, self._on, self._columns.names, self._roles, evaluate,
            folds=spec.fold == "key",
        )  # fmt: skip
        self.tally = Tally()
        self._notebook = Notebook()
        self.reading = self._read_as()

    def _all_columns(self) -> Columns:
        header, joined = self._table.header, self._joined
        if joined is None:
            return self._table.columns
        return Columns(
            (*header.names, *joined.names),
            where=f"{self._table.where()}; {joined.table.where()}",
            short={**joined.table.header.short, **header.short},
        )

    def _refuse_unnamed(self, wanted: set[str]) -> None:
        """Columns can't be named in a sheet that has no names."""
        header = self._table.header
        if header.row is None and self._joined is None and wanted.difference(header.names):
            missing = min(wanted.difference(header.names))
            raise SheetError(
                _("There is no header row, so no column is called {name}.").format(name=missing),
                where=self._table.where(),
                next_step=_(
                    "Put a row with the columns' names above the rows, or say header_row: N; "
                    "without names the columns are called {names}."
                ).format(names=", ".join(header.names)),
            )

    def _refuse_prose(self) -> NoReturn:
        path = self._table.sheet.path
        self._table.close()
        raise SheetError(
            _(
                "{file} doesn't look like a table: it is text in one column, and no address "
                "stands in it."
            ).format(file=path.name),
            where=str(path),
            next_step=_(
                "Name a sheet (.xlsx, .xls, .ods, .csv) whose columns have names, and one of "
                "them the addresses."
            ),
        )

    def _read_as(self) -> Reading:
        joined = self._joined
        return _reading(
            self._table, self._columns.names, self._roles.as_dict(),
            _reading(joined.table, joined.table.header.names, {}, None) if joined else None,
        )  # fmt: skip

    @property
    def notes(self) -> list[Note]:
        """What is worth a look although nothing was refused."""
        return self._notebook.notes

    def __iter__(self) -> Iterator[Item]:
        self.tally, self._notebook = Tally(), Notebook()
        self._note_guesses()
        for item in Sieve(self._plan, self.tally, self._notebook).items():
            if isinstance(item, Rejection):
                self.tally.rejections += 1
            else:
                self.tally.recipients += 1
            yield item
        if self._joined is not None:
            self.tally.unmatched = self._joined.unmatched(self._notebook)
        self._notebook.close()

    def _note_guesses(self) -> None:
        for doubt in self._roles.doubts:
            self._notebook.add(self._table.header.row or 0, "", "", doubt)
        if self._table.header.row is None:
            message = _("The sheet has no header row; its columns are called {names}.").format(
                names=", ".join(self._table.header.names)
            )
            self._notebook.add(self._table.header.first_line, "", "", message)


def _reading(
    table: Table, columns: tuple[str, ...], roles: Mapping[str, str], joined: Reading | None
) -> Reading:
    sheet = table.sheet
    return Reading(
        sheet.path, sheet.format, sheet.encoding, sheet.delimiter, sheet.name, sheet.names,
        table.header.row, columns, roles, joined,
    )  # fmt: skip


def _wanted(spec: RecipientsSpec) -> set[str]:
    named = [spec.email, spec.name, spec.key, *spec.columns.values()]
    if spec.join is not None:
        named.append(spec.join.on)
    return {name for name in named if name is not None and not is_expression(name)}
