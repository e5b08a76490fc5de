"""Runs whose window closes, or that are too late, with a real ledger and a scripted relay."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from notifier.delivery import engine
from notifier.delivery.engine import Job, deliver
from notifier.delivery.line import Route
from notifier.delivery.window import Hours
from notifier.errors import RelayUnreachable
from notifier.ledger.ledger import Ledger, NewRun
from notifier.model import Message, Recipient, RunState, State
from notifier.settings import RelaySettings, RetrySettings
from notifier.timetable import Window


class Letters:
    """In the place of a compiled campaign."""

    digest = ""

    def assemble(self, recipient, *, token, at, splits=False):
        text = f"Subject: marks\r\nMessage-ID: <{token}@school.example>\r\n\r\n{at}\r\n"
        return Message("office@school.example", recipient.address, text.encode())


def hours_until(seconds):
    """Open for so many seconds from now on, once: the window of this test."""

    class Once(Hours):
        def spans(self, now):
            yield from [it for it in [span] if it.closes > now]

    from notifier.delivery.window import Span

    now = time.time()
    span = Span(now - 1, now + seconds)
    return Once(Window(hours="00:00-00:01"), UTC)


@pytest.fixture
def school(tmp_path, monkeypatch):
    """A ledger; the engine looks at the clock often."""
    monkeypatch.setattr(engine, "TICK", 0.01)
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def make_run(ledger, count, **more):
    """An active run of so many."""
    run = ledger.start_run(NewRun("grades", "2027-01-15", "Marks", "main", **more))
    people = [Recipient(n + 2, f"K{n}", f"p{n}@parents.example", "", {}) for n in range(count)]
    ledger.enrol(run.id, people, [])
    ledger.finish_enrolment(run.id, rows=count)
    return ledger.get_run(run.id)


def make_job(run, port, relays=1, **more):
    """Through one relay, or through several to the same port."""
    names = ["main", "second"][:relays]
    found = [
        RelaySettings(name=it, host="127.0.0.1", port=port, tls="none", max_connections=1)
        for it in names
    ]
    routes = tuple(Route(it) for it in found)
    return Job(run, Letters(), found[0], RetrySettings(), routes=routes, **more)


class Slow:
    """A clock that jumps past the window's end once so many messages were delivered."""

    def __init__(self, relay, most, to):
        self.relay, self.most, self.to = relay, most, to

    def __call__(self):
        return self.to if len(self.relay.delivered) >= self.most else time.time()


@pytest.mark.parametrize("relays", [1, 2])
def test_nothing_is_handed_out_once_the_window_has_closed(school, relay_script, relays):
    """What is on the wire finishes, the rest waits; when it is open again the run ends."""
    run = make_run(school, 60)
    relay = relay_script.ScriptedRelay()

    async def scene():
        async with relay:
            late = Slow(relay, 5, time.time() + 3600)
            job = make_job(run, relay.port, relays, hours=hours_until(600))
            state = await deliver(job, school, clock=late)
            sent = len(relay.delivered)
            closed = await deliver(job, school, clock=late)
            still = len(relay.delivered)
            return state, closed, sent, still, await deliver(make_job(run, relay.port), school)

    async def limited():
        async with asyncio.timeout(20):
            return await scene()

    state, closed, sent, still, end = asyncio.run(limited())
    assert (state, closed, end) == (RunState.ACTIVE, RunState.ACTIVE, RunState.FINISHED)
    assert 5 <= sent == still < 60
    assert len(relay.delivered) == 60
    assert school.counts(run.id) == {State.ACCEPTED: 60}


def test_too_late_in_the_middle_the_rest_expires_and_the_run_is_over(school, relay_script):
    """Nobody is mailed after the deadline; the run's reason says so."""
    deadline = time.time() + 600
    run = make_run(school, 60, not_after=deadline)
    relay = relay_script.ScriptedRelay()

    async def scene():
        async with asyncio.timeout(20), relay:
            return await deliver(
                make_job(run, relay.port), school, clock=Slow(relay, 5, deadline + 1)
            )

    assert asyncio.run(scene()) is RunState.FINISHED
    counts = school.counts(run.id)
    assert counts[State.ACCEPTED] == len(relay.delivered) < 60
    assert counts[State.EXPIRED] == 60 - len(relay.delivered)
    assert "Too late" in school.get_run(run.id).reason


def test_too_late_from_the_start_nobody_is_mailed(school, relay_script):
    """The relay isn't even asked; what a dead sender held expires as well."""
    run = make_run(school, 3, not_after=time.time() - 1)
    gone = school.register_worker("a-host-that-is-off", 7, run.id)
    school.claim(run.id, gone, 1, -10.0)
    relay = relay_script.ScriptedRelay()

    async def scene():
        async with relay:
            return await deliver(make_job(run, relay.port), school)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert relay.connections == 0
    assert school.counts(run.id) == {State.EXPIRED: 3}


def test_a_relay_that_cant_be_reached_pauses_the_run_unless_somebody_comes_again(
    school, monkeypatch
):
    """`serve` tries again by itself: the run stays active."""
    run = make_run(school, 1)
    job = make_job(run, 1)
    job = make_job(run, 1, pauses=False)
    quick = job.relay.model_copy(update={"connect_attempts": 1})
    for pauses, state in ((False, RunState.ACTIVE), (True, RunState.PAUSED)):
        job = Job(run, Letters(), quick, RetrySettings(), pauses=pauses)
        with pytest.raises(RelayUnreachable):
            asyncio.run(deliver(job, school))
        assert school.get_run(run.id).state is state


def test_several_runs_at_a_time_leave_the_interpreter_as_it_was(school):
    """The last one to end puts it back."""
    before = sys.getswitchinterval()

    async def scene():
        first, second = engine._undisturbed(), engine._undisturbed()
        await first.__aenter__()
        await second.__aenter__()
        await first.__aexit__(None, None, None)
        within = sys.getswitchinterval()
        await second.__aexit__(None, None, None)
        return within

    assert asyncio.run(scene()) == pytest.approx(engine.TURN)
    assert sys.getswitchinterval() == before


def test_the_window_of_a_real_day_is_kept(school, relay_script):
    """At 18:00 by the campaign's clock nothing leaves; at 07:00 it does."""
    run = make_run(school, 2)
    hours = Hours(Window(hours="07:00-18:00"), UTC)
    evening = datetime(2027, 1, 15, 18, tzinfo=UTC)
    relay = relay_script.ScriptedRelay()

    async def scene(moment):
        async with asyncio.timeout(20):
            job = make_job(run, relay.port, hours=hours)
            return await deliver(job, school, clock=moment.timestamp)

    async def both():
        async with relay:
            night = await scene(evening)
            before = relay.connections
            return night, before, await scene(evening + timedelta(hours=13))

    assert asyncio.run(both()) == (RunState.ACTIVE, 0, RunState.FINISHED)
