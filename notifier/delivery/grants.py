"""The limits as this process holds them: permits granted by the ledger, used from memory.

What makes a limit exact between processes is in `ledger/permits.py`. Here is the holder's side: a
limit (`Allowance`) has the grant that is being used and, so that nobody waits for the disk, asks
for the next one when half of it is left. All that is asked for at a time goes into one transaction,
together with what became of the grants before (`Grants`).

    the ledger gives nothing     the limit is reached: closed until the instant that it names, and
                                 asked again after `PATIENCE` at the latest: others may give back
    nobody sends for a while,    what is left is given back; the next grant is asked for when
    a grant's time is over       somebody wants to send
    the run ends                 everything that was not used is given back
    the process is killed        what was granted counts as used: see there
    the ledger is unavailable    the run ends with that error, as everywhere
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

from notifier.ledger.permits import Ask, Back, portion

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from notifier.ledger.permits import Grant
    from notifier.model import Rate

#: Seconds until a limit that was reached is asked about again, though no permit is due before.
PATIENCE = 5.0
#: Seconds after which permits that nobody used go back.
IDLE = 2.0
#: Seconds that an answer of the ledger is waited for before somebody looks again.
SOON = 0.1


class Allowance:
    """One limit, and the permits of it that are in hand."""

    __slots__ = (
        "_grants",
        "_low",
        "began",
        "closed_until",
        "count",
        "free_at",
        "grant",
        "is_asked",
        "last",
        "left",
        "rate",
        "scope",
        "spare",
        "until",
    )

    def __init__(self, scope: str, rate: Rate, grants: Grants) -> None:
        if rate.count < 1 or not 0 < rate.seconds < inf:
            raise ValueError(f"no limit: {rate}")
        self.scope = scope
        self.rate = rate
        self._grants = grants
        #: The next grant is asked for when so many permits are left of this one.
        self._low = portion(rate) // 2
        self.closed_until = -inf
        #: When the ledger expects the next permit to be free; in the past: there was one.
        self.free_at = -inf
        self.is_asked = False
        self.spare: Grant | None = None
        #: The grant in use: its number (0: none), size, what is left, its end, when its use began.
        self.grant = self.count = self.left = 0
        self.until = self.began = self.last = -inf

    def __repr__(self) -> str:
        return f"<Allowance {self.scope} {self.rate}: {self.left} of {self.count} left>"

    def opens_at(self, now: float) -> float:
        """-inf: a permit is in hand. Else when to look again; what there is to ask is asked."""
        if self.left > 0 and now <= self.until:
            return -inf
        self.turn_over(now)
        if self.left > 0:
            return -inf
        if self.closed_until > now:
            return self.closed_until
        self._grants.need(self)
        return now + SOON

    def use(self, now: float) -> None:
        """Use the permit that `opens_at` has told of."""
        self.left -= 1
        self.last = now
        if self.left <= self._low and self.spare is None and self.closed_until <= now:
            self._grants.need(self)

    def withdraw(self, instant: float) -> None:
        """What was admitted at `instant` did not leave: its permit can be used again."""
        if self.began <= instant and self.left < self.count:
            self.left += 1

    def turn_over(self, now: float) -> None:
        """Let go of a grant that is used up or whose time is over, and begin the next."""
        while self.grant and (self.left <= 0 or now > self.until):
            self._grants.give_back(self._back())
            self._begin(self.spare, now)
            self.spare = None

    def receive(self, grant: Grant, now: float) -> None:
        """The answer to a request."""
        self.is_asked = False
        self.free_at = -inf if grant.id else grant.until
        if not grant.id:
            self.closed_until = min(grant.until, now + PATIENCE)
        elif self.grant:
            self.spare = grant
            self.turn_over(now)
        else:
            self._begin(grant, now)

    def let_go(self, now: float) -> None:
        """Give back everything that was not used."""
        if self.grant:
            self._grants.give_back(self._back())
        if self.spare is not None:
            self._grants.give_back(Back(self.spare.id, 0, 0.0))
        self.spare = None
        self._begin(None, now)

    def _back(self) -> Back:
        return Back(self.grant, self.count - self.left, max(self.last, self.began))

    def _begin(self, grant: Grant | None, now: float) -> None:
        if grant is None:
            self.grant = self.count = self.left = 0
            self.until = -inf
        else:
            self.grant, self.count, self.until = grant.id, grant.count, grant.until
            self.left = grant.count
        self.began = self.last = now


class Grants:
    """What this process holds of all limits, and its dealings with the ledger.

    `plan` and `accept` decide; `trade` carries it out, one transaction at a time.
    """

    def __init__(
        self,
        exchange: Callable[[Sequence[Ask], Sequence[Back], float], Awaitable[list[Grant]]],
        clock: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        #: Those in need, in the order in which they asked.
        self._needy: list[Allowance] = []
        self._backs: list[Back] = []
        self._held: dict[Allowance, None] = {}
        self._trading: asyncio.Task[None] | None = None
        self._is_closed = False
        #: Told after each answer; and what went wrong, once.
        self.on_change: Callable[[], None] = _nothing
        self.on_failure: Callable[[Exception], None] = _raise

    def need(self, allowance: Allowance) -> None:
        """Ask for a grant of this limit with the next transaction."""
        if allowance.is_asked or self._is_closed:
            return
        allowance.is_asked = True
        self._needy.append(allowance)
        self._held[allowance] = None
        self._wake()

    def give_back(self, back: Back) -> None:
        """Tell the ledger with the next transaction."""
        self._backs.append(back)

    def plan(self) -> tuple[list[Allowance], list[Ask], list[Back]]:
        """Who asks, for what, and what is given back; they are taken off the list."""
        asking, self._needy = self._needy, []
        backs, self._backs = self._backs, []
        return asking, [Ask(it.scope, it.rate, portion(it.rate)) for it in asking], backs

    def accept(self, asking: Sequence[Allowance], grants: Sequence[Grant], now: float) -> None:
        """The ledger's answers."""
        for allowance, grant in zip(asking, grants, strict=True):
            allowance.receive(grant, now)
            if self._is_closed:  # it came too late
                allowance.let_go(now)

    def tidy(self, now: float) -> None:
        """Give back what lies idle: others may want it."""
        for allowance in list(self._held):
            allowance.turn_over(now)
            if now - allowance.last > IDLE:
                allowance.let_go(now)
            if not allowance.grant and not allowance.is_asked:
                del self._held[allowance]
        if self._backs and not self._is_closed:
            self._wake()

    async def close(self) -> None:
        """Ask for nothing more, and give everything back."""
        self._is_closed = True
        if self._trading is not None:
            await self._trading
        for allowance in self._held:
            allowance.let_go(self._clock())
        self._held.clear()
        _asking, _asks, backs = self.plan()
        if backs:
            await self._exchange([], backs, self._clock())

    def _wake(self) -> None:
        if self._trading is None:
            self._trading = asyncio.get_running_loop().create_task(self._trade())

    async def _trade(self) -> None:
        try:
            while (self._needy or self._backs) and not self._is_closed:
                asking, asks, backs = self.plan()
                # The clock is read before the ledger looks: what is granted begins no earlier.
                now = self._clock()
                self.accept(asking, await self._exchange(asks, backs, now), now)
                self.on_change()
        except Exception as exc:  # noqa: BLE001 - whoever waits for permits must be told
            self._is_closed = True
            self.on_failure(exc)
        finally:
            self._trading = None


def _nothing() -> None:
    pass


def _raise(exc: Exception) -> None:
    raise exc
