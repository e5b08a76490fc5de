"""How long a number of messages takes under the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notifier.model import Rate


def shortest_seconds(count: int, rates: Iterable[Rate]) -> float:
    """Seconds that `count` messages take at least: each rate admits a full burst at its start."""
    waits = [((count - 1) // rate.count) * rate.seconds for rate in rates if count > 0]
    return max(waits, default=0.0)


def spell_rates(rates: Iterable[Rate]) -> str:
    """The ceilings in one line: `20/second, 10000/day`; empty where there are none."""
    return ", ".join(str(rate) for rate in rates)
