"""Permits: how processes that use one ledger share a limit, exactly, without asking each time.

A limit of `count` in any `seconds` belongs to a *scope*: a relay account, a recipient domain behind
it, or a run. Who wants to send takes a *grant* out of this table, in a transaction: so many permits
that may be used from now until an instant. It uses them in its own memory, at no cost, and tells
afterwards, along with its next request, how many it used and when the last one was.

Theory. A row says: under this grant there were, or will be, at most `permits` admissions, none of
them later than `until`. A request at the instant `now` is given no more than

    count - (the permits of all rows with until > now - seconds)

So no interval of `seconds`, wherever it begins, holds more than `count` admissions. Proof: take
any such interval, and of the grants that have an admission in it the one that was made last, at
`now`, with an admission at y >= now. Each other grant with an admission x in the interval was in
the table then, with until >= x > y - seconds >= now - seconds, so its permits were counted. All of
them together, the last one's included, are therefore at most `count`. What is told afterwards only
makes a row say what is known: fewer permits, an earlier end; it still covers every admission.
Nothing in this asks for grants in the order of time, or for one process at a time.

Clocks. If no two processes' clocks differ by more than `slack`, the same holds with rows counted
`slack` longer. Processes of one boot of one machine share a clock (`timebase`), so slack is little.
A row that ends later than any grant can was written by a clock that was set back since: it is taken
to end now, which is too careful for one span of the limit and never too fast.

What it costs. A grant's permits come free together, when the last one's span is over; so grants are
small parts of a limit (`portion`), and what is lost is the time that one grant took to be used up.
A transaction buys a sixteenth of a limit of seconds or minutes and a sixty-fourth of a longer one.

What a crash costs. Permits that were granted and of which nothing more was heard count as used, at
their grant's end: at most two grants of each limit, so 1 part in 8, or in 32 of a day's.

A limit that is new to the ledger, or was not kept for a while, begins with what the attempts say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from notifier.model import Rate

#: Seconds that two processes' clocks may differ.
SLACK = 0.01
#: Into how many grants a limit is divided: of up to a minute, and longer ones.
PARTS, PARTS_OF_LONG = 16, 64
LONG = 60.0
#: The shortest and the longest time, in seconds, for which a grant may be used.
SHORTEST, LONGEST = 0.25, 30.0
#: Seconds after which a row that matters to nobody is taken away.
AGE = 3600.0


@dataclass(frozen=True, slots=True)
class Ask:
    """So many permits are wanted, at most."""

    scope: str
    rate: Rate
    count: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What was given: permits, or the instant from which asking again may be worth it."""

    #: 0: nothing was given.
    id: int
    count: int
    #: With permits: the last instant at which they may be used. Without: when one may be free.
    until: float


@dataclass(frozen=True, slots=True)
class Back:
    """A grant that is used no more: what of it was used, the last at `last` (0.0: nothing was)."""

    id: int
    used: int
    last: float


def portion(rate: Rate) -> int:
    """Permits in one grant of this limit."""
    return max(1, rate.count // (PARTS if rate.seconds <= LONG else PARTS_OF_LONG))


def lifetime(rate: Rate) -> float:
    """Seconds for which a grant of this limit may be used."""
    return min(max(rate.seconds / 4, SHORTEST), LONGEST)


def decide(
    rows: Iterable[tuple[int, float]], rate: Rate, wanted: int, now: float, slack: float = SLACK
) -> tuple[int, float]:
    """How many of the wanted permits can be given now; if none, when the next may be. Pure.

    `rows` are (permits, until) of every grant of the limit that may still matter.
    """
    span = rate.seconds + slack
    # Spelt as `opens_at` is, so that rounding never lets the two differ.
    counted = sorted((until, permits) for permits, until in rows if until + span > now)
    taken = sum(permits for _until, permits in counted)
    if taken < rate.count:
        return min(wanted, rate.count - taken), now
    for until, permits in counted:
        taken -= permits
        if taken < rate.count:
            return 0, until + span
    return 0, now + span  # not reached: a limit admits at least one


def exchange(
    db: sqlite3.Connection, asks: Sequence[Ask], backs: Sequence[Back], now: float
) -> list[Grant]:
    """Take note of what is used no more, then answer each request, in order.

    Inside the caller's transaction. `now` is the asker's clock, read before.
    """
    for back in backs:
        _take_back(db, back)
    return [_give(db, ask, now) for ask in asks]


def _take_back(db: sqlite3.Connection, back: Back) -> None:
    if back.used:
        db.execute(
            "UPDATE permit SET permits = ?, until = min(until, ?) WHERE id = ?",
            (back.used, back.last, back.id),
        )
    else:
        db.execute("DELETE FROM permit WHERE id = ?", (back.id,))


def _give(db: sqlite3.Connection, ask: Ask, now: float) -> Grant:
    count, opens_at = decide(_rows(db, ask.scope, ask.rate, now), ask.rate, ask.count, now)
    if not count:
        return Grant(0, 0, opens_at)
    until = now + lifetime(ask.rate)
    return Grant(_insert(db, ask.scope, ask.rate, count, until), count, until)


def _rows(db: sqlite3.Connection, scope: str, rate: Rate, now: float) -> list[tuple[int, float]]:
    """(permits, until) of each grant that may matter; none ends later than a grant can."""
    found = db.execute(
        "SELECT permits, until FROM permit WHERE scope = ? AND seconds = ? AND until > ?",
        (scope, rate.seconds, now - rate.seconds - 1.0),
    ).fetchall()
    latest = now + lifetime(rate) + SLACK
    if any(until > latest for _permits, until in found):
        db.execute(
            "UPDATE permit SET until = ? WHERE scope = ? AND seconds = ? AND until > ?",
            (now, scope, rate.seconds, latest),
        )
        return [(permits, now if until > latest else until) for permits, until in found]
    return found


def _insert(db: sqlite3.Connection, scope: str, rate: Rate, permits: int, until: float) -> int:
    row = db.execute(
        "INSERT INTO permit (scope, seconds, permits, until) VALUES (?, ?, ?, ?)",
        (scope, rate.seconds, permits, until),
    )
    assert row.lastrowid
    return row.lastrowid


def take_up(
    db: sqlite3.Connection, scope: str, rate: Rate, instants: Sequence[float], now: float
) -> None:
    """Have the limit know of these admissions, oldest first, which grants may not have covered.

    While the limit is kept its rows hold at least as much as was attempted; what they lack was
    sent before the limit was there, and is put down as the latest of it.
    """
    horizon = now - rate.seconds - SLACK
    known = sum(permits for permits, until in _rows(db, scope, rate, now) if until > horizon)
    missing = instants[known:]
    size = portion(rate)
    for begin in range(0, len(missing), size):
        part = missing[begin : begin + size]
        _insert(db, scope, rate, len(part), min(part[-1], now))


def used(db: sqlite3.Connection, scope: str, rate: Rate, now: float) -> int:
    """How many permits of the limit count against it now; changes nothing."""
    (found,) = db.execute(
        "SELECT coalesce(sum(permits), 0) FROM permit"
        " WHERE scope = ? AND seconds = ? AND until > ?",
        (scope, rate.seconds, now - rate.seconds - SLACK),
    ).fetchone()
    return int(found)


def granted(db: sqlite3.Connection, scope: str, rate: Rate, now: float) -> list[tuple[int, float]]:
    """(permits, until) of each grant that counts against the limit, oldest first."""
    horizon = now - rate.seconds - SLACK
    return sorted(
        (it for it in _rows(db, scope, rate, now) if it[1] > horizon), key=lambda it: it[1]
    )


def sweep(db: sqlite3.Connection, now: float) -> None:
    """Take away what has long mattered to nobody."""
    db.execute("DELETE FROM permit WHERE until + seconds < ?", (now - AGE,))


def timebase(db: sqlite3.Connection, boot: str, shift: float) -> float:
    """What to add to the machine's steady clock in this boot: the same for all its processes.

    The first one says it: `shift` is Unix time less that clock. Setting the clock later moves no
    limit, and no process' limits apart from another's.
    """
    db.execute("DELETE FROM timebase WHERE boot <> ?", (boot,))
    db.execute("INSERT OR IGNORE INTO timebase (boot, shift) VALUES (?, ?)", (boot, shift))
    (found,) = db.execute("SELECT shift FROM timebase WHERE boot = ?", (boot,)).fetchone()
    return float(found)
