import asyncio
import os
import signal

import pytest

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
