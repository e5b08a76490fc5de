"""A limit for a recipient domain that is new knows what was sent to it."""

from __future__ import annotations

import pytest

from notifier.ledger.ledger import NewRun
from notifier.model import Rate, Recipient, Stage, State

DAY = Rate(10, 86400.0)
MINUTE = Rate(3, 60.0)


@pytest.fixture
def sent(desk):
    """Attempts through `main` to these addresses, ten seconds apart; `sent(address, ...)`."""
    occurrences = iter(range(100))

    def sent(*addresses, relay="main", **changes):
        run = desk.ledger.start_run(NewRun("grades", str(next(occurrences)), "Marks", relay))
        people = [Recipient(n + 2, f"K{n}", it, "", {}) for n, it in enumerate(addresses)]
        desk.ledger.enrol(run.id, people, [])
        desk.ledger.finish_enrolment(run.id, rows=len(people))
        worker = desk.worker(run.id)
        for claimed in desk.ledger.claim(run.id, worker, 100):
            desk.clock.pass_(10)
            desk.submit([claimed.id])
            desk.settle(claimed.id, **changes)

    return sent


def used(desk, domain, rate):
    """How much of the domain's limit is used up."""
    return desk.ledger.traffic.used(f"relay main @{domain}", rate, desk.clock())


def keep(desk, **limits):
    """As the start of a run does; `gmail_com=[...]`."""
    desk.ledger.traffic.keep_domain_limits(
        "main",
        "relay main @",
        {name.replace("_", "."): it for name, it in limits.items()},
        desk.clock(),
    )


def test_what_was_sent_to_the_domain_counts_and_nothing_else(desk, sent):
    """By its spelling, through this relay alone, each attempt once, however often it is looked."""
    sent("a@gmail.com", "b@GMAIL.com", "c@yahoo.com")
    sent("d@gmail.com", relay="other")
    for _time in range(2):
        keep(desk, gmail_com=[DAY])
        assert used(desk, "gmail.com", DAY) == 2
    assert used(desk, "yahoo.com", DAY) == 0


def test_each_span_has_its_own_part(desk, sent):
    """What is older than a minute is nothing to a limit of one; more than the limit is cut."""
    sent(*(f"p{n}@gmail.com" for n in range(12)))
    desk.clock.pass_(30)
    keep(desk, gmail_com=[DAY, MINUTE])
    assert used(desk, "gmail.com", DAY) == 10
    assert 2 <= used(desk, "gmail.com", MINUTE) <= 3


def test_the_limit_of_all_others_is_for_each_domain_without_one(desk, sent):
    """`*` counts for itself in each domain."""
    sent("a@gmail.com", "b@x.example", "c@x.example")
    desk.ledger.traffic.keep_domain_limits(
        "main", "relay main @", {"*": [DAY], "gmail.com": [MINUTE]}, desk.clock()
    )
    assert used(desk, "x.example", DAY) == 2
    assert used(desk, "gmail.com", DAY) == 0
    assert used(desk, "gmail.com", MINUTE) == 1


def test_shared_runs_count_what_went_through_this_relay(desk, sent):
    """And what could not be made was sent to nobody."""
    sent("a@gmail.com", "b@gmail.com", relay="other, main")
    sent("c@gmail.com", state=State.REFUSED, stage=Stage.ASSEMBLE, code=None)
    keep(desk, gmail_com=[DAY])
    assert used(desk, "gmail.com", DAY) == 2
