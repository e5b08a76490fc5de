"""What the people of a campaign were sent by its earlier runs."""

from __future__ import annotations

import pytest

from notifier.ledger.past import Past
from notifier.model import Cause, RunState, State


@pytest.fixture
def settled(desk):
    """Two runs of a campaign and one of another; K0 accepted, then refused."""
    first = desk.run(2)
    desk.run(2, campaign="other")
    second = desk.run(2, occurrence="2027-01-16")
    for run_id, state in ((first, State.ACCEPTED), (second, State.REFUSED)):
        worker = desk.worker(run_id)
        for it in desk.ledger.claim(run_id, worker, 2):
            desk.submit([it.id], worker)
            desk.settle(it.id, state, worker_id=worker)
        desk.ledger.finish_if_done(run_id)
    return first, second


def test_a_key_is_found_in_all_runs_of_the_campaign_the_latest_first(settled, ledger_path):
    """With state, cause, row and number; other campaigns are none of its business."""
    first, second = settled
    with Past.open(ledger_path, "grades") as past:
        found = past.deliveries("K0")
        assert [(it.run_id, it.state, it.cause) for it in found] == [
            (second, State.REFUSED, Cause.NO_SUCH_MAILBOX),
            (first, State.ACCEPTED, Cause.ACCEPTED),
        ]
        assert found[0].address == "p0@parents.example"
        assert '"Toán":0.0' in found[0].context
        assert past.deliveries("K99") == []


def test_a_run_to_go_on_with_is_left_out_of_account(settled, ledger_path):
    """Or a correction that was cut off would find that some are corrected already."""
    first, second = settled
    with Past.open(ledger_path, "grades", but=second) as past:
        assert [it.id for it in past.runs] == [first]
        assert [it.run_id for it in past.deliveries("K0")] == [first]


def test_runs_are_told_the_latest_first(settled, ledger_path):
    """With what decides whether they can be compared with."""
    with Past.open(ledger_path, "grades") as past:
        assert [it.occurrence for it in past.runs] == ["2027-01-16", "2027-01-15"]
        assert {it.state for it in past.runs} == {RunState.FINISHED}
        assert {(it.left_out, it.purged_at) for it in past.runs} == {(0, None)}


def test_the_last_reply_is_told(settled, ledger_path):
    """Why a try was in vain; None where nothing was tried."""
    with Past.open(ledger_path, "grades") as past:
        last = past.deliveries("K0")[0]
        reply = past.reply(last.id)
        assert (reply.code, reply.text) == (550, "said the relay")
        assert past.reply(99_999) is None


def test_everybody_of_a_run_is_read_by_key(settled, ledger_path):
    """Key, address and name."""
    with Past.open(ledger_path, "grades") as past:
        assert list(past.keys(settled[0])) == [
            ("K0", "p0@parents.example", "Người 0"),
            ("K1", "p1@parents.example", "Người 1"),
        ]
