from __future__ import annotations

import pytest

from notifier.ledger import totals
from notifier.ledger.reports import Reader
from notifier.ledger.scope import EVERYTHING, Scope
from notifier.model import Cause, Recipient, Rejection, State

PEOPLE = [
    Recipient(2, "A", "a@Home.example", "An", {"Lớp": "10A1", 'Odd\n"name"': 1.0}),
    Recipient(3, "B", "b@home.example", "Bình", {"Lớp": "10A1", 'Odd\n"name"': 2.0}),
    Recipient(4, "C", "c@school.example", "Chi", {"Lớp": "10A2", 'Odd\n"name"': 2.0}),
]
REJECTED = Rejection(5, "Email", "@", "no address", {"Lớp": "10A2", "Email": "@"})


@pytest.fixture
def reader(ledger_path, ledger, clock):
    """The same ledger, read only."""
    with Reader.open(ledger_path, clock=clock) as found:
        yield found


def sent(desk, occurrence, states, *, campaign="marks", relay="main", relays=()):
    """A run of the three people, each in its state after two seconds."""
    from notifier.ledger.ledger import NewRun

    run_id = desk.ledger.start_run(NewRun(campaign, occurrence, "Marks", relay)).id
    desk.ledger.enrol(run_id, PEOPLE, [REJECTED])
    desk.ledger.finish_enrolment(run_id, rows=4)
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 3)]
    desk.submit(ids)
    begun = desk.clock()
    desk.clock.pass_(2)
    names = relays or [relay] * 3
    desk.ledger.record(
        [],
        [
            desk.result(it, state, relay=name, started_at=begun)
            for it, state, name in zip(ids, states, names, strict=True)
        ],
    )
    return run_id


def test_domains_come_with_the_worst_first(desk, reader):
    """Failures before doubts before sizes; a domain is told once, however it is written."""
    sent(desk, "1", (State.ACCEPTED, State.REFUSED, State.ACCEPTED))
    sent(desk, "2", (State.ACCEPTED, State.ACCEPTED, State.UNKNOWN))
    home, school = totals.by_domain(reader, EVERYTHING)
    assert (home.key, home.deliveries, home.failed) == ("home.example", 4, 1)
    assert (school.key, school.counts) == (
        "school.example",
        {State.ACCEPTED: 1, State.UNKNOWN: 1},
    )
    assert home.seconds_to_accept == pytest.approx(2)
    assert totals.by_domain(reader, Scope(run_id=2))[0].key == "school.example"


def test_a_column_of_the_sheet_divides_recipients_and_rejected_rows(desk, reader):
    """A class' parents: who got it, who didn't, and which rows could not be used."""
    run_id = sent(desk, "1", (State.ACCEPTED, State.REFUSED, State.ACCEPTED))
    first, second = totals.by_column(reader, Scope(run_id=run_id), "Lớp")
    assert (first.key, first.counts, first.rejections) == (
        "10A1",
        {State.ACCEPTED: 1, State.REFUSED: 1},
        0,
    )
    assert (second.key, second.deliveries, second.rejections) == ("10A2", 1, 1)
    missed, rejected = totals.missed(reader, Scope(run_id=run_id), "Lớp")
    assert (missed.value, missed.name, missed.state) == ("10A1", "Bình", State.REFUSED)
    assert (rejected.value, rejected.line, rejected.reason) == ("10A2", 5, "no address")


def test_headers_with_line_breaks_and_quotation_marks_are_columns_too(desk, reader):
    """As offices write them; whole numbers have no point."""
    sent(desk, "1", (State.ACCEPTED,) * 3)
    assert totals.columns(reader, EVERYTHING) == ["Lớp", 'Odd\n"name"']
    found = totals.by_column(reader, EVERYTHING, 'Odd\n"name"')
    assert [(it.key, it.deliveries) for it in found] == [("", 0), ("1", 1), ("2", 2)]


def test_campaigns_add_up_their_runs(desk, reader):
    """The one that was sent last comes first; the scope narrows by campaign and time."""
    sent(desk, "1", (State.ACCEPTED,) * 3)
    middle = desk.clock() + 5
    desk.clock.pass_(10)
    sent(desk, "2", (State.REFUSED,) * 3)
    sent(desk, "1", (State.ACCEPTED,) * 3, campaign="fees")
    fees, marks = totals.by_campaign(reader, EVERYTHING)
    assert (fees.key, fees.runs) == ("fees", 1)
    assert (marks.runs, marks.deliveries, marks.failed, marks.rejections) == (2, 6, 3, 2)
    (early,) = totals.by_campaign(reader, Scope(until=middle))
    assert (early.key, early.failed) == ("marks", 0)
    assert [it.id for it in reader.runs(9, Scope(since=middle, campaign="marks"))] == [2]


@pytest.mark.parametrize("relays", ["main", "main, backup"])
def test_relays_are_told_apart_where_there_were_several(desk, reader, relays):
    """One is told by its ticks, of several each attempt tells its own."""
    used = ("main", "main", "backup") if "," in relays else ()
    states = (State.ACCEPTED, State.REFUSED, State.DEFERRED)
    sent(desk, "1", states, relay=relays, relays=used)
    found = {it.key: it.outcomes for it in totals.by_relay(reader, EVERYTHING)}
    if used:
        assert found == {
            "main": {State.ACCEPTED: 1, State.REFUSED: 1},
            "backup": {State.DEFERRED: 1},
        }
    else:
        assert found == {"main": dict.fromkeys(states, 1)}


def test_time_is_in_quarters_of_an_hour(desk, reader):
    """Only those in which something was tried, in order."""
    sent(desk, "1", (State.ACCEPTED,) * 3)
    desk.clock.pass_(3600)
    sent(desk, "2", (State.REFUSED,) * 3)
    stretches = list(totals.by_time(reader, EVERYTHING))
    assert [outcomes for _at, outcomes in stretches] == [{State.ACCEPTED: 3}, {State.REFUSED: 3}]
    assert stretches[1][0] - stretches[0][0] == 3600
    assert list(totals.by_time(reader, Scope(since=desk.clock() - 60))) == stretches[1:]


def test_causes_of_several_runs_are_one(desk, reader):
    """Counted together, with a reply of the latest."""
    sent(desk, "1", (State.REFUSED, State.ACCEPTED, State.UNKNOWN))
    sent(desk, "2", (State.REFUSED, State.REFUSED, State.ACCEPTED))
    worst, other = totals.by_cause(reader, EVERYTHING)
    assert (worst.cause, worst.state, worst.count) == (Cause.NO_SUCH_MAILBOX, State.REFUSED, 3)
    assert worst.sample_reply == "550 said the relay"
    assert other.count == 1


def test_purged_runs_are_named_and_left_out_of_domains(desk, reader):
    """Their sums stay; whom they were to, nobody knows any more."""
    sent(desk, "1", (State.ACCEPTED,) * 3)
    desk.every("UPDATE run SET purged_at = 1.0")
    assert totals.purged(reader, EVERYTHING) == [1]
    assert totals.by_domain(reader, EVERYTHING) == []
    assert totals.by_campaign(reader, EVERYTHING)[0].deliveries == 3
    assert reader.summary(1).purged_at is not None
