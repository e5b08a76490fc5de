from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.errors import UsageError
from notifier.ledger.schedules import FiringState, Planned
from notifier.schedule.plans import GRACE, Plan, decide, read_plan, usual_missed, write_spec
from notifier.timetable import Schedule

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
#: Midnight in UTC is 07:00 in Hanoi.
BEGUN = datetime(2027, 1, 15, tzinfo=UTC)
HOUR, DAY = 3600.0, 86_400.0


def plan(missed="ask", **schedule):
    """A plan that was made in the morning of 15 January."""
    return Plan("grades", Schedule(**schedule), HANOI, BEGUN, BEGUN.timestamp(), missed)


def told(firings):
    """What became of what."""
    return [(it.occurrence, it.state) for it in firings]


def test_nothing_is_due_before_its_time():
    """And nothing of a paused plan at all."""
    it = plan(cron="0 8 * * *")
    assert decide(it, None, BEGUN.timestamp() + HOUR - 1) == []
    paused = Plan("grades", it.schedule, HANOI, BEGUN, it.since, "run", is_paused=True)
    assert decide(paused, None, BEGUN.timestamp() + DAY) == []


def test_on_time_is_due_whatever_the_policy():
    """A restart of a few minutes is no miss."""
    for missed in ("ask", "skip", "run"):
        (found,) = decide(plan(missed, cron="0 8 * * *"), None, BEGUN.timestamp() + HOUR + GRACE)
        assert told([found]) == [("2027-01-15T08:00", FiringState.DUE)]
        assert found.due_at == BEGUN.timestamp() + HOUR


@pytest.mark.parametrize(
    ("missed", "state"),
    [("run", FiringState.DUE), ("skip", FiringState.SKIPPED), ("ask", FiringState.ASKED)],
)
def test_what_was_missed_is_run_skipped_or_asked_about(missed, state):
    """The machine was off until ten."""
    (found,) = decide(plan(missed, at="2027-01-15 08:00"), None, BEGUN.timestamp() + 3 * HOUR)
    assert found.state is state
    assert bool(found.note) == (state is not FiringState.DUE)


def test_of_many_that_were_missed_the_latest_alone_counts():
    """A month off: one note for those before, and one run at most."""
    found = decide(plan("run", every="1d"), None, BEGUN.timestamp() + 30.5 * DAY)
    assert told(found) == [
        ("2027-02-13T07:00", FiringState.SKIPPED),
        ("2027-02-14T07:00", FiringState.DUE),
    ]
    assert "28 before it" in found[0].note


def test_what_became_something_already_is_not_due_again():
    """Nor what was due before the schedule was made."""
    it = plan("run", cron="0 8 * * *")
    now = BEGUN.timestamp() + HOUR + 10
    assert decide(it, BEGUN.timestamp() + HOUR, now) == []
    assert told(decide(plan("run", at="2027-01-15 06:00"), None, now)) == []


def test_the_next_ones_are_told():
    """From now on, and from when the schedule was made."""
    it = plan(cron="0 8 * * *")
    found = it.upcoming(BEGUN.timestamp() - 10 * DAY, 2)
    assert [moment.astimezone(HANOI).isoformat() for moment in found] == [
        "2027-01-15T08:00:00+07:00",
        "2027-01-16T08:00:00+07:00",
    ]
    assert it.next_after(BEGUN.timestamp() + HOUR) == BEGUN.timestamp() + HOUR + DAY
    assert plan(at="2027-01-15 08:00").next_after(BEGUN.timestamp() + HOUR) is None


def test_a_plan_comes_back_from_the_ledger_as_it_was_written():
    """With what `every` counts from, although it was paused since."""
    schedule = Schedule(every="2h", unchanged="skip", missing="skip")
    spec = write_spec(schedule, "skip", BEGUN)
    row = Planned("grades", spec, "Asia/Ho_Chi_Minh", True, "lan@office", 5.0)
    found = read_plan(row)
    assert (found.begun, found.since, found.missed) == (BEGUN, 5.0, "skip")
    assert (found.schedule.every, found.schedule.unchanged) == (7200.0, "skip")
    assert found.is_paused


@pytest.mark.parametrize(
    ("spec", "zone"),
    [
        ("{", "UTC"),
        ("[]", "UTC"),
        ("{}", "UTC"),
        ('{"begun": 0, "at": 7}', "UTC"),
        ('{"begun": "x", "every": 60}', "UTC"),
        ('{"begun": 0, "every": 60}', "Mars/Olympus"),
    ],
)
def test_a_damaged_row_is_told_with_what_to_do(spec, zone):
    """And never as a traceback."""
    with pytest.raises(UsageError, match="can't be read"):
        read_plan(Planned("grades", spec, zone, False, "", 0.0))


def test_a_warning_is_wanted_however_late():
    """Of anything else a person says whether it still is."""
    assert usual_missed("emergency") == "run"
    assert usual_missed("marks") == "ask"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 5 * DAY), min_size=1, max_size=12),
    st.sampled_from([{"cron": "*/45 * * * *"}, {"every": "7h"}, {"at": "2027-01-17 08:00"}]),
    st.sampled_from(["run", "skip", "ask"]),
)
def test_whenever_it_is_looked_at_each_occurrence_becomes_something_once(looks, schedule, missed):
    """At most one of each look is to be run, the latest."""
    it = plan(missed, **schedule)
    seen, until = [], None
    for now in sorted(BEGUN.timestamp() + look for look in looks):
        found = decide(it, until, now)
        assert len(found) <= 2
        assert all(one.due_at <= now for one in found)
        assert all(one.state is FiringState.SKIPPED for one in found[:-1])
        seen += [one.due_at for one in found]
        until = max(seen, default=None)
    assert seen == sorted(set(seen))
