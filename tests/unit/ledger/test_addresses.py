from __future__ import annotations

import pytest

from notifier.ledger import addresses
from notifier.ledger.reports import Reader
from notifier.model import State


@pytest.fixture
def reader(ledger_path, ledger, clock):
    """The same ledger, read only."""
    with Reader.open(ledger_path, clock=clock) as found:
        yield found


def test_an_address_has_its_messages_the_latest_first(desk, reader):
    """Over all runs, without regard to case; with what each run was."""
    desk.run(3)
    second = desk.run(3, campaign="fees", occurrence="term 2")
    desk.worker(second)
    (claimed, *_) = desk.ledger.claim(second, 1, 3)
    desk.submit([claimed.id])
    desk.settle(claimed.id, State.REFUSED)
    last, first = addresses.of_address(reader, " P0@Parents.example ")
    assert (last.campaign, last.occurrence, last.title) == ("fees", "term 2", "Marks")
    assert (last.row.state, last.row.text) == (State.REFUSED, "said the relay")
    assert (first.row.run_id, first.row.state) == (1, State.PENDING)
    assert [it.campaign for it in addresses.of_address(reader, "p0@parents.example", "grades")] == [
        "grades"
    ]


def test_a_key_finds_the_same(desk, reader):
    """As the sheet names the person."""
    desk.run(3)
    desk.run(3, occurrence="2")
    assert [it.row.run_id for it in addresses.of_key(reader, "K1")] == [2, 1]
    assert addresses.of_key(reader, "K9") == []


def test_who_must_not_be_mailed_is_told(desk, reader):
    """By the list, or by a hash alone."""
    desk.ledger.suppress("P1@parents.example", "asked", "office")
    assert addresses.standing(reader, "p1@Parents.example").suppression.reason == "asked"
    free = addresses.standing(reader, "p0@parents.example")
    assert (free.suppression, free.is_forgotten) == (None, False)


@pytest.mark.parametrize(
    "typed",
    ["p1@parents.exmaple", "p1@parent.example", "pp1@parents.example", "q1@parents.example"],
)
def test_a_slip_is_answered_with_who_was_meant(desk, reader, typed):
    """In the domain, before the @, even in the first letter."""
    desk.run(2)
    assert addresses.near_address(reader, typed) in {"p0@parents.example", "p1@parents.example"}
    assert addresses.near_address(reader, "somebody@else.test") is None


def test_a_name_leads_to_the_key(desk, reader):
    """Any part of it; a key with a slip, too."""
    desk.run(3)
    assert addresses.near_key(reader, "người 2") == [("K2", "Người 2")]
    assert addresses.near_key(reader, "KK1") == [("K1", "Người 1")]
    assert addresses.near_key(reader, "???") == []
