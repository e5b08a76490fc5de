"""When the messages of a run may leave: a campaign's window as instants, in its zone.

Hours are by the clock on the wall: on the day of a change the window is an hour longer or shorter
where the change falls into it (`wall_clock.py`). Instants are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import inf
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.wall_clock import instant_of, spell_instant, wall_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, tzinfo

    from notifier.timetable import Window

#: Days that are looked at: a window that is closed, or open, for longer is so for ever.
HORIZON = 400


def too_late(not_after: float, zone: tzinfo) -> str:
    """What a run says of deliveries that expired with its deadline."""
    told = _("Too late: it was not to be sent after {time}.")
    return told.format(time=spell_instant(not_after, zone))


@dataclass(frozen=True, slots=True)
class Span:
    """The window is open from `opens` to `closes`, which is not part of it; inf: for ever."""

    opens: float
    closes: float


@dataclass(frozen=True, slots=True)
class Hours:
    """A campaign's window in its zone; without a window it is always open."""

    window: Window | None
    zone: tzinfo

    def spans(self, now: float) -> Iterator[Span]:
        """The times at which it is open, in order, the one that `now` is in first."""
        if self.window is None:
            yield Span(-inf, inf)
            return
        held: Span | None = None
        for span in self._days(now):
            if held is None:
                held = span
            elif span.opens <= held.closes:  # from midnight to midnight: one span
                held = Span(held.opens, max(held.closes, span.closes))
                if held.closes - held.opens > HORIZON * 86_400 / 2:
                    yield Span(held.opens, inf)
                    return
            else:
                if held.closes > now:
                    yield held
                held = span
        if held is not None and held.closes > now:
            yield held

    def opens_at(self, now: float) -> float | None:
        """`now` while it is open, else when it opens next; None: it never does."""
        span = next(self.spans(now), None)
        return None if span is None else max(span.opens, now)

    def closes_at(self, now: float) -> float:
        """When it closes, `now` where it is closed; inf: it never does."""
        span = next(self.spans(now), None)
        return now if span is None or span.opens > now else span.closes

    def is_open(self, now: float) -> bool:
        """Whether messages may leave."""
        return self.opens_at(now) == now

    def why_closed(self, now: float) -> str:
        """Why nothing leaves now, in words; empty while it is open."""
        if self.window is None or self.is_open(now):
            return ""
        day = wall_at(datetime.fromtimestamp(now, UTC), self.zone).date()
        return self.window.why_closed_on(day) or _("outside the window's hours and days")

    def _days(self, now: float) -> Iterator[Span]:
        """Each day's hours from yesterday's on, which may reach past midnight."""
        assert self.window is not None
        day = wall_at(datetime.fromtimestamp(now, UTC), self.zone).date() - timedelta(days=1)
        idle = 0
        while idle < HORIZON:
            idle += 1
            if self.window.is_open_on(day):
                idle = 0
                yield self._hours_of(day)
            day += timedelta(days=1)

    def _hours_of(self, day: date) -> Span:
        assert self.window is not None
        start, end = self.window.hours or (time(), time())
        last = day if start < end else day + timedelta(days=1)
        return Span(
            instant_of(datetime.combine(day, start), self.zone).timestamp(),
            instant_of(datetime.combine(last, end), self.zone).timestamp(),
        )
