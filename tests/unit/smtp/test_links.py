"""Sockets that are still open when their connections are over."""

from __future__ import annotations

import asyncio

from notifier.smtp.links import Links


class Link:
    """A connection, as far as that goes."""

    is_hung_up = False

    def hang_up(self):
        self.is_hung_up = True


def test_it_waits_until_the_last_is_closed():
    """And not at all where none is open."""

    async def scene():
        links, one, two = Links(), Link(), Link()
        await links.gone(9.0)
        links.add(one)
        links.add(two)
        waiting = asyncio.create_task(links.gone(9.0))
        links.discard(one)
        await asyncio.sleep(0)
        assert not waiting.done()
        links.discard(two)
        await waiting

    asyncio.run(scene())


def test_who_doesnt_close_in_time_is_hung_up_on():
    """Nobody waits for longer than was said."""

    async def scene():
        links, link = Links(), Link()
        links.add(link)
        await links.gone(0.0)
        links.hang_up()
        assert link.is_hung_up

    asyncio.run(scene())
