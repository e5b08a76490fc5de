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


def test_a_purge_that_fails_is_told_and_done_the_next_day(monkeypatch):
    """A disk that is gone for a moment ends neither the serving nor the purges."""
    calls, lines = [], []

    def purge(_session):
        calls.append(1)
        if len(calls) == 1:
            raise OSError("gone")
        return 1

    monkeypatch.setattr(tidying, "purge_by_itself", purge)
    monkeypatch.setattr(tidying, "DAY", 0.0)

    async def serve():
        async with tidying.kept_tidy("the session", lines.append):
            while len(lines) < 2:  # noqa: ASYNC110 - a list has no event
                await asyncio.sleep(0)

    asyncio.run(serve())
    assert lines[0] == "OSError: gone"
    assert "1" in lines[1]
