"""Work that blocks, aside from the loop, in threads that nobody waits for when the program ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def call_in(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Have the loop call the function soon, from any thread; nothing where it has ended."""
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody serves any more
        loop.call_soon_threadsafe(function)


async def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """What it returns; run in a thread that nobody waits for when the program ends.

    A sheet may take minutes to be enrolled. Broken off it goes on with the next start, as after a
    kill.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast("T", value))

    def work() -> None:
        value, error = None, None
        try:
            value = function(*arguments)
        except BaseException as exc:  # noqa: BLE001 - it is whoever waits who must know
            error = exc
        call_in(loop, lambda: settle(value, error))

    threading.Thread(target=work, daemon=True).start()
    return await done
