from __future__ import annotations

import asyncio

from notifier.cli import tidying


def test_while_somebody_serves_old_content_goes_once_a_day(monkeypatch):
    """At once, and a day later; what was purged is logged, and it ends with the serving."""
    calls, lines, slept = [], [], []
    monkeypatch.setattr(tidying, "purge_by_itself", lambda session: calls.append(session) or 2)
    plain = asyncio.sleep

    async def sleep(seconds):
        slept.append(seconds)
        await plain(0)
        if len(slept) > 1:
            await asyncio.Event().wait()

    async def serve():
        monkeypatch.setattr(tidying.asyncio, "sleep", sleep)
        async with tidying.kept_tidy("the session", lines.append):
            while len(slept) < 2:
                await plain(0.001)

    asyncio.run(serve())
    assert calls == ["the session"] * 2
    assert slept == [86_400.0] * 2
    assert len(lines) == 2
