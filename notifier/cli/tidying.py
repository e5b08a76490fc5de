"""While somebody serves: old content goes by itself, once a day (`keep_recipients`)."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from notifier.cli.purging import purge_by_itself
from notifier.locale import ngettext

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from notifier.cli.session import Session

#: Seconds.
DAY = 86_400.0


@asynccontextmanager
async def kept_tidy(session: Session, log: Callable[[str], None]) -> AsyncIterator[None]:
    """Purge by itself now and once a day, beside what is done meanwhile."""
    task = asyncio.create_task(_purge_daily(session, log))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _purge_daily(session: Session, log: Callable[[str], None]) -> None:
    while True:
        count = 0
        try:
            count = await asyncio.to_thread(purge_by_itself, session)
        except Exception as exc:  # noqa: BLE001 - nothing that is served suffers by it; tomorrow again
            log(f"{type(exc).__name__}: {exc}")
        if count:
            log(
                ngettext("{count} run is purged.", "{count} runs are purged.", count).format(
                    count=count
                )
            )
        await asyncio.sleep(DAY)
