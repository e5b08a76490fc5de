"""How relays are doing, for all processes of a ledger: paces, troubles, connections.

    pace      how much slower an account, or a domain behind it, is sent to since a reply asked for
              it. Who heard last is right: its row replaces older ones
    trouble   a relay that can't be used, why, and when it is tried again; gone when it works
    lease     how many of an account's connections a process may have, or of the messages that may
              be on their way to a domain behind it (`NAME @domain`). Each tells now and then how
              many it has and wants; who falls silent, or died, has none any more

Theory of the leases. A process never has more connections than it was told last, and its row says
at least that many, until it tells of fewer. What it is told is at most what the rows of the others
leave of the account's. So the sum of all connections never exceeds the account's, as long as each
is heard of within `SILENCE`: a process that was stopped for longer counts as gone.

Everybody computes the same parts (`divide`), and goes down to its own when it tells next; then the
others may go up. Where there are more processes than connections, they take turns (`TURN`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from notifier.ledger import encounters
from notifier.ledger.claims import is_dead

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from notifier.ledger.encounters import Encounter, StepRow

#: Seconds after which a process that told nothing has no connections any more.
SILENCE = 15.0
#: Seconds of a turn, where not everybody can have one.
TURN = 10.0
#: Seconds after which a pace says nothing any more, whatever it was.
AGE = 86_400.0


class PaceRow(NamedTuple):
    """A pace as it is stored; see `delivery/pace.py`. Instants on the ledger's steady clock."""

    #: `relay NAME`, or `relay NAME @domain`.
    scope: str
    low: float
    usual: float
    slowed_at: float
    paused_until: float
    single_until: float
    heard_at: float
    why: str


class Trouble(NamedTuple):
    """Why a relay can't be used."""

    relay: str
    why: str
    since: float
    #: When it is tried again; None: when a run is resumed.
    until: float | None


class Wish(NamedTuple):
    """What a process has and wants of one relay's connections, or of a domain's places."""

    #: Its name, or `NAME @domain`.
    relay: str
    #: The account's, or the domain's; 0: it leaves.
    most: int
    wanted: int
    open: int
    #: It takes messages: what was its trouble is over.
    works: bool


class Shared(NamedTuple):
    """What a process may have, and what the others have heard."""

    #: Connections that it may have, by relay.
    slots: dict[str, int]
    #: Processes that send through the relay, itself included.
    senders: dict[str, int]
    paces: list[PaceRow]
    steps: Sequence[StepRow] = ()


class Standing(NamedTuple):
    """What the ledger knows of all relays."""

    paces: list[PaceRow]
    troubles: list[Trouble]
    #: Open connections of all processes, by relay.
    connections: dict[str, int]
    steps: Sequence[StepRow] = ()
    encounters: Sequence[Encounter] = ()


def divide(most: int, wanted: Sequence[int]) -> list[int]:
    """Connections for each process: as equal as what they want allows; the rest to all. Pure."""
    parts = [0] * len(wanted)
    left = most
    for ceiling in (wanted, [most] * len(wanted)):
        while left and any(part < top for part, top in zip(parts, ceiling, strict=True)):
            for number, top in enumerate(ceiling):
                if left and parts[number] < top:
                    parts[number] += 1
                    left -= 1
    return parts


def in_turn(wanted_by: Sequence[tuple[int, int]], most: int, now: float) -> list[tuple[int, int]]:
    """(worker, wanted) in the order in which they are given the first, the same for everybody.

    Where there are more of them than there is to give, those who want some take turns. Pure.
    """
    found = sorted(wanted_by)
    wanting = [it for it in found if it[1]]
    if len(wanting) <= most:
        return found
    first = int(now // TURN) % len(wanting)
    return [*wanting[first:], *wanting[:first], *(it for it in found if not it[1])]


def sync(
    db: sqlite3.Connection,
    worker_id: int,
    wishes: Sequence[Wish],
    paces: Sequence[PaceRow],
    *,
    now: float,
    host: str,
) -> Shared:
    """Tell what this process has, wants and heard; what it may have, and what others heard.

    Inside the caller's transaction; `now` is the ledger's clock.
    """
    for row in paces:
        db.execute(
            "INSERT INTO pace VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (scope) DO UPDATE SET"
            " low = excluded.low, usual = excluded.usual, slowed_at = excluded.slowed_at,"
            " paused_until = excluded.paused_until, single_until = excluded.single_until,"
            " heard_at = excluded.heard_at, why = excluded.why"
            " WHERE excluded.heard_at > pace.heard_at",
            row,
        )
    slots: dict[str, int] = {}
    senders: dict[str, int] = {}
    db.execute("DELETE FROM lease WHERE at < ?", (now - SILENCE,))
    for wish in wishes:
        if wish.works:
            db.execute("DELETE FROM trouble WHERE relay = ?", (wish.relay,))
        if not wish.most:
            _leave(db, worker_id, wish.relay)
        else:
            slots[wish.relay], senders[wish.relay] = _lease(db, worker_id, wish, now, host)
    names = [wish.relay for wish in wishes]
    found = [row for row in _paces(db) if _relay_of(row.scope) in names]
    steps = [row for row in encounters.steps(db) if row.relay in names]
    return Shared(slots, senders, found, steps)


def _lease(
    db: sqlite3.Connection, worker_id: int, wish: Wish, now: float, host: str
) -> tuple[int, int]:
    others = _living(db, wish.relay, now, host, but=worker_id)
    wanted_by = [(number, wanted) for number, wanted, _slots in others]
    everybody = in_turn([*wanted_by, (worker_id, wish.wanted)], wish.most, now)
    parts = divide(wish.most, [wanted for _number, wanted in everybody])
    mine = parts[[number for number, _wanted in everybody].index(worker_id)]
    granted = max(0, min(mine, wish.most - sum(held for _n, _w, held in others)))
    db.execute(
        "INSERT OR REPLACE INTO lease (relay, worker_id, wanted, slots, open, at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (wish.relay, worker_id, wish.wanted, max(granted, wish.open), wish.open, now),
    )
    return granted, len(everybody)


def _living(
    db: sqlite3.Connection, relay: str, now: float, host: str, *, but: int
) -> list[tuple[int, int, int]]:
    """(worker, wanted, slots) of the others that are alive; the rows of the dead are taken away."""
    rows = db.execute(
        "SELECT worker_id, wanted, slots FROM lease WHERE relay = ? AND worker_id <> ?",
        (relay, but),
    ).fetchall()
    dead = [number for number, _wanted, _slots in rows if is_dead(db, number, now, host)]
    for number in dead:
        db.execute("DELETE FROM lease WHERE worker_id = ?", (number,))
    return [row for row in rows if row[0] not in dead]


def _leave(db: sqlite3.Connection, worker_id: int, name: str) -> None:
    db.execute("DELETE FROM lease WHERE relay = ? AND worker_id = ?", (name, worker_id))


def set_trouble(db: sqlite3.Connection, trouble: Trouble) -> None:
    """The relay can't be used; since when it can't stays as it was."""
    db.execute(
        "INSERT INTO trouble (relay, why, since, until) VALUES (?, ?, ?, ?) ON CONFLICT (relay)"
        " DO UPDATE SET why = excluded.why, until = excluded.until",
        trouble,
    )


def standing(db: sqlite3.Connection, now: float, host: str) -> Standing:
    """What is known of all relays; changes nothing."""
    troubles = [Trouble(*row) for row in db.execute("SELECT relay, why, since, until FROM trouble")]
    rows = db.execute(
        "SELECT relay, worker_id, open FROM lease WHERE at >= ?", (now - SILENCE,)
    ).fetchall()
    connections: dict[str, int] = {}
    for relay, worker_id, count in rows:
        if not is_dead(db, worker_id, now, host):
            connections[relay] = connections.get(relay, 0) + count
    return Standing(_paces(db), troubles, connections, encounters.steps(db), encounters.every(db))


def sweep(db: sqlite3.Connection, now: float) -> None:
    """Take away paces and steps that say nothing any more."""
    db.execute("DELETE FROM pace WHERE heard_at < ? AND paused_until < ?", (now - AGE, now))
    encounters.sweep(db, now)


def _paces(db: sqlite3.Connection) -> list[PaceRow]:
    return [
        PaceRow(*row)
        for row in db.execute(
            "SELECT scope, low, usual, slowed_at, paused_until, single_until, heard_at, why"
            " FROM pace"
        )
    ]


def _relay_of(scope: str) -> str:
    """The relay's name in `relay NAME` or `relay NAME @domain`."""
    return scope.removeprefix("relay ").partition(" @")[0]
