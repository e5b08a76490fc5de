from __future__ import annotations

from types import SimpleNamespace

import pytest

from notifier.delivery import events
from notifier.model import RunState, State


class Alerts:
    """What was written down, each event once."""

    def __init__(self):
        self.texts = {}

    def raise_once(self, event, kind, text, *, run_id=None, quiet=0.0):
        known = event in self.texts
        self.texts.setdefault(event, (str(kind), text, run_id))
        return not known


class Ledger:
    """A run that stands somewhere."""

    def __init__(self, state, counts, reason=""):
        self.alerts = Alerts()
        self.run = SimpleNamespace(
            id=7,
            campaign="grades",
            occurrence="2027-01-15",
            state=state,
            reason=reason,
            finished_at=5.0,
        )
        self._counts = counts
        asked = SimpleNamespace(asked_at=1.0, asked_by="lan@office")
        self.approvals = SimpleNamespace(find=lambda _run: asked)

    def get_run(self, _run_id):
        return self.run

    def counts(self, _run_id):
        return self._counts

    @property
    def told(self):
        ((kind, text, run_id),) = self.alerts.texts.values()
        assert run_id == 7
        return kind, text


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (RunState.FINISHED, {State.ACCEPTED: 5, State.SUPPRESSED: 1}),
        (RunState.ACTIVE, {State.REFUSED: 5}),
        (RunState.CANCELLED, {State.REFUSED: 5}),
    ],
)
def test_what_went_well_or_is_not_over_is_no_news(state, counts):
    """Suppressed people are no failure, and a person cancelled what is cancelled."""
    ledger = Ledger(state, counts)
    assert not events.tell_ended(ledger, 7)
    assert ledger.alerts.texts == {}


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.HELD])
def test_a_run_that_ended_with_failures_is_told_once(state):
    """In figures, with the command that says more."""
    ledger = Ledger(state, {State.ACCEPTED: 5, State.REFUSED: 2, State.UNKNOWN: 1})
    assert events.tell_ended(ledger, 7)
    assert not events.tell_ended(ledger, 7)
    kind, text = ledger.told
    assert kind == "failures"
    assert text.startswith("Run 7 (grades@2027-01-15) has ended, and 3 messages failed")
    assert "accepted: 5, refused: 2, given up: 0, in doubt: 1" in text
    assert "notifier report 7" in text


def test_another_end_is_another_event():
    """A person retried some of it, and it ended again."""
    ledger = Ledger(RunState.FINISHED, {State.REFUSED: 2})
    events.tell_ended(ledger, 7)
    ledger.run.finished_at = 9.0
    assert events.tell_ended(ledger, 7)


def test_a_run_that_waits_is_told_for_each_question():
    """Again where it was approved and changed, with what has changed."""
    ledger = Ledger(RunState.AWAITING, {State.PENDING: 3})
    assert events.tell_awaiting(ledger, 7)
    assert not events.tell_awaiting(ledger, 7)
    ledger.run.reason = "the sheet has changed"
    assert events.tell_awaiting(ledger, 7)
    texts = [text for _kind, text, _run in ledger.alerts.texts.values()]
    assert "the sheet has changed" in texts[1]
    assert all("notifier approve 7" in text for text in texts)
    assert all("lan@office" not in text for text in texts)


def test_what_does_not_wait_is_not_asked_about():
    """It was approved meanwhile."""
    assert not events.tell_awaiting(Ledger(RunState.ACTIVE, {}), 7)


def test_what_came_too_late_and_what_was_not_sent_as_planned():
    """Each with its reason."""
    ledger = Ledger(RunState.FINISHED, {})
    events.tell_too_late(ledger, 7, "Too late.", 4)
    assert "4 messages were not sent" in ledger.told[1]
    other = Ledger(RunState.FINISHED, {})
    assert events.tell_schedule(other, "grades", "2027-01-15", "The sheet is missing.")
    assert not events.tell_schedule(other, "grades", "2027-01-15", "The sheet is missing.")
    ((kind, text, _run),) = other.alerts.texts.values()
    assert kind == "schedule"
    assert "The sheet is missing." in text
