"""How long a run will take: limits, windows and deadlines, worked out before anything is sent.

A run sends as much as all limits allow at once, and then waits until one of them opens: that is
what the engine does (`throttle.py`), and what is done here with numbers instead of messages. Pure:
the start, what was sent before and the hours are arguments.

What it leaves out: replies that put mail off, relays that ask for less, and how long the relay
takes for each message where nothing is known of that (`Channel.speed`). So it is the least time,
which a run without trouble only just exceeds.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING

from notifier.ledger.permits import SLACK
from notifier.model import Rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notifier.delivery.window import Hours

#: Seconds of waiting that are told as a pause.
NOTICEABLE = 60.0
#: Seconds for which a relay at its limit is waited for, before others take over (`branch.py`).
SHORT_WAIT = 60.0
#: Pauses that are told; those after them are only counted in the time.
MOST_PAUSES = 100
#: Why nothing moves, where it is no limit.
WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing leaves meanwhile."""

    since: float
    until: float
    #: `window`, or the limit: `600/hour`.
    why: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a run will begin and end. Instants are Unix seconds."""

    count: int
    starts_at: float
    #: When the last message leaves; inf: the window never opens (again).
    ends_at: float
    pauses: tuple[Pause, ...]
    #: Messages that come too late, and are not sent.
    late: int
    #: What holds it up longest: a limit, `window`; empty: nothing does.
    limited_by: str

    @property
    def seconds(self) -> float:
        """From the first message to the last."""
        return self.ends_at - self.starts_at


@dataclass(frozen=True, slots=True)
class Channel:
    """A relay, as far as time is concerned."""

    rates: Sequence[Rate]
    priority: int = 1
    #: What counts against a rate already: (messages, when they were sent), oldest first.
    used: Mapping[Rate, Sequence[tuple[int, float]]] | None = None
    #: Messages a second that it was seen to take; None: not known.
    speed: float | None = None


class _Limit:
    """At most so many in any interval; in bulk."""

    def __init__(self, rate: Rate, used: Iterable[tuple[int, float]] = ()) -> None:
        self.rate = rate
        self._span = rate.seconds + SLACK
        self._sent = deque(used)
        self._count = sum(count for count, _at in self._sent)

    def free(self, now: float) -> int:
        """How many more may leave now."""
        while self._sent and self._sent[0][1] + self._span <= now:
            self._count -= self._sent.popleft()[0]
        return self.rate.count - self._count

    def opens_at(self) -> float:
        """When more of it is free."""
        # Spelt as in `free`, so that rounding never lets the two differ.
        return self._sent[0][1] + self._span if self._sent else -inf

    def use(self, count: int, now: float) -> None:
        """So many leave now."""
        self._sent.append((count, now))
        self._count += count


class _Lane:
    """Limits that hold together."""

    def __init__(self, limits: Iterable[_Limit], priority: int = 1) -> None:
        self.limits = tuple(limits)
        self.priority = priority

    def free(self, now: float) -> int:
        """How many may leave now; a billion where there is no limit."""
        return min((limit.free(now) for limit in self.limits), default=10**9)

    def opens_at(self, now: float) -> tuple[float, str]:
        """When more may leave, and the limit that is waited for."""
        shut = [(it.opens_at(), str(it.rate)) for it in self.limits if it.free(now) <= 0]
        return max(shut, default=(now, ""))

    def use(self, count: int, now: float) -> None:
        """So many leave now."""
        for limit in self.limits:
            limit.use(count, now)


def forecast(
    count: int,
    channels: Sequence[Channel],
    *,
    hours: Hours,
    start: float,
    ceiling: Sequence[Rate] = (),
    not_after: float | None = None,
) -> Forecast:
    """What becomes of `count` messages through these relays, from `start` on.

    `ceiling` are the limits that hold over all relays together.
    """
    lanes = sorted((_lane(it) for it in channels), key=lambda it: it.priority)
    return _Walk(lanes, _Lane(map(_Limit, ceiling)), hours, not_after).go(count, start)


def _lane(channel: Channel) -> _Lane:
    used = channel.used or {}
    limits = [_Limit(rate, used.get(rate, ())) for rate in channel.rates]
    if channel.speed:
        pace = Rate(ceil(channel.speed), 1.0) if channel.speed >= 1 else Rate(1, 1 / channel.speed)
        limits.append(_Limit(pace))
    return _Lane(limits, channel.priority)


class _Walk:
    """One forecast while it is worked out."""

    def __init__(
        self, lanes: Sequence[_Lane], ceiling: _Lane, hours: Hours, not_after: float | None
    ) -> None:
        self._lanes = lanes
        self._ceiling = ceiling
        self._hours = hours
        self._not_after = inf if not_after is None else not_after
        self._pauses: list[Pause] = []
        self._waits: defaultdict[str, float] = defaultdict(float)

    def go(self, count: int, start: float) -> Forecast:
        """Send it all, or what is sent in time."""
        opens_at = self._hours.opens_at(start)
        now = first = last = inf if opens_at is None else opens_at
        left = count
        while left and now < self._not_after and now < inf:
            sent = self._send(left, now)
            last = now if sent else last
            left -= sent
            if left:
                now = self._wait(now)
        return Forecast(
            count=count,
            starts_at=first,
            ends_at=now if left and now == inf else last,
            pauses=tuple(it for it in self._pauses if it.since < last),
            late=left if now < inf or self._not_after < inf else 0,
            limited_by=max(self._waits, key=lambda it: self._waits[it], default=""),
        )

    def _send(self, left: int, now: float) -> int:
        """As many as may leave at this instant, through the relays whose turn it is."""
        sent = 0
        for lane in self._in_turn(now):
            room = min(left - sent, self._ceiling.free(now), lane.free(now))
            if room > 0:
                lane.use(room, now)
                self._ceiling.use(room, now)
                sent += room
        return sent

    def _in_turn(self, now: float) -> list[_Lane]:
        """The relays of the best priority; the next ones where none of those opens soon."""
        found: list[_Lane] = []
        for lane in self._lanes:
            is_next = bool(found) and lane.priority > found[-1].priority
            if is_next and min(it.opens_at(now)[0] for it in found) - now <= SHORT_WAIT:
                break
            found.append(lane)
        return found

    def _wait(self, now: float) -> float:
        """When more may leave: a limit opens, and the window with it."""
        if self._ceiling.free(now) <= 0:
            until, why = self._ceiling.opens_at(now)
        else:
            until, why = min(lane.opens_at(now) for lane in self._in_turn(now))
        opens_at = self._hours.opens_at(until)
        if opens_at is None:
            return inf
        if opens_at > until:
            until, why = opens_at, WINDOW
        self._waits[why] += until - now
        if until - now >= NOTICEABLE and len(self._pauses) < MOST_PAUSES:
            self._pauses.append(Pause(now, until, why))
        return until
