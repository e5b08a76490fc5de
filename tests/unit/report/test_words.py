from __future__ import annotations

import pytest

from notifier import locale
from notifier.model import RunState, Stage, State
from notifier.report.words import (
    mark,
    reply_line,
    run_state_word,
    run_word,
    stage_word,
    state_word,
    tone,
    verdict,
)


def test_the_verdict_counts_what_was_delivered_and_what_was_not(ledger):
    """One sentence tells the run; what is not there is not mentioned."""
    assert verdict(ledger.told) == (
        "38 of 42 messages were delivered to the relay; 2 refused; 1 in doubt; "
        "1 not sent yet; 2 rows of the sheet could not be used."
    )


def test_a_run_that_nobody_sends_is_not_called_active(make_ledger, make_delivery):
    """What waits for a person is told so: it isn't under way."""
    row = make_delivery(1, 2, "1", "", "a@x.example", State.DEFERRED)
    left = make_ledger([row], state=RunState.ACTIVE).told
    assert run_word(left) == "nobody is sending it now"
    assert "1 not sent yet" in verdict(left)
    sent = make_ledger([row], state=RunState.ACTIVE, is_being_sent=True).told
    assert run_word(sent) == "active"
    assert "1 still under way" in verdict(sent)


def test_the_verdict_of_a_clean_run_is_short(make_ledger, make_delivery):
    """When everything went well, nothing else is said."""
    rows = [make_delivery(i, i, str(i), "", f"a{i}@x.example", State.ACCEPTED) for i in range(3)]
    assert verdict(make_ledger(rows).told) == "All 3 messages were delivered to the relay."


def test_what_a_person_takes_as_arrived_is_not_called_delivered(make_ledger, make_delivery):
    """No reply proves it: it is counted apart."""
    states = (State.ACCEPTED, State.ACCEPTED, State.PRESUMED)
    rows = [make_delivery(i, i, str(i), "", f"a{i}@x.example", it) for i, it in enumerate(states)]
    assert verdict(make_ledger(rows).told) == (
        "2 of 3 messages were delivered to the relay; 1 taken as arrived."
    )


def test_the_verdict_of_one_message_is_singular(make_ledger, make_delivery):
    """One is one."""
    row = make_delivery(1, 2, "1", "", "a@x.example", State.ACCEPTED)
    assert verdict(make_ledger([row]).told) == "The one message was delivered to the relay."


def test_the_verdict_of_nothing_does_not_claim_success(make_ledger):
    """A run without a delivery has not delivered all of them."""
    assert verdict(make_ledger([]).told) == "0 of 0 messages were delivered to the relay."


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_word_a_sign_and_a_tone(state):
    """Colour is never the only difference."""
    assert state_word(state)
    assert mark(state)
    assert tone(state) in {"good", "bad", "wait", "calm"}


@pytest.mark.parametrize("state", list(RunState))
def test_every_run_state_has_a_word(state):
    """A run's state is told in words."""
    assert run_state_word(state)


def test_a_reply_reads_in_one_line(make_delivery):
    """Code, enhanced code and text, as far as they are there."""
    full = make_delivery(1, 2, "k", "", "a@x", State.REFUSED, 1, None, 550, "5.1.1", "No")
    none = make_delivery(1, 2, "k", "", "a@x", State.UNKNOWN, 1, None, None, "", "Link lost")
    assert reply_line(full) == "550 5.1.1 No"
    assert reply_line(none) == "Link lost"


@pytest.mark.parametrize("stage", list(Stage))
def test_every_step_with_a_relay_has_words(stage):
    """`show` tells at which step a try ended, in the reader's language."""
    english = stage_word(stage)
    locale.use("vi")
    assert english
    assert stage_word(stage) != english
