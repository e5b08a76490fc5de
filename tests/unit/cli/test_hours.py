from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC
from types import SimpleNamespace

import pytest

from notifier.cli import hours
from notifier.cli.hours import wait_for_window
from notifier.delivery.window import Hours, Span
from notifier.model import RunState, State
from notifier.timetable import Window


class Night(Hours):
    """Opens at an instant, once."""

    opens = 0.0

    def spans(self, now):
        yield Span(type(self).opens, type(self).opens + 3600)


@dataclass(frozen=True)
class Job:
    """What waiting needs of a job."""

    hours: Hours
    waits: bool = True
    late: bool = False
    run: object = field(default_factory=lambda: SimpleNamespace(id=1))

    def is_too_late(self, now):
        return self.late


class Ledger:
    """A run in a state."""

    def __init__(self, state=RunState.ACTIVE):
        self.state = state

    def get_run(self, run_id):
        return SimpleNamespace(state=self.state)

    def counts(self, run_id):
        return {State.PENDING: 3}


@pytest.fixture
def clock(monkeypatch):
    """A clock that waiting moves on."""
    it = SimpleNamespace(now=1000.0)

    async def happens(event, seconds):
        it.now += seconds
        return event.is_set()

    monkeypatch.setattr(hours, "time", SimpleNamespace(time=lambda: it.now))
    monkeypatch.setattr("notifier.delivery.waiting.happens", happens)
    return it


def wait(job, ledger=None, *, stopped=False):
    """Whether the run goes on, and what was shown meanwhile."""
    shown = []

    async def scene():
        stop = asyncio.Event()
        if stopped:
            stop.set()
        return await wait_for_window(job, ledger or Ledger(), stop, shown.append)

    return asyncio.run(scene()), shown


def night(opens):
    """The window of a test."""
    Night.opens = opens
    return Night(Window(hours="07:00-18:00"), UTC)


def test_over_the_night_it_stays_and_says_when_it_goes_on(clock):
    """One look a second; the display tells the time."""
    goes_on, shown = wait(Job(night(1003.5)))
    assert goes_on
    assert clock.now == 1003.5
    assert all("opens at 1970-01-01 00:16" in it.limited_by for it in shown)
    assert len(shown) == 4


@pytest.mark.parametrize(
    ("changes", "ledger", "stopped"),
    [
        ({"waits": False}, None, False),
        ({"hours": None}, None, False),
        ({}, Ledger(RunState.PAUSED), False),
        ({}, None, True),
    ],
)
def test_it_does_not_stay_where_there_is_nothing_to_wait_for(clock, changes, ledger, stopped):
    """Plain `send`, no window, a run that was paused meanwhile, Ctrl-C."""
    job = replace(Job(night(1003.5)), **changes)
    assert wait(job, ledger, stopped=stopped)[0] is False


def test_while_it_is_open_there_is_nothing_to_wait_for(clock):
    """The engine ended for another reason."""
    assert wait(Job(night(900.0)))[0] is False


def test_what_becomes_too_late_meanwhile_goes_on_to_its_end(clock):
    """The engine has it expire."""
    assert wait(Job(night(1003.5), late=True))[0] is True


def test_real_time_is_what_it_goes_by():
    """The module's clock is the system's."""
    assert hours.time is time
