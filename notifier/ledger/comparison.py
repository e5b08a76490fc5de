"""Two runs side by side, person by person.

Both are read once, in the order of `recipient_once` (key, address), and merged: memory does not
grow with the runs. A person is who has the same key; whose address alone is another one in the
later run is told as such, not as one who went and one who came. Who was forgotten is left out.
"""

from __future__ import annotations

import json
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from notifier.model import Cause, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    """Everybody for whom something changed, or who failed both times, in the order of their keys.

    Whom nothing changed for is passed over as raw rows: most are (measured: a quarter of the time).
    """
    sides = (_grouped(reader, before), _grouped(reader, after))
    then, now = (next(side, None) for side in sides)
    while then or now:
        if then and now and then[0] == now[0]:
            if not _is_same(then[1], now[1]):
                yield from _pairs(then[1], now[1])
            then, now = (next(side, None) for side in sides)
        elif now is None or (then and then[0] < now[0]):
            assert then is not None
            yield from _pairs(then[1], [])
            then = next(sides[0], None)
        else:
            yield from _pairs([], now[1])
            now = next(sides[1], None)


def _grouped(reader: Reader, run_id: int) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    # SQLite orders by bytes, Python by code points: in UTF-8 these are the same order
    for key, group in groupby(reader.query(_SIDE, run_id), key=itemgetter(0)):
        yield key, list(group)


def _is_same(then: list[Sequence[Any]], now: list[Sequence[Any]]) -> bool:
    """Whether a key has one address in both, and is as well off."""
    if len(then) != 1 or len(now) != 1:
        return False
    ((_k, one, _n, before, _c),), ((_k, other, _n, after, _c),) = then, now
    return one == other and before == after and before not in MISSED


def _side(row: Sequence[Any]) -> Side:
    key, address, number, state, cause = row
    return Side(key, address, number, State(state), Cause(cause) if cause else None)


def _pairs(before: list[Sequence[Any]], after: list[Sequence[Any]]) -> Iterator[Pair]:
    """A key's addresses: the same ones together, then what is left in their order."""
    then = {it.address.lower(): it for it in map(_side, before)}
    now = {it.address.lower(): it for it in map(_side, after)}
    for address in [it for it in now if it in then]:
        yield from _pair(then.pop(address), now.pop(address))
    left_then, left_now = list(then.values()), list(now.values())
    for one, other in zip(left_then, left_now, strict=False):
        yield from _pair(one, other)
    common = min(len(left_then), len(left_now))
    yield from (Pair(Change.GONE, it, None) for it in left_then[common:])
    yield from (Pair(Change.ADDED, None, it) for it in left_now[common:])


def _pair(before: Side, after: Side) -> Iterator[Pair]:
    change = _change(before, after)
    if change is not None:
        yield Pair(change, before, after)


def _change(before: Side, after: Side) -> Change | None:
    """None: nothing."""
    if before.state in MISSED and after.state in MISSED:
        return Change.STILL_FAILING
    if before.state in ARRIVED and after.state in MISSED:
        return Change.FAILED_NOW
    if before.state in MISSED and after.state in ARRIVED:
        return Change.ARRIVED_NOW
    if before.state is not after.state:
        return Change.MOVED
    return None if before.address.lower() == after.address.lower() else Change.ADDRESS


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
