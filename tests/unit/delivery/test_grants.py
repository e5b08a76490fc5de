from __future__ import annotations

import asyncio
import bisect
import importlib
import sqlite3
import timeit
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.delivery.grants import IDLE, PATIENCE, SOON, Allowance, Grants
from notifier.delivery.throttle import Throttle
from notifier.ledger import permits
from notifier.ledger.permits import SLACK
from notifier.model import Rate

TABLES = importlib.import_module("notifier.ledger.migrations.versions.0002_shared_limits")
START = 1_800_000_000.0
#: Instants on a grid of 1/64 s are exact as floats, so that the tests measure the limiter and not
#: rounding.
GRID = 64


class Store:
    """The ledger's table, alone, in memory."""

    def __init__(self):
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        for statement in TABLES.STATEMENTS:
            self.db.execute(statement)
        self.transactions = 0

    def exchange(self, asks, backs, now):
        """One transaction."""
        self.transactions += 1
        return permits.exchange(self.db, asks, backs, now)

    def close(self):
        self.db.close()


class Process(Grants):
    """A process with a clock of its own that deals with the store when it is told to."""

    def __init__(self, store, rates, ahead=0.0, scope="relay main"):
        super().__init__(None, None)
        self.store, self.ahead, self.plans = store, ahead, []
        self.throttle = Throttle([Allowance(scope, rate, self) for rate in rates])

    def _wake(self):
        """Nobody wakes: `trade` is called."""

    def admit(self, at):
        """Try to send at the true instant."""
        return self.throttle.admit(at + self.ahead)

    def write_down(self, at):
        """Decide what to ask for; somebody else may get in before it is asked."""
        self.plans.append((*self.plan(), at + self.ahead))

    def trade(self, at):
        """Ask for what was decided, oldest first."""
        self.write_down(at)
        for asking, asks, backs, now in self.plans:
            self.accept(asking, self.store.exchange(asks, backs, now), now)
        self.plans = []

    def leave(self, at):
        """End in order."""
        for allowance in self.throttle.limits:
            allowance.let_go(at + self.ahead)
        self.trade(at)


def most_in_any_window(instants, seconds):
    """Windows are half open; the fullest one begins at an admission."""
    return max(
        (bisect.bisect_left(instants, at + seconds) - i for i, at in enumerate(instants)),
        default=0,
    )


rates = st.lists(
    st.builds(
        Rate,
        count=st.one_of(st.integers(1, 8), st.integers(30, 80)),
        seconds=st.sampled_from([0.25, 1.0, 2.5, 10.0, 60.0]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda rate: rate.seconds,
)
deeds = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(st.integers(0, 8), st.integers(0, 3 * GRID)),
        st.sampled_from(
            ["send"] * 6
            + ["burst"] * 4
            + ["trade"] * 6
            + ["write_down"] * 2
            + ["withdraw", "tidy", "crash", "leave"]
        ),
    ),
    min_size=1,
    max_size=80,
)


class Scene:
    """Three processes of one store, what they do, and all that was admitted."""

    def __init__(self, limits, clocks):
        self.store, self.limits, self.clocks = Store(), limits, clocks
        self.at, self.admitted = START, []
        self.processes = [self.begin(number) for number in range(3)]
        self.last = [None] * 3

    def begin(self, who):
        return Process(self.store, self.limits, ahead=self.clocks[who] * SLACK / 2)

    def send(self, who, times=1):
        for _again in range(times):
            if self.processes[who].admit(self.at) == 0:
                self.admitted.append(self.at)
                self.last[who] = self.at

    def burst(self, who):
        self.send(who, 30)

    def trade(self, who):
        self.processes[who].trade(self.at)

    def write_down(self, who):
        self.processes[who].write_down(self.at)

    def tidy(self, who):
        self.processes[who].tidy(self.at + self.processes[who].ahead)

    def withdraw(self, who):
        if self.last[who] is not None:
            self.processes[who].throttle.withdraw(self.last[who] + self.processes[who].ahead)
            self.admitted.remove(self.last[who])
            self.last[who] = None

    def crash(self, who):
        self.processes[who], self.last[who] = self.begin(who), None

    def leave(self, who):
        self.processes[who].leave(self.at)
        self.crash(who)


@settings(max_examples=400)
@given(rates, deeds, st.tuples(*[st.integers(0, 2)] * 3))
def test_no_window_ever_holds_more_than_its_limit_whoever_sends(limits, doings, clocks):
    """Three processes with clocks that differ send, crash, come back and give back as they like.

    No interval of a limit's length, wherever it begins, holds more admissions than its count.
    """
    scene = Scene(limits, clocks)
    for who, delta, what in doings:
        scene.at += delta / GRID
        getattr(scene, what)(who)
    scene.store.close()
    for rate in limits:
        assert most_in_any_window(scene.admitted, rate.seconds) <= rate.count


def run_together(processes, seconds, *, step=0.002, latency=3):
    """All send whenever they may; the store answers after `latency` steps. What was admitted."""
    admitted, waiting = [], {}
    for turn in range(round(seconds / step)):
        at = START + turn * step
        for process in processes:
            if waiting.get(process) == turn:
                del waiting[process]
                process.trade(at)
            while process.admit(at) == 0:
                admitted.append(at)
            if process._needy and process not in waiting:
                waiting[process] = turn + latency
    return admitted


@pytest.mark.parametrize(
    ("limits", "least"),
    [
        ([Rate(20, 1.0)], 560),
        ([Rate(500, 1.0)], 14_000),
        ([Rate(20, 1.0), Rate(300, 10.0)], 560),
        ([Rate(20, 1.0), Rate(100, 86_400.0)], 100),
    ],
)
def test_little_of_a_limit_is_lost(limits, least):
    """One alone, or two together, send within 7 in 100 of what a limit allows in half a minute."""
    for count in (1, 2):
        store = Store()
        sent = run_together([Process(store, limits) for _ in range(count)], 30)
        for rate in limits:
            assert most_in_any_window(sent, rate.seconds - 1e-4) <= rate.count
        assert len(sent) >= least
        store.close()


def test_two_who_send_get_about_the_same():
    """Nobody is kept from a limit that both use."""
    store = Store()
    one, other = (Process(store, [Rate(320, 1.0)]) for _ in range(2))
    counts = {one: 0, other: 0}
    for turn in range(5_000):
        at = START + turn * 0.002
        for process in (one, other) if turn % 2 else (other, one):
            process.trade(at)
            while process.admit(at) == 0:
                counts[process] += 1
    assert min(counts.values()) > 0.3 * sum(counts.values())
    store.close()


def test_a_transaction_serves_many_messages():
    """A thousand messages under three limits take a few transactions, not a thousand."""
    store = Store()
    process = Process(store, [Rate(2_000, 1.0), Rate(50_000, 3600.0), Rate(100_000, 86_400.0)])
    sent = run_together([process], 0.4)
    assert len(sent) >= 1_900
    assert store.transactions < 40
    store.close()


def test_what_a_crash_costs_is_two_grants_at_most():
    """Permits that nothing more was heard of count as used; the others are there for the next."""
    store, rate = Store(), Rate(6_400, 86_400.0)
    process = Process(store, [rate])
    for turn in range(60):
        process.admit(START + turn)
        process.trade(START + turn)
    after = run_together([Process(store, [rate])], 4)
    assert rate.count - 2 * permits.portion(rate) - 60 <= len(after) <= rate.count - 59
    store.close()


def test_who_leaves_in_order_leaves_everything_that_was_not_used():
    """A restart forgets nothing and wastes nothing."""
    store, rate, sent = Store(), Rate(640, 86_400.0), []
    for turn in range(32):
        process = Process(store, [rate])
        process.admit(START + turn)
        process.trade(START + turn)
        sent += [turn for _again in range(3) if process.admit(START + turn) == 0]
        process.leave(START + turn)
    assert store.db.execute("SELECT sum(permits) FROM permit").fetchone() == (len(sent),)
    assert len(sent) == 96
    store.close()


def test_what_lies_idle_past_its_time_goes_back():
    """`tidy` has others use what somebody was granted and did not need."""
    store, rate = Store(), Rate(64, 3600.0)
    process = Process(store, [rate])
    process.admit(START)
    process.trade(START)
    process.tidy(START + IDLE)
    process.trade(START + IDLE)
    assert store.db.execute("SELECT sum(permits) FROM permit").fetchone() == (1,)
    process.tidy(START + IDLE + 1)
    process.trade(START + IDLE + 1)
    assert store.db.execute("SELECT sum(permits) FROM permit").fetchone() == (None,)
    store.close()


def test_what_was_not_given_to_the_relay_can_be_taken_back():
    """An admission withdrawn leaves room for another, at once; a foreign one nothing."""
    store = Store()
    process = Process(store, [Rate(32, 60.0)])
    process.admit(START)
    process.trade(START)
    assert process.admit(START + 1) == 0
    process.throttle.withdraw(START - 5)
    process.throttle.withdraw(START + 1)
    assert [process.admit(START + 1) for _ in range(3)] == [0, 0, pytest.approx(SOON)]
    store.close()


def test_a_limit_that_is_reached_says_so_and_is_asked_about_again():
    """`holding` names it; another may have given something back meanwhile."""
    store = Store()
    one, other = Process(store, [Rate(1, 3600.0)]), Process(store, [Rate(1, 3600.0)])
    one.admit(START)
    one.trade(START)
    other.admit(START)
    other.trade(START)
    assert other.admit(START) == PATIENCE
    assert other.throttle.holding(START) == Rate(1, 3600.0)
    one.leave(START + 1)
    assert other.admit(START + PATIENCE) == pytest.approx(SOON)
    other.trade(START + PATIENCE)
    assert other.admit(START + PATIENCE) == 0
    assert other.throttle.holding(START + PATIENCE) is None
    store.close()


@pytest.mark.parametrize("rate", [Rate(0, 1.0), Rate(1, 0.0), Rate(1, float("inf"))])
def test_a_limit_that_admits_nothing_is_refused(rate):
    """A limit of nothing, or over no time, is a mistake and not a limit."""
    with pytest.raises(ValueError, match="no limit"):
        Allowance("relay main", rate, Grants(None, None))


def test_what_is_kept_does_not_grow():
    """However long the run and however large the limit."""
    store = Store()
    process = Process(store, [Rate(1_000_000, 86_400.0)])
    tracemalloc.start()
    sent = run_together([process], 0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sent) > 20_000
    assert peak < 8 * len(sent) * 5
    assert len(store.db.execute("SELECT 1 FROM permit").fetchall()) <= 66
    store.close()


# --- as the loop drives it -------------------------------------------------------------------


def test_what_is_asked_for_at_a_time_is_one_transaction():
    """Two limits in need go together; who waits is told; at the end everything goes back."""
    store = Store()

    async def exchange(asks, backs, now):
        await asyncio.sleep(0)
        return store.exchange(asks, backs, now)

    async def scene():
        grants, changed = Grants(exchange, lambda: START), asyncio.Event()
        grants.on_change = changed.set
        limits = [Allowance("relay main", rate, grants) for rate in (Rate(64, 1.0), Rate(64, 60.0))]
        throttle = Throttle(limits)
        assert throttle.admit(START) == pytest.approx(SOON)
        assert throttle.admit(START) == pytest.approx(SOON)
        await changed.wait()
        assert throttle.admit(START) == 0
        assert store.transactions == 1
        await grants.close()
        assert throttle.admit(START) > 0

    asyncio.run(scene())
    assert store.db.execute("SELECT permits, until FROM permit").fetchall() == [(1, START)] * 2
    store.close()


def test_a_ledger_that_fails_is_told_and_nothing_more_is_asked():
    """The run ends with the ledger's error."""
    failures, has_failed = [], asyncio.Event()

    def fail(exc):
        failures.append(str(exc))
        has_failed.set()

    async def exchange(_asks, _backs, _now):
        raise OSError("gone")

    async def scene():
        grants = Grants(exchange, lambda: START)
        grants.on_failure = fail
        throttle = Throttle([Allowance("relay main", Rate(1, 1.0), grants)])
        throttle.admit(START)
        await has_failed.wait()
        throttle.admit(START)
        await grants.close()

    asyncio.run(scene())
    assert failures == ["gone"]


def test_an_answer_that_comes_after_the_end_is_given_back():
    """Nothing that was granted is lost by leaving."""
    store = Store()

    async def exchange(asks, backs, now):
        for _turn in range(3):
            await asyncio.sleep(0)
        return store.exchange(asks, backs, now)

    async def scene():
        grants = Grants(exchange, lambda: START)
        Throttle([Allowance("relay main", Rate(32, 1.0), grants)]).admit(START)
        await asyncio.sleep(0)
        await grants.close()

    asyncio.run(scene())
    assert store.db.execute("SELECT count(*) FROM permit").fetchone() == (0,)
    store.close()


def test_admitting_costs_next_to_nothing():
    """Microseconds with two limits, and less than that without any."""
    store = Store()
    process = Process(store, [Rate(10**9, 1.0), Rate(10**9, 86_400.0)])
    process.admit(START)
    process.trade(START)
    spent = min(timeit.repeat(lambda: process.throttle.admit(START), number=2_000, repeat=5))
    assert spent / 2_000 < 20e-6
    store.close()
