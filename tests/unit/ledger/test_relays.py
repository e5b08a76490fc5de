"""How relays are doing, for all processes of a ledger."""

from __future__ import annotations

from itertools import count
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.ledger.ledger import Ledger, NewRun
from notifier.ledger.relays import SILENCE, PaceRow, Trouble, Wish, divide


@given(most=st.integers(1, 40), wanted=st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_connections_are_divided_as_equally_as_what_is_wanted_allows(most, wanted):
    """All of them, to everybody at least what an equal part of them would be."""
    parts = divide(most, wanted)
    assert sum(parts) == most
    for part, want in zip(parts, wanted, strict=True):
        assert part >= min(want, most // len(wanted))


@pytest.fixture
def tell(desk):
    """A process' exchange: `tell(worker, open, wanted)`; how many connections it may have."""

    def tell(worker, open_now, wanted=8, *, most=8, paces=(), works=False):
        wish = Wish("main", most, wanted, open_now, works)
        return desk.ledger.traffic.sync_relays(worker, [wish], list(paces))

    return tell


def test_the_first_gets_all_and_gives_back_before_the_second_gets_any(desk, tell):
    """At no moment do both have more than the account allows."""
    one, two = desk.worker(desk.run()), desk.worker(desk.run(campaign="other"))
    assert tell(one, 0).slots["main"] == 8
    assert tell(two, 0).slots["main"] == 0  # the first may have opened eight
    assert tell(one, 8).slots["main"] == 4
    assert tell(two, 0).slots["main"] == 0  # and still has them
    assert tell(one, 5).slots["main"] == 4
    assert tell(two, 0).slots["main"] == 3
    assert tell(one, 4).slots["main"] == 4
    assert tell(two, 3).slots["main"] == 4


def test_a_process_that_is_gone_has_no_connections_any_more(desk, tell):
    """It said good-bye, died, or was not heard of for long."""
    one, two = desk.worker(desk.run()), desk.worker(desk.run(campaign="other"))
    tell(one, 8)
    assert tell(two, 0).slots["main"] == 0
    desk.ledger.release(one)
    assert tell(two, 0).slots["main"] == 8
    third = desk.worker(desk.run(campaign="third"), host="elsewhere")
    desk.clock.pass_(SILENCE + 1)
    assert tell(third, 0).slots["main"] == 8


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A ledger, and three workers of it elsewhere."""
    path = tmp_path_factory.mktemp("shared") / "ledger.sqlite"
    with Ledger.open(path, clock=lambda: 1_800_000_000.0) as ledger:
        runs = [ledger.start_run(NewRun("c", str(n), "T", "main")).id for n in range(3)]
        yield ledger, [ledger.register_worker("elsewhere", 1, run) for run in runs]


#: Relays of earlier examples stay in the ledger: each example has its own.
numbers = count()


@settings(deadline=None, max_examples=60)  # each step is a transaction, synced to the disk
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=15
    )
)
def test_connections_never_exceed_the_accounts_whatever_the_order(shared, steps):
    """Processes that tell in any order, open and close as many as they may, and never more."""
    ledger, workers = shared
    relay = f"r{next(numbers)}"
    may, has = dict.fromkeys(workers, 0), dict.fromkeys(workers, 0)
    for who, opened, wanted in steps:
        worker = workers[who]
        has[worker] = min(opened, max(may[worker], has[worker]))
        wish = Wish(relay, 5, wanted, has[worker], works=False)
        may[worker] = ledger.traffic.sync_relays(worker, [wish], []).slots[relay]
        assert sum(max(has[it], may[it]) for it in workers) <= 5


def test_where_there_are_more_processes_than_places_they_take_turns(desk):
    """One at a time; whoever is told of none gives up its own before another gets it."""
    workers = [desk.worker(desk.run(campaign=name)) for name in "abc"]
    may, had = dict.fromkeys(workers, 0), dict.fromkeys(workers, 0)
    for _moment in range(60):
        for worker in workers:
            wish = Wish("main @gmail.com", 1, 1, may[worker], works=False)
            may[worker] = desk.ledger.traffic.sync_relays(worker, [wish], []).slots[
                "main @gmail.com"
            ]
            assert sum(may.values()) <= 1
            had[worker] += may[worker]
        desk.clock.pass_(1)
    assert min(had.values()) > 10


def test_who_leaves_has_no_row_any_more(desk):
    """A run meets thousands of domains."""
    worker = desk.worker(desk.run())
    wish = Wish("main @gmail.com", 2, 1, 0, works=False)
    assert desk.ledger.traffic.sync_relays(worker, [wish], []).slots == {"main @gmail.com": 2}
    assert (
        desk.ledger.traffic.sync_relays(worker, [wish._replace(most=0, wanted=0)], []).slots == {}
    )
    assert desk.one("SELECT count(*) FROM lease") == (0,)


def test_who_heard_last_is_right(desk, tell):
    """An older word never replaces a newer one; everybody is told the newest."""
    worker = desk.worker(desk.run())
    new = PaceRow("relay main", 2.0, 8.0, 100.0, -inf, -inf, 100.0, "450 slower")
    old = PaceRow("relay main", 4.0, 8.0, 90.0, -inf, -inf, 90.0, "450 older")
    other = PaceRow("relay mainly @x.example", 4.0, 8.0, 90.0, -inf, -inf, 90.0, "450")
    assert tell(worker, 0, paces=[new, other]).paces == [new]
    assert tell(worker, 0, paces=[old]).paces == [new]
    assert {row.scope for row in desk.ledger.traffic.relay_standing().paces} == {
        new.scope,
        other.scope,
    }


def test_a_trouble_is_known_until_the_relay_works(desk, tell):
    """Since when stays; why and until are the latest."""
    worker = desk.worker(desk.run())
    desk.ledger.traffic.set_relay_trouble(Trouble("main", "no answer", 10.0, 40.0))
    desk.ledger.traffic.set_relay_trouble(Trouble("main", "said no", 50.0, None))
    assert desk.ledger.traffic.relay_standing().troubles == [Trouble("main", "said no", 10.0, None)]
    tell(worker, 3)
    assert desk.ledger.traffic.relay_standing().troubles
    assert desk.ledger.traffic.relay_standing().connections == {"main": 3}
    tell(worker, 3, works=True)
    assert desk.ledger.traffic.relay_standing().troubles == []
