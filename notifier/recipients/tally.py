"""The sums of a reading: every row of the sheet ends in exactly one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts; `rows + extra_addresses == recipients + rejections + folded` at the end."""

    #: Rows about somebody: neither blank nor totals nor signatures.
    rows: int = 0
    recipients: int = 0
    #: Rows that became part of another row's message.
    folded: int = 0
    #: Addresses beyond the first of their row.
    extra_addresses: int = 0
    rejections: int = 0
    blank: int = 0
    #: Totals, repeated headers, signatures and remarks below the table.
    totals: int = 0
    #: Rows of the joined sheet that no row of the main one asked for.
    unmatched: int = 0

    def adds_up(self) -> bool:
        """Whether nothing was lost."""
        return self.rows + self.extra_addresses == self.recipients + self.rejections + self.folded
