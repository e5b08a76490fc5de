"""Two runs side by side, person by person.

Both are read once, in the order of `recipient_once` (key, address), and merged: memory does not
grow with the runs. A person is who has the same key; whose address alone is another one in the
later run is told as such, not as one who went and one who came. Who was forgotten is left out.
"""

from __future__ import annotations

import json
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from notifier.model import Cause, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from notifier.ledger.reports import Reader

_SIDE = """
SELECT p.key, p.address, p.delivery_id, d.state, d.cause
FROM recipient p CROSS JOIN delivery d ON d.id = p.delivery_id
WHERE p.run_id = ? AND p.address <> '' ORDER BY p.key, p.address
"""
#: Somebody has it, as far as is known.
ARRIVED = frozenset({State.ACCEPTED, State.PRESUMED})
#: Nobody has it, or nobody knows.
MISSED = frozenset({State.REFUSED, State.EXPIRED, State.BOUNCED, State.UNKNOWN})


class Change(StrEnum):
    """What became of a person from the earlier run to the later one."""

    STILL_FAILING = "still_failing"  # missed both times
    FAILED_NOW = "failed_now"  # arrived then, missed now
    ARRIVED_NOW = "arrived_now"  # missed then, arrived now
    MOVED = "moved"  # anything else that is another state now
    ADDRESS = "address"  # the same state, another address
    ADDED = "added"
    GONE = "gone"
    SAME = "same"


class Side(NamedTuple):
    """A person in one of the runs."""

    key: str
    address: str
    delivery_id: int
    state: State
    cause: Cause | None


class Pair(NamedTuple):
    """A person in both; one side is None where they were in the other alone."""

    change: Change
    before: Side | None
    after: Side | None


def compare(reader: Reader, before: int, after: int) -> Iterator[Pair]:
    """Everybody who is in either run, in the order of their keys."""
    sides = (_grouped(reader, before), _grouped(reader, after))
    heads = [next(side, None) for side in sides]
    while any(heads):
        key = min(head[0] for head in heads if head)
        found: list[list[Side]] = [[], []]
        for at, head in enumerate(heads):
            if head and head[0] == key:
                found[at] = head[1]
                heads[at] = next(sides[at], None)
        yield from _pairs(*found)


def _grouped(reader: Reader, run_id: int) -> Iterator[tuple[str, list[Side]]]:
    rows = (
        Side(key, address, number, State(state), Cause(cause) if cause else None)
        for key, address, number, state, cause in reader.query(_SIDE, run_id)
    )
    # SQLite orders by bytes, Python by code points: in UTF-8 these are the same order
    for key, group in groupby(rows, key=lambda it: it.key):
        yield key, list(group)


def _pairs(before: Iterable[Side], after: Iterable[Side]) -> Iterator[Pair]:
    """A key's addresses: the same ones together, then what is left in their order."""
    then = {it.address.lower(): it for it in before}
    now = {it.address.lower(): it for it in after}
    for address in [it for it in now if it in then]:
        yield _pair(then.pop(address), now.pop(address))
    left_then, left_now = list(then.values()), list(now.values())
    for one, other in zip(left_then, left_now, strict=False):
        yield _pair(one, other)
    common = min(len(left_then), len(left_now))
    yield from (Pair(Change.GONE, it, None) for it in left_then[common:])
    yield from (Pair(Change.ADDED, None, it) for it in left_now[common:])


def _pair(before: Side, after: Side) -> Pair:
    return Pair(_change(before, after), before, after)


def _change(before: Side, after: Side) -> Change:
    if before.state in MISSED and after.state in MISSED:
        return Change.STILL_FAILING
    if before.state in ARRIVED and after.state in MISSED:
        return Change.FAILED_NOW
    if before.state in MISSED and after.state in ARRIVED:
        return Change.ARRIVED_NOW
    if before.state is not after.state:
        return Change.MOVED
    return Change.SAME if before.address.lower() == after.address.lower() else Change.ADDRESS


def names(reader: Reader, numbers: Iterable[int]) -> dict[int, str]:
    """The names of deliveries, by their number."""
    rows = reader.query(
        "SELECT p.delivery_id, p.name FROM recipient p"
        " WHERE p.delivery_id IN (SELECT value FROM json_each(?))",
        json.dumps(list(numbers)),
    )
    return {number: name for number, name in rows}  # noqa: C416 - typed


def previous(reader: Reader, run_id: int) -> int | None:
    """The run of the same campaign before this one; None for the first."""
    rows = reader.query(
        "SELECT max(o.id) FROM run r JOIN run o ON o.campaign = r.campaign AND o.id < r.id"
        " WHERE r.id = ?",
        run_id,
    )
    return next((found for (found,) in rows), None)
