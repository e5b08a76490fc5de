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
from typing import TYPE_CHECKING

from notifier.errors import LocalProtocolError
from notifier.ledger import statements
from notifier.locale import _
from notifier.model import Stage, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from notifier.ledger.records import Intent, Result

_EMPTY_INTENT = (None,) * len(statements.INTENT_COLUMNS)
_EMPTY_RESULT = (None,) * len(statements.RESULT_COLUMNS)


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
            db.executescript(statements.CLEAR)
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
                    bytes.fromhex(it.digest),
                )
                for it in intents
            ],
        )
        _stage(
            db,
            "result",
            statements.RESULT_COLUMNS,
            _EMPTY_RESULT,
            [
                (
                    it.delivery_id,
                    it.worker_id or worker_id,
                    it.relay,
                    it.started_at,
                    it.at,
                    it.stage,
                    it.code,
                    it.enhanced,
                    _storable(it.text),
                    it.state,
                    it.cause,
                    it.next_attempt_at,
                    it.burns_attempt,
                )
                for it in results
            ],
        )
        db.execute(statements.RECORD)
        self._is_dirty = False
        return set(self._lost)


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
    """Usually one. A delivery with two results in a batch gets them one after the other."""
    largest = statements.SIZES[-1]
    if (
        len(intents) <= largest
        and len(results) <= largest
        and len({it.delivery_id for it in results}) == len(results)
    ):
        return [(intents, results)]
    waves: list[tuple[Sequence[Intent], Sequence[Result]]] = [
        (intents[at : at + largest], ()) for at in range(0, len(intents), largest)
    ]
    wave: dict[int, Result] = {}
    for it in results:
        if it.delivery_id in wave or len(wave) == largest:
            waves.append(((), list(wave.values())))
            wave = {}
        wave[it.delivery_id] = it
    waves.append(((), list(wave.values())))
    return waves


def _stage(
    db: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    empty: tuple[None, ...],
    rows: list[tuple[object, ...]],
) -> None:
    if not rows:
        return
    size = statements.SIZES[bisect_left(statements.SIZES, len(rows))]
    rows.extend([empty] * (size - len(rows)))
    db.execute(statements.stage(table, columns, size), list(chain.from_iterable(rows)))


def _storable(text: str) -> str:
    """A reply's text; half characters, which UTF-8 can't hold, are replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
