from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from notifier.ledger.ledger import Ledger
from notifier.ledger.records import Intent, NewRun, Result
from notifier.ledger.reports import Reader
from notifier.ledger.scope import EVERYTHING, Scope
from notifier.model import Cause, Recipient, Stage, State
from notifier.report import compared, papers
from notifier.report.overview import GROUPINGS, paper, run_tables
from notifier.report.page import html

REFUSED = {"state": State.REFUSED, "code": 550, "cause": Cause.NO_SUCH_MAILBOX}
ACCEPTED = {"state": State.ACCEPTED, "code": 250, "cause": Cause.ACCEPTED}
NOON = datetime(2027, 1, 15, 5, 0, tzinfo=UTC).timestamp()


def _send(ledger, occurrence, relay, outcomes, at):
    run = ledger.start_run(NewRun("grades", occurrence, "Kết quả", relay))
    people = [
        Recipient(n, f"=K{n}", f"p{n}@{domain}", f"Người {n}", {"Lớp": f"10A{n % 2}"})
        for n, (domain, _outcome) in enumerate(outcomes)
    ]
    ledger.enrol(run.id, people, [])
    ledger.finish_enrolment(run.id, rows=len(people))
    worker = ledger.register_worker("here", 1, run.id)
    ids = [it.id for it in ledger.claim(run.id, worker, len(people))]
    ledger.record([Intent(it, at, at, "ab" * 32) for it in ids], [])
    results = [
        Result(
            delivery_id=number,
            number=1,
            relay=relay.partition(",")[0],
            started_at=at,
            at=at + 1.5,
            stage=Stage.BODY,
            enhanced="",
            text="so said the relay",
            next_attempt_at=None,
            burns_attempt=True,
            **outcome,
        )
        for number, (_domain, outcome) in zip(ids, outcomes, strict=True)
    ]
    ledger.record([], results)
    return run.id


@pytest.fixture
def reader(tmp_path):
    """Two runs: what was refused in the first arrives in the second, and the reverse."""
    clock = lambda: NOON  # noqa: E731 - a clock that stands still
    ledger = Ledger.open(tmp_path / "ledger.sqlite", clock=clock)
    try:
        _send(ledger, "1", "main", [("a.example", REFUSED), ("b.example", ACCEPTED)], NOON)
        _send(
            ledger,
            "2",
            "main, backup",
            [("a.example", ACCEPTED), ("b.example", REFUSED), ("c.example", ACCEPTED)],
            NOON + 86400,
        )
    finally:
        ledger.close()
    with Reader.open(tmp_path / "ledger.sqlite", clock=clock) as found:
        yield found


@pytest.mark.parametrize("by", [*GROUPINGS, "Lớp"])
@pytest.mark.parametrize("kind", ["json", "csv", "html", "xlsx"])
def test_every_grouping_is_there_in_every_format(  # noqa: PLR0917 - fixtures
    reader, zone, now, tmp_path, by, kind
):
    """All formats have its rows; the page draws each, without a script."""
    built = paper(reader, EVERYTHING, by, zone)
    stream = io.StringIO(newline="")
    if kind == "json":
        papers.write_json(built, stream, zone=zone)
        data = json.loads(stream.getvalue())
        assert data["by"] == by
        assert data["groups"]
        assert "" not in data["groups"][0]
    elif kind == "csv":
        papers.write_csv(built, stream, zone=zone)
        rows = list(csv.reader(io.StringIO(stream.getvalue().lstrip("\ufeff"))))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}
    elif kind == "html":
        papers.write_page(built, stream, zone=zone, now=now)
        page = stream.getvalue()
        assert '<svg class="bar' in page
        assert "<script" not in page
        assert "style=" not in page
    else:
        papers.write_xlsx(built, tmp_path / "x.xlsx", zone=zone)
        sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").worksheets[0]
        assert sheet.max_row > 1


def test_days_are_the_zones_and_hours_that_come_twice_are_two(reader):
    """Kiritimati is a day ahead; clocks that go back show an hour twice."""
    (table,) = paper(reader, Scope(run_id=1), "day", ZoneInfo("Pacific/Kiritimati")).tables
    assert [str(row[0]) for row in table.rows] == ["2027-01-15"]
    (table,) = paper(reader, EVERYTHING, "day", ZoneInfo("Asia/Ho_Chi_Minh")).tables
    assert [(str(row[0]), row[1]) for row in table.rows] == [("2027-01-15", 2), ("2027-01-16", 3)]


def test_two_runs_side_by_side(reader, zone, now):
    """Figures with their difference, and by name who was missed, who arrived, who is new."""
    stream = io.StringIO()
    papers.write_json(compared.paper(reader, 1, 2, zone), stream, zone=zone)
    data = json.loads(stream.getvalue())
    assert data["before"]["run"] == 1
    figures = {it["name"]: (it["before"], it["after"], it["difference"]) for it in data["figures"]}
    assert figures["deliveries"] == (2, 3, 1)
    assert figures["refused"] == (1, 1, 0)
    changes = {it["key"]: it["change"] for it in data["changes"]}
    assert changes == {"=K1": "failed_now", "=K0": "arrived_now", "=K2": "added"}
    assert data["changes"][0]["why"] == "No such mailbox"
    assert {it["change"]: it["count"] for it in data["persons"]}["added"] == 1


def test_many_changes_are_read_again_instead_of_kept(reader, zone, monkeypatch):
    """The same rows, without memory for all of them."""

    def changes():
        return [tuple(row) for row in compared.paper(reader, 1, 2, zone).tables[-1].rows]

    kept = changes()
    monkeypatch.setattr(compared, "MOST_KEPT", 1)
    assert changes() == kept
    assert len(kept) == 3


def test_keys_in_csv_are_no_formulas(reader, zone):
    """What begins with = is text."""
    stream = io.StringIO(newline="")
    papers.write_csv(compared.paper(reader, 1, 2, zone), stream, zone=zone)
    assert ",=K" not in stream.getvalue()
    assert ",'=K" in stream.getvalue()


def test_the_page_of_a_run_tells_its_relays_and_domains(reader, zone, now):
    """Relays only where there were several; domains where there are two."""
    names = [it.name for it in run_tables(reader, reader.summary(2))]
    assert names == ["relays", "domains"]
    assert [it.name for it in run_tables(reader, reader.summary(1))] == ["domains"]
    page = html(reader, 2, zone=zone, now=now)
    assert 'id="t-relays"' in page
    assert "notifier report 2 --by domain" in page
    assert "main, backup" in page


def test_a_purged_run_has_its_sums_and_no_persons(reader, zone, now, tmp_path):
    """The page says so; the comparison has figures alone."""
    import sqlite3

    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute("UPDATE run SET purged_at = ? WHERE id = 2", (NOON,))
        db.execute("UPDATE recipient SET address = '', name = '', line = 0 WHERE run_id = 2")
    page = html(reader, 2, zone=zone, now=now)
    assert "Who they were was purged on 15 Jan 2027" in page
    assert '<table class="cards people"' not in page
    assert "2 of 3 messages were delivered to the relay; 1 refused." in page
    *_rest, changes = compared.paper(reader, 1, 2, zone).tables
    assert list(changes.rows) == []
    assert "runs 2" in changes.notes[0]


def test_a_scope_is_told_in_a_sentence(reader, zone):
    """Which runs, and of what time."""
    since = (datetime.fromtimestamp(NOON, UTC) - timedelta(days=1)).timestamp()
    told = paper(reader, Scope(campaign="grades", since=since), "run", zone).lead
    assert told == "Campaign grades, since 14 Jan 2027, 12:00:00."


def test_a_correction_is_not_taken_for_everybody(reader, zone, tmp_path):
    """Grouped or compared, it says how many were left out, and which run was for all of them."""
    import sqlite3

    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute("UPDATE run SET left_out = 40 WHERE id = 2")
    for told in (paper(reader, Scope(run_id=2), "Lớp", zone), compared.paper(reader, 1, 2, zone)):
        assert "Run 2 was a correction: 40 recipients" in told.lead
        assert told.lead.endswith("The run for everybody before it: 1.")
    assert "correction" not in paper(reader, Scope(run_id=1), "Lớp", zone).lead
