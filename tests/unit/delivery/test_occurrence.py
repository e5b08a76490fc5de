from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from notifier.delivery.occurrence import choose_occurrence, free_occurrence
from notifier.errors import GuardError
from notifier.model import RunState

TODAY = date(2027, 1, 15)


@dataclass(frozen=True)
class Run:
    id: int
    occurrence: str
    state: RunState
    source_digest: str = "same"


def _choose(*runs: Run, **options):
    """`runs` are those of the campaign, the latest last."""
    by_name = {f"grades@{run.occurrence}": run for run in runs}
    if runs:
        by_name["grades"] = runs[-1]
    options = {"today": TODAY, "source_digest": "same"} | options

    def find_begun(begin):
        return next((it for it in reversed(runs) if it.occurrence.startswith(begin)), None)

    return choose_occurrence("grades", find=by_name.get, find_begun=find_begun, **options)


def test_the_first_sending_is_named_for_today():
    """With no run before, the occurrence is the local date."""
    choice = _choose()
    assert (choice.occurrence, choice.run) == ("2027-01-15", None)
    assert not choice.resumes
    assert not choice.is_over


@pytest.mark.parametrize("state", [RunState.ENROLLING, RunState.ACTIVE, RunState.PAUSED])
@pytest.mark.parametrize("occurrence", ["2027-01-15", "2027-01-14", "exam"])
def test_a_run_that_was_cut_off_goes_on(state, occurrence):
    """Typing `send` again goes on with the unfinished run, even after midnight."""
    choice = _choose(Run(4, occurrence, state))
    assert choice.occurrence == occurrence
    assert choice.resumes


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.CANCELLED, RunState.HELD])
def test_nobody_gets_it_twice_on_the_same_day(state):
    """What was sent today is over: sending again today sends nothing by itself."""
    choice = _choose(Run(4, "2027-01-15", state))
    assert choice.is_over
    assert _choose(Run(4, "2027-01-15", state), source_digest="changed").is_over


def test_what_a_schedule_sent_today_is_not_sent_again_by_hand():
    """Unasked it would reach everybody a second time; yesterday's holds nobody up."""
    sent = Run(4, "2027-01-15T07:00", RunState.FINISHED)
    assert _choose(sent).is_over
    assert _choose(sent, again=True).occurrence == "2027-01-15"
    corrected = Run(5, "2027-01-15-changed", RunState.FINISHED)
    assert _choose(sent, corrected).is_over
    yesterday = Run(4, "2027-01-14T07:00", RunState.FINISHED)
    assert _choose(yesterday).occurrence == "2027-01-15"


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.CANCELLED, RunState.HELD])
def test_tomorrow_is_a_new_run(state):
    """A run that is over, or waits for a person, holds up no other day."""
    choice = _choose(Run(4, "2027-01-14", state))
    assert (choice.occurrence, choice.run) == ("2027-01-15", None)


def test_an_old_run_with_other_recipients_is_not_gone_on_with_silently():
    """Last week's half-sent marks don't go out when somebody means to send today's."""
    with pytest.raises(GuardError) as caught:
        _choose(Run(4, "2027-01-08", RunState.PAUSED), source_digest="changed")
    assert "resume 4" in caught.value.next_step
    assert "cancel 4" in caught.value.next_step


def test_a_run_of_unknown_content_goes_on():
    """Without a digest to compare, the unfinished run is what is meant."""
    assert _choose(Run(4, "exam", RunState.ACTIVE, source_digest="")).resumes


def test_a_name_that_was_given_is_taken():
    """`--occurrence` names the run, whatever else is unfinished."""
    other = Run(4, "2027-01-08", RunState.PAUSED, "other")
    assert _choose(other, asked="exam").occurrence == "exam"
    assert _choose(Run(3, "exam", RunState.FINISHED), other, asked="exam").is_over


def test_again_is_always_a_new_run():
    """`--again` takes today's date, then numbers."""
    done = Run(1, "2027-01-15", RunState.FINISHED)
    more = Run(2, "2027-01-15-2", RunState.ACTIVE)
    assert _choose(again=True).occurrence == "2027-01-15"
    assert _choose(done, again=True).occurrence == "2027-01-15-2"
    assert _choose(done, more, again=True).occurrence == "2027-01-15-3"
    assert free_occurrence("grades", "2027-01-15", {}.get) == "2027-01-15"


def test_a_correction_is_a_run_of_its_own_on_the_same_day():
    """It is named for whom it is meant, and the run that was sent to all stands beside it."""
    choice = _choose(Run(4, "2027-01-15", RunState.FINISHED), only="changed", repeats=True)
    assert (choice.occurrence, choice.run) == ("2027-01-15-changed", None)


def test_a_second_correction_on_a_day_is_another_run():
    """Whom it is meant for follows from what the first one did: nobody gets it twice."""
    runs = [Run(5, "2027-01-15-changed", RunState.FINISHED)]
    choice = _choose(*runs, only="changed", repeats=True)
    assert (choice.occurrence, choice.run) == ("2027-01-15-changed-2", None)


def test_the_same_file_of_keys_is_not_sent_twice_unasked():
    """Whom it names doesn't depend on what was sent: the second time is over, as without --only."""
    run = Run(5, "2027-01-15-late", RunState.FINISHED)
    assert _choose(run, only="late").is_over
    assert _choose(run, only="late", again=True).occurrence == "2027-01-15-late-2"


def test_a_correction_that_was_cut_off_goes_on():
    """The same people are meant: the same run; others: a person decides."""
    run = Run(5, "2027-01-15-changed", RunState.ENROLLING)
    assert _choose(run, only="changed", repeats=True).run is run
    with pytest.raises(GuardError):
        _choose(run, only="changed", repeats=True, source_digest="others")
