"""Limits by recipient domain: which finished message may leave now.

A relay's account has limits, and so have the domains behind it. A message whose domain is at its
limit steps aside, into a queue of that domain's own, and the next one leaves instead; so nobody
waits for a domain that isn't theirs. Each message steps aside once at most, and a domain is looked
at again when its time has come, when one of its messages is settled, or when the ledger has
granted something: the cost of a message does not grow with the number of those that wait.

    Gate     one domain: its limits, how many of its messages are on their way, who waits
    Lanes    all gates, and the choice of the next message
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from notifier.delivery.pace import Pace
from notifier.delivery.throttle import Throttle
from notifier.measures import ANY_DOMAIN, spell_domain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notifier.relays import DomainSettings
    from notifier.smtp.parcel import Parcel

#: Gates that are kept though nobody waits at them: a domain's next message is likely soon.
KEPT = 2_000


class Gate:
    """One recipient domain behind the relay."""

    __slots__ = ("connections", "domain", "entry", "on_way", "pace", "queue", "throttle")

    def __init__(self, domain: str, throttle: Throttle, connections: int = 0) -> None:
        self.domain = domain
        self.throttle = throttle
        #: Messages that may be on their way at a time; 0: any number.
        self.connections = connections
        self.on_way = 0
        #: What replies have said of its speed; None until they have.
        self.pace: Pace | None = None
        self.queue: deque[Parcel] = deque()
        #: Its place in the order of `Lanes`; anything else there is out of date.
        self.entry = 0

    def __repr__(self) -> str:
        return f"<Gate {self.domain}: {self.on_way} on their way, {len(self.queue)} waiting>"

    def is_full(self, now: float) -> bool:
        """Whether as many are on their way as may be."""
        if self.pace is not None and self.pace.is_single(now):
            return self.on_way >= 1
        return bool(self.connections) and self.on_way >= self.connections

    def admit(self, now: float) -> float:
        """0.0: admitted and counted. Else seconds until asking again; inf: when one is settled."""
        if self.is_full(now):
            return inf
        delay = self.throttle.admit(now)
        if not delay:
            self.on_way += 1
        return delay


class Lanes:
    """Who may leave now, among messages to many domains."""

    def __init__(
        self,
        limits: Mapping[str, DomainSettings],
        make_throttle: Callable[[str, DomainSettings], Throttle],
    ) -> None:
        self._limits = limits
        self._make_throttle = make_throttle
        self._gates: dict[str, Gate] = {}
        #: (when to look again, number, gate) of each gate where somebody waits for the clock.
        self._order: list[tuple[float, int, Gate]] = []
        self._numbers = count(1)
        #: Gates that wait for the ledger's answer.
        self._asking: list[Gate] = []
        #: How many messages wait.
        self.waiting = 0
        self._keep = KEPT
        self._is_slowed = False

    @property
    def is_needed(self) -> bool:
        """Whether any domain has a limit, or was slowed down."""
        return bool(self._limits) or self._is_slowed

    @property
    def opens_at(self) -> float:
        """When a waiting message may leave; inf: when one is settled, or nobody waits."""
        while self._order and self._order[0][1] != self._order[0][2].entry:
            heappop(self._order)
        return self._order[0][0] if self._order else inf

    def draw(self, ready: deque[Parcel], now: float) -> Parcel | None:
        """The next message that may leave now, counted; those that may not step aside."""
        while self.opens_at <= now:
            gate = heappop(self._order)[2]
            if self._admits(gate, now):
                self.waiting -= 1
                parcel = gate.queue.popleft()
                if gate.queue:
                    self._look_again(gate, now)
                return parcel
        while ready:
            parcel = ready.popleft()
            gate_or_none = self._gate_of(parcel)
            if gate_or_none is None:
                return parcel
            if not gate_or_none.queue and self._admits(gate_or_none, now):
                return parcel
            gate_or_none.queue.append(parcel)
            self.waiting += 1
        return None

    def settled(self, address: str, *, withdrawn_at: float | None = None) -> bool:
        """A message is on its way no more; whether somebody may leave now because of it.

        `withdrawn_at`: it was admitted then, and did not leave.
        """
        gate = self._gates.get(_domain_of(address))
        if gate is None:
            return False
        if withdrawn_at is not None:
            gate.throttle.withdraw(withdrawn_at)
        gate.on_way = max(0, gate.on_way - 1)
        if not gate.queue:
            return False
        self._look_again(gate, -inf)
        return True

    def pace_of(self, domain: str) -> Pace:
        """The pace of this domain, which holds its messages back from now on."""
        self._is_slowed = True
        gate = self._gates.get(domain) or self._open(domain, self._limits_of(domain))
        if gate.pace is None:
            gate.pace = Pace()
            gate.throttle.join(gate.pace)
        return gate.pace

    def answered(self) -> None:
        """The ledger has granted something: look again at those who asked."""
        asking, self._asking = self._asking, []
        for gate in asking:
            if gate.queue:
                self._look_again(gate, -inf)

    def clear(self) -> list[Parcel]:
        """Everybody who waits, who then doesn't."""
        gone = [parcel for gate in self._gates.values() for parcel in gate.queue]
        for gate in self._gates.values():
            gate.queue.clear()
            gate.entry = 0
        self._order.clear()
        self.waiting = 0
        return gone

    def _admits(self, gate: Gate, now: float) -> bool:
        delay = gate.admit(now)
        if not delay:
            return True
        gate.entry = 0
        if delay < inf:
            self._look_again(gate, now + delay)
            if gate.throttle.holding(now) is None:
                self._asking.append(gate)
        return False

    def _look_again(self, gate: Gate, at: float) -> None:
        gate.entry = next(self._numbers)
        heappush(self._order, (at, gate.entry, gate))

    def _gate_of(self, parcel: Parcel) -> Gate | None:
        domain = _domain_of(parcel.message.address)
        gate = self._gates.get(domain)
        if gate is not None:
            return gate
        limits = self._limits_of(domain)
        return self._open(domain, limits) if limits is not None else None

    def _limits_of(self, domain: str) -> DomainSettings | None:
        return self._limits.get(domain) or self._limits.get(ANY_DOMAIN)

    def _open(self, domain: str, limits: DomainSettings | None) -> Gate:
        if len(self._gates) >= self._keep:
            self._forget_idle()
        throttle = self._make_throttle(domain, limits) if limits is not None else Throttle()
        gate = Gate(domain, throttle, limits.connections if limits is not None else 0)
        self._gates[domain] = gate
        return gate

    def _forget_idle(self) -> None:
        """Keep the gates that are in use: what is forgotten is in the ledger."""
        self._gates = {
            domain: gate
            for domain, gate in self._gates.items()
            if gate.queue or gate.on_way or gate.pace is not None
        }
        self._keep = max(KEPT, 2 * len(self._gates))


def _domain_of(address: str) -> str:
    return spell_domain(address.rpartition("@")[2])
