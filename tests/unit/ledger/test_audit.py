from __future__ import annotations

import pytest

from notifier.ledger import audit
from notifier.ledger.ledger import Ledger, NewRun
from notifier.model import State


@pytest.fixture
def noted(desk):
    """The entries, as (action, subject, detail)."""

    def read(**choice):
        with desk.ledger._store.alone() as db:
            return [(it.action, it.subject, dict(it.detail)) for it in audit.entries(db, **choice)]

    return read


def _broken(desk):
    with desk.ledger._store.alone() as db:
        return audit.broken_at(db)


def _force(desk, sql):
    """Change the file behind the program's back."""
    with desk.ledger._store.alone() as db:
        db.execute("DROP TRIGGER IF EXISTS audit_stays")
        db.execute("DROP TRIGGER IF EXISTS audit_is_kept")
        db.execute(sql)


def test_each_decision_is_noted_with_what_it_did(desk, noted):
    """Beginning, pausing, resuming, retrying and cancelling a run: each is one row, in order."""
    run_id = desk.run(3)
    desk.ledger.pause(run_id)
    desk.ledger.resume(run_id)
    desk.ledger.cancel(run_id)
    desk.ledger.retry(run_id, [State.CANCELLED], ["p1@parents.example"])
    told = noted()
    assert [it[:2] for it in told] == [
        (action, f"run {run_id}") for action in ("send", "pause", "resume", "cancel", "retry")
    ]
    assert told[0][2] == {"campaign": "grades", "occurrence": "2027-01-15", "relay": "main"}
    assert told[3][2] == {"count": 3}
    assert told[4][2]["count"] == 1
    assert told[4][2]["states"] == ["cancelled"]
    assert told[4][2]["of"]["count"] == 1


def test_a_run_that_is_there_already_is_not_begun_again(desk, noted):
    """A scheduler that fires twice begins one run, and one row says so."""
    desk.run(1)
    desk.ledger.start_run(NewRun("grades", "2027-01-15", "Marks", "main"))
    assert [it[0] for it in noted()] == ["send"]


def test_what_was_refused_is_not_noted(desk, noted):
    """The row is in the decision's own transaction: both are there, or neither."""
    run_id = desk.run(1)
    desk.ledger.cancel(run_id)
    with pytest.raises(Exception, match="sent"):
        desk.ledger.pause(run_id)
    assert [it[0] for it in noted()] == ["send", "cancel"]


def test_no_address_gets_in(desk, noted):
    """Entries can't be erased, so they hold marks, by which whoever knows the address finds it."""
    desk.ledger.suppress("Lan@Parents.example", "asked", "command")
    desk.ledger.unsuppress("lan@parents.example")
    with desk.ledger._store.write() as db:
        audit.note(db, "me", "doubt", "to lan@parents.example", {"x": "<LAN@parents.example>"}, 1.0)
        (ledger_id,) = db.execute("SELECT ledger_id FROM identity").fetchone()
    mark = audit.mark_of(ledger_id, "lan@parents.example")
    (_a, _b, told), (_c, _d, lifted), (_e, subject, detail) = noted()
    assert told == {"source": "command", "count": 1, "addresses": [mark]}
    assert lifted["addresses"] == [mark]
    assert (subject, detail) == (f"to {mark}", {"x": f"<{mark}>"})
    assert "parents.example" not in str(desk.every("SELECT * FROM audit"))


def test_a_campaign_with_its_occurrence_is_no_address(desk, noted):
    """`grades@2027-01-15` stays as it is."""
    with desk.ledger._store.write() as db:
        audit.note(db, "me", "send", "grades@2027-01-15", {}, 1.0)
    assert noted()[0][1] == "grades@2027-01-15"


def test_rows_are_neither_changed_nor_taken_away(desk):
    """No statement does it: triggers refuse."""
    desk.run(1)
    for sql in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
        with pytest.raises(Exception, match="what was noted"), desk.ledger._store.write() as db:
            db.execute(sql)


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("UPDATE audit SET actor = 'somebody else' WHERE id = 2", 2),
        ("UPDATE audit SET at = at + 1 WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("INSERT INTO audit VALUES (4, 1.0, 'a', 'send', 'run 1', '{}', 'x')", 4),
    ],
)
def test_what_was_changed_by_other_means_shows(desk, sql, row):
    """Each row's digest is over the one before it; the last one's number is known."""
    run_id = desk.run(1)
    desk.ledger.pause(run_id)
    desk.ledger.resume(run_id)
    assert _broken(desk) is None
    _force(desk, sql)
    assert _broken(desk) == row


def test_entries_are_found_by_time_actor_and_run(ledger_path, clock):
    """Any part of an actor's name finds them, in any case."""
    with Ledger.open(ledger_path, clock=clock, actor="Lan@office") as ledger:
        first = ledger.start_run(NewRun("a", "1", "", "main")).id
        clock.pass_(10)
        ledger.start_run(NewRun("b", "1", "", "main"))
        with ledger._store.alone() as db:
            found = {
                name: [it.subject for it in audit.entries(db, **choice)]
                for name, choice in {
                    "since": {"since": clock() - 1},
                    "actor": {"actor": "LAN"},
                    "nobody": {"actor": "minh"},
                    "run": {"run_id": first},
                }.items()
            }
    assert found == {
        "since": ["run 2"],
        "actor": ["run 1", "run 2"],
        "nobody": [],
        "run": ["run 1"],
    }


def test_a_failed_note_undoes_the_decision(desk):
    """What can't be noted isn't done."""
    run_id = desk.run(1)
    _force(desk, "DROP TABLE audit")
    with pytest.raises(Exception, match="audit"):
        desk.ledger.pause(run_id)
    assert desk.ledger.get_run(run_id).state == "active"
