from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from notifier.errors import LedgerError, UsageError
from notifier.ledger import writer as writer_module
from notifier.ledger.writer import Writer
from notifier.model import State


class Gate:
    """The ledger, whose `record` waits for the gate and counts its batches."""

    def __init__(self, ledger):
        self._ledger = ledger
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches = []

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def record(self, intents, results):
        self.batches.append((len(intents), len(results)))
        self.entered.set()
        assert self.open.wait(10)
        return self._ledger.record(intents, results)


def _claimed(desk, count):
    run_id = desk.run(count)
    worker = desk.worker(run_id)
    return run_id, [it.id for it in desk.ledger.claim(run_id, worker, count)]


def _locked(path):
    exc = sqlite3.OperationalError("database is locked")
    exc.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error = LedgerError("locked", where=str(path))
    error.__cause__ = exc
    return error


def test_what_comes_while_a_transaction_runs_shares_the_next(desk):
    """Group commit: the first goes alone, all that waited go together, each learns its own fate."""
    run_id, ids = _claimed(desk, 50)
    gate = Gate(desk.ledger)

    async def deliver():
        async with Writer(gate) as writer:
            first = writer.intend(desk.intent(ids[0]))
            await asyncio.to_thread(gate.entered.wait, 10)
            others = [writer.intend(desk.intent(it)) for it in [*ids[1:], 10**6]]
            assert writer.backlog == 51
            gate.open.set()
            assert await first
            found = await asyncio.gather(*others)
            assert found == [True] * 49 + [False]
            for it in ids:
                writer.settle(desk.result(it))
            await writer.drain()
            assert writer.backlog == 0
            assert (writer.recorded, writer.failed) == (101, None)

    asyncio.run(deliver())
    assert gate.batches[:2] == [(1, 0), (50, 0)]
    assert desk.ledger.counts(run_id) == {State.ACCEPTED: 50}


def test_all_learn_their_fate_though_telling_of_one_fails(desk):
    """A mistake in who is told of lost deliveries leaves nobody waiting for ever."""
    _run_id, ids = _claimed(desk, 3)
    gate = Gate(desk.ledger)
    told = []

    def broken(delivery_id):
        raise KeyError(delivery_id)

    async def deliver():
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: told.append(context)
        )
        async with Writer(gate) as writer:
            writer.on_lost = broken
            first = writer.intend(desk.intent(ids[0]))
            await asyncio.to_thread(gate.entered.wait, 10)
            others = [writer.intend(desk.intent(it)) for it in (10**6, ids[1], ids[2])]
            gate.open.set()
            async with asyncio.timeout(10):
                assert await first
                assert await asyncio.gather(*others) == [False, True, True]

    asyncio.run(deliver())
    assert isinstance(told[0]["exception"], KeyError)


def test_an_intent_is_durable_before_its_sender_knows(desk, ledger_path):
    """When the future says True, another connection already sees `submitting`."""
    _run, ids = _claimed(desk, 1)

    async def deliver():
        async with Writer(desk.ledger) as writer:
            assert await writer.intend(desk.intent(ids[0]))
            other = sqlite3.connect(ledger_path)
            assert other.execute("SELECT state FROM delivery").fetchone() == ("submitting",)
            other.close()

    asyncio.run(deliver())


def test_calls_keep_their_place_in_the_order(desk):
    """A call sees all that was handed over before it, and its error is its caller's alone."""
    run_id, ids = _claimed(desk, 3)

    async def deliver():
        async with Writer(desk.ledger) as writer:
            intents = [writer.intend(desk.intent(it)) for it in ids]
            counts = await writer.call(desk.ledger.counts, run_id)
            assert counts == {State.SUBMITTING: 3}
            assert await asyncio.gather(*intents) == [True] * 3
            with pytest.raises(UsageError):
                await writer.call(desk.ledger.get_run, 99)
            assert writer.failed is None
            assert (await writer.call(desk.ledger.find_run, reference="latest")).id == run_id

    asyncio.run(deliver())


def test_what_was_handed_over_is_written_when_the_writer_closes(desk):
    """Nobody has to drain; closing twice is nothing; afterwards nothing is taken."""
    run_id, ids = _claimed(desk, 5)

    async def deliver():
        async with Writer(desk.ledger) as writer:
            await asyncio.gather(*(writer.intend(desk.intent(it)) for it in ids))
            for it in ids:
                writer.settle(desk.result(it))
        await writer.close()
        with pytest.raises(LedgerError):
            writer.intend(desk.intent(1))
        with pytest.raises(LedgerError):
            writer.settle(desk.result(1))

    asyncio.run(deliver())
    assert desk.ledger.counts(run_id) == {State.ACCEPTED: 5}


def test_a_batch_that_cant_be_written_fails_everybody_and_is_remembered(desk):
    """Intents fail (don't send), so does all that is asked for later; outcomes get a last try."""
    run_id, ids = _claimed(desk, 3)

    async def deliver():
        async with Writer(desk.ledger) as writer:
            await writer.intend(desk.intent(ids[0]))
            (pages,) = desk.one("PRAGMA page_count")
            desk.every(f"PRAGMA max_page_count = {pages}")
            writer.settle(desk.result(ids[0], text="x" * 100_000))
            with pytest.raises(LedgerError, match="disk is full"):
                await writer.drain()
            with pytest.raises(LedgerError, match="disk is full"):
                await writer.intend(desk.intent(ids[1]))
            with pytest.raises(LedgerError, match="disk is full"):
                await writer.call(desk.ledger.counts, run_id)
            assert writer.backlog == 0
            desk.every("PRAGMA max_page_count = 1000000")

    with pytest.raises(LedgerError, match="disk is full"):
        asyncio.run(deliver())
    assert desk.state(ids[0]) is State.ACCEPTED
    assert desk.ledger.counts(run_id) == {State.CLAIMED: 2, State.ACCEPTED: 1}


def test_a_locked_ledger_is_tried_again_for_a_while(desk, monkeypatch, ledger_path):
    """Nobody notices a short lock; a long one is an error in the end."""
    _run, ids = _claimed(desk, 2)
    monkeypatch.setattr(writer_module, "PAUSE", 0)
    record, refusals = desk.ledger.record, [3]

    def refuse(intents, results):
        if refusals[0]:
            refusals[0] -= 1
            raise _locked(ledger_path)
        return record(intents, results)

    monkeypatch.setattr(desk.ledger, "record", refuse)
    now = iter(range(1000))

    async def deliver():
        async with Writer(desk.ledger, patience=10, clock=lambda: next(now)) as writer:
            assert await writer.intend(desk.intent(ids[0]))
            refusals[0] = 100
            with pytest.raises(LedgerError, match="locked"):
                await writer.intend(desk.intent(ids[1]))
            refusals[0] = 0

    with pytest.raises(LedgerError, match="locked"):
        asyncio.run(deliver())
    assert next(now) < 100


def test_a_call_to_a_locked_ledger_is_tried_again_for_a_while(desk, monkeypatch, ledger_path):
    """A heartbeat or a claim outlasts a short lock as a batch does; a long one fails its caller."""
    run_id = desk.run(1)
    monkeypatch.setattr(writer_module, "PAUSE", 0)
    refusals = [3]

    def claim():
        if refusals[0]:
            refusals[0] -= 1
            raise _locked(ledger_path)
        return desk.ledger.get_run(run_id)

    now = iter(range(1000))

    async def deliver():
        async with Writer(desk.ledger, patience=10, clock=lambda: next(now)) as writer:
            assert (await writer.call(claim)).id == run_id
            refusals[0] = 100
            with pytest.raises(LedgerError, match="locked"):
                await writer.call(claim)
            refusals[0] = 0
            assert (await writer.call(claim)).id == run_id

    asyncio.run(deliver())
    assert next(now) < 100


def test_in_a_hurry_a_locked_ledger_is_tried_once(desk, monkeypatch, ledger_path):
    """Whoever cuts a run doesn't wait for another program: what is unwritten is in doubt later."""
    _run, ids = _claimed(desk, 1)
    tries = []

    def refuse(intents, results):
        tries.append(1)
        raise _locked(ledger_path)

    monkeypatch.setattr(desk.ledger, "record", refuse)

    async def deliver():
        async with Writer(desk.ledger, patience=1000) as writer:
            writer.hurry()
            with pytest.raises(LedgerError, match="locked"):
                await writer.intend(desk.intent(ids[0]))

    with pytest.raises(LedgerError, match="locked"):
        asyncio.run(deliver())
    assert len(tries) == 1


def test_a_waiter_that_is_cancelled_harms_nobody(desk):
    """Its intent may be written; the others' are, and the writer goes on."""
    run_id, ids = _claimed(desk, 2)
    gate = Gate(desk.ledger)

    async def deliver():
        async with Writer(gate) as writer:
            futures = [writer.intend(desk.intent(it)) for it in ids]
            futures[0].cancel()
            call = asyncio.ensure_future(writer.call(desk.ledger.counts, run_id))
            await asyncio.sleep(0)
            call.cancel()
            gate.open.set()
            assert await futures[1]
            await writer.drain()

    asyncio.run(deliver())
    assert desk.ledger.counts(run_id) == {State.SUBMITTING: 2}


def test_a_cancelled_engine_still_writes_what_it_was_told(desk):
    """Cancelled in the middle of closing: the outcomes reach the disk, then it is cancelled."""
    run_id, ids = _claimed(desk, 2)
    gate = Gate(desk.ledger)

    async def deliver(is_ready):
        async with Writer(gate) as writer:
            writer.intend(desk.intent(ids[0]))
            writer.settle(desk.result(ids[0]))
            is_ready.set()

    async def cancel():
        is_ready = asyncio.Event()
        task = asyncio.ensure_future(deliver(is_ready))
        await is_ready.wait()
        await asyncio.to_thread(gate.entered.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert desk.ledger.counts(run_id) == {State.CLAIMED: 1, State.ACCEPTED: 1}


def test_one_batch_wakes_the_loop_once(desk, monkeypatch):
    """A hundred intents of one transaction are told by one call into the event loop."""
    _run, ids = _claimed(desk, 100)
    gate = Gate(desk.ledger)

    async def deliver():
        loop = asyncio.get_running_loop()
        calls = []
        original = loop.call_soon_threadsafe
        async with Writer(gate) as writer:
            first = writer.intend(desk.intent(ids[0]))
            await asyncio.to_thread(gate.entered.wait, 10)
            others = [writer.intend(desk.intent(it)) for it in ids[1:]]
            monkeypatch.setattr(
                loop, "call_soon_threadsafe", lambda *a: (calls.append(a), original(*a))
            )
            gate.open.set()
            await asyncio.gather(first, *others)
            assert len(calls) == 2
            monkeypatch.undo()

    asyncio.run(deliver())
