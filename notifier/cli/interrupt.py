"""Ctrl-C while messages are on the wire: the first one finishes them, the second one doesn't."""

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
def stop_on_interrupt(stop: asyncio.Event) -> Iterator[asyncio.Event]:
    """Within: SIGINT or SIGTERM sets `stop`, a second one cancels the current task.

    Gives an event that is set once somebody interrupted.
    """
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def on_signal() -> None:
        if interrupted.is_set():
            task.cancel()
            return
        interrupted.set()
        stop.set()
        say(
            _("Stopping: what is on the wire is being finished. Ctrl-C again stops at once."),
            stderr=True,
        )

    signals = (signal.SIGINT, signal.SIGTERM)
    restore = [_listen(loop, number, on_signal) for number in signals]
    try:
        yield interrupted
    finally:
        for undo in restore:
            undo()


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
