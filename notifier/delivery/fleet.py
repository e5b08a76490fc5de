"""What a run is sent through: one relay (`Single`), or several (`Fleet`).

Several relays have a pool and an outlet each, and one supply (`supply.py`). Each works in a branch
of its own, so that the trouble of one is nobody else's.

If step X fails, what happens to whom?

    a relay is down               unreachable, no to our session, sign-in or sender: what it holds
                                  goes to the others; it is tried out (connect, sign in, take leave)
                                  after a while, longer each time, and works again when it answers
    a limit is used up for long,  what it holds goes to the others, until the limit opens or it
    it wants a long pause, hangs  moves again; shorter waits are waited
    all of them are down          the run ends with their reasons, and is paused
    a delivery is on the wire     it stays with its relay until it is settled, whatever happens
    the ledger, or a bug of ours  everything ends with that error, as with one relay
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from notifier.delivery.branch import Branch, wish_of
from notifier.delivery.dues import Dues
from notifier.delivery.feed import RunFeed
from notifier.delivery.shares import Share
from notifier.delivery.supply import Supply
from notifier.errors import RelayUnreachable
from notifier.locale import _
from notifier.smtp.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifier.delivery.line import Desk, Line
    from notifier.errors import RelayError
    from notifier.ledger.encounters import Encounter
    from notifier.ledger.relays import Trouble, Wish


class Sender(Protocol):
    """What the engine drives."""

    @property
    def lines(self) -> Sequence[Line]:
        """Its relays."""

    async def run(self) -> None:
        """Send until there is nothing left, or a reason to stop; raises RelayError."""

    @property
    def failure(self) -> Exception | None:
        """Why the run can't go on."""

    @property
    def waiting_until(self) -> float | None:
        """When the next deferred delivery is due, while there is nothing else to do."""

    @property
    def connections(self) -> int:
        """Connections that are open or being opened."""

    def wishes(self) -> list[Wish]:
        """What it has and wants of its relays' connections."""

    def news(self, now: float) -> list[Encounter]:
        """What has come to be known of its relays."""

    def allow(self, slots: Mapping[str, int]) -> None:
        """So many connections to each relay are this process'."""

    def downs(self, error: RelayError) -> dict[str, str]:
        """Why each relay that can't be used can't, where `error` ended the run."""

    def limit(self, now: float) -> str:
        """Why nothing moves, in words; empty while something does."""

    def look(self, now: float) -> None:
        """Look at the clock: limits and paces may be over."""

    def fail(self, exc: Exception) -> None:
        """End the run with this error."""

    def stop(self) -> None:
        """Take nothing new; what is on the wire is finished."""

    def drop_claims(self) -> None:
        """What was claimed is not ours any more."""


class Single:
    """One relay."""

    def __init__(self, desk: Desk, line: Line) -> None:
        self.lines = (line,)
        self._line = line
        self._feed = RunFeed(line.terms(), desk.writer, desk.ledger, line.meter, desk.grants)
        self._pool = Pool(line.relay, ladder=line.met.ladder)

    async def run(self) -> None:
        """Send until there is nothing left, or a reason to stop; raises RelayError."""
        filler = asyncio.create_task(self._feed.fill())
        try:
            await self._pool.run(self._feed)
        finally:
            self._feed.close()
            await asyncio.gather(filler, return_exceptions=True)

    @property
    def failure(self) -> Exception | None:
        """Why the run can't go on."""
        return self._feed.failure

    @property
    def waiting_until(self) -> float | None:
        """When the next deferred delivery is due, while there is nothing else to do."""
        return self._feed.waiting_until

    @property
    def connections(self) -> int:
        """Connections that are open or being opened."""
        return self._pool.size

    def wishes(self) -> list[Wish]:
        """What it has and wants of its relay's connections."""
        return [wish_of(self._line, self._pool, wants=True)]

    def news(self, now: float) -> list[Encounter]:
        """What has come to be known of its relay."""
        return self._line.met.news(self._pool, now)

    def allow(self, slots: Mapping[str, int]) -> None:
        """So many connections are this process'."""
        self._pool.limit(slots[self._line.name])

    def downs(self, error: RelayError) -> dict[str, str]:
        """Why the relay can't be used."""
        return {self._line.name: error.message}

    def limit(self, now: float) -> str:
        """Why nothing moves, in words; empty while something does."""
        return self._line.limit(now) if self._feed.limited_for > 0 else ""

    def look(self, now: float) -> None:
        """Look at the clock."""
        self._line.heed.forgive(now)

    def fail(self, exc: Exception) -> None:
        """End the run with this error."""
        self._feed.fail(exc)

    def stop(self) -> None:
        """Take nothing new; what is on the wire is finished."""
        self._feed.close()
        self._pool.stop()

    def drop_claims(self) -> None:
        """What was claimed is not ours any more."""
        self._feed.drop_claims()


class Fleet:
    """Several relays."""

    def __init__(self, desk: Desk, lines: Sequence[Line]) -> None:
        self.lines = tuple(lines)
        self._desk = desk
        self._supply = Supply(
            Dues(lines[0].terms(), desk.writer, desk.ledger),
            [Share(it.name, it.route.weight, it.route.priority) for it in lines],
        )
        self._branches = [Branch(desk, line, self._supply) for line in lines]

    async def run(self) -> None:
        """Send until there is nothing left, or a reason to stop; raises RelayError."""
        await self._recall()
        self._listen()
        tasks = [asyncio.create_task(self._work(branch)) for branch in self._branches]
        filler = asyncio.create_task(self._supply.fill())
        try:
            await asyncio.gather(*tasks)
        finally:
            self._supply.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, filler, return_exceptions=True)

    @property
    def failure(self) -> Exception | None:
        """Why the run can't go on."""
        return self._supply.failure

    @property
    def waiting_until(self) -> float | None:
        """When the next deferred delivery is due, while there is nothing else to do."""
        return self._supply.waiting_until

    @property
    def connections(self) -> int:
        """Connections that are open or being opened."""
        return sum(branch.connections for branch in self._branches)

    def wishes(self) -> list[Wish]:
        """What it has and wants of its relays' connections."""
        return [branch.wish() for branch in self._branches]

    def news(self, now: float) -> list[Encounter]:
        """What has come to be known of its relays."""
        return [met for branch in self._branches for met in branch.news(now)]

    def allow(self, slots: Mapping[str, int]) -> None:
        """So many connections to each relay are this process'."""
        for branch in self._branches:
            branch.allow(slots[branch.line.name])

    def downs(self, error: RelayError) -> dict[str, str]:  # noqa: ARG002 - it tells of all of them
        """Why each relay that can't be used can't."""
        return {it.line.name: it.trouble.message for it in self._branches if it.trouble is not None}

    def limit(self, now: float) -> str:
        """Why nothing moves, in words; empty while something does."""
        told = [branch.limit(now) for branch in self._branches if branch.trouble is None]
        return told[0] if told and all(told) else ""

    def look(self, now: float) -> None:
        """Look at the clock."""
        for branch in self._branches:
            branch.look(now)
        self._supply.collect()

    def fail(self, exc: Exception) -> None:
        """End the run with this error."""
        self._supply.fail(exc)

    def stop(self) -> None:
        """Take nothing new; what is on the wire is finished."""
        self._supply.close()
        for branch in self._branches:
            branch.stop()

    def drop_claims(self) -> None:
        """What was claimed is not ours any more."""
        self._supply.lose()

    async def _recall(self) -> None:
        """Leave alone what was down a moment ago, unless that is all there is."""
        desk = self._desk
        found = {it.relay: it for it in await _troubles(desk)}
        known = [branch for branch in self._branches if branch.line.name in found]
        if len(known) == len(self._branches):
            return
        for branch in known:
            branch.recall(found[branch.line.name])

    async def _work(self, branch: Branch) -> None:
        try:
            while True:
                if branch.trouble is None:
                    branch.trouble = await branch.work_once()
                    if branch.trouble is None or self._supply.is_closed or not self._goes_on():
                        return
                if not await branch.come_back():
                    return
                self._listen()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the run must end and tell it
            self._supply.fail(exc)

    def _goes_on(self) -> bool:
        """Whether there is a relay left; where there is none, the run ends."""
        troubles = [branch.trouble for branch in self._branches]
        if any(trouble is None for trouble in troubles):
            self._supply.stir()
            return True
        self._supply.fail(_all_down(self._branches))
        return False

    def _listen(self) -> None:
        """Pass on to all outlets what each had asked to be told alone."""
        outlets = [branch.outlet for branch in self._branches]

        def granted() -> None:
            for outlet in outlets:
                outlet.granted()

        def forget(delivery_id: int) -> None:
            owner = next((it for it in outlets if it.owns(delivery_id)), None)
            if owner is not None:
                owner.forget(delivery_id)

        self._desk.grants.on_change = granted
        self._desk.grants.on_failure = self._supply.fail
        self._desk.writer.on_lost = forget
        if self._desk.workshop is not None:
            self._desk.workshop.on_change = self._supply.stir


async def _troubles(desk: Desk) -> list[Trouble]:
    return (await desk.writer.call(desk.ledger.traffic.relay_standing)).troubles


def _all_down(branches: Sequence[Branch]) -> RelayError:
    """The error for a run none of whose relays can be used."""
    troubles = [it.trouble for it in branches if it.trouble is not None]
    names = [it.line.name for it in branches]
    first = troubles[0]
    return RelayUnreachable(
        _("None of the relays can be used: {reasons}").format(
            reasons=" ".join(trouble.message for trouble in troubles)
        ),
        stage=first.stage,
        reply=first.reply,
        where=_("relays {relays}").format(relays=", ".join(names)),
        next_step=_("Try each of them out: {commands}.").format(
            commands=", ".join(f"notifier relay check {name}" for name in names)
        ),
    )


def make_sender(desk: Desk, lines: Sequence[Line]) -> Sender:
    """One relay, or several."""
    return Single(desk, lines[0]) if len(lines) == 1 else Fleet(desk, lines)
