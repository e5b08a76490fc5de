"""What a run's relays are given to send, when it has several: one claim, handed out in portions.

All that is due is claimed by one worker; each relay's outlet is given portions of it, as
`shares.py` says whose turn it is. A portion is a part of what waits, smaller towards the end
(guided self-scheduling: Polychronopoulos and Kuck, 1987), so that short runs are shared exactly,
too, and nobody is left with much at the end.

If step X fails, what happens to whom?

    a relay can't be used         what it holds comes back, and the others are given it
    ... or is at a limit for long the same
    it can't carry a message      another that may is given it; where none is, it is refused
    nothing is due                as with one relay: `dues` waits for what may become due
    the worker was taken for dead everything held is let go of, and claimed afresh
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from notifier.delivery.shares import Share, Shares
from notifier.delivery.waiting import happens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notifier.delivery.dues import Dues
    from notifier.delivery.outlet import Outlet
    from notifier.ledger.ledger import Claimed

#: Deliveries that wait to be handed out, below which more are claimed.
LOW = 256
#: A portion at most, and the part of what waits that it is.
PORTION = 64
PART = 8
#: Seconds between two looks at what is due, while relays are at work.
LOOK = 1.0


class Supply:
    """The due deliveries of one run, and whose turn it is."""

    def __init__(self, dues: Dues, shares: Iterable[Share]) -> None:
        self._dues = dues
        self._shares = Shares(shares)
        self._waiting: deque[Claimed] = deque()
        #: Outlets that take messages, by their relays' names.
        self._usable: dict[str, Outlet] = {}
        #: All that may have something on its way.
        self._outlets: list[Outlet] = []
        #: Relays that can't carry a delivery's message.
        self._unfit: dict[int, set[str]] = {}
        self._stirred = asyncio.Event()
        self._closed = asyncio.Event()
        self.failure: Exception | None = None

    @property
    def waiting_until(self) -> float | None:
        """When the next deferred delivery is due, while there is nothing else to do."""
        return self._dues.waiting_until

    @property
    def is_closed(self) -> bool:
        """Whether nothing is handed out any more."""
        return self._closed.is_set()

    # --- what relays' branches call ------------------------------------------------------------

    def admit(self, outlet: Outlet) -> None:
        """From now on it may be given messages."""
        self._usable[outlet.name] = outlet
        if outlet not in self._outlets:
            self._outlets.append(outlet)
        self._stir_all()

    def shut_out(self, outlet: Outlet) -> None:
        """It is given nothing for now; what it held is for the others."""
        if self._usable.get(outlet.name) is outlet:
            del self._usable[outlet.name]
        held = outlet.surrender()
        self._waiting.extendleft(reversed(held))
        self._shares.give(outlet.name, -len(held))
        self._stir_all()

    def part_with(self, outlet: Outlet) -> None:
        """It has ended."""
        self.shut_out(outlet)
        if not outlet.is_busy:
            self._outlets.remove(outlet)

    def collect(self) -> None:
        """Take back what came back from the wire to outlets that take nothing any more."""
        for outlet in self._outlets:
            if outlet.held and self._usable.get(outlet.name) is not outlet:
                self.shut_out(outlet)

    async def sleep(self, seconds: float) -> bool:
        """For so long; False where it is closed before."""
        return not await happens(self._closed, seconds)

    async def unless_closed(self, task: asyncio.Task[Any]) -> None:
        """Until the task is done, or this is closed."""
        closed = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closed.cancel()

    # --- what outlets call (`outlet.Giver`) -----------------------------------------------------

    def hand_out(self, outlet: Outlet, most: int) -> list[Claimed]:
        """The next deliveries that are this outlet's to send; none while it isn't its turn."""
        if self.is_closed or not self._waiting or outlet.name not in self._usable:
            return []
        if self._unfit and (left := self._left_for(outlet)):
            return left
        ready = [name for name, it in self._usable.items() if it.is_ready or it is outlet]
        if outlet.is_held_back or not self._shares.may_take(outlet.name, self._usable, ready):
            return []
        wanted = min(PORTION, max(1, len(self._waiting) // PART))
        count = min(most, self._shares.portion(outlet.name, wanted))
        given = self._take(outlet.name, count)
        self._shares.give(outlet.name, len(given))
        self._stirred.set()
        self._stir_outlets()
        return given

    def notice_idle(self) -> None:
        """An outlet has nothing to do."""
        self._stirred.set()

    def lose(self) -> None:
        """What was claimed is not ours any more: let go of all that has not left."""
        self._dues.are_lost = True
        self._waiting.clear()
        for outlet in self._outlets:
            outlet.surrender()
        self._stir_all()

    def may_move(self, delivery_id: int, outlet: Outlet) -> bool:
        """Whether another relay shall have a message that this one can't carry."""
        unfit = self._unfit.setdefault(delivery_id, set())
        unfit.add(outlet.name)
        return any(name not in unfit for name in self._usable)

    # --- the supply ------------------------------------------------------------------------------

    async def fill(self) -> None:
        """Have something to hand out until the run has nothing left to send, or it is closed."""
        try:
            while not self.is_closed:
                if len(self._waiting) < LOW and (claimed := await self._dues.claim()):
                    self._waiting.extend(claimed)
                    self._stir_all()
                elif self._waiting or any(it.is_busy for it in self._outlets):
                    await self._pause(LOOK)
                elif not await self._dues.wait(self._pause):
                    self.close()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the run must end and tell it
            self.fail(exc)

    def fail(self, exc: Exception) -> None:
        """Close, and have the run end with this error; the first one counts."""
        self.failure = self.failure or exc
        self.close()

    def close(self) -> None:
        """Hand out nothing more; what is on the wire still settles."""
        self._closed.set()
        self._stirred.set()
        for outlet in self._outlets:
            outlet.close()

    def stir(self) -> None:
        """Something changed: a limit, a relay's state."""
        self._stir_all()

    async def _pause(self, seconds: float) -> None:
        self._stirred.clear()
        if not self.is_closed:
            await happens(self._stirred, seconds)

    def _take(self, name: str, count: int) -> list[Claimed]:
        if not self._unfit:
            return [self._waiting.popleft() for _number in range(min(count, len(self._waiting)))]
        given: list[Claimed] = []
        passed: list[Claimed] = []
        while self._waiting and len(given) < count:
            claimed = self._waiting.popleft()
            (given if self._fits(claimed, name) else passed).append(claimed)
        self._waiting.extendleft(reversed(passed))
        return given

    def _fits(self, claimed: Claimed, name: str) -> bool:
        """Whether the relay may carry it; any may try what none can."""
        unfit = self._unfit.get(claimed.id)
        return unfit is None or name not in unfit or all(it in unfit for it in self._usable)

    def _left_for(self, outlet: Outlet) -> list[Claimed]:
        """Deliveries that no relay of better priority can carry, and this one may."""
        found = [
            it
            for it in self._waiting
            if it.id in self._unfit and self._is_next(outlet.name, self._unfit[it.id])
        ]
        for claimed in found:
            self._waiting.remove(claimed)
        self._shares.give(outlet.name, len(found))
        return found

    def _is_next(self, name: str, unfit: set[str]) -> bool:
        fit = [it for it in self._usable if it not in unfit]
        return name in fit and name == min(fit, key=self._shares.priority)

    def _stir_all(self) -> None:
        self._stirred.set()
        self._stir_outlets()

    def _stir_outlets(self) -> None:
        for outlet in self._usable.values():
            outlet.stir()
