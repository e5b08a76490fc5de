"""How long a number of messages takes under the limits, and how durations and counts are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notifier.model import Rate

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def shortest_seconds(count: int, rates: Iterable[Rate]) -> float:
    """Seconds that `count` messages take at least: each rate admits a full burst at its start."""
    waits = [((count - 1) // rate.count) * rate.seconds for rate in rates if count > 0]
    return max(waits, default=0.0)


def spell_seconds(seconds: float) -> str:
    """A duration as people say it, in its two largest units: `2 h 5 min`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return _("{seconds} s").format(seconds=whole)
    if whole < _HOUR:
        return _("{minutes} min {seconds} s").format(
            minutes=whole // _MINUTE, seconds=whole % _MINUTE
        )
    if whole < _DAY:
        return _("{hours} h {minutes} min").format(
            hours=whole // _HOUR, minutes=whole % _HOUR // _MINUTE
        )
    return _("{days} d {hours} h").format(days=whole // _DAY, hours=whole % _DAY // _HOUR)


def spell_rates(rates: Iterable[Rate]) -> str:
    """The ceilings in one line: `20/second, 10000/day`; empty where there are none."""
    return ", ".join(str(rate) for rate in rates)
