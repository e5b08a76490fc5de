from __future__ import annotations

import os

import pytest

from notifier.errors import UsageError
from notifier.ledger import statements
from notifier.ledger.records import Recovered
from notifier.model import Cause, RunState, Stage, State, load_context


def test_a_claim_hands_over_all_that_a_message_is_made_from(desk):
    """Each due delivery once, in the sheet's order, with key, address, name, line and row."""
    run_id = desk.run(5)
    worker = desk.worker(run_id)
    first = desk.ledger.claim(run_id, worker, 3)
    assert [(it.key, it.address, it.name, it.line) for it in first] == [
        (f"K{n}", f"p{n}@parents.example", f"Người {n}", n + 2) for n in range(3)
    ]
    assert load_context(first[2].context)[0] == {"Toán": 1.0}
    assert (first[0].attempts, first[0].first_attempt_at, first[0].message_at) == (0, None, None)
    assert [it.key for it in desk.ledger.claim(run_id, worker, 3)] == ["K3", "K4"]
    assert desk.ledger.claim(run_id, worker, 3) == []
    assert desk.ledger.counts(run_id) == {State.CLAIMED: 5}


def test_texts_with_every_sign_come_back_as_they_were(desk):
    """Quotes, line feeds, NUL and emoji in keys, names and rows survive the way through SQL."""
    from notifier.ledger.ledger import NewRun
    from notifier.model import Recipient, dump_context

    odd = 'a"b\n\\c\x00\x1e,\u2028 🎓 Đỗ'
    run_id = desk.ledger.start_run(NewRun("odd", "1", odd, "main")).id
    people = [Recipient(n, odd + str(n), "a@x.example", odd, {odd: odd}) for n in range(3)]
    desk.ledger.enrol(run_id, people, [])
    desk.ledger.finish_enrolment(run_id, rows=3)
    found = desk.ledger.claim(run_id, desk.worker(run_id), 5)
    assert [(it.key, it.name, it.context) for it in found] == [
        (it.key, it.name, dump_context(it)) for it in people
    ]


def test_what_is_not_due_is_not_claimed(desk):
    """A deferred delivery comes back at its time, and `next_due_at` tells it."""
    run_id = desk.run(1)
    worker = desk.worker(run_id)
    (claimed,) = desk.ledger.claim(run_id, worker, 5)
    desk.submit([claimed.id])
    desk.settle(claimed.id, State.DEFERRED, next_attempt_at=desk.clock() + 300)
    assert desk.ledger.claim(run_id, worker, 5) == []
    assert desk.ledger.next_due_at(run_id) == desk.clock() + 300
    desk.clock.pass_(300)
    (again,) = desk.ledger.claim(run_id, worker, 5)
    assert (again.attempts, again.first_attempt_at) == (1, desk.clock() - 300)
    assert again.message_at == desk.clock() - 300
    assert desk.ledger.next_due_at(run_id) is None


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.CANCELLED, RunState.HELD])
def test_only_an_active_run_is_claimed_from(desk, state):
    """Pausing or cancelling stops claims at once; nothing is due there either."""
    run_id = desk.run(2)
    worker = desk.worker(run_id)
    assert desk.ledger.set_run_state(run_id, state, "why") is state
    assert desk.ledger.claim(run_id, worker, 5) == []
    assert desk.ledger.next_due_at(run_id) is None
    assert desk.ledger.get_run(run_id).reason == "why"


def test_two_workers_never_claim_the_same(desk):
    """Each delivery goes to one of them."""
    run_id = desk.run(9)
    ones, twos = desk.worker(run_id, pid=os.getppid()), desk.worker(run_id)
    found = [it.id for worker in (ones, twos) * 3 for it in desk.ledger.claim(run_id, worker, 2)]
    assert sorted(found) == sorted(set(found))
    assert len(found) == 9


def test_release_gives_back_claims_and_doubts_intents(desk):
    """What was not on the wire is due at once; an intent without outcome is in doubt."""
    run_id = desk.run(3)
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 3)]
    desk.submit(ids[:1])
    assert desk.ledger.release(worker) == Recovered(released=2, in_doubt=1)
    assert desk.ledger.counts(run_id) == {State.PENDING: 2, State.UNKNOWN: 1}
    assert desk.ledger.claim(run_id, worker, 5) == []  # it said good-bye


def test_a_dead_workers_deliveries_are_taken_over_at_once(desk):
    """Its process is gone from this host: claims are due again, intents are in doubt."""
    run_id = desk.run(4)
    dead = desk.worker(run_id, pid=2**22 + 1)  # above Linux's largest
    ids = [it.id for it in desk.ledger.claim(run_id, dead, 3)]
    desk.submit(ids[:1])
    desk.worker(run_id)
    assert desk.ledger.recover(run_id, host="here") == Recovered(released=2, in_doubt=1)
    assert desk.ledger.counts(run_id) == {State.PENDING: 3, State.UNKNOWN: 1}
    assert desk.one("SELECT cause, attempts FROM delivery WHERE state = 'unknown'") == (
        "sender_gone",
        1,
    )
    assert desk.ledger.recover(run_id, host="here") == Recovered()


def test_a_campaign_that_resends_gets_its_doubts_back(desk):
    """`on_doubt: resend`: due again, and the attempt counts."""
    run_id = desk.run(1)
    dead = desk.worker(run_id, pid=2**22 + 1)
    ids = [it.id for it in desk.ledger.claim(run_id, dead, 3)]
    desk.submit(ids)
    desk.clock.pass_(1)
    assert desk.ledger.recover(run_id, True, host="here") == Recovered(resent=1)
    (claimed,) = desk.ledger.claim(run_id, desk.worker(run_id), 3)
    assert (claimed.attempts, claimed.first_attempt_at) == (1, desk.clock() - 1)


def test_a_living_worker_keeps_what_it_holds(desk):
    """Another `send` beside it recovers nothing, as long as its heart beats."""
    run_id = desk.run(2)
    worker = desk.worker(run_id)
    desk.ledger.claim(run_id, worker, 2, 60.0)
    assert desk.ledger.recover(run_id, host="here") == Recovered()
    for _ in range(5):
        desk.clock.pass_(50)
        assert desk.ledger.heartbeat(worker)
        assert desk.ledger.recover(run_id, host="there") == Recovered()
    desk.clock.pass_(60)
    assert desk.ledger.recover(run_id, host="there") == Recovered(released=2)


def test_a_worker_that_slept_past_its_lease_is_fenced(desk):
    """SIGSTOP, takeover, SIGCONT: its intent is refused, its outcome noted, the new owner's stands.

    Its next heartbeat tells it so, and then it may claim again.
    """
    run_id = desk.run(1)
    sleeper = desk.worker(run_id)
    (claimed,) = desk.ledger.claim(run_id, sleeper, 1)
    desk.clock.pass_(61)
    owner = desk.worker(run_id, host="there")
    desk.ledger.recover(run_id, host="there")
    (taken,) = desk.ledger.claim(run_id, owner, 1)
    assert taken.id == claimed.id
    assert desk.submit([claimed.id], sleeper) == {claimed.id}
    desk.settle(claimed.id, State.REFUSED, worker_id=sleeper)
    assert desk.state(claimed.id) is State.CLAIMED
    assert desk.submit([claimed.id], owner) == set()
    desk.settle(claimed.id, worker_id=owner)
    assert desk.state(claimed.id) is State.ACCEPTED
    assert [note for (note,) in desk.every("SELECT note FROM attempt")] == ["late", ""]
    assert not desk.ledger.heartbeat(sleeper)
    assert desk.ledger.heartbeat(sleeper)


def test_a_process_that_registers_again_lets_go_of_its_past(desk):
    """An engine that broke off in this very process: the next one takes its deliveries over."""
    run_id = desk.run(2)
    broken = desk.worker(run_id)
    desk.ledger.claim(run_id, broken, 2)
    again = desk.worker(run_id)
    assert desk.ledger.recover(run_id, host="here") == Recovered(released=2)
    assert len(desk.ledger.claim(run_id, again, 2)) == 2


def test_claims_use_the_index_of_what_is_due(desk):
    """The query plan: a search by run and time in the partial index, no scan and no sort.

    The index holds what is pending or deferred alone, so a claim at the end of a run of a million
    is as quick as at its beginning.
    """
    plan = desk.every("EXPLAIN QUERY PLAN " + statements.DUE, 1, desk.clock(), 500)
    details = [detail for *_ids, detail in plan]
    assert details == ["SEARCH delivery USING INDEX delivery_due (run_id=? AND next_attempt_at<?)"]


def test_the_limits_know_what_was_used_before(desk):
    """`recent_attempts`: by relay over all runs or by one run, the latest ones, oldest first."""
    run_id, other = desk.run(3), desk.run(1, campaign="other")
    worker = desk.worker(run_id)
    for claimed in desk.ledger.claim(run_id, worker, 3) + desk.ledger.claim(other, worker, 1):
        desk.clock.pass_(10)
        desk.submit([claimed.id])
        desk.settle(claimed.id)
    now = desk.clock()
    recent = desk.recent_attempts
    assert recent("main", now - 15, 10) == [now - 9, now]
    assert recent("main", 0, 2) == [now - 9, now]
    assert recent("main", 0, 10, run_id) == [now - 29, now - 19, now - 9]
    assert recent("elsewhere", 0, 10) == []


def test_a_relay_among_several_is_charged_with_its_own_attempts_alone(desk):
    """Of a run with several relays each knows what went through it; the run's own limit all."""
    run_id = desk.run(3, relay="main, backup")
    worker = desk.worker(run_id)
    for claimed, relay in zip(
        desk.ledger.claim(run_id, worker, 3), ["main", "backup", "main"], strict=True
    ):
        desk.submit([claimed.id])
        desk.settle(claimed.id, relay=relay)
    recent = desk.recent_attempts
    assert len(recent("main", 0, 10)) == 2
    assert len(recent("backup", 0, 10)) == 1
    assert recent("back", 0, 10) == []
    assert len(recent("main", 0, 10, run_id)) == 3


def test_a_message_that_could_not_be_made_uses_no_limit(desk):
    """The relay was never asked; the timeline still tells of it."""
    run_id = desk.run(4)
    desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, 1, 4)]
    for it in ids[:3]:
        desk.settle(it, State.REFUSED, stage=Stage.ASSEMBLE, code=None, cause=Cause.RENDER_FAILED)
    desk.submit(ids[3:])
    desk.settle(ids[3])
    assert len(desk.recent_attempts("main", 0, 10)) == 1
    assert desk.one("SELECT sum(count) FROM tick") == (4,)


def test_a_run_that_is_not_there_is_told(desk):
    """UsageError."""
    with pytest.raises(UsageError):
        desk.ledger.next_due_at(99)


def test_who_sends_a_run_is_known_while_it_lives(desk):
    """A living worker is told with its process; one that said good-bye or died is not."""
    run_id = desk.run()
    assert desk.ledger.senders(run_id) == []
    worker = desk.worker(run_id)
    (sender,) = desk.ledger.senders(run_id)
    assert sender.host == "here"
    desk.clock.pass_(3600)
    assert desk.ledger.senders(run_id) == []
    desk.ledger.heartbeat(worker)
    assert len(desk.ledger.senders(run_id)) == 1
    desk.ledger.release(worker)
    assert desk.ledger.senders(run_id) == []
