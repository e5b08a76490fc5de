"""Rows sieved into recipients and rejections, one reading of a sheet at a time.

row -> (joined row) -> about nobody? -> key, name, addresses -> duplicates or folding
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from notifier.errors import TemplateError
from notifier.locale import _
from notifier.model import Recipient, Rejection, Value
from notifier.recipients.address import BadAddress, parse_addresses, plain_address
from notifier.recipients.candidate import Candidate, Entry
from notifier.recipients.cells import ERRORS, spell
from notifier.recipients.columns import Roles, is_expression
from notifier.recipients.first_seen import FirstSeen
from notifier.recipients.folding import fold
from notifier.recipients.slips import likely_domain
from notifier.recipients.trailer import Trailer

if TYPE_CHECKING:
    from notifier.model import Row
    from notifier.recipients.joined import Joined
    from notifier.recipients.note import Notebook
    from notifier.recipients.table import Line, Table
    from notifier.recipients.tally import Tally

#: An expression's text and what it may see -> its result; `render.templates.evaluate`.
Evaluate: TypeAlias = Callable[[str, Mapping[str, object]], str]
Item: TypeAlias = Recipient | Rejection


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided about a sheet before its rows are read."""

    table: Table
    joined: Joined | None
    #: Place of the column that the two have in common.
    on: int
    #: All columns, the joined sheet's last.
    names: tuple[str, ...]
    roles: Roles
    evaluate: Evaluate | None
    #: Rows of one key become one message.
    folds: bool


class Sieve:
    """One reading of a sheet, from its first row to its last."""

    def __init__(self, plan: Plan, tally: Tally, notebook: Notebook) -> None:
        """`tally` and `notebook` are written while `items` is iterated."""
        self._table, self._joined, self._on = plan.table, plan.joined, plan.on
        self._names, self._roles, self._evaluate = plan.names, plan.roles, plan.evaluate
        self._folds = plan.folds
        self._tally, self._notebook = tally, notebook
        self._trailer = Trailer(self._table.header.names)
        self._keys, self._addresses = FirstSeen(), FirstSeen()
        self._email_is_expression = is_expression(self._roles.email)
        self._name_is_expression = any(map(is_expression, self._roles.name))
        #: Where rejections point to: the address's column; the key's where an expression makes it.
        self._email_column = "" if self._email_is_expression else self._roles.email
        self._is_text_file = self._table.sheet.delimiter is not None
        self._probed = not self._email_is_expression
        self._swift_columns = self._find_swift_columns()

    def items(self) -> Iterator[Item]:
        """Every recipient and rejection, in the sheet's order (of first rows, where folded)."""
        groups: dict[str, list[Candidate]] = {}
        for found in self._candidates():
            if isinstance(found, Recipient | Rejection):
                yield found
            elif self._folds:
                groups.setdefault(self._fold_key(found), []).append(found)
            else:
                yield from self._unfolded(found)
        for group in groups.values():
            yield from fold(group, self._email_column, self._tally)

    def _find_swift_columns(self) -> tuple[int, int, int] | None:
        """Places of address, key and name, where most rows can take the short way (`_swift`)."""
        roles = self._roles
        is_special = self._email_is_expression or self._name_is_expression or self._folds
        if is_special or self._joined is not None or len(roles.name) != 1 or roles.key is None:
            return None
        at = self._names.index
        return at(roles.email), at(roles.key), at(roles.name[0])

    def _swift(self, line: Line, places: tuple[int, int, int]) -> Recipient | None:
        """The recipient of a row without anything special; None: look at it closely.

        What it gives is what the long way gives (a test compares them); of 100,000 rows nearly
        all come through here, at a third of the time.
        """
        number, values, surplus = line
        email_at, key_at, name_at = places
        text, key, name = values[email_at], values[key_at], values[name_at]
        if not (type(text) is type(key) is type(name) is str) or surplus:
            return None
        address = plain_address(text)
        if not address or not _is_clean(key) or not _is_clean(name):
            return None
        if self._keys.put(key, number):
            return None
        if first := self._addresses.put(address.lower(), number):
            self._note_same_address(number, address, first)
        if better := likely_domain(address):
            self._note_slip(number, address, better)
        row = dict(zip(self._names, values, strict=True))
        return Recipient(number, key, address, name, row, self._short_names(row))

    def _short_names(self, row: Row) -> dict[str, Value]:
        columns = self._roles.columns
        return {short: row[column] for short, column in columns.items()} if columns else {}

    def _note_same_address(self, line: int, address: str, first: int) -> None:
        message = _("Row {line} has the same address.").format(line=first)
        self._notebook.add(line, self._email_column, address, message)

    def _note_slip(self, line: int, address: str, better: str) -> None:
        message = _(
            "Is @{domain} meant? As it stands the mail goes to nobody, or to somebody else."
        )
        self._notebook.add(line, self._email_column, address, message.format(domain=better))

    def _candidates(self) -> Iterator[Candidate | Recipient | Rejection]:
        if self._joined is not None:
            self._joined.load(self._notebook)
        for line in self._table.lines(self._notebook):
            if line.values.count(None) == len(line.values):
                self._tally.blank += 1
                continue
            swift = self._swift_columns
            found = (self._swift(line, swift) if swift else None) or self._examine(line)
            if found is None:
                self._tally.totals += 1
            else:
                self._tally.rows += 1
                yield found

    def _examine(self, line: Line) -> Candidate | Rejection | None:
        """A candidate, a rejection, or None for a row about nobody."""
        joins = self._joins(line)
        rows = [dict(zip(self._names, [*line.values, *more], strict=True)) for more in joins]
        rows = rows or [dict(zip(self._names, line.values, strict=False))]
        row = rows[0]
        if self._is_about_nobody(line, row):
            return None
        if line.surplus and (problem := self._misaligned(line, row)):
            return problem
        if not joins:
            return self._unmatched(line, row)
        key = self._key(row)
        if not key and self._roles.is_key_named and self._roles.key is not None:
            reason = _("There is no {column}. Fill it in.").format(column=self._roles.key)
            return Rejection(line.number, self._roles.key, "", reason, row)
        return self._candidate(line.number, key, rows)

    def _joins(self, line: Line) -> list[list[Value]]:
        if self._joined is None:
            return [[]]
        return self._joined.match(line.values[self._on])

    def _is_about_nobody(self, line: Line, row: Row) -> bool:
        key = row.get(self._roles.key) if self._roles.key else None
        address = row.get(self._email_column)
        if isinstance(address, str) and "@" in address:
            return False
        if key is not None and (self._email_is_expression or self._joined is not None):
            first = next(value for value in line.values if value is not None)
            if first != key and not isinstance(first, str):
                return False
        return self._trailer.takes(line.values, key)

    def _misaligned(self, line: Line, row: Row) -> Rejection | None:
        """Text beyond the last column: a csv row that slipped, or a remark in a workbook."""
        if self._is_text_file:
            reason = _(
                "The row has more cells than the header has columns. "
                'Put "..." around the text that has a separator in it.'
            )
            return Rejection(line.number, self._names[-1], line.surplus, reason, row)
        message = _("What stands right of the table is not read.")
        self._notebook.add(line.number, "", line.surplus, message)
        return None

    def _unmatched(self, line: Line, row: Row) -> Rejection:
        assert self._joined is not None
        value = spell(line.values[self._on])
        reason = _("{file} has no row with {column} = {value}. Add it there.").format(
            file=self._joined.table.sheet.path.name, column=self._joined.on, value=value or '""'
        )
        return Rejection(line.number, self._table.header.names[self._on], value, reason, row)

    def _key(self, row: Row) -> str:
        key = " ".join(spell(row[self._roles.key]).split()) if self._roles.key else ""
        return "" if key in ERRORS else key

    def _candidate(
        self, line: int, key: str, rows: list[dict[str, Value]]
    ) -> Candidate | Rejection:
        row = rows[0]
        columns = self._short_names(row)
        try:
            name = self._name(row, columns, key)
            entries = self._entries(rows, columns, key, name)
        except TemplateError as exc:
            if not self._probed:
                raise
            return Rejection(line, "", "", f"{exc.message} {exc.next_step}".strip(), row)
        self._probed = True
        for entry in entries:
            if isinstance(entry.address, str) and (better := likely_domain(entry.address)):
                self._note_slip(line, entry.address, better)
        return Candidate(line, key, name, entries, columns)

    def _name(self, row: Row, columns: Row, key: str) -> str:
        if self._name_is_expression:
            text = self._expressed(self._roles.name[0], row, columns, key=key, name="")
        else:
            text = " ".join(spell(row[part]) for part in self._roles.name)
        return "" if text in ERRORS else " ".join(text.split())

    def _expressed(self, expression: str, row: Row, columns: Row, **more: str) -> str:
        assert self._evaluate is not None
        return self._evaluate(expression, {**columns, "row": row, **more}).strip()

    def _entries(
        self, rows: list[dict[str, Value]], columns: Row, key: str, name: str
    ) -> tuple[Entry, ...]:
        if len(rows) == 1 and not self._email_is_expression:
            text = rows[0][self._roles.email]
            found = parse_addresses(text) if type(text) is str else _unusual(text)
            return tuple([Entry(it, rows[0]) for it in found or _no_address()])
        known: dict[str, Entry] = {}
        for row in rows:
            for address in self._addresses_of(row, columns, key, name):
                mark = address.lower() if isinstance(address, str) else f"{address.text} "
                known.setdefault(mark, Entry(address, row))
        return tuple(known.values()) or tuple(Entry(it, rows[0]) for it in _no_address())

    def _addresses_of(self, row: Row, columns: Row, key: str, name: str) -> list[str | BadAddress]:
        if self._email_is_expression:
            text = self._expressed(self._roles.email, row, columns, key=key, name=name)
            return parse_addresses(text)
        value = row[self._roles.email]
        return parse_addresses(value) if isinstance(value, str) else _unusual(value)

    def _fold_key(self, found: Candidate) -> str:
        """Rows without a key of their own fold by their first address, else stand alone."""
        if found.key:
            return found.key
        address = found.entries[0].address
        return f"@{found.line}" if isinstance(address, BadAddress) else address.lower()

    def _unfolded(self, found: Candidate) -> Iterator[Item]:
        if found.key and (first := self._keys.put(found.key, found.line)):
            yield self._same_key(found, first)
            return
        self._tally.extra_addresses += len(found.entries) - 1
        for entry in found.entries:
            if isinstance(entry.address, BadAddress):
                yield found.rejection(entry, self._email_column)
                continue
            first = self._addresses.put(entry.address.lower(), found.line)
            if first and not found.key:
                yield self._same_address(found, entry, first)
                continue
            if first:
                self._note_same_address(found.line, entry.address, first)
            yield found.recipient(entry)

    def _same_key(self, found: Candidate, first: int) -> Rejection:
        column = self._roles.key or ""
        reason = _(
            "Row {line} has the same {column}. Correct it, or say `fold: key` if rows of one "
            "{column} belong in one message."
        ).format(line=first, column=column)
        return Rejection(found.line, column, found.key, reason, found.entries[0].row)

    def _same_address(self, found: Candidate, entry: Entry, first: int) -> Rejection:
        assert isinstance(entry.address, str)
        reason = _(
            "Row {line} has the same address. Remove one, or name a column under `key:` that "
            "tells the rows apart."
        ).format(line=first)
        return Rejection(found.line, self._email_column, entry.address, reason, entry.row)


def _is_clean(text: str) -> bool:
    """Nothing in it that names and keys are rid of, and no formula's error."""
    return text.isprintable() and "  " not in text and text[0] != "#"


def _unusual(value: Value) -> list[str | BadAddress]:
    """A cell without text: blank, or a number or date where an address should be."""
    return [] if value is None else parse_addresses(spell(value))


def _no_address() -> list[str | BadAddress]:
    return [BadAddress("", _("There is no address. Fill it in."))]
