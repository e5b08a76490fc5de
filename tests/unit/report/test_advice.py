from __future__ import annotations

import pytest

from notifier.model import Cause, State
from notifier.report.advice import advise


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_label_and_says_what_to_do(cause):
    """No cause leaves the office without a next step."""
    advice = advise(cause)
    assert advice.label
    assert not advice.label.endswith(".")
    assert advice.action.endswith(".")


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_advice_for_every_cause(state):
    """A state may say more than the cause, never less."""
    assert all(advise(cause, state).action for cause in Cause)


def test_a_message_in_doubt_is_not_retried_without_asking():
    """What may have arrived is asked after first, whatever the cause."""
    assert "may have arrived" in advise(Cause.LINK_LOST, State.UNKNOWN).action


def test_what_was_broken_off_is_not_blamed_on_the_connection():
    """After a kill or a power cut the program says what it knows, and no more."""
    advice = advise(Cause.SENDER_GONE, State.UNKNOWN)
    assert "onnection" not in advice.label + advice.action
    assert "may have arrived" in advice.action


@pytest.mark.parametrize("cause", list(Cause))
def test_nothing_is_promised_that_needs_a_sender(cause):
    """A message that was put off waits for somebody who sends the run: no "by itself"."""
    assert "by itself" not in advise(cause, State.DEFERRED).action
    assert "by themselves" not in advise(cause, State.DEFERRED).action


def test_a_mailbox_full_is_told_by_another_way():
    """The label is a heading, the action is what the office does."""
    advice = advise(Cause.MAILBOX_FULL, State.REFUSED)
    assert advice.label == "Mailbox full"
    assert "another way" in advice.action


def test_too_late_is_no_relays_fault():
    """It names the campaign's deadline, and not a relay's last reply."""
    advice = advise(Cause.TOO_LATE, State.EXPIRED)
    assert "not_after" in advice.action
    assert "last reply" not in advice.action
