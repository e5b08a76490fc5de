from __future__ import annotations

import timeit
from collections import Counter, deque
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.domains import Lanes
from notifier.delivery.pace import RECOVERY
from notifier.delivery.throttle import Throttle
from notifier.ledger.relays import Wish
from notifier.model import Message, Rate
from notifier.relays import DomainSettings
from notifier.smtp.parcel import Parcel

DATA = b"Subject: marks\r\n\r\n"


class Limit:
    """So many in any so many seconds, for one alone; `asks`: the first try waits for an answer."""

    def __init__(self, rate, asks=False):
        self.rate, self.used, self.asks = rate, [], asks

    @property
    def closed_until(self):
        if self.asks or len(self.used) < self.rate.count:
            return -inf
        return self.used[-self.rate.count] + self.rate.seconds

    def opens_at(self, now):
        if self.asks:
            return now + 0.1
        return self.closed_until if self.closed_until > now else -inf

    def use(self, now):
        self.used.append(now)

    def withdraw(self, instant):
        if instant in self.used:
            self.used.remove(instant)


class Bureau:
    """Lanes with limits of their own, and what is ready."""

    def __init__(self, limits, asks=False, scope=""):
        self.limits, self.ready, self.number, self.asks = {}, deque(), 0, asks
        settings = {name: DomainSettings.model_validate(it) for name, it in limits.items()}
        self.lanes = Lanes(settings, self.make_throttle, scope=scope)

    def make_throttle(self, domain, settings):
        self.limits[domain] = [Limit(rate, self.asks) for rate in settings.rate]
        return Throttle(self.limits[domain])

    def add(self, *domains):
        """A finished message to each of these domains."""
        for domain in domains:
            self.number += 1
            message = Message("office@school.example", f"p{self.number}@{domain}", DATA)
            self.ready.append(Parcel(self.number, message))

    def draw(self, now):
        """Everything that may leave now, by number."""
        found = []
        while (parcel := self.lanes.draw(self.ready, now)) is not None:
            found.append(parcel.id)
        return found


def test_a_domain_at_its_limit_holds_up_nobody_else():
    """Its messages step aside, and leave in order when its time has come."""
    bureau = Bureau({"gmail.com": {"rate": "2/minute"}})
    bureau.add("gmail.com", "gmail.com", "gmail.com", "a.example", "GMail.com", "b.example")
    assert bureau.draw(100.0) == [1, 2, 4, 6]
    assert bureau.lanes.waiting == 2
    assert bureau.lanes.opens_at == 160.0
    bureau.add("gmail.com", "c.example")
    assert bureau.draw(120.0) == [8]
    assert bureau.draw(160.0) == [3, 5]
    assert bureau.draw(220.0) == [7]
    assert bureau.lanes.waiting == 0
    assert bureau.lanes.opens_at == inf


def test_every_other_domain_has_the_stars_limits_for_itself():
    """And one with an entry of its own has that alone."""
    bureau = Bureau({"*": {"rate": "1/minute"}, "free.example": {}})
    bureau.add("a.example", "b.example", "a.example", "free.example", "free.example")
    assert bureau.draw(0.0) == [1, 2, 4, 5]
    assert bureau.draw(60.0) == [3]


def test_only_so_many_are_on_their_way_to_a_domain_at_a_time():
    """The next leaves when one is settled, whatever became of that."""
    bureau = Bureau({"gmail.com": {"connections": 2}})
    bureau.add(*["gmail.com"] * 5)
    assert bureau.draw(0.0) == [1, 2]
    assert bureau.lanes.opens_at == inf
    assert bureau.lanes.settled("p1@gmail.com") is True
    assert bureau.draw(0.0) == [3]
    assert bureau.lanes.settled("p9@elsewhere.example") is False
    assert bureau.draw(0.0) == []
    bureau.lanes.settled("p2@gmail.com")
    bureau.lanes.settled("p3@gmail.com")
    assert bureau.draw(0.0) == [4, 5]
    assert bureau.lanes.settled("p4@gmail.com") is False


def test_what_did_not_leave_uses_nothing_of_the_limit():
    """It was put back: another may leave instead."""
    bureau = Bureau({"gmail.com": {"rate": "1/hour"}})
    bureau.add("gmail.com", "gmail.com")
    assert bureau.draw(5.0) == [1]
    assert bureau.lanes.settled("p1@gmail.com", withdrawn_at=5.0) is True
    assert bureau.draw(6.0) == [2]


def test_who_waits_for_the_ledgers_answer_is_looked_at_when_it_is_there():
    """Not only when time has passed."""
    bureau = Bureau({"*": {"rate": "1/hour"}}, asks=True)
    bureau.add("a.example", "b.example")
    assert bureau.draw(0.0) == []
    assert bureau.lanes.opens_at == pytest.approx(0.1)
    for limits in bureau.limits.values():
        limits[0].asks = False
    bureau.lanes.answered()
    assert bureau.lanes.opens_at == -inf
    assert bureau.draw(0.0) == [1, 2]


def test_what_is_cleared_does_not_come_back():
    """It was somebody else's, after all."""
    bureau = Bureau({"*": {"rate": "1/hour"}})
    bureau.add("a.example", "a.example", "a.example")
    assert bureau.draw(0.0) == [1]
    assert [it.id for it in bureau.lanes.clear()] == [2, 3]
    assert bureau.draw(9999.0) == []
    bureau.add("a.example")
    assert bureau.draw(9999.0) == [4]


class Traffic(Bureau):
    """Messages that arrive, leave, and are settled."""

    def __init__(self, rate, connections):
        super().__init__({"*": {"rate": [rate], "connections": connections}})
        self.now, self.left, self.on_way, self.domains = 0.0, [], [], {}

    def arrive(self, domain):
        self.add(domain)
        self.domains[self.number] = domain
        self.leave()

    def leave(self):
        numbers = self.draw(self.now)
        self.left += [(self.now, number) for number in numbers]
        self.on_way += numbers

    def settle(self):
        while self.on_way:
            number = self.on_way.pop(0)
            self.lanes.settled(f"p{number}@{self.domains[number]}")

    def finish(self):
        """Until nobody waits."""
        for _turn in range(200):
            self.settle()
            self.leave()
            if self.lanes.opens_at < inf:
                self.now = max(self.now, self.lanes.opens_at)

    def busiest(self):
        """How many are on their way to one domain, at most."""
        return max(Counter(self.domains[number] for number in self.on_way).values(), default=0)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40)), min_size=1, max_size=60),
    st.integers(1, 3),
    st.integers(0, 2),
)
def test_each_message_leaves_once_in_its_domains_order_and_within_its_limits(
    arrivals, count, connections
):
    """Whatever comes when; and nobody is forgotten."""
    traffic = Traffic(Rate(count, 10.0), connections)
    for domain, delta in arrivals:
        traffic.now += delta / 4
        traffic.arrive(f"d{domain}.example")
        assert not connections or traffic.busiest() <= connections
        if delta % 2:
            traffic.settle()
    traffic.finish()
    assert sorted(number for _at, number in traffic.left) == sorted(traffic.domains)
    for name in set(traffic.domains.values()):
        mine = [(at, number) for at, number in traffic.left if traffic.domains[number] == name]
        assert mine == sorted(mine)
        times = [at for at, _number in mine]
        assert all(b - a >= 10.0 for a, b in zip(times, times[count:], strict=False))


def test_a_gate_that_nobody_needs_is_forgotten(monkeypatch):
    """A hundred thousand domains don't cost a hundred thousand gates."""
    monkeypatch.setattr("notifier.delivery.domains.KEPT", 10)
    bureau = Bureau({"*": {"connections": 1}})
    bureau.lanes._keep = 10
    for number in range(100):
        bureau.add(f"d{number}.example")
        (left,) = bureau.draw(0.0)
        bureau.lanes.settled(f"p{left}@d{number}.example")
    assert len(bureau.lanes._gates) <= 10


def test_the_cost_of_a_message_does_not_grow_with_those_that_wait():
    """Twenty times as many waiting, about the same time for each that leaves."""

    def cost(waiting):
        bureau = Bureau({"slow.example": {"rate": "1/day"}})
        bureau.add(*["slow.example"] * waiting)
        bureau.draw(0.0)

        def one():
            bureau.add("fast.example")
            bureau.draw(1.0)

        return min(timeit.repeat(one, number=300, repeat=5))

    assert cost(20_000) < 5 * cost(1_000)


# --- places that all processes share --------------------------------------------------------------


def test_nobody_leaves_before_the_ledger_has_given_a_place():
    """The first message asks at once; others to the same domain need not ask again."""
    bureau = Bureau({"gmail.com": {"connections": 2}}, scope="main")
    bureau.add("gmail.com", "gmail.com", "gmail.com", "free.example")
    assert bureau.draw(100.0) == [4]
    assert bureau.lanes.is_pressing
    assert bureau.lanes.wishes(100.0) == [Wish("main @gmail.com", 2, 2, 0, works=False)]
    assert not bureau.lanes.is_pressing
    assert not bureau.lanes.allow({"main @gmail.com": 0}, 100.0)
    assert bureau.draw(100.0) == []
    assert bureau.lanes.allow({"main @gmail.com": 1}, 101.0)
    assert bureau.draw(101.0) == [1]
    assert bureau.lanes.wishes(102.0) == [Wish("main @gmail.com", 2, 2, 1, works=False)]
    assert bureau.lanes.allow({"main @gmail.com": 2}, 102.0)
    assert bureau.draw(102.0) == [2]


def test_whoever_has_fewer_places_than_messages_on_their_way_waits():
    """What is on its way finishes; nothing new leaves before."""
    bureau = Bureau({"*": {"connections": 2}}, scope="main")
    bureau.add(*["a.example"] * 4)
    bureau.draw(100.0)
    bureau.lanes.wishes(100.0)
    bureau.lanes.allow({"main @a.example": 2}, 100.0)
    assert bureau.draw(100.0) == [1, 2]
    bureau.lanes.wishes(101.0)
    assert not bureau.lanes.allow({"main @a.example": 1}, 101.0)
    bureau.lanes.settled("p1@a.example")
    assert bureau.draw(101.0) == []
    bureau.lanes.settled("p2@a.example")
    assert bureau.draw(101.0) == [3]


def test_who_is_idle_gives_its_places_back():
    """Told twice: a message that comes between finds its place still there."""
    bureau = Bureau({"*": {"connections": 1}}, scope="main")
    bureau.add("a.example")
    bureau.draw(100.0)
    bureau.lanes.wishes(100.0)
    bureau.lanes.allow({"main @a.example": 1}, 100.0)
    assert bureau.draw(100.0) == [1]
    bureau.lanes.settled("p1@a.example")
    assert bureau.lanes.wishes(101.0) == [Wish("main @a.example", 1, 0, 0, works=False)]
    bureau.add("a.example")
    assert bureau.draw(101.5) == [2]
    bureau.lanes.settled("p2@a.example")
    bureau.lanes.wishes(102.0)
    assert bureau.lanes.wishes(103.0) == [Wish("main @a.example", 0, 0, 0, works=False)]
    assert bureau.lanes.wishes(104.0) == []
    bureau.add("a.example")
    assert bureau.draw(104.0) == []
    assert bureau.lanes.is_pressing


def test_one_at_a_time_holds_for_all_processes_together():
    """And who still waited when that was over waits no longer."""
    bureau = Bureau({}, scope="main")
    bureau.lanes.pace_of("a.example").go_single(100.0)
    bureau.add("a.example")
    assert bureau.draw(101.0) == []
    assert bureau.lanes.wishes(101.0) == [Wish("main @a.example", 1, 1, 0, works=False)]
    bureau.lanes.allow({"main @a.example": 0}, 101.0)
    over = 100.0 + RECOVERY
    assert bureau.lanes.wishes(over) == [Wish("main @a.example", 0, 0, 0, works=False)]
    assert bureau.lanes.allow({}, over)
    assert bureau.draw(over) == [1]
