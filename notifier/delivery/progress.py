"""What a run looks like while it is being delivered."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notifier.model import FINAL_STATES, State

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The rate is that of the last so many seconds: long enough to be steady, short enough to be now.
RATE_WINDOW = 10.0
#: Messages a second, until so many seconds have shown better.
EARLY = 5.0
SOME = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a run."""

    #: Deliveries by state, zeros left out.
    counts: Mapping[State, int]
    #: Messages a second over the last moments.
    rate: float
    #: Seconds until the last due message is out at this rate; None while that is unknown.
    seconds_left: float | None
    connections: int
    #: When the next deferred delivery is due (Unix time), while nothing else is left to do.
    waiting_until: float | None = None
    #: Why nothing moves: a limit of the relay or campaign. Empty while it moves.
    limited_by: str = ""

    @property
    def total(self) -> int:
        """All deliveries of the run."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Deliveries in a final state, and those in doubt, which wait for a person."""
        final = sum(count for state, count in self.counts.items() if state in FINAL_STATES)
        return final + self.counts.get(State.UNKNOWN, 0)


@dataclass(slots=True)
class Meter:
    """Counts settled messages and tells their rate."""

    window: float = RATE_WINDOW
    settled: int = 0
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    def recent_rate(self, now: float) -> float:
        """The same, asked in between; a run's first moments tell little, and count as `EARLY`."""
        if not self._marks or now - self._marks[0][0] < SOME:
            return EARLY
        since, before = self._marks[0]
        return (self.settled - before) / (now - since)

    def rate(self, now: float) -> float:
        """Messages a second over the last `window` seconds; call it at each tick."""
        self._marks.append((now, self.settled))
        while now - self._marks[0][0] > self.window and len(self._marks) > 2:  # noqa: PLR2004 - a slope needs two points
            self._marks.popleft()
        since, before = self._marks[0]
        elapsed = now - since
        return (self.settled - before) / elapsed if elapsed > 0 else 0.0
