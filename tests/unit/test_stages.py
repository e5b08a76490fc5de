"""The steps of a conversation with a relay, as people say them."""

from __future__ import annotations

from notifier import stages
from notifier.model import Stage
from notifier.smtp import troubles
from notifier.smtp.account import Account


def test_every_step_has_words():
    """A new one is not forgotten."""
    assert all(stages.word(it) for it in Stage)


def test_an_error_says_the_step_in_words():
    """Where it happened is for people."""
    account = Account("main", "relay.example", 25)
    error = troubles.lost(account, Stage.RCPT)
    assert error.where == "relay main, step: recipient (RCPT)"
