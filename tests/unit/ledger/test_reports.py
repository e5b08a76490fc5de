from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from notifier import locale
from notifier.errors import LedgerError, UsageError
from notifier.ledger.ledger import NewRun
from notifier.ledger.reports import Reader
from notifier.ledger.spans import union
from notifier.model import Cause, Recipient, Rejection, RunState, Stage, State


@pytest.fixture
def reader(ledger_path, ledger, clock):
    """The same ledger, read only."""
    with Reader.open(ledger_path, clock=clock) as found:
        yield found


def told_run(desk):
    """A run with one of each: accepted, refused, deferred, in doubt, pending."""
    run_id = desk.run(5, rejections=[Rejection(90, "Email", "@", "no address", {"Email": "@"})])
    desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, 1, 4)]
    desk.submit(ids)
    desk.clock.pass_(2)
    desk.ledger.record(
        [],
        [
            desk.result(ids[0], enhanced="2.0.0", text="2.0.0 queued"),
            desk.result(ids[1], State.REFUSED, enhanced="5.1.1", text="no such user"),
            desk.result(ids[2], State.DEFERRED, cause=Cause.GREYLISTED),
            desk.result(ids[3], State.UNKNOWN),
        ],
    )
    return run_id, ids


def test_a_summary_accounts_for_every_row(desk, reader):
    """Rows + extra addresses = deliveries + rejections + folded; counts leave zeros out."""
    run_id, _ids = told_run(desk)
    summary = reader.summary(run_id)
    assert summary.rows == summary.deliveries + summary.rejections == 6
    assert summary.counts == {
        State.PENDING: 1,
        State.ACCEPTED: 1,
        State.DEFERRED: 1,
        State.REFUSED: 1,
        State.UNKNOWN: 1,
    }
    assert summary.started_at == datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
    assert (summary.seconds, summary.finished_at) == (3.0, None)
    assert summary.messages_per_second == pytest.approx(1 / 3)


def _send_one(desk, run_id, worker, seconds=2):
    (delivery,) = desk.ledger.claim(run_id, worker, 1)
    desk.submit([delivery.id], worker)
    desk.clock.pass_(seconds)
    desk.settle(delivery.id, worker_id=worker)


def test_a_pause_is_not_time_spent_sending(desk, reader):
    """A run paused over lunch took as long as it was sent; `seconds` still spans the whole."""
    run_id = desk.run(2)
    for pause in (3600, 0):
        worker = desk.worker(run_id)
        _send_one(desk, run_id, worker)
        desk.ledger.release(worker)
        desk.clock.pass_(pause)
    summary = reader.summary(run_id)
    assert summary.seconds == pytest.approx(3604, abs=1)
    assert summary.sending_seconds == pytest.approx(4, abs=1)
    assert summary.messages_per_second == pytest.approx(0.5, abs=0.1)


def test_a_killed_sender_is_not_taken_for_sending_until_it_is_found_dead(desk, reader):
    """It ended with its last reply, whenever somebody noticed."""
    run_id = desk.run(3)
    dead = desk.worker(run_id, host="elsewhere")
    _send_one(desk, run_id, dead)
    (delivery,) = desk.ledger.claim(run_id, dead, 1)
    desk.submit([delivery.id], dead)  # killed here
    desk.clock.pass_(3600)
    worker = desk.worker(run_id)
    desk.ledger.recover(run_id)
    _send_one(desk, run_id, worker)
    assert reader.summary(run_id).sending_seconds == pytest.approx(4, abs=2)


@pytest.mark.parametrize(
    ("spans", "length"),
    [([], 0), ([(1, 3), (2, 5)], 4), ([(1, 9), (2, 3), (4, 5)], 8), ([(1, 2), (5, 4), (7, 8)], 2)],
)
def test_spans_that_overlap_count_once(spans, length):
    """Two programs that send the same run at the same time spend that time once."""
    assert union(spans) == length


def test_a_killed_program_is_not_told_as_a_lost_connection(desk, reader):
    """Nothing was wrong with the link; and it is told in the language of whoever reads it."""
    run_id = desk.run(1)
    dead = desk.worker(run_id, pid=2**22 + 1)
    (delivery,) = desk.ledger.claim(run_id, dead, 1)
    desk.submit([delivery.id], dead)
    desk.ledger.recover(run_id, host="here")
    for language, words in (("vi", "bị kết thúc"), ("en", "was ended")):
        locale.use(language)
        (row,) = reader.deliveries(run_id)
        assert row.cause is Cause.SENDER_GONE
        assert words in row.text
        assert words in reader.delivery(row.id).attempts[0].text
    (group,) = reader.causes(run_id)
    assert (group.cause, group.sample_reply) == (Cause.SENDER_GONE, "")


def test_whether_somebody_is_sending(desk, reader):
    """As long as a worker of the run lives; not when it said good-bye, nor when it is silent."""
    run_id = desk.run(2)
    assert not reader.summary(run_id).is_being_sent
    worker = desk.worker(run_id)
    assert reader.summary(run_id).is_being_sent
    assert [it.is_being_sent for it in reader.runs()] == [True]
    desk.ledger.release(worker)
    assert not reader.summary(run_id).is_being_sent
    desk.worker(run_id, host="elsewhere")
    assert reader.summary(run_id).is_being_sent
    desk.clock.pass_(3600)
    assert not reader.summary(run_id).is_being_sent


def test_the_keys_that_scripts_rely_on(desk, reader):
    """`as_dict` has the published keys, states and instants as text."""
    run_id, _ids = told_run(desk)
    found = reader.summary(run_id).as_dict()
    assert {
        "run", "campaign", "occurrence", "state", "rows", "deliveries", "rejections", "counts",
        "started_at", "finished_at", "seconds", "messages_per_second", "folded",
        "extra_addresses", "reason", "sending_seconds", "is_being_sent",
    } <= set(found)  # fmt: skip
    assert found["counts"]["accepted"] == 1
    assert found["started_at"] == "2027-01-15T08:00:00.000+00:00"


def test_deliveries_come_in_the_sheets_order_with_their_last_reply(desk, reader):
    """Every delivery once; state and address narrow the choice; limit ends it."""
    run_id, ids = told_run(desk)
    rows = list(reader.deliveries(run_id))
    assert [row.line for row in rows] == [2, 3, 4, 5, 6]
    assert (rows[1].id, rows[1].code, rows[1].enhanced, rows[1].text) == (
        ids[1], 550, "5.1.1", "no such user",
    )  # fmt: skip
    assert rows[4].cause is None
    some = reader.deliveries(run_id, states=[State.REFUSED, State.UNKNOWN])
    assert [row.id for row in some] == [ids[1], ids[3]]
    assert [row.key for row in reader.deliveries(run_id, addresses=["P2@parents.example"])] == [
        "K2"
    ]
    assert len(list(reader.deliveries(run_id, limit=2))) == 2


def test_a_late_reply_does_not_hide_the_one_that_counted(desk, reader):
    """What is listed is the reply that led to the state, not one that came too late."""
    run_id, ids = told_run(desk)
    desk.settle(ids[0], State.REFUSED, worker_id=99, text="too late")
    row = next(iter(reader.deliveries(run_id)))
    assert (row.state, row.code, row.text) == (State.ACCEPTED, 250, "2.0.0 queued")


def test_causes_group_what_went_wrong(desk, reader):
    """By cause and state, with a reply and the domains; accepted ones are not failures."""
    run_id, _ids = told_run(desk)
    found = {(it.cause, it.state): it for it in reader.causes(run_id)}
    assert set(found) == {
        (Cause.NO_SUCH_MAILBOX, State.REFUSED),
        (Cause.GREYLISTED, State.DEFERRED),
        (Cause.LINK_LOST, State.UNKNOWN),
    }
    group = found[Cause.NO_SUCH_MAILBOX, State.REFUSED]
    assert (group.count, group.sample_reply) == (1, "550 5.1.1 no such user")
    assert group.domains == ("parents.example",)


def test_the_timeline_has_every_stretch(desk, reader):
    """Equal stretches from the first outcome to the last, empty ones too, no more than asked."""
    run_id, ids = told_run(desk)
    desk.clock.pass_(9)
    desk.settle(ids[3], worker_id=99)
    assert [it.accepted for it in reader.timeline(run_id, 60)] == [1, *[0] * 8, 1]
    (bucket,) = reader.timeline(run_id, 1)
    assert (bucket.accepted, bucket.refused, bucket.deferred, bucket.in_doubt) == (2, 1, 1, 1)
    assert reader.timeline(desk.run(1, campaign="other")) == []


def test_a_delivery_tells_all_by_number_and_by_token(desk, reader):
    """Row, attempts with replies, and what its message was made from."""
    run_id = desk.ledger.start_run(
        NewRun("fees", "1", "t", "main", template_digest="td", campaign_yaml="title: Học phí")
    ).id
    row = {"Ngày": date(2027, 1, 15), "Phí": 12.5, "Lớp": None}
    desk.ledger.enrol(run_id, [Recipient(7, "A", "a@x.example", "An", row, {"phi": 12.5})], [])
    desk.ledger.finish_enrolment(run_id, rows=1)
    desk.worker(run_id)
    (claimed,) = desk.ledger.claim(run_id, 1, 5)
    desk.submit([claimed.id])
    desk.settle(claimed.id, State.DEFERRED)
    detail = reader.delivery(claimed.id)
    assert reader.delivery(f"<{claimed.token.upper()}@school.example>") == detail
    assert detail.recipient.row == row
    assert (detail.template_digest, detail.campaign_yaml) == ("td", "title: Học phí")
    assert (detail.message_at, detail.message_digest) == (desk.clock(), "ab" * 32)
    (attempt,) = detail.attempts
    assert (attempt.stage, attempt.code, attempt.outcome) == (Stage.BODY, 451, State.DEFERRED)
    told = detail.as_dict()
    assert told["row"] == {"Ngày": "2027-01-15", "Phí": 12.5, "Lớp": None}
    assert set(told["attempts"][0]) >= {
        "at", "relay", "stage", "code", "enhanced", "text", "outcome",
    }  # fmt: skip


@pytest.mark.parametrize("reference", ["999", "nosuchtoken", "", "9" * 30])
def test_a_delivery_that_is_not_there_is_told(reader, reference):
    """UsageError, with where to look."""
    with pytest.raises(UsageError) as caught:
        reader.delivery(reference)
    assert "report" in caught.value.next_step
    with pytest.raises(UsageError):
        reader.summary(99)


def test_runs_are_listed_the_latest_first(desk, reader):
    """At most `limit`."""
    first, second = desk.run(1), desk.run(1, campaign="timetable")
    assert [it.id for it in reader.runs()] == [second, first]
    assert [it.id for it in reader.runs(1)] == [second]
    assert reader.runs()[0].state is RunState.ACTIVE


def test_rejections_keep_their_row(desk, reader):
    """Line, column, value, reason and the whole row come back."""
    run_id, _ids = told_run(desk)
    assert list(reader.rejections(run_id)) == [
        Rejection(90, "Email", "@", "no address", {"Email": "@"})
    ]


def test_a_reader_writes_nothing_and_makes_nothing(tmp_path, ledger_path):
    """No ledger: LedgerError with the next step, and no file left behind."""
    with pytest.raises(LedgerError) as caught:
        Reader.open(tmp_path / "none.sqlite")
    assert "send" in caught.value.next_step
    assert not (tmp_path / "none.sqlite").exists()
    with Reader.open(ledger_path) as reader, pytest.raises(LedgerError):
        list(reader._rows("DELETE FROM run"))
