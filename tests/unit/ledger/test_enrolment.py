from __future__ import annotations

import re
import sqlite3

import pytest

from notifier.errors import GuardError, UsageError
from notifier.ledger import enrolment
from notifier.ledger.enrolment import TokenMaker
from notifier.ledger.ledger import Ledger, NewRun
from notifier.ledger.reports import Reader
from notifier.model import Cause, Recipient, Rejection, RunState, State

ONE = Recipient(2, "A", "a@x.example", "An", {"Điểm": 9.5})
TWO = Recipient(2, "A", "b@x.example", "An", {"Điểm": 9.5})
NEW = NewRun("grades", "2027-01-15", "Marks", "main", source_digest="sd")


def test_one_occurrence_is_one_run(desk):
    """Started twice, by whomever: the same run, as it is."""
    run = desk.ledger.start_run(NEW)
    assert desk.ledger.start_run(NewRun("grades", "2027-01-15", "Other", "other")) == run
    assert desk.ledger.start_run(NewRun("grades", "2027-02-15", "Marks", "main")).id != run.id
    assert (run.state, run.source_digest) == (RunState.ENROLLING, "sd")


def test_enrolment_broken_off_and_begun_again_gives_the_same_rows(desk):
    """Every recipient and rejection once, with the same token, whatever was written before."""
    recipients = [Recipient(n, f"K{n}", f"{n}@x.example", "", {}) for n in range(10)]
    rejections = [Rejection(n, "Email", "x", "no") for n in (20, 20, 21)]
    run = desk.ledger.start_run(NEW)
    desk.ledger.enrol(run.id, recipients[:6], rejections[:1])
    before = desk.every("SELECT delivery_id, token FROM recipient ORDER BY delivery_id")
    run = desk.ledger.start_run(NEW)
    desk.ledger.enrol(run.id, recipients[:4], rejections[:1])
    desk.ledger.enrol(run.id, recipients[4:], rejections[1:])
    desk.ledger.finish_enrolment(run.id, rows=13)
    rows = desk.every("SELECT delivery_id, token FROM recipient ORDER BY delivery_id")
    assert rows[:6] == before
    assert len(rows) == 10
    assert desk.one("SELECT count(*), sum(again) FROM rejection") == (3, 1)
    assert desk.ledger.get_run(run.id).state is RunState.ACTIVE


def test_two_addresses_of_a_row_are_two_deliveries(desk):
    """Each with its own token and outcome; the sum knows of the second."""
    run = desk.ledger.start_run(NEW)
    desk.ledger.enrol(run.id, [ONE, TWO, ONE], [])
    desk.ledger.finish_enrolment(run.id, rows=1, extra_addresses=1)
    assert desk.one("SELECT count(DISTINCT token) FROM recipient") == (2,)


def test_a_suppressed_address_is_recorded_and_never_mailed(desk):
    """Compared without regard to case; counted as suppressed at once."""
    desk.ledger.suppress("A@X.example", "asked", "command")
    run = desk.ledger.start_run(NEW)
    desk.ledger.enrol(run.id, [ONE, TWO], [])
    desk.ledger.finish_enrolment(run.id, rows=2)
    assert desk.ledger.counts(run.id) == {State.PENDING: 1, State.SUPPRESSED: 1}
    assert desk.one("SELECT cause FROM delivery WHERE state = 'suppressed'") == (Cause.SUPPRESSED,)
    (claimed,) = desk.ledger.claim(run.id, desk.worker(run.id), 5)
    assert claimed.address == "b@x.example"


def test_nothing_is_due_before_every_row_is_in(desk):
    """A run that is still enrolling can't be claimed from, and takes no rows afterwards."""
    run = desk.ledger.start_run(NEW)
    desk.ledger.enrol(run.id, [ONE], [])
    assert desk.ledger.claim(run.id, desk.worker(run.id), 5) == []
    desk.ledger.finish_enrolment(run.id, rows=1)
    desk.ledger.finish_enrolment(run.id, rows=1)
    with pytest.raises(UsageError):
        desk.ledger.enrol(run.id, [TWO], [])


def test_sums_that_dont_agree_stop_the_run(desk):
    """GuardError instead of a run that can't account for a row; nothing becomes due."""
    run = desk.ledger.start_run(NEW)
    desk.ledger.enrol(run.id, [ONE], [])
    with pytest.raises(GuardError) as caught:
        desk.ledger.finish_enrolment(run.id, rows=2)
    assert f"cancel {run.id}" in caught.value.next_step
    assert desk.ledger.get_run(run.id).state is RunState.ENROLLING


def test_a_token_is_128_bits_of_everything_that_makes_a_delivery(desk, tmp_path):
    """26 letters and digits; another ledger, occurrence, key or address gives another."""
    tokens = {
        TokenMaker("l", "c", "o").token("k", "a"),
        TokenMaker("m", "c", "o").token("k", "a"),
        TokenMaker("l", "d", "o").token("k", "a"),
        TokenMaker("l", "c", "p").token("k", "a"),
        TokenMaker("l", "c", "o").token("ka", ""),
        TokenMaker("l", "c", "o").token("", "ka"),
    }
    assert len(tokens) == 6
    assert all(re.fullmatch("[a-z2-7]{26}", token) for token in tokens)
    assert TokenMaker("l", "c", "o").token("k", "a") in tokens
    with Ledger.open(tmp_path / "other.sqlite") as another:
        assert another._enroller._ledger_id != desk.ledger._enroller._ledger_id


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 17])
def test_every_token_finds_its_delivery(desk, monkeypatch, bits):
    """However many ranges they are sorted in, none is missing."""
    monkeypatch.setattr(enrolment, "SORTED_BITS", bits)
    desk.run(40)
    desk.run(1, campaign="one")
    desk.run(0, campaign="none")
    assert desk.every("SELECT token, delivery_id FROM token ORDER BY 1") == desk.every(
        "SELECT token, delivery_id FROM recipient ORDER BY 1"
    )


def test_those_whom_a_run_was_not_meant_for_are_part_of_the_sum(desk, ledger_path):
    """A correction goes to those concerned alone; the others are counted, not forgotten."""
    run = desk.ledger.start_run(NewRun("grades", "changed", "Marks", "main"))
    desk.ledger.enrol(run.id, [ONE], [Rejection(3, "Email", "x", "no")])
    with pytest.raises(GuardError):
        desk.ledger.finish_enrolment(run.id, rows=40)
    desk.ledger.finish_enrolment(run.id, rows=40, left_out=38)
    with Reader.open(ledger_path) as reader:
        summary = reader.summary(run.id)
    assert (summary.rows, summary.deliveries, summary.left_out) == (40, 1, 38)
    assert summary.as_dict()["left_out"] == 38


def test_others_may_write_while_a_large_run_is_put_in_order(desk, ledger_path, monkeypatch):
    """Tokens and addresses are ordered a range at a time; in between another program has its turn.

    Killed in between, it is done again, and nothing is there twice.
    """
    turns = []

    def elsewhere(seconds):
        other = sqlite3.connect(ledger_path, timeout=0, isolation_level=None)
        other.execute("INSERT INTO suppression VALUES (?, '', '', '', 1.0)", (str(len(turns)),))
        other.close()
        turns.append(seconds)
        if len(turns) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(enrolment, "SORTED_BITS", 2)
    monkeypatch.setattr(enrolment.time, "sleep", elsewhere)
    with pytest.raises(KeyboardInterrupt):
        desk.run(40)
    assert desk.run(40) == 1
    assert turns == [enrolment.GAP] * len(turns)
    assert desk.one("SELECT count(*), count(DISTINCT token) FROM token") == (40, 40)
    assert desk.one("SELECT count(*) FROM mailbox") == (40,)
