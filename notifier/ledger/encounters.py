"""What sending, or trying out, has shown of relays, for all processes of a ledger.

step        how closely commands may follow each other with a relay that could not take more
        (`smtp/ladder.py`): whoever found out last is right. It holds until an instant, is
        tried again then, and is remembered for `AGE` longer, so that a relay which fails
        again is left alone for longer
encounter   when it last took a message, when it was last tried out and how that went, and what
        it last said that it can do. Of each the newest is kept
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

#: Seconds for which a step is remembered after it may be tried again.
AGE = 30 * 86_400.0


class StepRow(NamedTuple):
    """A relay that could not take what was sent in a row. Instants on the ledger's clock."""

    relay: str
    #: The step that it is taken since: `smtp.ladder.Step`.
    step: int
    #: What it did.
    why: str
    since: float
    #: When more is tried again.
    until: float
    #: How often this happened, as far as it is remembered.
    falls: int = 1


class Encounter(NamedTuple):
    """What is known of a relay; None: nothing new, or nothing at all."""

    relay: str
    #: When it last took a message.
    accepted_at: float | None = None
    #: When it was last tried out, without a message; `trial`: why it could not be used, empty
    #: where it could.
    tried_at: float | None = None
    trial: str | None = None
    #: When it last said what it can do: whether it offers SMTPUTF8, and its SIZE (0: none).
    offered_at: float | None = None
    smtputf8: int | None = None
    largest: int | None = None


def note_step(db: sqlite3.Connection, row: StepRow) -> None:
    """Keep it, unless somebody found out something later."""
    db.execute(
        "INSERT INTO step (relay, step, why, since, until, falls) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (relay) DO UPDATE SET step = excluded.step, why = excluded.why,"
        " since = excluded.since, until = excluded.until, falls = excluded.falls"
        " WHERE excluded.since > step.since",
        row,
    )


def note(db: sqlite3.Connection, row: Encounter) -> None:
    """Keep what is newer than what was known; what is None says nothing."""
    db.execute(
        "INSERT INTO encounter (relay, accepted_at, tried_at, trial, offered_at, smtputf8, largest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (relay) DO UPDATE SET"
        " accepted_at = max(coalesce(excluded.accepted_at, accepted_at),"
        "  coalesce(accepted_at, excluded.accepted_at)),"
        " tried_at = coalesce(excluded.tried_at, tried_at),"
        " trial = coalesce(excluded.trial, trial),"
        " offered_at = coalesce(excluded.offered_at, offered_at),"
        " smtputf8 = coalesce(excluded.smtputf8, smtputf8),"
        " largest = coalesce(excluded.largest, largest)",
        row,
    )
    if row.trial == "":  # it answers again, whatever its trouble was
        db.execute("DELETE FROM trouble WHERE relay = ?", (row.relay,))


def steps(db: sqlite3.Connection) -> list[StepRow]:
    """Of all relays, those included that may be tried again."""
    found = db.execute("SELECT relay, step, why, since, until, falls FROM step")
    return [StepRow(*row) for row in found]


def every(db: sqlite3.Connection) -> list[Encounter]:
    """Of all relays."""
    return [
        Encounter(*row)
        for row in db.execute(
            "SELECT relay, accepted_at, tried_at, trial, offered_at, smtputf8, largest"
            " FROM encounter"
        )
    ]


def note_all(
    db: sqlite3.Connection, rows: Iterable[StepRow], encounters: Iterable[Encounter]
) -> None:
    """Keep all of these."""
    for row in rows:
        note_step(db, row)
    for encounter in encounters:
        note(db, encounter)


def sweep(db: sqlite3.Connection, now: float) -> None:
    """Forget steps that say nothing any more."""
    db.execute("DELETE FROM step WHERE until < ?", (now - AGE,))
