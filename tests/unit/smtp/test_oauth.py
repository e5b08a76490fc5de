from __future__ import annotations

import asyncio
import threading

import pytest

from notifier.errors import AuthenticationError, RelayUnreachable
from notifier.model import Reply, Stage
from notifier.smtp.account import Account
from notifier.smtp.oauth import TokenKeeper
from notifier.smtp.oauth_grants import Token

ACCOUNT = Account("main", "smtp.example", 587, username="office", oauth="microsoft365")


class World:
    """A token server, a relay and a clock."""

    def __init__(self):
        self.now = 0.0
        self.made = 0
        self.seconds = 3600.0
        self.trouble = None
        self.gate = threading.Event()
        self.gate.set()
        self.refused = {}
        self.spent = []
        self.keeper = TokenKeeper(ACCOUNT, self.fetch, clock=lambda: self.now)

    def fetch(self):
        self.gate.wait(10)
        if self.trouble is not None:
            raise self.trouble
        self.made += 1
        return Token(f"token-{self.made}", self.seconds)

    async def attempt(self, token):
        self.spent.append(token)
        if token in self.refused:
            reply = self.refused[token]
            raise AuthenticationError("No.", stage=Stage.AUTH, reply=reply, next_step="Ask.")
        return f"session with {token}"

    async def spend(self):
        return await self.keeper.spend(self.attempt)


@pytest.fixture
def world():
    """A keeper, and everything that it deals with."""
    return World()


def run(coroutine):
    """Its result; a test that hangs fails by itself."""

    async def main():
        async with asyncio.timeout(10):
            return await coroutine

    return asyncio.run(main())


NO = Reply(535, "5.7.3", "Authentication unsuccessful")
LATER = Reply(454, "4.7.0", "later")
DOWN = RelayUnreachable("down", stage=Stage.AUTH)


def test_a_token_is_fetched_once_and_kept(world):
    """All connections use the same one."""

    async def main():
        for _number in range(3):
            await world.spend()

    run(main())
    assert world.spent == ["token-1"] * 3
    assert world.made == 1


@pytest.mark.parametrize(
    ("seconds", "still", "over"), [(3600.0, 3299, 3300), (100.0, 79, 80), (10.0, 7, 8)]
)
def test_it_is_renewed_before_it_runs_out(world, seconds, still, over):
    """Five minutes before, or in the last fifth of a short life."""
    world.seconds = seconds

    async def main():
        for world.now in (0, still, over):
            await world.spend()

    run(main())
    assert world.spent == ["token-1", "token-1", "token-2"]


def test_only_one_is_fetched_at_a_time(world):
    """Who needs it meanwhile waits for the same one; the loop goes on."""
    world.gate.clear()

    async def main():
        waiting = [asyncio.create_task(world.spend()) for _number in range(5)]
        for _number in range(5):
            await asyncio.sleep(0)  # the loop is free while the thread waits
        assert not world.spent
        world.gate.set()
        return await asyncio.gather(*waiting)

    assert run(main()) == ["session with token-1"] * 5
    assert world.made == 1


def test_who_gives_up_does_not_stop_the_others(world):
    """A connection that is closed while it waits leaves the fetching to those that still do."""
    world.gate.clear()

    async def main():
        first, second = (asyncio.create_task(world.spend()) for _number in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        world.gate.set()
        return await second

    assert run(main()) == "session with token-1"


def test_a_kept_token_that_is_refused_is_replaced_once(world):
    """It may have been withdrawn."""

    async def main():
        await world.spend()
        world.refused = {"token-1": NO}
        return await world.spend()

    assert run(main()) == "session with token-2"
    assert world.spent == ["token-1", "token-1", "token-2"]


def test_a_new_token_that_is_refused_is_told_as_such(world):
    """Another one would fare no better."""
    world.refused = {"token-1": NO}
    with pytest.raises(AuthenticationError, match="just now") as caught:
        run(world.spend())
    assert (caught.value.reply, caught.value.next_step) == (NO, "Ask.")
    assert world.made == 1


def test_a_kept_and_a_new_one_refused(world):
    """Two tries, no more."""

    async def main():
        await world.spend()
        world.refused = {"token-1": NO, "token-2": NO}
        with pytest.raises(AuthenticationError, match="just now"):
            await world.spend()

    run(main())
    assert world.made == 2


@pytest.mark.parametrize("reply", [LATER, None])
def test_what_is_no_refusal_costs_no_token(world, reply):
    """A relay that can't check now, or an error of our own: the token may be good."""

    async def main():
        await world.spend()
        world.refused = {"token-1": reply}
        with pytest.raises(AuthenticationError, match="No"):
            await world.spend()

    run(main())
    assert world.made == 1


def test_an_old_token_does_while_the_server_is_down(world):
    """In its last minutes it is still good; after that there is none."""

    async def main():
        await world.spend()
        world.trouble = DOWN
        world.now = 3400
        await world.spend()
        world.now = 3600
        with pytest.raises(RelayUnreachable):
            await world.spend()

    run(main())
    assert world.spent == ["token-1", "token-1"]


def test_a_failed_fetch_is_tried_again_by_the_next(world):
    """An error is nobody's for ever."""

    async def main():
        world.trouble = DOWN
        with pytest.raises(RelayUnreachable):
            await world.spend()
        world.trouble = None
        return await world.spend()

    assert run(main()) == "session with token-1"


def test_a_fetch_that_never_ends_holds_nobody(world):
    """Ctrl-C ends the loop although the thread still waits for its server."""
    world.gate.clear()

    async def main():
        waiting = asyncio.create_task(world.spend())
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(main())
    world.gate.set()
    assert not world.spent


def test_nothing_secret_is_in_a_repr(world):
    """The keeper may stand in a log."""
    run(world.spend())
    assert "token-1" not in repr(world.keeper)
    assert "token-1" not in repr(world.keeper._held)
