"""Ctrl-C, SIGTERM, or a terminal that is closed, while messages are on the wire.

The first one finishes them, for `GRACE` seconds at most; the second one, or the end of that time,
cuts the connections. What had left without a reply is in doubt then.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any, TypeVar

from notifier.cli.console import say
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

#: Seconds that what is on the wire has, once somebody asked to stop. A relay may take ten minutes
#: to answer a message (RFC 5321 section 4.5.3.2.6), for which nobody waits who wants to stop.
GRACE = 30.0


class Interruption:
    """What signals have asked for so far."""

    def __init__(self) -> None:
        self._has_come = False
        #: Whether the connections were cut: by a second signal, or at the end of the grace.
        self.is_cut = False

    def is_set(self) -> bool:
        """Whether there was a signal."""
        return self._has_come

    def set(self) -> None:
        """There was one."""
        self._has_come = True


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where the platform has it."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(coroutine)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # the second Ctrl-C


@contextlib.contextmanager
def stop_on_interrupt(stop: asyncio.Event) -> Iterator[Interruption]:
    """Within: SIGINT, SIGTERM or SIGHUP sets `stop`; a second one cancels the current task.

    So does the end of `GRACE` seconds after the first. Gives what has come so far.
    """
    interruption = Interruption()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    timers: list[asyncio.TimerHandle] = []

    def cut() -> None:
        interruption.is_cut = True
        task.cancel()

    def lose_patience() -> None:
        if not interruption.is_cut:
            cut()
            _say(_("The relay gives no answer: the connections are being cut."))

    def on_signal() -> None:
        if interruption.is_set():
            cut()
            return
        interruption.set()
        stop.set()
        timers.append(loop.call_later(GRACE, lose_patience))
        # Said after this: what comes while uvloop is in here is lost, and somebody who reads it may
        # be quick.
        text = _("Stopping: what is on the wire is being finished. Ctrl-C again stops at once.")
        loop.call_soon(_say, text)

    restore = [_listen(loop, number, on_signal) for number in _signals()]
    try:
        yield interruption
    finally:
        for timer in timers:
            timer.cancel()
        for undo in restore:
            undo()


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal is gone
        say(text, stderr=True)


def _signals() -> list[signal.Signals]:
    found = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # else: nohup
        found.append(hang_up)
    return found


def _listen(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, on_signal: Callable[[], None]
) -> Callable[[], object]:
    """Call `on_signal` in the loop at each signal; what ends that."""
    try:
        loop.add_signal_handler(number, on_signal)
    except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
        with contextlib.suppress(ValueError):
            before = signal.signal(
                number, lambda _number, _frame: loop.call_soon_threadsafe(on_signal)
            )
            return lambda: signal.signal(number, before)
        return lambda: None
    return lambda: loop.remove_signal_handler(number)
