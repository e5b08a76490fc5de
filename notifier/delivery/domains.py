"""Limits by recipient domain: which finished message may leave now.

A relay's account has limits, and so have the domains behind it. A message whose domain is at its
limit steps aside, into a queue of that domain's own, and the next one leaves instead; so nobody
waits for a domain that isn't theirs. Each message steps aside once at most, and a domain is looked
at again when its time has come, when one of its messages is settled, or when the ledger has
granted something: the cost of a message does not grow with the number of those that wait.

How many messages may be on their way to a domain is the ledger's, as a relay's connections are
(`ledger/relays.py`): a process has none of these places until it was told of some (`wishes`,
`allow`), so the first message to a domain that has such a limit steps aside until the exchange.

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
from notifier.ledger.relays import Wish
from notifier.measures import ANY_DOMAIN, spell_domain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notifier.relays import DomainSettings
    from notifier.smtp.parcel import Parcel

#: Gates that are kept though nobody waits at them: a domain's next message is likely soon.
KEPT = 2_000


class Gate:
    """One recipient domain behind the relay."""

    __slots__ = (
        "connections",
        "domain",
        "entry",
        "is_idle",
        "on_way",
        "pace",
        "places",
        "queue",
        "throttle",
    )

    def __init__(
        self, domain: str, throttle: Throttle, connections: int = 0, places: float = inf
    ) -> None:
        self.domain = domain
        self.throttle = throttle
        #: Messages that may be on their way at a time, of all processes; 0: any number.
        self.connections = connections
        #: How many of these are this process'.
        self.places = places
        self.on_way = 0
        #: Nothing was on its way or waiting when the ledger was told last.
        self.is_idle = False
        #: What replies have said of its speed; None until they have.
        self.pace: Pace | None = None
        self.queue: deque[Parcel] = deque()
        #: Its place in the order of `Lanes`; anything else there is out of date.
        self.entry = 0

    def __repr__(self) -> str:
        return f"<Gate {self.domain}: {self.on_way} on their way, {len(self.queue)} waiting>"

    def most(self, now: float) -> int:
        """How many may be on their way at a time, of all processes; 0: any number."""
        return 1 if self.pace is not None and self.pace.is_single(now) else self.connections

    def is_full(self, now: float) -> bool:
        """Whether as many are on their way as may be."""
        most = self.most(now)
        return bool(most) and self.on_way >= min(most, self.places)

    def admit(self, now: float) -> float:
        """0.0: admitted and counted. Else seconds until asking again; inf: when one is settled."""
        if self.is_full(now):
            return inf
        delay = self.throttle.admit(now)
        if not delay:
            self.on_way += 1
            self.is_idle = False
        return delay


class Lanes:
    """Who may leave now, among messages to many domains."""

    def __init__(
        self,
        limits: Mapping[str, DomainSettings],
        make_throttle: Callable[[str, DomainSettings], Throttle],
        *,
        scope: str = "",
    ) -> None:
        """`scope`: what the ledger calls the relay, where places are shared; empty: they aren't."""
        self._limits = limits
        self._make_throttle = make_throttle
        self._scope = scope
        #: Gates whose places are the ledger's, and in use.
        self._leasing: dict[str, Gate] = {}
        #: A gate has messages, and was told of no place yet.
        self.is_pressing = False
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

    # --- places that all processes share ----------------------------------------------------------

    def wishes(self, now: float) -> list[Wish]:
        """What this process has and wants of its domains' places."""
        self.is_pressing = False
        return [self._wish(gate, now) for gate in list(self._leasing.values())]

    def _wish(self, gate: Gate, now: float) -> Wish:
        """Who was idle for a while, or is limited no more, has no places from now on."""
        most = gate.most(now)
        wanted = min(most, gate.on_way + len(gate.queue))
        if not most or (gate.is_idle and not wanted):
            del self._leasing[gate.domain]
            gate.places = 0
            if gate.queue:
                self._look_again(gate, -inf)
            return Wish(self._lease_of(gate.domain), 0, 0, 0, works=False)
        gate.is_idle = not wanted
        return Wish(self._lease_of(gate.domain), most, wanted, gate.on_way, works=False)

    def allow(self, slots: Mapping[str, int], now: float) -> bool:
        """So many places are this process'; whether somebody may leave now."""
        is_moved = False
        for gate in self._leasing.values():
            gate.places = slots.get(self._lease_of(gate.domain), gate.places)
            if gate.queue and not gate.is_full(now):
                self._look_again(gate, -inf)
                is_moved = True
        return is_moved or self.opens_at <= now

    def _lease_of(self, domain: str) -> str:
        return f"{self._scope} @{domain}"

    def _ask_for_place(self, gate: Gate) -> None:
        if gate.domain not in self._leasing:
            self._leasing[gate.domain] = gate
            gate.is_idle = False
            self.is_pressing = True

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
        if delay == inf and self._scope:
            self._ask_for_place(gate)
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
        gate = Gate(
            domain,
            throttle,
            limits.connections if limits is not None else 0,
            places=0 if self._scope else inf,
        )
        self._gates[domain] = gate
        return gate

    def _forget_idle(self) -> None:
        """Keep the gates that are in use: what is forgotten is in the ledger."""
        self._gates = {
            domain: gate
            for domain, gate in self._gates.items()
            if gate.queue or gate.on_way or gate.pace is not None or domain in self._leasing
        }
        self._keep = max(KEPT, 2 * len(self._gates))


def _domain_of(address: str) -> str:
    return spell_domain(address.rpartition("@")[2])
