"""Deliveries in doubt: what is known of them, and what a person decides.

In doubt is a message whose last byte may have left, and whose reply never came. Nobody but a person
(or the campaign's `on_doubt`) says what becomes of it:

    it did not arrive, or twice is better than never    due again (`pending`)
    it arrived                                          `presumed`, never `accepted`: that takes a
                                                        stored 2yz reply
    a late reply settles it meanwhile                   what the reply says; the person is told
                                                        that it is not in doubt any more
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.errors import UsageError
from notifier.ledger import audit, brakes, runs
from notifier.ledger.statements import BARRED
from notifier.locale import _
from notifier.model import Cause, RunState, Stage, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterator

    from notifier.ledger.connection import Store

#: By the index of what troubles a run: costs by the number of failures, not by the run's size.
_IN_DOUBT = "d.run_id = ? AND d.cause <> 'accepted' AND d.state = 'unknown'"
_DOUBTS = f"""
SELECT d.id, p.line, p.key, p.name, p.address, p.token, p.context, d.message_at, d.digest,
    d.cause, d.tries, a.ordinal, a.relay, a.started_at, a.at, a.stage, coalesce(a.code, 0),
    a.enhanced, a.text
FROM delivery d JOIN recipient p ON p.delivery_id = d.id
JOIN attempt a ON a.delivery_id = d.id AND a.ordinal = (SELECT max(l.ordinal) FROM attempt l
    WHERE l.delivery_id = d.id AND l.outcome = 'unknown')
WHERE {_IN_DOUBT}
ORDER BY p.line, d.id
"""  # noqa: S608 - constants of ours


@dataclass(frozen=True, slots=True)
class Doubt:
    """All that is known of a delivery in doubt. Instants are Unix seconds."""

    id: int
    line: int
    key: str
    name: str
    address: str
    #: The Message-ID's left part.
    token: str
    context: str
    #: The message's `Date:`, and its sha256 in hexadecimal.
    message_at: float
    digest: str
    #: `sender_gone`, `link_lost`, `not_smtp`: why nobody knows.
    cause: Cause
    #: All attempts, and which of them is in doubt.
    tries: int
    number: int
    relay: str
    #: The attempt began (where the sender is gone: the intent was written) and the doubt arose.
    started_at: float
    at: float
    stage: Stage
    #: What was heard last, if anything; 0 and empty where nothing was.
    code: int
    enhanced: str
    text: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What a decision did."""

    #: Deliveries that it moved.
    count: int
    #: Left in doubt because their address is suppressed now: they are not sent again.
    suppressed: int
    #: Deliveries of the run that are still in doubt.
    left: int
    #: Where the run stands now.
    state: RunState


def doubts(db: sqlite3.Connection, run_id: int) -> Iterator[Doubt]:
    """The run's deliveries in doubt, in the order of the sheet."""
    for row in db.execute(_DOUBTS, (run_id,)):
        values = list(row)
        values[8] = row[8].hex() if row[8] else ""
        values[9], values[15] = Cause(row[9]), Stage(row[15])
        yield Doubt(*values)


def settle(
    db: sqlite3.Connection,
    run_id: int,
    after: State,
    *,
    deliveries: Collection[int] = (),
    addresses: Collection[str] = (),
    now: float,
) -> Settled:
    """Move what is in doubt to PENDING (due again) or PRESUMED, in its caller's transaction.

    `deliveries` and `addresses` (without regard to case) narrow the choice; neither means all.
    The run goes on, or ends, as that leaves it. UsageError for a run that is still enrolled.
    """
    run = runs.get(db, run_id)
    if run.state is RunState.ENROLLING:
        raise UsageError(
            _("Its recipients were not all written down yet."),
            where=_("run {run}").format(run=run_id),
            next_step=runs.begin_again(run.campaign, run.occurrence),
        )
    if run.purged_at is not None and after is State.PENDING:
        raise UsageError(
            _("Its recipients were purged: nobody knows any more who they were."),
            where=_("run {run}").format(run=run_id),
            next_step=f"notifier status {run_id}",
        )
    chosen = _chosen(db, run_id, deliveries, addresses)
    barred = _barred(db, chosen) if after is State.PENDING else set()
    count = _move(db, run_id, [it for it in chosen if it not in barred], after, now)
    if count and after is State.PENDING and run.state not in (RunState.PAUSED, RunState.AWAITING):
        runs.move(db, run_id, RunState.ACTIVE, "", now)
    state = runs.finish_if_done(db, run_id, now)
    left = runs.counts(db, run_id).get(State.UNKNOWN, 0)
    return Settled(count, len(barred), left, state)


def _chosen(
    db: sqlite3.Connection, run_id: int, deliveries: Collection[int], addresses: Collection[str]
) -> list[int]:
    numbers = json.dumps(list(deliveries))
    folded = json.dumps([it.strip().lower() for it in addresses])
    rows = db.execute(
        f"SELECT d.id FROM delivery d JOIN recipient p ON p.delivery_id = d.id WHERE {_IN_DOUBT}"  # noqa: S608 - constants of ours
        " AND (? = '[]' OR d.id IN (SELECT value FROM json_each(?)))"
        " AND (? = '[]' OR fold(p.address) IN (SELECT value FROM json_each(?)))",
        (run_id, numbers, numbers, folded, folded),
    )
    return [number for (number,) in rows]


def _barred(db: sqlite3.Connection, chosen: list[int]) -> set[int]:
    rows = db.execute(
        "SELECT p.delivery_id FROM recipient p"  # noqa: S608 - constants of ours
        f" WHERE p.delivery_id IN (SELECT value FROM json_each(?)) AND {BARRED}",
        (json.dumps(chosen),),
    )
    return {number for (number,) in rows}


def _move(db: sqlite3.Connection, run_id: int, numbers: list[int], after: State, now: float) -> int:
    """How many were moved. Those due again begin a new retry horizon, as `retry` does it."""
    is_due = after is State.PENDING
    cursor = db.execute(
        "UPDATE delivery SET state = ?, next_attempt_at = ?, changed_at = ?,"
        " attempts = CASE WHEN ? THEN 0 ELSE attempts END,"
        " cause = CASE WHEN ? THEN NULL ELSE cause END,"
        " first_attempt_at = CASE WHEN ? THEN NULL ELSE first_attempt_at END"
        " WHERE id IN (SELECT value FROM json_each(?)) AND state = 'unknown'",
        (after, now if is_due else None, now, is_due, is_due, is_due, json.dumps(numbers)),
    )
    runs.shift(db, run_id, State.UNKNOWN, after, cursor.rowcount)
    return cursor.rowcount


class Doubts:
    """The ledger's door for decisions about doubt; each call is one transaction."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def of_run(self, run_id: int) -> list[Doubt]:
        """The run's deliveries in doubt, in the order of the sheet."""
        with self._store.alone() as db:
            return list(doubts(db, run_id))

    def settle(
        self,
        run_id: int,
        after: State,
        *,
        deliveries: Collection[int] = (),
        addresses: Collection[str] = (),
        by: str = "",
    ) -> Settled:
        """What a person decided: PENDING sends again, PRESUMED takes for arrived.

        `deliveries` and `addresses` narrow it; `by` is noted in the audit log. A run that was
        held goes on, or is finished. UsageError for a run that is still enrolled.
        """
        with self._store.write() as db:
            now = self._clock()
            found = settle(db, run_id, after, deliveries=deliveries, addresses=addresses, now=now)
            brakes.lower(db, run_id)
            if found.count:
                detail = {"to": str(after), "count": found.count}
                audit.note(db, by, "doubt", f"run {run_id}", detail, now)
            return found
