"""How SQLite would find what the hot statements ask for: the very statements, as they are run.

Each is noted while it runs, and explained afterwards. None may walk over a table that grows with
the run; what a run has few of (workers, runs, what is held or in trouble) may be walked over.
"""

from __future__ import annotations

import re
import sqlite3

import pytest

from notifier.ledger import statements
from notifier.ledger.reports import Reader
from notifier.model import State

#: Tables with a row for each recipient, attempt or rejection.
GROWING = {"delivery", "recipient", "attempt", "token", "mailbox", "rejection", "tick"}
#: Indexes that hold what is in hand, waits or went wrong, and nothing else.
SMALL_INDEXES = {"delivery_held"}
_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
_TRIGGER = re.compile(r"CREATE TEMP TRIGGER (\w+).*?BEGIN(.*?)END;", re.DOTALL)
_ALIAS = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(?:main\.)?(\w+)(?:\s+(?:AS\s+)?(\w+))?")


def tables_of(sql):
    """Which table each name of a statement stands for."""
    found = {}
    for table, alias in _ALIAS.findall(sql):
        found[table] = table
        if alias:
            found[alias] = table
    return found


def plan(db, sql):
    """The lines of a statement's plan."""
    filled = re.sub(r"\bnew\.\w+", "1", sql).replace("Inf", "9e999")  # as SQLite spells it
    count = filled.count("?") if "?1" not in filled else 9
    for values in ((None,) * count, ()):
        try:
            rows = db.execute(f"EXPLAIN QUERY PLAN {filled}", values).fetchall()
        except sqlite3.ProgrammingError:
            continue
        return [row[3] for row in rows]
    raise AssertionError(sql)


def walks(db, sql):
    """The growing tables that the statement would walk over from end to end."""
    names = tables_of(sql)
    scans = (_SCAN.match(line) for line in plan(db, sql))
    return [
        found[0]
        for found in scans
        if found and names.get(found[1], found[1]) in GROWING and found[2] not in SMALL_INDEXES
    ]


@pytest.fixture
def noted(desk):
    """Run something; the statements that the ledger ran meanwhile, triggers' own left out."""

    def run(function, *arguments, db=None, **options):
        found = []
        db = db or desk.ledger._store._db
        db.set_trace_callback(found.append)
        function(*arguments, **options)
        db.set_trace_callback(None)
        return [it for it in found if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)", it)]

    return run


def check(desk, found):
    """None of the statements walks."""
    assert found
    with desk.ledger._store.alone() as db:
        bad = {sql: walk for sql in found if (walk := walks(db, sql))}
    assert bad == {}


@pytest.fixture
def sending(desk):
    """A run in the middle: some accepted, one deferred, one in doubt, one held, the rest due."""
    run_id = desk.run(12)
    worker = desk.worker(run_id)
    ids = [it.id for it in desk.ledger.claim(run_id, worker, 6)]
    desk.submit(ids[:5])
    for it in ids[:2]:
        desk.settle(it)
    desk.settle(ids[2], State.DEFERRED)
    desk.settle(ids[3], State.UNKNOWN, code=None)
    return run_id, worker


@pytest.mark.parametrize("name", ["claim_due", "record_batch", "see_late", "see_proven"])
def test_what_the_doors_do_costs_the_same_in_a_run_of_a_million(desk, name):
    """Claims, intents and outcomes: each statement of the trigger goes by an index."""
    body = dict(_TRIGGER.findall(statements.SESSION))[name]
    check(desk, [it.strip() for it in body.split(";") if it.strip()])


def test_a_claim_reads_the_index_of_what_is_due_and_sorts_nothing(desk):
    """In the order of the index, so that the limit ends the reading."""
    with desk.ledger._store.alone() as db:
        (line,) = plan(db, statements.DUE)
    assert line.startswith("SEARCH delivery USING")
    assert "delivery_due" in line


def test_what_the_engine_asks_again_and_again_goes_by_indexes(desk, noted, sending):
    """The next due time, the counts, whether all is done, the heartbeat, who sends."""
    run_id, worker = sending
    ledger = desk.ledger
    for function, *arguments in (
        (ledger.claim, run_id, worker, 2),
        (ledger.next_due_at, run_id),
        (ledger.counts, run_id),
        (ledger.finish_if_done, run_id),
        (ledger.heartbeat, worker),
        (ledger.senders, run_id),
    ):
        check(desk, noted(function, *arguments))


def test_recovery_costs_by_what_was_held(desk, noted, sending):
    """Whether a worker says good-bye or was found dead."""
    run_id, worker = sending
    dead = desk.worker(run_id, pid=2**22 + 1)
    desk.submit([it.id for it in desk.ledger.claim(run_id, dead, 2)][:1], dead)
    check(desk, noted(desk.ledger.recover, run_id, host="here"))
    check(desk, noted(desk.ledger.release, worker))


def test_a_batch_of_enrolment_costs_by_its_own_size(desk, noted):
    """However many are in already."""
    from notifier.ledger.ledger import NewRun

    from .conftest import people, rejection

    desk.run(5)
    run = desk.ledger.start_run(NewRun("more", "1", "Marks", "main"))
    check(desk, noted(desk.ledger.enrol, run.id, people(3), [rejection(9)]))


def test_totals_cost_the_same_for_a_large_run(desk, noted, sending, ledger_path):
    """What `status`, `runs` and the head of a report read; causes cost by what went wrong."""
    run_id, _worker = sending
    with Reader.open(ledger_path, clock=desk.clock) as reader:
        for function, *arguments in (
            (reader.summary, run_id),
            (reader.runs,),
            (reader.causes, run_id),
            (reader.timeline, run_id),
            (reader.delivery, 1),
        ):
            check(desk, noted(function, *arguments, db=reader._db))


def test_a_report_reads_the_rows_in_the_sheets_order_without_sorting_them(
    desk, noted, sending, ledger_path
):
    """A million rows are streamed: nothing is gathered first."""
    run_id, _worker = sending
    with Reader.open(ledger_path, clock=desk.clock) as reader:
        (sql,) = noted(lambda: list(reader.deliveries(run_id)), db=reader._db)
    with desk.ledger._store.alone() as db:
        lines = plan(db, sql)
    assert "USE TEMP B-TREE" not in " ".join(lines)
    check(desk, [sql])


def test_suppressing_an_address_costs_by_what_was_sent_to_it(desk, noted, sending):
    """Not by all that was ever sent, while others wait to write."""
    assert sending
    check(desk, noted(desk.ledger.suppress, "p9@parents.example"))
    assert desk.state(10) is State.SUPPRESSED


def test_the_look_itself_sees_a_walk(desk):
    """A statement without an index is told."""
    with desk.ledger._store.alone() as db:
        assert walks(db, "SELECT * FROM delivery d WHERE d.changed_at > 1") == ["SCAN d"]
        assert walks(db, "SELECT count(*) FROM recipient WHERE name = 'x'") == ["SCAN recipient"]


def test_a_cancel_costs_by_what_waits(desk, noted, sending):
    """Other runs' deliveries, and those that were accepted, are not looked at."""
    run_id, _worker = sending
    check(desk, noted(desk.ledger.cancel, run_id))
