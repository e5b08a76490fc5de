"""The finished messages that wait for a connection, and how they are made.

A stock is kept so that no connection waits for a render, and not more, so that memory doesn't grow
with the run. Where there are workers (`workshop`), they make the messages; until they are ready,
where there are none, and for large messages, which cost more to hand over than to make, messages
are made here, a few at a time. So are some where the workers can't keep up and connections wait.

If a worker is lost while it is at a batch, each of its messages is made by a worker again, alone.
One that takes a second worker with it is refused, for it would take this process with it, too.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Protocol

from notifier.delivery.making import Made, Order, Unmade, make
from notifier.delivery.workbench import LARGE
from notifier.delivery.workshop import Lost
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.delivery.bench import Bench
    from notifier.delivery.domains import Lanes
    from notifier.delivery.making import Product
    from notifier.ledger.ledger import Claimed
    from notifier.model import Message
    from notifier.smtp.parcel import Parcel

#: Messages kept ready or being made, and the bytes they may take: large ones keep fewer. With half
#: as many, connections and worker wait for each other now and then (a twentieth of the time).
STOCK = 768
STOCK_BYTES = 16_000_000
#: Messages in a batch for a worker: half as many cost a twentieth of the run's time in hand-overs.
BATCH = 64
#: Messages made here before the loop gets its turn, so that replies never wait long.
SLICE = 8
#: The same while workers make what they can, and it is not enough.
HAND = 2


class Keeper(Protocol):
    """Whom a stock tells what became of an order."""

    def made(self, claimed: Claimed, at: float, made: Made) -> Parcel:
        """The message is finished, its `Date:` being `at`."""

    def unmade(self, claimed: Claimed, reason: str) -> None:
        """There is no message for it."""

    def stir(self) -> None:
        """There is something new."""


class Stock:
    """The messages of one feed: claimed, being made, and ready."""

    def __init__(
        self,
        keeper: Keeper,
        assemble: Callable[..., Message],
        clock: Callable[[], float],
        workshop: Bench | None = None,
        lanes: Lanes | None = None,
    ) -> None:
        self._keeper = keeper
        self._lanes = lanes
        self._assemble = assemble
        self._clock = clock
        self._workshop = workshop
        #: Claimed deliveries that nobody makes a message for yet.
        self.claimed: deque[Claimed] = deque()
        #: Those whose batch was lost with a worker.
        self._suspects: deque[Claimed] = deque()
        #: Those that a worker left to this process.
        self._own: deque[Claimed] = deque()
        self.ready: deque[Parcel] = deque()
        self._ready_bytes = 0
        self._ordered = 0
        self._average = 0.0
        #: Batches of before the last `clear` are not ours any more.
        self._era = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is ready, and nothing on order."""
        return not self.finished and not self._ordered

    @property
    def finished(self) -> int:
        """Messages that are ready, those included that wait for their domain."""
        return len(self.ready) + (self._lanes.waiting if self._lanes is not None else 0)

    @property
    def opens_at(self) -> float:
        """When a message that waits for its domain may leave; inf: not by the clock alone."""
        return self._lanes.opens_at if self._lanes is not None else inf

    @property
    def has_claims(self) -> bool:
        """Whether there is something to make messages from."""
        return bool(self.claimed or self._suspects or self._own)

    @property
    def has_room(self) -> bool:
        """Whether more should be made."""
        count = len(self.ready) + self._ordered
        return count < STOCK and self._ready_bytes + self._ordered * self._average < STOCK_BYTES

    @property
    def is_low(self) -> bool:
        """Whether it is time to make more, and there is somebody to do it."""
        if len(self.ready) >= STOCK // 2:
            return False
        workshop = self._workshop
        return not self.ready or workshop is None or not workshop.is_full

    def draw(self, now: float) -> Parcel | None:
        """The next message that its domain's limits let leave; there must be some."""
        if self._lanes is None or not self._lanes.is_needed:
            parcel = self.ready.popleft()
        else:
            found = self._lanes.draw(self.ready, now)
            if found is None:
                return None
            parcel = found
        self._ready_bytes -= len(parcel.message.data)
        return parcel

    def settled(self, address: str, *, withdrawn_at: float | None = None) -> bool:
        """A message is on its way no more; whether another may leave now because of it."""
        if self._lanes is None or not self._lanes.is_needed:
            return False
        return self._lanes.settled(address, withdrawn_at=withdrawn_at)

    def answered(self) -> None:
        """The ledger has granted something."""
        if self._lanes is not None:
            self._lanes.answered()

    def put_back(self, parcel: Parcel) -> None:
        """It was taken and did not leave."""
        self.ready.appendleft(parcel)
        self._ready_bytes += len(parcel.message.data)

    def clear(self) -> list[Parcel]:
        """Let go of everything; what was ready."""
        gone = [*self.ready, *(self._lanes.clear() if self._lanes is not None else ())]
        self.ready.clear()
        self.claimed.clear()
        self._suspects.clear()
        self._own.clear()
        self._ready_bytes = self._ordered = 0
        self._era += 1
        return gone

    # --- making ------------------------------------------------------------------------------

    def make_some(self) -> bool:
        """Make or order a few of what is claimed; False while the workers have enough to do."""
        workshop = self._workshop
        if self._own:
            self._make_here(self._own)
            return True
        is_theirs = bool(self._suspects) or self._average < LARGE
        if workshop is not None and workshop.is_ready and is_theirs:
            if not workshop.is_full:
                self._order_some(workshop)
                return True
            if self.ready or not self.claimed:
                return False
            self._make_here(self.claimed, HAND)  # connections wait: lend the workers a hand
            return True
        if self._suspects and not self.claimed:
            if workshop is not None and workshop.is_open:
                return False  # another worker is on its way
            self.claimed, self._suspects = self._suspects, self.claimed
        self._make_here(self.claimed)
        return True

    def _order_some(self, workshop: Bench) -> None:
        if self._suspects:
            self._order(workshop, [self._suspects.popleft()], is_last_try=True)
        else:
            count = min(BATCH, len(self.claimed))
            self._order(workshop, [self.claimed.popleft() for _number in range(count)])

    def _order(
        self, workshop: Bench, batch: Sequence[Claimed], *, is_last_try: bool = False
    ) -> None:
        era, now = self._era, float(int(self._clock()))
        orders = [_order_of(claimed, now) for claimed in batch]

        def done(products: Sequence[Product | None] | Lost) -> None:
            if era == self._era:
                self._ordered -= len(batch)
                if isinstance(products, Lost):
                    self._take_back(batch, products, is_last_try=is_last_try)
                else:
                    for claimed, order, product in zip(batch, orders, products, strict=True):
                        self._add(claimed, order, product)
            self._keeper.stir()  # in any case: the worker has room now

        self._ordered += len(batch)
        workshop.order(orders, done)

    def _take_back(self, batch: Sequence[Claimed], lost: Lost, *, is_last_try: bool) -> None:
        if lost is Lost.WAITING:
            (self._suspects if is_last_try else self.claimed).extend(batch)
        elif is_last_try:
            self._keeper.unmade(batch[0], _("The process that made this message crashed."))
        else:
            self._suspects.extend(batch)

    def _make_here(self, waiting: deque[Claimed], most: int = SLICE) -> None:
        """A few, and fewer where they are large."""
        for _number in range(min(most, len(waiting))):
            claimed = waiting.popleft()
            order = _order_of(claimed, float(int(self._clock())))
            self._add(claimed, order, make(self._assemble, order))
            if not self.has_room:
                return

    def _add(self, claimed: Claimed, order: Order, product: Product | None) -> None:
        if product is None:
            self._own.append(claimed)
            return
        if isinstance(product, Unmade):
            self._keeper.unmade(claimed, product.reason)
            return
        size = product.message.size
        self._average += (size - self._average) / 16 if self._average else size
        self._ready_bytes += len(product.message.data)  # its tail is in memory once for all
        self.ready.append(self._keeper.made(claimed, order.at, product))


def _order_of(claimed: Claimed, now: float) -> Order:
    return Order(
        claimed.id,
        claimed.token,
        claimed.key,
        claimed.address,
        claimed.name,
        claimed.line,
        claimed.context,
        claimed.message_at or now,
    )
