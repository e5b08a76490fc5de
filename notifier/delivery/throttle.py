"""How fast: sliding-window limits, exact and composed.

A limit `20/second` promises that *no* interval of one second, wherever it begins, holds more than
20 admissions; not "20 in each second of the clock", which lets 40 through around the turn. A
message is admitted at the earliest instant that breaks no limit, so the limits cost no more time
than they must.

Bursts are allowed: `600/hour` may let 600 leave at once and then nothing for an hour. That is what
the relay allows; whoever wants it even says it in the smaller unit too (`["10/minute",
"600/hour"]`). Exactness comes before smoothness.

What is kept is the last `count` instants of each limit, so `10000/day` costs 10,000 floats and
nothing grows with a run. Instants are Unix time, because they outlive the process: the ledger
knows when each attempt started, and `restore` takes that up after a restart.

When the clock is set back, the whole past moves back with it, as if the last message had left just
now: too careful for one window at most, never too fast. When it is set forward, nothing can tell
that from time that passed.
"""

from __future__ import annotations

import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from notifier.model import Rate


class Window:
    """One limit and the admissions that still matter to it, oldest first."""

    __slots__ = ("count", "instants", "rate", "seconds")

    def __init__(self, rate: Rate) -> None:
        if rate.count < 1 or not 0 < rate.seconds < inf:
            raise ValueError(f"no limit: {rate}")
        self.rate = rate
        self.count = rate.count
        self.seconds = rate.seconds
        #: The oldest falls out by itself once the deque is full: it is out of every window then.
        self.instants: deque[float] = deque(maxlen=rate.count)

    def opens_at(self) -> float:
        """The earliest instant at which one more breaks nothing."""
        instants = self.instants
        return instants[0] + self.seconds if len(instants) == self.count else -inf

    def restore(self, instants: Iterable[float]) -> None:
        """Take up earlier admissions, in any order."""
        self.instants = deque(sorted([*self.instants, *instants]), maxlen=self.count)

    def withdraw(self, instant: float) -> None:
        """Forget one admission at that instant, if it is still there."""
        recent: list[float] = []
        while self.instants and self.instants[-1] >= instant:
            found = self.instants.pop()
            if found == instant:
                break
            recent.append(found)
        self.instants.extend(reversed(recent))

    def follow(self, now: float) -> None:
        """Move the past along where the clock was set back: the last one was just now, then."""
        if self.instants and self.instants[-1] > now:
            back = now - self.instants[-1]
            self.instants = deque((at + back for at in self.instants), maxlen=self.count)


class Throttle:
    """Several limits as one: a message leaves when all of them allow it, and counts for all.

    `within` is a throttle that this one stays below, such as the relay's for a campaign's: it is
    shared, so what one campaign sends counts for the others of the same relay account.
    """

    def __init__(
        self,
        rates: Sequence[Rate] = (),
        clock: Callable[[], float] = time.time,
        *,
        within: Throttle | None = None,
    ) -> None:
        self._clock = clock
        self._own = tuple(Window(rate) for rate in rates)
        #: Its own limits first, then those it stays below.
        self.windows: tuple[Window, ...] = self._own + (within.windows if within else ())

    def admit(self, now: float | None = None) -> float:
        """0.0: admitted, and counted. Otherwise the seconds until the next one can be.

        `now` is Unix time; the clock's where it is not given.
        """
        if not self.windows:
            return 0.0
        if now is None:
            now = self._clock()
        for window in self.windows:
            instants = window.instants
            if instants and (
                now < instants[-1]
                or (len(instants) == window.count and now < instants[0] + window.seconds)
            ):
                delay = self.delay(now)
                if delay > 0:
                    return delay
        for window in self.windows:
            window.instants.append(now)
        return 0.0

    def delay(self, now: float) -> float:
        """Seconds until `admit` will admit; 0.0 when it would now. Counts nothing."""
        for window in self.windows:
            window.follow(now)
        return max(0.0, self._opening() - now)

    def holding(self, now: float) -> Rate | None:
        """The limit that holds the next message back now, for saying so; None if none does."""
        if self.delay(now) <= 0:
            return None
        return max(self.windows, key=Window.opens_at).rate

    def withdraw(self, instant: float) -> None:
        """Take back one admission made at `instant`: the message was not given to the relay."""
        for window in self.windows:
            window.withdraw(instant)

    def history(self, now: float) -> list[float]:
        """The admissions that still matter to this throttle's own limits, oldest first."""
        found = [
            [at for at in window.instants if at + window.seconds > now] for window in self._own
        ]
        return max(found, key=len, default=[])

    def restore(self, instants: Iterable[float]) -> None:
        """Take up admissions from before a restart, in any order: this throttle's own limits only.

        What the ledger's attempts of this relay say of the last `memory_seconds`, at most
        `memory_count` of them, the latest ones, is enough.
        """
        known = list(instants)
        for window in self._own:
            window.restore(known)

    @property
    def memory_seconds(self) -> float:
        """How far back `restore` wants to know: the longest window; 0 without limits."""
        return max((window.seconds for window in self._own), default=0.0)

    @property
    def memory_count(self) -> int:
        """How many instants `restore` can use at most."""
        return max((window.count for window in self._own), default=0)

    def _opening(self) -> float:
        return max((window.opens_at() for window in self.windows), default=-inf)


def least_seconds(count: int, rates: Iterable[Rate]) -> float:
    """The least time between the first and the last of `count` messages under these limits.

    Exact for one limit; for several the largest of each alone, which real runs only just exceed.
    """
    if count < 1:
        return 0.0
    return max(((count - 1) // rate.count * rate.seconds for rate in rates), default=0.0)
