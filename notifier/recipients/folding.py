"""Marks in long form: rows of one key become one message, whose template sees them all.

Every row ends somewhere: one that brings a new address makes a recipient (with a new bad one, a
rejection); one that brings nothing new is folded into the message of its key. Where no row of a
key has an address, there is no message to fold into, and every row is a rejection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.recipients.address import BadAddress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notifier.model import Recipient, Rejection
    from notifier.recipients.candidate import Candidate, Entry
    from notifier.recipients.tally import Tally


def fold(group: Sequence[Candidate], column: str, tally: Tally) -> Iterator[Recipient | Rejection]:
    """What the rows of one key become; counts those folded and further addresses."""
    good = {
        it.address.lower() for row in group for it in row.entries if isinstance(it.address, str)
    }
    if not good:
        yield from _all_rejected(group, column, tally)
        return
    rows = tuple(row.entries[0].row for row in group)
    first = next(row for row in group if any(isinstance(it.address, str) for it in row.entries))
    seen: set[str] = set()
    for row in group:
        fresh = [entry for entry in row.entries if _mark(entry, seen)]
        if not fresh:
            tally.folded += 1
            continue
        tally.extra_addresses += len(fresh) - 1
        for entry in fresh:
            if isinstance(entry.address, BadAddress):
                yield row.rejection(entry, column)
            else:
                head = group[0].entries[0].row if row is first else entry.row
                whole = row._replace(
                    line=group[0].line, name=group[0].name or row.name, columns=group[0].columns
                )
                yield whole.recipient(entry._replace(row=head), rows)


def _mark(entry: Entry, seen: set[str]) -> bool:
    """Whether the entry is something new among the rows of its key; a blank cell never is."""
    if isinstance(entry.address, BadAddress):
        key = entry.address.text
        if not key:
            return False
    else:
        key = entry.address.lower()
    if key in seen:
        return False
    seen.add(key)
    return True


def _all_rejected(group: Sequence[Candidate], column: str, tally: Tally) -> Iterator[Rejection]:
    for row in group:
        tally.extra_addresses += len(row.entries) - 1
        for entry in row.entries:
            yield row.rejection(entry, column)
