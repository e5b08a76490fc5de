from __future__ import annotations

import pytest

from notifier.ledger.comparison import Change, compare, names, previous
from notifier.ledger.ledger import NewRun
from notifier.ledger.reports import Reader
from notifier.model import Recipient, State


@pytest.fixture
def reader(ledger_path, ledger, clock):
    """The same ledger, read only."""
    with Reader.open(ledger_path, clock=clock) as found:
        yield found


def sent(desk, occurrence, people):
    """A run of (key, address, state)."""
    run_id = desk.ledger.start_run(NewRun("marks", occurrence, "Marks", "main")).id
    rows = [
        Recipient(n, key, address, f"Người {key}", {})
        for n, (key, address, _state) in enumerate(people, start=2)
    ]
    desk.ledger.enrol(run_id, rows, [])
    desk.ledger.finish_enrolment(run_id, rows=len(rows))
    worker = desk.worker(run_id)
    claimed = {it.address: it.id for it in desk.ledger.claim(run_id, worker, len(rows))}
    desk.submit(claimed.values())
    desk.ledger.record(
        [], [desk.result(claimed[address], state) for _key, address, state in people]
    )
    return run_id


def told(reader, before, after):
    """What changed, by key."""
    return {(it.after or it.before).key: it.change for it in compare(reader, before, after)}


def test_each_change_has_its_name(desk, reader):
    """Who failed both times is told as well; whom nothing changed for is not."""
    ok, no = State.ACCEPTED, State.REFUSED
    first = sent(
        desk,
        "1",
        [
            ("same", "same@x.example", ok),
            ("worse", "worse@x.example", ok),
            ("better", "better@x.example", no),
            ("still", "still@x.example", no),
            ("moved", "old@x.example", ok),
            ("gone", "gone@x.example", ok),
            ("later", "later@x.example", ok),
        ],
    )
    second = sent(
        desk,
        "2",
        [
            ("same", "SAME@x.example", ok),
            ("worse", "worse@x.example", State.UNKNOWN),
            ("better", "better@x.example", ok),
            ("still", "still@x.example", no),
            ("moved", "new@x.example", ok),
            ("added", "added@x.example", ok),
            ("later", "later@x.example", State.DEFERRED),
        ],
    )
    assert told(reader, first, second) == {
        "worse": Change.FAILED_NOW,
        "better": Change.ARRIVED_NOW,
        "still": Change.STILL_FAILING,
        "moved": Change.ADDRESS,
        "gone": Change.GONE,
        "added": Change.ADDED,
        "later": Change.MOVED,
    }
    assert told(reader, first, first) == {
        "better": Change.STILL_FAILING,
        "still": Change.STILL_FAILING,
    }


def test_two_parents_of_a_child_are_told_apart(desk, reader):
    """A key with two addresses: the same ones belong together, then the ones that are left."""
    ok = State.ACCEPTED
    first = sent(desk, "1", [("an", "me@x.example", ok), ("an", "bo@x.example", ok)])
    second = sent(
        desk,
        "2",
        [
            ("an", "me@x.example", State.REFUSED),
            ("an", "cha@x.example", ok),
            ("an", "c@x.example", ok),
        ],
    )
    found = [(it.change, it.after.address) for it in compare(reader, first, second)]
    assert found == [
        (Change.FAILED_NOW, "me@x.example"),
        (Change.ADDRESS, "c@x.example"),
        (Change.ADDED, "cha@x.example"),
    ]


def test_keys_beyond_ascii_merge_in_their_order(desk, reader):
    """SQLite's order and ours are one, also beyond the basic plane."""
    ok = State.ACCEPTED
    keys = ["Z", "z", "Đào", "đào", "\uffee", "\U0001f600"]
    first = sent(desk, "1", [(key, f"p{n}@x.example", ok) for n, key in enumerate(keys)])
    second = sent(desk, "2", [(key, f"p{n}@x.example", ok) for n, key in enumerate(keys)])
    assert told(reader, first, second) == {}


def test_the_run_before_is_the_campaigns(desk, reader):
    """Not another campaign's; the first has none."""
    first = sent(desk, "1", [("a", "a@x.example", State.ACCEPTED)])
    desk.run(1, campaign="other")
    second = sent(desk, "2", [("a", "a@x.example", State.ACCEPTED)])
    assert previous(reader, second) == first
    assert previous(reader, first) is None
    assert names(reader, [1]) == {1: "Người a"}
