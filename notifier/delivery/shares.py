"""Which of several relays is given the next messages: by priority, then by weight. Pure.

    priority   the lowest number among the relays that can be used; the others are given nothing
    weight     among relays of that priority each gets its share: whoever is ahead of it waits for
               the others. That is start-time fair queueing (Goyal, Vin, Cheng 1996): each relay
               has a clock that a message moves on by 1 / weight, and the one that is behind goes
               first
    absence    a relay that can't be used, or is held back by a limit, is not waited for; when it is
               back it goes on where the others are, and does not make up for what it missed

What a relay was given and could not send is taken back, as if it had never been given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: Clocks that differ by less are equal: they are sums of fractions.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True)
class Share:
    """One relay's place among the others."""

    name: str
    weight: int = 1
    #: The lowest number goes first.
    priority: int = 1


class Shares:
    """Who is behind its share, and who is ahead."""

    def __init__(self, shares: Iterable[Share]) -> None:
        self._shares = {share.name: share for share in shares}
        #: Messages by weight: each relay's clock.
        self._clocks = dict.fromkeys(self._shares, 0.0)

    def __repr__(self) -> str:
        clocks = ", ".join(f"{name} {clock:g}" for name, clock in self._clocks.items())
        return f"<Shares {clocks}>"

    def priority(self, name: str) -> int:
        """The relay's."""
        return self._shares[name].priority

    def may_take(self, name: str, usable: Collection[str], ready: Collection[str]) -> bool:
        """Whether the next messages may be this relay's.

        `usable`: those that take messages at all; `ready`: of these, those that nothing holds back.
        """
        if name not in usable:
            return False
        mine = self._shares[name]
        if any(self._shares[it].priority < mine.priority for it in usable):
            return False
        peers = [it for it in ready if self._shares[it].priority == mine.priority]
        slowest = min((self._clocks[it] for it in peers), default=self._clocks[name])
        self._catch_up(mine.priority, set(peers), slowest)
        return self._clocks[name] <= slowest + NEGLIGIBLE

    def portion(self, name: str, most: int) -> int:
        """How many of `most` it may be given at once: in proportion to the weights, at least 1."""
        mine = self._shares[name]
        heaviest = max(it.weight for it in self._shares.values() if it.priority == mine.priority)
        return max(1, most * mine.weight // heaviest)

    def give(self, name: str, count: int) -> None:
        """It was given so many messages; a negative number: it gave them back."""
        self._clocks[name] += count / self._shares[name].weight

    def _catch_up(self, priority: int, peers: Collection[str], slowest: float) -> None:
        """Who is not waited for goes on, once it is back, where the others are by then."""
        for name, share in self._shares.items():
            if share.priority == priority and name not in peers:
                self._clocks[name] = max(self._clocks[name], slowest)
