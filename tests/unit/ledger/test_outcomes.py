from __future__ import annotations

import pytest

from notifier.errors import LocalProtocolError
from notifier.ledger import outcomes, statements
from notifier.ledger.transitions import BY_RESULT, LATE
from notifier.model import Stage, State

OWN, OTHER = 1, 77


def _put(desk, state, for_, *, worker):
    """A delivery in that state, held by that worker where the state is held; its number."""
    run_id = desk.run(1, occurrence=f"{state} {for_}")
    with desk.ledger._store.write() as db:
        (number,) = db.execute("SELECT id FROM delivery WHERE run_id = ?", (run_id,)).fetchone()
        held = state in (State.CLAIMED, State.SUBMITTING)
        due = desk.clock() if state in (State.PENDING, State.DEFERRED) else None
        db.execute(
            "UPDATE delivery SET state = ?, worker_id = ?, next_attempt_at = ?, digest = x'ab',"
            " code = 250 WHERE id = ?",
            (state, worker if held else None, due, number),
        )
        db.execute("UPDATE counter SET count = (state = ?) WHERE run_id = ?", (state, run_id))
    return number


@pytest.mark.parametrize("before", list(State))
def test_a_workers_result_moves_a_delivery_only_where_the_table_says(bench, before):
    """Each of the other 111 transitions is impossible: the attempt is noted, the state stays."""
    for after in State:
        number = _put(bench, before, after, worker=OWN)
        if after is State.ACCEPTED and before is not State.CLAIMED:
            _forget_intent(bench, number, before)  # else its reply would be a late proof
        code = 250 if after is State.ACCEPTED else None
        bench.settle(number, after, worker_id=OWN, code=code)
        is_legal = (before, after) in BY_RESULT
        assert bench.state(number) is (after if is_legal else before)
        assert _last_note(bench, number) == ("" if is_legal else "late")


@pytest.mark.parametrize("before", list(State))
def test_a_late_reply_moves_a_delivery_only_where_the_table_says(bench, before):
    """By a reply to the end of data from a worker that doesn't hold the delivery any more."""
    for after in State:
        number = _put(bench, before, after, worker=OWN)
        if before is State.UNKNOWN:
            _remember_attempt(bench, number, OTHER)
        code = 250 if after is State.ACCEPTED else 550
        bench.settle(number, after, worker_id=OTHER, code=code)
        is_legal = (before, after) in LATE
        assert bench.state(number) is (after if is_legal else before)
        assert _last_note(bench, number) == ("late_settled" if is_legal else "late")


def _forget_intent(desk, number, state):
    if state is not State.SUBMITTING:
        with desk.ledger._store.write() as db:
            db.execute("UPDATE delivery SET digest = NULL WHERE id = ?", (number,))


def _last_note(desk, number):
    (note,) = desk.one(
        "SELECT note FROM attempt WHERE delivery_id = ? ORDER BY ordinal DESC LIMIT 1", number
    )
    return note


def _remember_attempt(desk, number, worker):
    """The doubt is about that worker's attempt."""
    with desk.ledger._store.write() as db:
        db.execute("UPDATE delivery SET tries = 1 WHERE id = ?", (number,))
        db.execute(
            "INSERT INTO attempt VALUES (?, 1, ?, 'main', 0, 0, 'body', NULL, '', '', 'unknown',"
            " 'sender_gone', 1, 'worker_gone')",
            (number, worker),
        )


def test_a_late_refusal_of_an_earlier_attempt_settles_nothing(desk):
    """A worker's late 5yz says nothing of another worker's attempt that is in doubt."""
    run_id = desk.run(1)
    first = desk.worker(run_id, pid=2**22 + 1)
    (claimed,) = desk.ledger.claim(run_id, first, 1)
    desk.submit([claimed.id], first)
    desk.ledger.recover(run_id, True, host="here")
    second = desk.worker(run_id, pid=2**22 + 2)
    desk.ledger.claim(run_id, second, 1)
    desk.submit([claimed.id], second)
    desk.ledger.recover(run_id, host="here")
    desk.settle(claimed.id, State.REFUSED, worker_id=first)
    assert desk.state(claimed.id) is State.UNKNOWN
    desk.settle(claimed.id, State.ACCEPTED, worker_id=first)
    assert desk.state(claimed.id) is State.ACCEPTED


def test_a_late_acceptance_stops_a_second_copy(desk):
    """Claimed anew but not intended yet: the late 2yz settles it, and the copy may not leave."""
    run_id = desk.run(1)
    first = desk.worker(run_id, pid=2**22 + 1)
    (claimed,) = desk.ledger.claim(run_id, first, 1)
    desk.submit([claimed.id], first)
    desk.ledger.recover(run_id, True, host="here")
    second = desk.worker(run_id)
    desk.ledger.claim(run_id, second, 1)
    desk.settle(claimed.id, worker_id=first)
    assert desk.state(claimed.id) is State.ACCEPTED
    assert desk.submit([claimed.id], second) == {claimed.id}
    assert desk.one("SELECT attempts FROM delivery") == (1,)  # not counted twice


@pytest.mark.parametrize("after", [State.DEFERRED, State.REFUSED, State.PENDING, State.UNKNOWN])
@pytest.mark.parametrize("dies", [False, True])
def test_a_proof_that_came_while_a_copy_was_on_the_wire_counts_in_the_end(desk, after, dies):
    """The copy's own outcome comes first; unless it is accepted too, the first one's 2yz stands."""
    run_id = desk.run(1)
    first = desk.worker(run_id, pid=2**22 + 1)
    (claimed,) = desk.ledger.claim(run_id, first, 1)
    desk.submit([claimed.id], first)
    desk.ledger.recover(run_id, True, host="here")
    second = desk.worker(run_id, pid=2**22 + 2)
    desk.ledger.claim(run_id, second, 1)
    desk.submit([claimed.id], second)
    desk.settle(claimed.id, worker_id=first)
    assert desk.state(claimed.id) is State.SUBMITTING
    if dies:
        desk.ledger.recover(run_id, after is State.PENDING, host="here")
    else:
        desk.settle(claimed.id, after, worker_id=second)
    assert desk.state(claimed.id) is State.ACCEPTED
    assert desk.ledger.next_due_at(run_id) is None


def test_intents_that_are_not_ours_are_returned(desk):
    """Unknown numbers, pending ones, another worker's, a second intent: none may be sent."""
    run_id = desk.run(5)
    other, mine = desk.worker(run_id, pid=2**22 + 1), desk.worker(run_id)
    (theirs,) = desk.ledger.claim(run_id, other, 1)
    ours, twice = desk.ledger.claim(run_id, mine, 2)
    desk.submit([twice.id])
    pending = twice.id + 1
    asked = [theirs.id, ours.id, twice.id, pending, 999]
    assert desk.submit(asked) == {theirs.id, twice.id, pending, 999}
    assert desk.state(ours.id) is State.SUBMITTING


def test_two_intents_of_one_delivery_in_a_batch_never_send_it_twice(desk):
    """Held twice (from before a sleep, and claimed anew), a delivery is `submitting` once."""
    run_id = desk.run(2)
    desk.worker(run_id)
    one, two = desk.ledger.claim(run_id, 1, 2)
    batch = [desk.intent(it) for it in (one.id, two.id, one.id)]
    assert desk.ledger.record(batch, []) == {one.id}
    assert desk.ledger.counts(run_id) == {State.SUBMITTING: 2}


def test_accepted_without_a_2yz_reply_is_refused_outright(desk):
    """Nothing else may set `accepted`; the batch is not written."""
    run_id = desk.run(2)
    desk.worker(run_id)
    one, two = desk.ledger.claim(run_id, 1, 2)
    desk.submit([one.id, two.id])
    wrong = [{"code": code} for code in (None, 199, 354, 550)] + [{"stage": Stage.RCPT}]
    for changes in wrong:
        with pytest.raises(LocalProtocolError):
            desk.ledger.record([], [desk.result(one.id), desk.result(two.id, **changes)])
    assert desk.ledger.counts(run_id) == {State.SUBMITTING: 2}


def test_given_back_counts_no_attempt(desk):
    """The relay's trouble: pending again, due when the engine says, nobody's attempt burnt."""
    run_id = desk.run(1)
    worker = desk.worker(run_id)
    (claimed,) = desk.ledger.claim(run_id, worker, 1)
    desk.submit([claimed.id])
    desk.settle(claimed.id, State.PENDING, code=421, next_attempt_at=desk.clock() + 5)
    assert desk.ledger.next_due_at(run_id) == desk.clock() + 5
    desk.clock.pass_(5)
    (again,) = desk.ledger.claim(run_id, worker, 1)
    assert (again.attempts, again.first_attempt_at) == (0, None)
    assert desk.one("SELECT count(*), sum(burns) FROM attempt") == (1, 0)


def test_intent_and_result_of_one_delivery_may_share_a_batch(desk):
    """The intent counts first: a refused RCPT may overtake its own intent's commit."""
    run_id = desk.run(1)
    desk.worker(run_id)
    (claimed,) = desk.ledger.claim(run_id, 1, 1)
    refused = desk.result(claimed.id, State.REFUSED, stage=Stage.RCPT)
    assert desk.ledger.record([desk.intent(claimed.id)], [refused]) == set()
    assert desk.state(claimed.id) is State.REFUSED
    assert desk.one("SELECT digest FROM delivery") == (bytes.fromhex("ab" * 32),)


def test_two_results_of_one_delivery_in_a_batch_come_one_after_the_other(desk):
    """The owner's and a late one: two attempts, one transaction."""
    run_id = desk.run(1)
    worker = desk.worker(run_id)
    (claimed,) = desk.ledger.claim(run_id, worker, 1)
    desk.submit([claimed.id])
    batch = [desk.result(claimed.id, State.REFUSED, worker_id=OTHER), desk.result(claimed.id)]
    desk.ledger.record([], batch)
    assert desk.state(claimed.id) is State.ACCEPTED
    assert desk.every("SELECT ordinal, note FROM attempt") == [(1, "late"), (2, "")]


def test_batches_of_every_size_are_whole(desk):
    """Padding and splitting lose and invent nothing."""
    sizes = (1, 5, 7, 33, 130, 513)
    run_id = desk.run(sum(sizes))
    worker = desk.worker(run_id)
    done = 0
    for size in sizes:
        ids = [it.id for it in desk.ledger.claim(run_id, worker, size)]
        assert desk.submit([*ids, 10**9]) == {10**9}
        desk.ledger.record([], [desk.result(it) for it in ids])
        done += size
        assert desk.ledger.counts(run_id).get(State.ACCEPTED) == done


def test_a_batch_that_failed_leaves_nothing_for_the_next(desk, monkeypatch):
    """What was staged for a transaction that broke off is not written by the one after."""
    run_id = desk.run(3)
    desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, 1, 3)]
    desk.submit(ids)
    monkeypatch.setattr(statements, "RECORD", "SELECT * FROM no_such_table")
    with pytest.raises(Exception, match="no_such_table"):
        desk.ledger.record([], [desk.result(ids[0])])
    monkeypatch.undo()
    desk.ledger.record([], [desk.result(ids[1])])
    assert [desk.state(it) for it in ids] == [
        State.SUBMITTING, State.ACCEPTED, State.SUBMITTING,
    ]  # fmt: skip


def test_what_a_failed_batch_left_is_cleared_within_the_next_ones_transaction(desk, monkeypatch):
    """Also where that one takes two steps: either both are written or neither is."""
    run_id = desk.run(2)
    desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, 1, 2)]
    desk.submit(ids)
    twice = [desk.result(ids[0], State.DEFERRED), desk.result(ids[0], State.DEFERRED)]
    for _time in range(2):
        monkeypatch.setattr(statements, "RECORD", "SELECT * FROM no_such_table")
        with pytest.raises(Exception, match="no_such_table"):
            desk.ledger.record([], twice)
        monkeypatch.undo()
    desk.ledger.record([], [*twice, desk.result(ids[1])])
    assert [desk.state(it) for it in ids] == [State.DEFERRED, State.ACCEPTED]
    assert desk.every("SELECT note FROM attempt ORDER BY delivery_id, ordinal") == [
        ("",), ("late",), ("",),
    ]  # fmt: skip


def test_a_reply_with_half_characters_is_stored(desk):
    """Lone surrogates, which UTF-8 can't hold, don't fail everybody's batch."""
    run_id = desk.run(1)
    desk.worker(run_id)
    (claimed,) = desk.ledger.claim(run_id, 1, 1)
    desk.submit([claimed.id])
    desk.settle(claimed.id, text="ok \udcff Đ")
    assert desk.one("SELECT text FROM attempt") == ("ok ? Đ",)


def test_few_statements_are_ever_prepared():
    """Every batch up to the largest is padded to one of a few sizes, by at most half."""
    for count in range(1, statements.SIZES[-1] + 1):
        size = min(it for it in statements.SIZES if it >= count)
        assert size <= count * 1.5
    assert len(outcomes._EMPTY_RESULT) == len(statements.RESULT_COLUMNS)
