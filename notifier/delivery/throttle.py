"""How fast: several limits as one.

A limit `20/second` promises that *no* interval of one second, wherever it begins, holds more than
20 admissions; not "20 in each second of the clock", which lets 40 through around the turn.

Bursts are allowed: `600/hour` may let 600 leave at once and then nothing for an hour. That is what
the relay allows; whoever wants it even says it in the smaller unit too (`["10/minute",
"600/hour"]`). Exactness comes before smoothness.

The limits themselves are shared between processes and outlive them: `grants.py` and
`ledger/permits.py`. Instants are Unix time on a steady clock.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notifier.model import Rate


class Limit(Protocol):
    """One limit."""

    @property
    def rate(self) -> Rate:
        """What it allows."""

    @property
    def closed_until(self) -> float:
        """While this lies ahead, the limit is reached."""

    def opens_at(self, now: float) -> float:
        """-inf: one more breaks nothing. Otherwise when to ask again, later than `now`."""

    def use(self, now: float) -> None:
        """Count one, where `opens_at` has just said that it breaks nothing."""

    def withdraw(self, instant: float) -> None:
        """What was counted at `instant` was not given to the relay."""


class Throttle:
    """Several limits as one: a message leaves when all of them allow it, and counts for all.

    `within` is a throttle that this one stays below, such as the relay's for a campaign's.
    """

    __slots__ = ("limits",)

    def __init__(self, limits: Sequence[Limit] = (), *, within: Throttle | None = None) -> None:
        #: Its own first, then those it stays below.
        self.limits: tuple[Limit, ...] = (*limits, *(within.limits if within else ()))

    def admit(self, now: float) -> float:
        """0.0: admitted, and counted. Otherwise seconds until asking again may be worth it."""
        delay = self.delay(now)
        if not delay:
            self.count(now)
        return delay

    def count(self, now: float) -> None:
        """Count one that `delay` would have admitted."""
        for limit in self.limits:
            limit.use(now)

    def delay(self, now: float) -> float:
        """Seconds until `admit` may admit; 0.0 when it would now. Counts nothing."""
        if not self.limits:
            return 0.0
        latest = -inf
        for limit in self.limits:
            latest = max(latest, limit.opens_at(now))
        return latest - now if latest > now else 0.0

    def join(self, limit: Limit) -> None:
        """From now on this one must allow it, too."""
        self.limits = (*self.limits, limit)

    def part(self, limit: Limit) -> None:
        """From now on this one is not asked."""
        self.limits = tuple(it for it in self.limits if it is not limit)

    def holding(self, now: float) -> Rate | None:
        """The limit that holds the next message back now, for saying so; None if none does."""
        reached = [limit for limit in self.limits if limit.closed_until > now]
        return max(reached, key=lambda it: it.closed_until).rate if reached else None

    def withdraw(self, instant: float) -> None:
        """Take back one admission made at `instant`: the message was not given to the relay."""
        for limit in self.limits:
            limit.withdraw(instant)


def tightest(rates: Iterable[Rate]) -> list[Rate]:
    """The rates that can ever hold somebody back: of those with the same span the smallest."""
    found: dict[float, Rate] = {}
    for rate in rates:
        if rate.seconds not in found or rate.count < found[rate.seconds].count:
            found[rate.seconds] = rate
    return list(found.values())


def least_seconds(count: int, rates: Iterable[Rate]) -> float:
    """The least time between the first and the last of `count` messages under these limits.

    Exact for one limit; for several the largest of each alone, which real runs only just exceed.
    """
    if count < 1:
        return 0.0
    return max(((count - 1) // rate.count * rate.seconds for rate in rates), default=0.0)
