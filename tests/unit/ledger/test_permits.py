from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.ledger import permits, processes
from notifier.ledger.permits import SLACK, Ask, Back, decide
from notifier.model import Rate

MINUTE = Rate(32, 60.0)
NOW = 1_800_000_000.0


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(-200, 60)), max_size=12),
    st.integers(1, 20),
    st.integers(1, 100),
    st.integers(1, 30),
)
def test_what_is_given_fits_beside_all_that_may_still_count(rows, count, seconds, wanted):
    """Never more than asked for or than is free; refused only when full, and not for too long."""
    rate = Rate(count, float(seconds))
    rows = [(permits, float(until)) for permits, until in rows]

    def taken(now):
        return sum(permits for permits, until in rows if until + (seconds + SLACK) > now)

    given_, opens_at = decide(rows, rate, wanted, 0.0)
    assert given_ == max(0, min(wanted, count - taken(0.0)))
    if not given_:
        assert opens_at > 0.0
        assert decide(rows, rate, wanted, opens_at)[0] > 0
        assert taken(opens_at - 1e-6) >= count


def test_two_who_ask_are_given_no_more_than_there_is(desk):
    """The second gets what the first left; then nobody gets anything until a grant's end is old."""
    ask = [Ask("relay main", MINUTE, 20)]
    (first,) = desk.ledger.traffic.exchange(ask, [], NOW)
    (second,) = desk.ledger.traffic.exchange(ask, [], NOW + 1)
    (third,) = desk.ledger.traffic.exchange(ask, [], NOW + 2)
    assert (first.count, second.count, third.count) == (20, 12, 0)
    assert first.until == NOW + permits.lifetime(MINUTE)
    assert third.until == first.until + 60 + SLACK
    (fourth,) = desk.ledger.traffic.exchange(ask, [], third.until)
    assert fourth.count == 20


def test_what_is_told_of_a_grant_makes_it_smaller_and_end_earlier(desk):
    """What was not used is free at once, what was used is free one span after its last use."""
    ask = [Ask("relay main", MINUTE, 32)]
    (grant,) = desk.ledger.traffic.exchange(ask, [], NOW)
    (more,) = desk.ledger.traffic.exchange(ask, [Back(grant.id, 10, NOW + 3)], NOW + 4)
    assert more.count == 22
    (none,) = desk.ledger.traffic.exchange(ask, [], NOW + 5)
    assert none.until == NOW + 3 + 60 + SLACK
    (rest,) = desk.ledger.traffic.exchange(ask, [Back(more.id, 0, 0.0)], NOW + 6)
    assert rest.count == 22


def test_a_late_word_never_makes_a_grant_end_later(desk):
    """And one of a grant that is forgotten changes nothing."""
    (grant,) = desk.ledger.traffic.exchange([Ask("s", MINUTE, 5)], [], NOW)
    desk.ledger.traffic.exchange([], [Back(grant.id, 5, NOW + 999), Back(77, 3, NOW)], NOW)
    assert desk.every("SELECT permits, until FROM permit") == [(5, grant.until)]


def test_scopes_and_spans_have_permits_of_their_own(desk):
    """A relay's limit a minute says nothing of its limit an hour, or of another relay."""
    asks = [
        Ask("relay main", MINUTE, 32),
        Ask("relay main", Rate(32, 3600.0), 32),
        Ask("relay other", MINUTE, 32),
    ]
    assert [grant.count for grant in desk.ledger.traffic.exchange(asks, [], NOW)] == [32, 32, 32]


def test_a_limit_that_is_new_knows_what_was_sent_before_it(desk):
    """Begun in the middle of the day, a day's limit counts what the attempts say; and only once."""
    run_id = desk.run(6)
    worker = desk.worker(run_id)
    for claimed in desk.ledger.claim(run_id, worker, 6):
        desk.submit([claimed.id])
        desk.settle(claimed.id)
    now = desk.clock() + 1
    day = Rate(10, 86_400.0)
    for _again in range(2):
        desk.ledger.traffic.keep_limit("relay main", day, "main", now)
    (grant,) = desk.ledger.traffic.exchange([Ask("relay main", day, 10)], [], now)
    assert grant.count == 4
    desk.ledger.traffic.keep_limit(f"run {run_id}", day, "main", now, run_id)
    (grant,) = desk.ledger.traffic.exchange([Ask(f"run {run_id}", day, 10)], [], now)
    assert grant.count == 4


def test_a_limit_that_was_not_kept_for_a_while_learns_what_it_missed(desk):
    """Rows of before it was taken out of the settings don't hide what was sent since."""
    day = Rate(10, 86_400.0)
    desk.ledger.traffic.exchange([Ask("relay main", day, 2)], [], desk.clock())
    run_id = desk.run(6)
    worker = desk.worker(run_id)
    for claimed in desk.ledger.claim(run_id, worker, 6):
        desk.submit([claimed.id])
        desk.settle(claimed.id)
    desk.ledger.traffic.keep_limit("relay main", day, "main", desk.clock() + 1)
    assert desk.one("SELECT sum(permits) FROM permit") == (6,)


def test_a_clock_set_back_holds_for_one_span_at_most(desk):
    """Rows from the future end now: too careful for one span, never too fast."""
    ask = [Ask("relay main", MINUTE, 32)]
    desk.ledger.traffic.exchange(ask, [], NOW + 3600)
    (none,) = desk.ledger.traffic.exchange(ask, [], NOW)
    assert (none.count, none.until) == (0, NOW + 60 + SLACK)
    (grant,) = desk.ledger.traffic.exchange(ask, [], none.until)
    assert grant.count == 32


def test_rows_that_matter_to_nobody_are_swept_away(desk):
    """Some time after their span: a ledger doesn't grow by its limits."""
    desk.ledger.traffic.exchange([Ask("s", MINUTE, 5), Ask("s", Rate(9, 86_400.0), 1)], [], NOW)
    desk.ledger.traffic.keep_limit("other", MINUTE, "main", NOW + 2 * permits.AGE)
    assert desk.every("SELECT seconds FROM permit") == [(86_400.0,)]


def test_processes_of_a_boot_share_a_clock(desk, monkeypatch):
    """The first one's word counts until the machine is started anew; unless boots look alike."""
    monkeypatch.setattr(processes, "boot_of", lambda: "first")
    assert desk.ledger.traffic.timebase(5.0) == 5.0
    assert desk.ledger.traffic.timebase(7.0) == 5.0
    monkeypatch.setattr(processes, "boot_of", lambda: "second")
    assert desk.ledger.traffic.timebase(7.0) == 7.0
    monkeypatch.setattr(processes, "boot_of", lambda: "")
    assert desk.ledger.traffic.timebase(9.0) == 9.0
    assert desk.every("SELECT boot, shift FROM timebase") == [("second", 7.0)]


@pytest.mark.parametrize(
    ("rate", "portion", "seconds"),
    [
        (Rate(1, 1.0), 1, 0.25),
        (Rate(320, 1.0), 20, 0.25),
        (Rate(30, 60.0), 1, 15.0),
        (Rate(600, 3600.0), 9, 30.0),
        (Rate(10_000, 86_400.0), 156, 30.0),
    ],
)
def test_a_grant_is_a_small_part_of_its_limit(rate, portion, seconds):
    """So that little is lost when it comes free as one, and by a crash."""
    assert (permits.portion(rate), permits.lifetime(rate)) == (portion, seconds)
