import asyncio
import os
import signal

import pytest

from notifier.cli import interrupt
from notifier.cli.interrupt import run_async, stop_on_interrupt
from notifier.locale import use


@pytest.fixture(autouse=True)
def _english():
    use("en")


async def _interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0)


def test_the_first_interrupt_asks_to_stop(capsys):
    """Ctrl-C sets the event that lets what is on the wire finish, and says so."""

    async def work():
        stop = asyncio.Event()
        with stop_on_interrupt(stop) as interrupted:
            await _interrupt()
            await asyncio.wait_for(stop.wait(), 5)
            return interrupted.is_set()

    assert run_async(work()) is True
    assert "Ctrl-C again stops at once" in capsys.readouterr().err


def test_the_second_interrupt_stops_at_once():
    """A second Ctrl-C cancels what is being done."""

    async def work():
        stop = asyncio.Event()
        with stop_on_interrupt(stop):
            await _interrupt()
            await asyncio.wait_for(stop.wait(), 5)
            await _interrupt()
            await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run_async(work())


def test_who_hangs_is_cut_when_the_grace_is_over(capsys, monkeypatch):
    """The relay never answers: after a while the first Ctrl-C is enough, and it is told."""

    async def work():
        stop = asyncio.Event()
        with stop_on_interrupt(stop) as interruption:
            await _interrupt()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(60)
            return interruption.is_cut

    monkeypatch.setattr(interrupt, "GRACE", 0.01)
    assert run_async(work()) is True
    assert "gives no answer" in capsys.readouterr().err


@pytest.mark.parametrize("is_ignored", [True, False], ids=["nohup", "terminal"])
def test_a_terminal_that_is_closed_asks_to_stop_unless_that_is_ignored(is_ignored):
    """SIGHUP finishes what is on the wire; under `nohup` the run goes on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if is_ignored else signal.SIG_DFL)

    async def work():
        stop = asyncio.Event()
        with stop_on_interrupt(stop):
            os.kill(os.getpid(), signal.SIGHUP)
            for _turn in range(5):
                await asyncio.sleep(0.001)
            return stop.is_set()

    try:
        assert run_async(work()) is not is_ignored
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_stop_for_another_reason_is_no_interrupt():
    """A bound on time sets the same event, and nobody is told that they interrupted."""

    async def work():
        stop = asyncio.Event()
        with stop_on_interrupt(stop) as interrupted:
            stop.set()
            return interrupted.is_set()

    assert run_async(work()) is False


def test_signals_are_as_before_afterwards():
    """Ctrl-C means the usual again once the delivery is over."""
    before = signal.getsignal(signal.SIGINT)

    async def work():
        with stop_on_interrupt(asyncio.Event()):
            pass

    run_async(work())
    assert signal.getsignal(signal.SIGINT) is before
