"""A pace that is learnt: slower at once when the relay says so, faster again little by little.

A limit says what was agreed; a pace says what a relay, or a domain behind it, is willing to take
today. It works as TCP's congestion control does (RFC 5681): multiplicative decrease, additive
increase, on the clock and not by counting replies, so that a slow stream climbs as a quick one.

    slow        to a share of what it was, or to a rate; never below `FLOOR`
    climb       evenly, so that after `RECOVERY` it is where it was before it was slowed
    end         at twice that, the relay is taken at its word no longer: the pace is over
    pause       nothing at all for so long; what was slow before goes on after it
    alone       one message on its way at a time, for as long as it takes to climb back

One reply says it for all that were on their way: what was sent before the last decrease says
nothing about the speed since, so a hundred refusals of one burst slow down once.

Pure: the clock is an argument. Processes of one ledger share a pace: who heard last is right
(`told`, `adopt`), and so many as send through the relay divide its speed (`sharers`). It outlives
them all, in the ledger.
"""

from __future__ import annotations

from math import inf

from notifier.ledger.relays import PaceRow
from notifier.model import Rate

#: Seconds after which a pace is where it was before it was slowed.
RECOVERY = 600.0
#: Messages a second: no slower than one in five minutes, so that it is heard of again.
FLOOR = 1 / 300
#: As a multiple of the speed before it was slowed: from there on it is over.
ENOUGH = 2.0


class Pace:
    """How fast one relay or domain may be sent to, as far as its replies tell: a `Limit`."""

    __slots__ = (
        "_before",
        "_last",
        "_low",
        "_next_at",
        "_paused_until",
        "_single_until",
        "_slowed_at",
        "heard_at",
        "sharers",
        "why",
    )

    def __init__(self) -> None:
        #: Messages a second when it was slowed, and what it had been; inf: it is not slowed.
        self._low = self._before = inf
        self._slowed_at = -inf
        self._paused_until = self._single_until = -inf
        #: When the last one left, and the earliest instant for the next.
        self._last = self._next_at = -inf
        #: When it was last told anything.
        self.heard_at = -inf
        #: The reply that it goes by.
        self.why = ""
        #: Processes that send at this pace, itself included: each has its part of it.
        self.sharers = 1

    def __repr__(self) -> str:
        return f"<Pace {self._low:g}/s at {self._slowed_at:g}, paused until {self._paused_until:g}>"

    # --- what it is told -------------------------------------------------------------------------

    def has_heard(self, taken_at: float) -> bool:
        """Whether a reply to a message that was sent then says nothing new."""
        return taken_at <= self.heard_at

    def slow(self, now: float, to: Rate | float, seen: float) -> None:
        """Go slower from now on: at this rate, or at a share (0..1) of the speed.

        `seen`: messages a second that were sent lately, which is what it was while nothing held.
        """
        before = min(self.speed(now), max(seen, FLOOR))
        wanted = to.count / to.seconds if isinstance(to, Rate) else before * to
        self._before = max(before, self._recovered(now))
        self._low = max(min(wanted, before), FLOOR)
        self._slowed_at = self.heard_at = now
        self._next_at = now + self.sharers / self._low

    def pause(self, now: float, seconds: float) -> None:
        """Send nothing for so long."""
        self._paused_until = max(self._paused_until, now + seconds)
        self.heard_at = now

    def go_single(self, now: float) -> None:
        """Have one message on its way at a time, until `RECOVERY` is over."""
        self._single_until = now + RECOVERY
        self.heard_at = now

    def told(self, scope: str) -> PaceRow:
        """What it was told, for the ledger and for others."""
        return PaceRow(
            scope,
            self._low,
            self._before,
            self._slowed_at,
            self._paused_until,
            self._single_until,
            self.heard_at,
            self.why,
        )

    def adopt(self, row: PaceRow, now: float) -> None:
        """Go by what somebody else was told, where that is newer."""
        if row.heard_at <= self.heard_at:
            return
        self._low, self._before, self._slowed_at = row.low, row.usual, row.slowed_at
        self._paused_until, self._single_until = row.paused_until, row.single_until
        self.heard_at, self.why = row.heard_at, row.why
        speed = self.speed(now)
        self._next_at = now + self.sharers / speed if speed < inf else -inf

    # --- what it says --------------------------------------------------------------------------

    def speed(self, now: float) -> float:
        """Messages a second; inf while nothing holds it."""
        if self._low == inf:
            return inf
        climb = max(self._before - self._low, FLOOR) / RECOVERY
        speed = self._low + climb * max(0.0, now - self._slowed_at)
        return inf if speed >= ENOUGH * self._before else speed

    def is_single(self, now: float) -> bool:
        """Whether only one message may be on its way at a time."""
        return now < self._single_until

    def is_over(self, now: float) -> bool:
        """Whether it holds nobody back any more."""
        return self.speed(now) == inf and now >= self._paused_until and now >= self._single_until

    @property
    def rate(self) -> Rate:
        """For saying so: what it was slowed to, in messages a minute."""
        return Rate(max(1, round(min(self._low, 1e6) * 60)), 60.0)

    @property
    def closed_until(self) -> float:
        """While this lies ahead, nobody may leave."""
        return max(self._paused_until, self._next_at)

    def opens_at(self, now: float) -> float:
        """-inf: one may leave. Otherwise when to ask again."""
        opens_at = self.closed_until
        return opens_at if opens_at > now else -inf

    def use(self, now: float) -> None:
        """Count one that leaves now."""
        self._last = now
        speed = self.speed(now)
        if speed == inf:
            self._low = self._before = inf
            self._next_at = -inf
        else:
            self._next_at = now + self.sharers / speed

    def withdraw(self, instant: float) -> None:
        """What was counted at that instant did not leave: the next need not wait for it."""
        if instant == self._last:
            self._next_at = instant

    def _recovered(self, now: float) -> float:
        """The speed that it climbs back to, while it does."""
        return self._before if self.speed(now) < inf else -inf
