"""Wall clocks and instants: which instant a time of day is, and what an instant is called.

A time that a clock change leaves out (the gap) or shows twice (the repeated hour) is taken as RFC
5545, section 3.3.5, has it: by the offset before the change. So 02:30 in the gap is an hour later
on the clock's face, 03:30, and 02:30 in the repeated hour is the first one. Each comes once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """The instant (UTC) at which the clocks of `zone` show `wall`; an aware one is that instant."""
    aware = wall if wall.tzinfo else wall.replace(tzinfo=zone, fold=0)
    return aware.astimezone(UTC)


def wall_at(instant: datetime, zone: tzinfo) -> datetime:
    """What the clocks of `zone` show at the instant, without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def spell_instant(seconds: float, zone: tzinfo) -> str:
    """An instant (Unix seconds) in sentences: `2027-01-15 07:00`, in `zone`."""
    return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M")


def name_of(instant: datetime, zone: tzinfo) -> str:
    """What an occurrence at that instant is called: `2027-01-15T07:00`, in `zone`.

    Two instants never have the same name: seconds are added where there are any, and the offset
    where the clock shows this time for the second time (`2027-10-31T02:30+01:00`).
    """
    local = instant.astimezone(zone)
    spec = "microseconds" if local.microsecond else "seconds" if local.second else "minutes"
    shown = local if local.fold else local.replace(tzinfo=None)
    return shown.isoformat(timespec=spec)
