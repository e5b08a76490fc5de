"""Forgetting a person: what a dossier shows is taken away, and they are not mailed again.

First, in one transaction, they are put among the forgotten, by a hash: from then on no sheet brings
them back (`suppressions.py`), and what waits for them is suppressed. Then they are looked up once
more, because a sheet may just have been enrolled, and all that is found goes in a second
transaction. Looking up takes seconds where the ledger is large, and is in neither: whoever sends
meanwhile isn't kept waiting. Killed between the two, they are not mailed any more; forgetting them
again does the rest. What their deliveries came to stays, as numbers: the sums of each run hold.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from notifier.errors import UsageError
from notifier.ledger import approvals, audit, dossier, purge, runs
from notifier.ledger.traces import Eraser
from notifier.locale import _
from notifier.model import Cause, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from notifier.ledger.connection import Store
    from notifier.ledger.dossier import Dossier


class Person(NamedTuple):
    """Who is meant."""

    addresses: tuple[str, ...]
    keys: tuple[str, ...] = ()


def forget(
    store: Store, person: Person, *, now: float, actor: str, may_be_mailed: bool = False
) -> Dossier:
    """Take away everything about the person; what there was.

    `may_be_mailed`: a later sheet may bring them back. UsageError while something is being sent to
    them; nothing is changed then.
    """
    purge.overwrite(store)
    with store.alone() as db:
        found = dossier.look_up(db, *person)
    with store.write() as db:
        _bar(db, dossier.as_of_now(db, found), now, may_be_mailed=may_be_mailed)
    with store.alone() as db:
        found = dossier.look_up(db, *person)
    with store.write() as db:
        _suppress(db, dossier.as_of_now(db, found), now)
        _erase(db, found)
        told = _told(db, found)
        audit.note(db, actor, "forget", "", {**told, "may_be_mailed": may_be_mailed}, now)
    return found


def _refuse_while_sending(found: Dossier) -> None:
    if sending := found.on_the_wire:
        raise UsageError(
            _("A message to them is being sent right now."),
            where=_("run {run}").format(run=sending[0].run_id),
            next_step=_("Try again in a minute, or pause first: notifier pause {run}").format(
                run=sending[0].run_id
            ),
        )


def _bar(db: sqlite3.Connection, found: Dossier, now: float, *, may_be_mailed: bool) -> None:
    _suppress(db, found, now)
    if not may_be_mailed:
        db.executemany(
            "INSERT INTO forgotten (hash, at) VALUES (hashed(?), ?) ON CONFLICT (hash) DO NOTHING",
            [(address, now) for address in found.addresses],
        )


def _suppress(db: sqlite3.Connection, found: Dossier, now: float) -> None:
    """What waits for them is not sent. UsageError while something is."""
    _refuse_while_sending(found)
    waiting = [it for it in found.deliveries if it.state in (State.PENDING, State.DEFERRED)]
    for it in waiting:
        db.execute(
            "UPDATE delivery SET state = ?, cause = ?, next_attempt_at = NULL, changed_at = ?"
            " WHERE id = ?",
            (State.SUPPRESSED, Cause.SUPPRESSED, now, it.id),
        )
        runs.shift(db, it.run_id, it.state, State.SUPPRESSED, 1)
    for run_id in sorted({it.run_id for it in waiting}):
        runs.finish_if_done(db, run_id, now)


def _erase(db: sqlite3.Connection, found: Dossier) -> None:
    eraser = Eraser(found.addresses)
    purge.erase(db, [it.id for it in found.deliveries])
    _clear_mentions(db, [it.id for it in found.mentions], eraser)
    _clear_rejections(db, found, eraser)
    _clear_notes(db, found, eraser)
    db.executemany("DELETE FROM suppression WHERE folded = ?", [(it,) for it in found.addresses])
    sealed = approvals.unbroken(db, sorted({it.run_id for it in found.files}))
    db.executemany(
        "DELETE FROM run_document WHERE run_id = ? AND role = ? AND name = ?", found.files
    )
    approvals.reseal(db, sealed)
    purge.drop_orphans(db)


def _clear_notes(db: sqlite3.Connection, found: Dossier, eraser: Eraser) -> None:
    """One pass over a column, however many texts there are: others wait to write meanwhile.

    Events that differ by the address alone become one.
    """
    db.create_function("without", 1, eraser.without)
    for table, column in sorted({(it.table, it.column) for it in found.notes}):
        texts = [it.text for it in found.notes if (it.table, it.column) == (table, column)]
        db.execute(
            f"UPDATE OR REPLACE {table} SET {column} = without({column})"  # noqa: S608 - constants of ours
            f" WHERE {column} IN (SELECT value FROM json_each(?))",
            (json.dumps(texts),),
        )


def _clear_mentions(db: sqlite3.Connection, numbers: Collection[int], eraser: Eraser) -> None:
    rows = db.execute(
        "SELECT delivery_id, context FROM recipient"
        " WHERE delivery_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(numbers)),),
    ).fetchall()
    db.executemany(
        "UPDATE recipient SET context = ? WHERE delivery_id = ?",
        [(eraser.without_json(context), number) for number, context in rows],
    )


def _clear_rejections(db: sqlite3.Connection, found: Dossier, eraser: Eraser) -> None:
    """Of those that are theirs a number stays: the run's sum counts them."""
    for it in found.rejections:
        if it.is_theirs:
            db.execute(
                "UPDATE rejection SET value = '', reason = '', context = ?, again = id"
                " WHERE id = ?",
                (purge.NO_CONTEXT, it.id),
            )
            continue
        reason, context = db.execute(
            "SELECT reason, context FROM rejection WHERE id = ?", (it.id,)
        ).fetchone()
        db.execute(
            "UPDATE rejection SET reason = ?, context = ? WHERE id = ?",
            (eraser.without(reason), eraser.without_json(context), it.id),
        )


def _told(db: sqlite3.Connection, found: Dossier) -> dict[str, object]:
    """What the audit log says: whose, by marks, and how much."""
    return {
        **audit.marks(db, found.addresses),
        "deliveries": len(found.deliveries),
        "mentions": len(found.mentions),
        "rejections": len(found.rejections),
        "files": len(found.files),
    }
