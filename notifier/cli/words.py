"""Counts and instants as one line on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.model import State
from notifier.report.words import state_word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo


def counts_line(counts: Mapping[State, int]) -> str:
    """Counts by state in one line, zeros left out, in the order of the states."""
    return ", ".join(f"{counts[state]} {state_word(state)}" for state in State if counts.get(state))


def clock_time(moment: datetime | None, zone: ZoneInfo) -> str:
    """An instant as a person in that zone writes it; empty for none."""
    return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
