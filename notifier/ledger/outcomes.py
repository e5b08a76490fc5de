"""Intents and outcomes: the hot path, one transaction a batch.

an intent whose delivery isn't this worker's any more   its number is returned: don't send
an outcome whose delivery isn't its worker's any more   an attempt, noted as late; the state
stays, unless the reply settles a doubt
(`transitions.LATE`)
an outcome that no table allows                         the same: noted, nothing moved
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from notifier.errors import LocalProtocolError
from notifier.ledger import statements
from notifier.ledger.records import Intent, Result
from notifier.locale import _
from notifier.model import Cause, Stage, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_Item = TypeVar("_Item", Intent, Result)

# Python's sqlite3 binds exact str, int, float and bytearray at once, and asks its adapters first
# for all else: enums, booleans, bytes and None (measured: 0.5 us each). Hence plain texts,
# `int(...)`, `bytearray` and 0.0 for "no time".
_TEXT: dict[str, str] = {it: it.value for kind in (State, Stage, Cause) for it in kind}
#: Rows that fill a batch up to one of `statements.SIZES`: no delivery has the number 0.
_EMPTY_INTENT = (0, 0, 0.0, 0.0, "")
_EMPTY_RESULT = (0, 0, "", 0.0, 0.0, "", 0, "", "", "", "", 0.0, 0)


class Recorder:
    """Puts batches through the door of one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        #: Filled by the door, through SQL's `lost()`.
        self._lost: list[int] = []
        self._is_dirty = False
        db.create_function("lost", 1, self._lost.append)

    def record(
        self,
        db: sqlite3.Connection,
        intents: Sequence[Intent],
        results: Sequence[Result],
        worker_id: int,
    ) -> set[int]:
        """One transaction; the deliveries of intents that must not be sent.

        `worker_id` stands in where an intent or result names none.
        """
        waves = _waves(intents, results)
        if len(waves) == 1:
            return self._put(db, *waves[0], worker_id)
        lost: set[int] = set()
        db.execute("BEGIN IMMEDIATE")
        try:
            for some_intents, some_results in waves:
                lost |= self._put(db, some_intents, some_results, worker_id)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return lost

    def _put(
        self,
        db: sqlite3.Connection,
        intents: Sequence[Intent],
        results: Sequence[Result],
        worker_id: int,
    ) -> set[int]:
        if self._is_dirty:
            for statement in statements.CLEAR:  # executescript would end the transaction
                db.execute(statement)
        self._is_dirty = True
        self._lost.clear()
        _stage(
            db,
            "intent",
            statements.INTENT_COLUMNS,
            _EMPTY_INTENT,
            [
                (
                    it.delivery_id,
                    it.worker_id or worker_id,
                    it.at,
                    it.message_at,
                    bytearray.fromhex(it.digest),
                )
                for it in intents
            ],
        )
        _stage(
            db,
            "result",
            statements.RESULT_COLUMNS,
            _EMPTY_RESULT,
            [_row(it, worker_id) for it in results],
        )
        db.execute(statements.RECORD)
        self._is_dirty = False
        return set(self._lost)


def _row(result: Result, worker_id: int) -> tuple[object, ...]:
    (
        delivery_id,
        _number,
        relay,
        started_at,
        at,
        stage,
        code,
        enhanced,
        text,
        state,
        cause,
        due_at,
        burns,
        its_worker,
    ) = result
    return (
        delivery_id,
        its_worker or worker_id,
        relay,
        started_at,
        at,
        _TEXT[stage],
        code,
        enhanced,
        text if text.isascii() else _storable(text),
        _TEXT[state],
        _TEXT[cause],
        due_at or 0.0,
        int(burns),
    )


def check(results: Sequence[Result]) -> None:
    """LocalProtocolError for `accepted` without a 2yz to the end of data: nothing else sets it."""
    for it in results:
        if it.state is State.ACCEPTED and not _is_proof(it):
            raise LocalProtocolError(
                _("A delivery can't be accepted without the relay's 2yz reply."),
                where=_("delivery {delivery}").format(delivery=it.delivery_id),
                next_step=_("This is a mistake in notifier; please report it."),
            )


def _is_proof(result: Result) -> bool:
    code = result.code
    return result.stage is Stage.BODY and code is not None and 200 <= code < 300  # noqa: PLR2004 - RFC 5321's first digit


def _waves(
    intents: Sequence[Intent], results: Sequence[Result]
) -> list[tuple[Sequence[Intent], Sequence[Result]]]:
    """Usually one. What concerns the same delivery twice goes one after the other.

    Of two intents for one delivery the second must find that it is `submitting` already.
    """
    first, second = _split(intents), _split(results)
    if len(first) <= 1 and len(second) <= 1:
        return [(intents, results)]
    return [(it, ()) for it in first] + [((), it) for it in second]


def _split(items: Sequence[_Item]) -> list[Sequence[_Item]]:
    """Runs of at most the largest size, none with a delivery twice."""
    largest = statements.SIZES[-1]
    if len(items) <= largest and len({it.delivery_id for it in items}) == len(items):
        return [items] if items else []
    runs: list[list[_Item]] = [[]]
    seen: set[int] = set()
    for it in items:
        if it.delivery_id in seen or len(runs[-1]) == largest:
            runs.append([])
            seen.clear()
        runs[-1].append(it)
        seen.add(it.delivery_id)
    return list(runs)


def _stage(
    db: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    empty: tuple[object, ...],
    rows: list[tuple[object, ...]],
) -> None:
    if not rows:
        return
    size = statements.SIZES[bisect_left(statements.SIZES, len(rows))]
    rows.extend([empty] * (size - len(rows)))
    db.execute(statements.stage(table, columns, size), list(chain.from_iterable(rows)))


def _storable(text: str) -> str:
    """A reply's text; half characters, which UTF-8 can't hold, are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
