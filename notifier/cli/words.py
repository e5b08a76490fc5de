"""Counts, instants, durations and limits as a few words on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.locale import N_, _, ngettext
from notifier.model import State
from notifier.report.words import state_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from notifier.model import Rate

_UNITS = {
    1.0: N_("{count}/second"),
    60.0: N_("{count}/minute"),
    3600.0: N_("{count}/hour"),
    86400.0: N_("{count}/day"),
}


def counts_line(counts: Mapping[State, int]) -> str:
    """Counts by state in one line, zeros left out, in the order of the states."""
    return ", ".join(f"{counts[state]} {state_word(state)}" for state in State if counts.get(state))


def spell_moment(moment: datetime | None, zone: ZoneInfo) -> str:
    """An instant as people in that zone and language write it; empty for none."""
    from notifier.report import figures

    return figures.moment(moment, zone)


def spell_seconds(seconds: float) -> str:
    """A duration as people say it: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    from notifier.report import figures

    return figures.duration(seconds)


def spell_rates(rates: Iterable[Rate]) -> str:
    """The ceilings in one line: `20/second, 10000/day`; empty where there are none."""
    return ", ".join(_spell_rate(rate) for rate in rates)


def _spell_rate(rate: Rate) -> str:
    unit = _UNITS.get(rate.seconds)
    if unit is None:
        return str(rate)
    return _(unit).format(count=rate.count)


def spell_number(value: float) -> str:
    """A number with the decimal sign of the language, one place at most."""
    from notifier.report import figures

    return figures.number(value)


def spell_size(count: int) -> str:
    """Bytes as people say them: `812 bytes`, `3.4 kB`, `1.2 GB`."""
    if count < 1000:  # noqa: PLR2004 - the next unit
        return ngettext("{count} byte", "{count} bytes", count).format(count=count)
    power = min((len(str(count)) - 1) // 3, 4)
    return f"{spell_number(count / 1000**power)} {('', 'kB', 'MB', 'GB', 'TB')[power]}"
