"""What a row offers before duplicates and folding are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from notifier.model import Recipient, Rejection

if TYPE_CHECKING:
    from notifier.model import Row
    from notifier.recipients.address import BadAddress


class Entry(NamedTuple):
    """One address of a row, good or bad, and the row as the template sees it for this address."""

    address: str | BadAddress
    row: Row


class Candidate(NamedTuple):
    """A row with its key, name and addresses."""

    line: int
    #: Empty: each address is its own key.
    key: str
    name: str
    #: At least one.
    entries: tuple[Entry, ...]
    columns: Row

    def recipient(self, entry: Entry, rows: tuple[Row, ...] = ()) -> Recipient:
        """The recipient for a good address of the row."""
        assert isinstance(entry.address, str)
        return Recipient(
            self.line, self.key or entry.address, entry.address, self.name, entry.row,
            self.columns, rows,
        )  # fmt: skip

    def rejection(self, entry: Entry, column: str) -> Rejection:
        """The rejection for a bad address of the row."""
        assert not isinstance(entry.address, str)
        return Rejection(self.line, column, entry.address.text, entry.address.reason, entry.row)
