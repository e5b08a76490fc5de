"""A run while it is being sent: a live bar on a terminal, now and then a line in a pipe.

Both go to standard error, so that standard output holds results alone.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from notifier.cli.console import console, say
from notifier.cli.words import counts_line, spell_number, spell_seconds
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from notifier.delivery.progress import Progress

#: Seconds between two lines where there is no terminal.
LINE_INTERVAL = 5.0
#: Columns of a terminal that the bar takes.
_BAR_WIDTH = 20


class Display(Protocol):
    """Whatever shows progress."""

    def show(self, progress: Progress) -> None:
        """Show this moment."""


def describe(progress: Progress, *, now: float) -> str:
    """What moves, or why nothing does: `38.2/s, 1 min 5 s left`."""
    if progress.limited_by:
        return progress.limited_by
    if progress.waiting_until is not None:
        left = max(0.0, progress.waiting_until - now)
        return _("waiting {duration} for the next try").format(duration=spell_seconds(left))
    if not progress.rate and progress.done >= progress.total:  # all is done: nothing moves
        return ""
    speed = _("{rate}/s").format(rate=spell_number(progress.rate))
    if progress.seconds_left is None:
        return speed
    left_text = _("{duration} left").format(duration=spell_seconds(progress.seconds_left))
    return f"{speed}, {left_text}"


class Lines:
    """A line at most every few seconds, and one whenever nothing was shown before."""

    def __init__(self, clock: Callable[[], float], interval: float = LINE_INTERVAL) -> None:
        self._clock = clock
        self._interval = interval
        self._shown_at: float | None = None

    def show(self, progress: Progress) -> None:
        """Print a line, unless the last one is too fresh."""
        now = self._clock()
        if self._shown_at is not None and now - self._shown_at < self._interval:
            return
        self._shown_at = now
        counts, state = counts_line(progress.counts), describe(progress, now=now)
        say(f"{progress.done}/{progress.total}  {counts}  {state}".rstrip(), stderr=True)


class Bar:
    """Rich's progress bar, redrawn in place."""

    def __init__(self, bar: Any, clock: Callable[[], float]) -> None:
        self._bar = bar
        self._clock = clock
        self._task = bar.add_task("", total=None, state="", counts="")

    def show(self, progress: Progress) -> None:
        """Redraw."""
        self._bar.update(
            self._task,
            total=progress.total or None,
            completed=progress.done,
            state=describe(progress, now=self._clock()),
            counts=counts_line(progress.counts),
        )


class Silence:
    """Shows nothing: for programs that read the result alone."""

    def show(self, progress: Progress) -> None:
        """Show nothing."""


@contextmanager
def display(*, quiet: bool = False, clock: Callable[[], float] = time.time) -> Iterator[Display]:
    """What fits standard error: a bar on a terminal, lines elsewhere, nothing where quiet."""
    if quiet:
        yield Silence()
    elif not sys.stderr.isatty():
        yield Lines(clock)
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.table import Column

        # Where a line is too long, the counts by state give way: how far it is, and what it waits
        # for, stay whole.
        columns = (
            BarColumn(_BAR_WIDTH, table_column=Column(width=_BAR_WIDTH)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[state]}", markup=False),
            TextColumn(
                "{task.fields[counts]}",
                style="dim",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True),
            ),
        )
        with Progress(*columns, console=console(stderr=True), transient=True, expand=True) as bar:
            yield Bar(bar, clock)
