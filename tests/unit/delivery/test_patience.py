from __future__ import annotations

import pytest

from notifier.delivery.patience import (
    CHANCES,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    USUAL,
    Patience,
)
from notifier.model import Cause, Reply, Scope, Stage, State, Submission

#: Seconds of nothing but trouble that are borne here.
SECONDS = 120.0
START = 1_800_000_000.0

TAKEN = Submission(Stage.BODY, Reply(250, "2.0.0", "queued"))
BUSY = Submission(Stage.MAIL, Reply(452, "4.3.1", "Insufficient system storage"))
CLOSING = Submission(Stage.BODY, Reply(421, "4.3.0", "filter crashed"))
DENIED = Submission(Stage.RCPT, Reply(454, "4.7.1", "Relay access denied"))
GONE = Submission(Stage.DATA, None, "the link was lost")
IN_DOUBT = Submission(Stage.BODY, None, "the link was lost", in_doubt=True)
NO_MAILBOX = Submission(Stage.RCPT, Reply(550, "5.1.1", "no such mailbox"))
UNWANTED = Submission(Stage.MAIL, Reply(550, "5.7.1", "not allowed to send as this"))


@pytest.fixture
def patience():
    """With a relay that nothing is known of yet."""
    return Patience("main", SECONDS)


def _hear(patience, submission, now, delivery_id=1):
    """Judge and count it, as the feed does; what ends the run, if it is enough."""
    outcome = patience.judge(delivery_id, submission)
    return patience.note(outcome, submission, now)


def test_trouble_now_and_then_is_in_order(patience):
    """A relay that ends a connection now and then is not even paused for."""
    for second in range(1000):
        submission = BUSY if second % USUAL else TAKEN
        assert _hear(patience, submission, START + second, second) is None
    assert patience.held_until == 0.0


@pytest.mark.parametrize("other", [TAKEN, NO_MAILBOX, IN_DOUBT])
def test_whatever_is_no_trouble_of_the_relay_ends_the_row(patience, other):
    """Only nothing but trouble counts: one word about a message shows that it works."""
    for _time in range(USUAL - 1):
        _hear(patience, BUSY, START)
    _hear(patience, other, START)
    assert _hear(patience, BUSY, START + SECONDS) is None
    assert patience.held_until == 0.0


def test_pauses_grow_with_the_trouble_up_to_the_longest(patience):
    """The shortest at first, then as long as it has lasted, and never longer than the longest."""
    for _time in range(USUAL):
        _hear(patience, BUSY, START)
    assert patience.held_until == START + SHORTEST_PAUSE
    pauses = []
    while (now := patience.held_until) < START + SECONDS:
        assert _hear(patience, BUSY, now) is None
        pauses.append(patience.held_until - now)
    assert pauses == sorted(pauses)
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_replies_that_come_within_a_pause_dont_lengthen_it(patience):
    """Eight connections that are refused at once are one trouble, not eight."""
    for number in range(8):
        _hear(patience, BUSY, START + number / 100, number)
    assert patience.held_until == pytest.approx(START + SHORTEST_PAUSE, abs=0.1)


def test_minutes_of_nothing_but_trouble_end_the_run(patience):
    """The error has the relay, the step, its last words, and that nobody's attempt was used up."""
    assert _hear(patience, BUSY, START) is None
    assert _hear(patience, BUSY, START + SECONDS - 1) is None
    error = _hear(patience, BUSY, START + SECONDS)
    assert "main" in error.message
    assert "Insufficient system storage" in error.message
    assert (error.stage, error.reply) == (Stage.MAIL, BUSY.reply)
    assert error.next_step


def test_a_link_that_is_lost_for_minutes_ends_the_run_too(patience):
    """Without a reply, what went wrong is told in its place."""
    _hear(patience, GONE, START)
    error = _hear(patience, GONE, START + SECONDS)
    assert "the link was lost" in error.message
    assert error.reply is None


def test_a_refusal_of_us_for_good_ends_the_run_at_once(patience):
    """5yz at MAIL would meet everybody: it is not tried on a second recipient."""
    error = _hear(patience, UNWANTED, START)
    assert error.reply == UNWANTED.reply


def test_nobodys_own_refusal_ends_the_run(patience):
    """A sheet full of mailboxes that are gone is no trouble of the relay."""
    for number in range(500):
        assert _hear(patience, NO_MAILBOX, START + number, number) is None
    assert patience.held_until == 0.0


def test_one_message_that_is_never_taken_is_its_own_trouble_from_the_third_time_on(patience):
    """While others are taken; then it burns attempts, so that it expires some day."""
    patience.judge(1, TAKEN)
    outcomes = [patience.judge(2, CLOSING) for _time in range(CHANCES + 2)]
    assert [it.state for it in outcomes] == [State.PENDING] * CHANCES + [State.DEFERRED] * 2
    assert [it.burns_attempt for it in outcomes] == [False] * CHANCES + [True] * 2
    assert outcomes[-1].scope is Scope.MESSAGE
    assert patience.judge(3, CLOSING).state is State.PENDING  # it has its own chances


def test_while_nothing_was_ever_taken_it_is_the_relays_trouble(patience):
    """A relay that takes nobody's message burns nobody's attempts."""
    for _time in range(20):
        assert patience.judge(2, CLOSING).state is State.PENDING


@pytest.mark.parametrize("submission", [BUSY, Submission(Stage.CONNECT, None, "no route")])
def test_before_the_relay_knows_whose_message_it_is_no_message_is_to_blame(patience, submission):
    """However often the same one is hit at MAIL or earlier."""
    patience.judge(1, TAKEN)
    for _time in range(20):
        assert patience.judge(2, submission).state is State.PENDING


def test_relay_access_denied_is_about_one_recipient_once_others_were_taken(patience):
    """Before that it may be about all of us."""
    assert patience.judge(2, DENIED).state is State.PENDING
    patience.judge(1, TAKEN)
    outcome = patience.judge(2, DENIED)
    assert (outcome.state, outcome.cause) == (State.DEFERRED, Cause.RELAY_DENIED)
    assert outcome.burns_attempt
