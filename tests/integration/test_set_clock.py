"""The machine's clock is set, back or forward, while a run is under way."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

import pytest

from notifier.delivery import dues, engine
from notifier.delivery.engine import Job, deliver
from notifier.ledger.ledger import Ledger, NewRun
from notifier.model import Message, Recipient, RunState, State
from notifier.settings import RelaySettings, RetrySettings

COUNT = 120
DAY = 86_400.0


class Letters:
    """In the place of a compiled campaign."""

    digest = ""

    def assemble(self, recipient, *, token, at, splits=False):
        text = f"Subject: marks\r\nMessage-ID: <{token}@school.example>\r\n\r\n{at}\r\n"
        return Message("office@school.example", recipient.address, text.encode())


class Clock:
    """The machine's, until somebody sets it."""

    def __init__(self):
        self.shift = 0.0

    def __call__(self):
        return time.time() + self.shift


def begin(ledger):
    """An active run."""
    run = ledger.start_run(NewRun("marks", "today", "Marks", "main"))
    people = [Recipient(n + 2, f"K{n}", f"p{n}@parents.example", "", {}) for n in range(COUNT)]
    ledger.enrol(run.id, people, [])
    ledger.finish_enrolment(run.id, rows=COUNT)
    return ledger.get_run(run.id)


def deliver_with_jump(tmp_path, relay_script, seconds, *, workers):
    """Send a run; after a third of it the clock is set. Its state, counts, and who got how many."""
    clock = Clock()

    class Relay(relay_script.ScriptedRelay):
        def _rule(self, verb, number, line):
            if verb == "BODY" and len(self.delivered) == COUNT // 3:
                clock.shift = seconds
            return super()._rule(verb, number, line)

    relay = Relay()

    async def scene(stack):
        ledgers = [
            stack.enter_context(Ledger.open(tmp_path / "ledger.sqlite", clock=clock))
            for _worker in range(workers)
        ]
        run = begin(ledgers[0])
        async with relay, asyncio.timeout(30):
            account = RelaySettings(name="main", host="127.0.0.1", port=relay.port, tls="none")
            job = Job(run, Letters(), account, RetrySettings(first=0.02, factor=1))
            states = await asyncio.gather(*(deliver(job, it, clock=clock) for it in ledgers))
        return states, ledgers[0].counts(run.id)

    with contextlib.ExitStack() as stack:
        states, counts = asyncio.run(scene(stack))
    return states, counts, Counter(address for _sender, address, _data in relay.delivered)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seconds", [DAY, -DAY, 90.0, -90.0])
def test_a_clock_that_is_set_costs_nobody_a_message_and_doubles_none(
    tmp_path, relay_script, monkeypatch, seconds, workers
):
    """Who looks dead by the new clock may be taken over: it is fenced, and its replies count."""
    monkeypatch.setattr(engine, "TICK", 0.01)
    monkeypatch.setattr(dues, "COMPANY", 0.02)
    monkeypatch.setattr(dues, "CLAIM_BATCH", 20)
    states, counts, received = deliver_with_jump(tmp_path, relay_script, seconds, workers=workers)
    assert set(states) <= {RunState.FINISHED, RunState.HELD}
    assert set(counts) <= {State.ACCEPTED, State.UNKNOWN}
    assert counts[State.ACCEPTED] + counts.get(State.UNKNOWN, 0) == COUNT
    assert received == {f"p{n}@parents.example": 1 for n in range(COUNT)}
