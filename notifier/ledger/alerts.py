"""Alerts: what whoever looks after the workspace is to be told, each event once.

An event is a row as soon as it happens, and is told later: nothing of a run waits for somebody's
mail server. A row is claimed for a try before it is tried, so that two programs don't tell it
twice; what could not be told is tried again, less and less often, for `TOLD_WITHIN` at most.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from notifier.locale import _

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection

    from notifier.ledger.connection import Store

#: Seconds after which an event is no news any more: it stays in the list, untold.
TOLD_WITHIN = 3 * 86_400.0
#: Seconds after a first try; twice as long after each further one, up to the longest.
FIRST_WAIT, LONGEST_WAIT = 60.0, 7_200.0
#: Seconds for which a relay that is still, or again, down is no news.
RELAY_QUIET = 3600.0
#: Events told in one go; the others follow with the next.
AT_ONCE = 20


class Alert(NamedTuple):
    """One event."""

    id: int
    #: `notifier.alert_settings.AlertKind`'s word.
    kind: str
    run_id: int | None
    #: Its first line says it all; the others what to do.
    text: str
    #: Unix seconds.
    at: float
    #: When it had been told by every way; None: not yet.
    sent_at: float | None
    tried_at: float | None
    tries: int
    #: The ways by which it was told.
    told: frozenset[str]
    #: Why it could not be told the last time.
    error: str

    def is_given_up(self, now: float) -> bool:
        """Whether it is too old to be told."""
        return self.sent_at is None and now - self.at >= TOLD_WITHIN


_COLUMNS = "id, kind, run_id, text, at, sent_at, tried_at, tries, told, error"


def raise_once(
    db: sqlite3.Connection,
    event: str,
    kind: str,
    text: str,
    now: float,
    *,
    run_id: int | None = None,
    quiet: float = 0.0,
) -> bool:
    """Write an event down; False where it was already.

    `event` names what happened to what: the same name is one event for good or, with `quiet`, for
    so many seconds.
    """
    name = event
    if quiet:
        name = f"{event} {now:.3f}"
        known = db.execute(
            "SELECT 1 FROM alert WHERE substr(event, 1, ?) = ? AND at > ? LIMIT 1",
            (len(event) + 1, f"{event} ", now - quiet),
        ).fetchone()
        if known is not None:
            return False
    cursor = db.execute(
        "INSERT INTO alert (event, kind, run_id, text, at, tries, told, error)"
        " VALUES (?, ?, ?, ?, ?, 0, '', '') ON CONFLICT (event) DO NOTHING",
        (name, kind, run_id, text, now),
    )
    return cursor.rowcount > 0


def relay_down(db: sqlite3.Connection, relay: str, why: str, now: float) -> bool:
    """A relay can't be used: once an hour, however often it is tried; False where it was told."""
    text = "\n".join(
        [
            _("Relay {relay} can't be used, and what goes through it alone waits.").format(
                relay=relay
            ),
            why,
            _("Try it out: {step}").format(step=f"notifier relay check {relay}"),
        ]
    )
    return raise_once(db, f"relay_down {relay}", "relay_down", text, now, quiet=RELAY_QUIET)


class Alerts:
    """The ledger's door for alerts; each call is one transaction."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def raise_once(
        self,
        event: str,
        kind: str,
        text: str,
        *,
        run_id: int | None = None,
        quiet: float = 0.0,
    ) -> bool:
        """Write an event down; False where it was already (see the function of that name)."""
        with self._store.write() as db:
            return raise_once(db, event, kind, text, self._clock(), run_id=run_id, quiet=quiet)

    def claim(self, kinds: Collection[str]) -> list[Alert]:
        """What is due to be told, the oldest first; it counts as tried from now on.

        What is of another kind is left alone: somebody may want it told later.
        """
        now = self._clock()
        with self._store.write() as db:
            rows = db.execute(
                f"UPDATE alert SET tried_at = ?, tries = tries + 1 WHERE id IN (SELECT id FROM"  # noqa: S608 - constants
                " alert WHERE sent_at IS NULL AND at > ? AND kind IN"
                " (SELECT value FROM json_each(?)) AND (tried_at IS NULL OR"
                " tried_at + min(?, ? * (1 << min(tries - 1, 16))) <= ?) ORDER BY id LIMIT ?)"
                f" RETURNING {_COLUMNS}",
                (
                    now,
                    now - TOLD_WITHIN,
                    json.dumps([str(kind) for kind in kinds]),
                    LONGEST_WAIT,
                    FIRST_WAIT,
                    now,
                    AT_ONCE,
                ),
            ).fetchall()
        return sorted(_alert(row) for row in rows)

    def settle(
        self, alert_id: int, *, told: Collection[str], error: str = "", is_done: bool = False
    ) -> None:
        """What a try came to: the ways by which it was told, and whether those are all."""
        with self._store.write() as db:
            db.execute(
                "UPDATE alert SET told = ?, error = ?, sent_at = ? WHERE id = ?",
                (
                    " ".join(sorted(told)),
                    error,
                    self._clock() if is_done else None,
                    alert_id,
                ),
            )

    def newest(self, limit: int = 20) -> list[Alert]:
        """The latest events, the latest first."""
        with self._store.alone() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM alert ORDER BY id DESC LIMIT ?",  # noqa: S608 - constants
                (limit,),
            ).fetchall()
        return [_alert(row) for row in rows]


def _alert(row: tuple[object, ...]) -> Alert:
    found = Alert(*row)  # type: ignore[arg-type]  # as the table's types are
    return found._replace(told=frozenset(str(found.told).split()))
