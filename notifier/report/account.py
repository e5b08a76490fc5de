"""The sum that accounts for every row of the sheet.

    rows + further addresses = deliveries + rejections + folded + left out

"Further addresses" are the second and later addresses of a cell, each of which is a delivery of
its own; "folded" are rows that became part of another row's message; "left out" are
recipients that the run was not meant for: a correction goes to those concerned alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notifier.ledger.reports import RunSummary


@dataclass(frozen=True, slots=True)
class Account:
    """Both sides of the sum; blank and total rows stand outside it."""

    rows: int
    extra_addresses: int
    deliveries: int
    rejections: int
    folded: int
    blank: int
    totals: int
    left_out: int = 0

    @property
    def left(self) -> int:
        """What the sheet asked for."""
        return self.rows + self.extra_addresses

    @property
    def right(self) -> int:
        """What became of it."""
        return self.deliveries + self.rejections + self.folded + self.left_out

    @property
    def is_balanced(self) -> bool:
        """Whether every row is accounted for; not so only while the sheet is being read."""
        return self.left == self.right


def account_of(summary: RunSummary) -> Account:
    """The run's sum."""
    return Account(
        rows=summary.rows,
        extra_addresses=summary.extra_addresses,
        deliveries=summary.deliveries,
        rejections=summary.rejections,
        folded=summary.folded,
        blank=summary.blank,
        totals=summary.totals,
        left_out=summary.left_out,
    )
