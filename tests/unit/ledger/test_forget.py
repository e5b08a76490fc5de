from __future__ import annotations

import pytest

from notifier.errors import UsageError
from notifier.ledger import dossier
from notifier.ledger.check import check
from notifier.ledger.documents import document
from notifier.ledger.forget import Person
from notifier.ledger.ledger import NewRun
from notifier.model import Recipient, Rejection, RunState, State

LAN, MINH = "Lan@x.example", "minh@x.example"


@pytest.fixture
def family(desk):
    """Lan and Minh are the parents of K1, Lan of HS2 too; her address is in many places."""
    rows = [
        Recipient(2, "K1", LAN, "Lan", {"Email": f"{LAN}; {MINH}", "Toán": 9.5}),
        Recipient(2, "K1", MINH, "Minh", {"Email": f"{LAN}; {MINH}", "Toán": 9.5}),
        Recipient(3, "HS2", "lan@x.example", "Lan", {"Email": LAN}),
        Recipient(4, "K3", "lan@x.example.vn", "Somebody else", {"Email": "dlan@x.example"}),
    ]
    bad = [
        Rejection(5, "Email", "lan@x.example", "stands there twice: lan@x.example", {"Email": LAN}),
        Rejection(6, "Email", "nobody", "not an address", {"Email": f"{LAN}, nobody"}),
    ]
    run = desk.ledger.start_run(NewRun("grades", "1", "", "main", campaign_yaml=f"from: {LAN}"))
    desk.ledger.enrol(run.id, rows, bad)
    desk.ledger.finish_enrolment(run.id, rows=5, extra_addresses=1)
    desk.ledger.documents.keep(
        run.id,
        [
            document("file", "data/HS2.pdf", b"the report"),
            document("file", "data/HS22.pdf", b"not"),
        ],
    )
    worker = desk.worker(run.id)
    desk.ledger.claim(run.id, worker, 2)
    desk.submit([1, 2], worker)
    desk.settle(1, worker_id=worker, text=f"<{LAN}> ok")
    desk.settle(2, worker_id=worker)
    desk.ledger.suppress(LAN, "asked Lan@x.example", "command")
    desk.ledger.unsuppress("LAN@x.example")
    with desk.ledger._store.write() as db:
        db.execute(
            "INSERT INTO alert (event, kind, run_id, text, at, told, tries, error)"
            " VALUES ('e', 'k', 1, 'refused: lan@X.example', 1.0, '', 0, '')"
        )
    return desk


def _traces(desk):
    """Tables in which the address stands, as a whole or in part of another."""
    found = []
    for (name,) in desk.every("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in desk.every(f"SELECT * FROM {name}"):
            text = " ".join(str(it) for it in row).lower()
            text = text.replace("lan@x.example.vn", "").replace("dlan@x.example", "")
            if "lan@x.example" in text:
                found.append(name)
    return sorted(set(found))


def test_all_that_is_held_about_somebody_is_shown(family):
    """What is theirs, where others' rows name them, rejected rows, files; nobody else's."""
    found = family.ledger.keeping.look_up(Person((LAN,)))
    assert found.addresses == ("lan@x.example",)
    assert [(it.id, it.key, it.state) for it in found.deliveries] == [
        (1, "K1", State.ACCEPTED),
        (3, "HS2", State.SUPPRESSED),
    ]
    assert [it.id for it in found.mentions] == [2]
    assert [(it.line, it.is_theirs) for it in found.rejections] == [(5, True), (6, False)]
    assert [(it.table, it.text) for it in found.notes] == [
        ("attempt", "<Lan@x.example> ok"),
        ("alert", "refused: lan@X.example"),
    ]
    assert [it.name for it in found.files] == ["data/HS2.pdf"]
    assert [it.name for it in found.named_in] == ["grades"]
    assert found.near == (MINH,)
    assert not found.is_empty


def test_somebody_is_forgotten(family):
    """The counts stay, and so does everybody else's row; the log tells by a mark alone."""
    counts = family.ledger.counts(1)
    family.ledger.keeping.forget(Person((LAN,)))
    assert _traces(family) == ["run"]  # the sender of the campaign's text, which was shown
    assert family.ledger.counts(1) == counts
    assert family.one("SELECT name, context FROM recipient WHERE delivery_id = 2") == (
        "Minh",
        '[{"Email":"(forgotten); minh@x.example","Toán":9.5},{},[]]',
    )
    assert family.one("SELECT value, context FROM rejection WHERE line = 6") == (
        "nobody",
        '[{"Email":"(forgotten), nobody"},{},[]]',
    )
    assert family.one("SELECT address, line FROM recipient WHERE delivery_id = 4") == (
        "lan@x.example.vn",
        4,
    )
    assert family.one("SELECT count(*) FROM document") == (1,)
    assert family.is_suppressed(LAN)
    assert family.ledger.keeping.count_forgotten() == 1
    assert family.one("SELECT action FROM audit ORDER BY id DESC") == ("forget",)
    assert family.ledger.keeping.look_up(Person((LAN,))).deliveries == ()
    assert check(family.ledger.path, now=family.clock()).findings == ()


def test_not_a_byte_of_them_is_left_on_the_disk(family):
    """But for the campaign's own text."""
    with family.ledger._store.write() as db:
        db.execute("UPDATE run SET campaign_yaml = ''")
    family.ledger.keeping.forget(Person((LAN,)))
    family.ledger.keeping.compact()
    folder = family.ledger.path.parent
    held = b"".join(it.read_bytes() for it in folder.iterdir() if it.name.startswith("ledger."))
    held = held.lower().replace(b"lan@x.example.vn", b"").replace(b"dlan@x.example", b"")
    assert b"lan@x.example" not in held


def test_what_waits_for_them_is_not_sent(desk):
    """And a run that waited for nobody else is finished."""
    run_id = desk.run(1)
    desk.ledger.keeping.forget(Person(("p0@parents.example",)))
    assert desk.ledger.counts(run_id) == {State.SUPPRESSED: 1}
    assert desk.ledger.get_run(run_id).state is RunState.FINISHED


def test_who_is_enrolled_while_they_are_looked_up_waits_for_nothing(desk, monkeypatch):
    """A delivery to nobody is never due."""
    look_up, begun = dossier.look_up, []

    def slowly(*args):
        found = look_up(*args)
        if not begun:
            begun.append(desk.run(2))
        return found

    monkeypatch.setattr(dossier, "look_up", slowly)
    desk.ledger.keeping.forget(Person(("p1@parents.example",)))
    assert desk.ledger.counts(begun[0]) == {State.PENDING: 1, State.SUPPRESSED: 1}
    assert check(desk.ledger.path, now=desk.clock()).findings == ()


def test_events_that_differ_by_their_addresses_alone_become_one(desk):
    """Two addresses of one person; neither stays, and nothing stands in the way."""
    for address in ("an@x.example", "lan@x.example"):
        desk.ledger.alerts.raise_once(f"schedule {address}", "schedule", f"no file {address}.pdf")
    desk.ledger.keeping.forget(Person(("an@x.example", "lan@x.example")))
    assert desk.every("SELECT event, text FROM alert") == [
        ("schedule (forgotten)", "no file (forgotten).pdf")
    ]


def test_an_approval_holds_for_the_others_still(desk):
    """Their own file goes; what anybody else was approved for is what it was."""
    run = desk.ledger.start_run(NewRun("grades", "1", "", "main"))
    desk.ledger.enrol(
        run.id, [Recipient(n, f"HS{n}", f"p{n}@x.example", "P", {}) for n in (1, 22)], []
    )
    desk.ledger.documents.keep(
        run.id, [document("file", f"data/HS{n}.pdf", b"%d" % n) for n in (1, 22)]
    )
    desk.ledger.finish_enrolment(run.id, rows=2, asks=True)
    desk.ledger.documents.keep(run.id, [document("file", "data/P1@x.example.pdf", b"their own")])
    desk.every("UPDATE approval SET digest = ?", desk.ledger.approvals.seal(run.id))
    desk.ledger.keeping.forget(Person(("p1@x.example",)))
    assert desk.every("SELECT name FROM run_document") == [("data/HS22.pdf",)]
    desk.ledger.approvals.approve(run.id, by="somebody@else")
    desk.every("UPDATE approval SET digest = 'x', approved_at = NULL")
    desk.ledger.keeping.forget(Person(("p22@x.example",)))
    assert desk.one("SELECT digest FROM approval") == ("x",)


def test_what_is_being_sent_keeps_them_for_the_moment(desk):
    """Nothing is changed; a minute later it is done."""
    run_id = desk.run(2)
    worker = desk.worker(run_id)
    desk.ledger.claim(run_id, worker, 1)
    with pytest.raises(UsageError, match="being sent"):
        desk.ledger.keeping.forget(Person(("p0@parents.example",)))
    assert desk.ledger.keeping.count_forgotten() == 0
    desk.ledger.release(worker)
    desk.ledger.keeping.forget(Person(("p0@parents.example",)))
    assert desk.ledger.keeping.count_forgotten() == 1


def test_by_a_key_both_addresses_are_found(family):
    """One person, two addresses; one that other keys have too is not put on the list."""
    found = family.ledger.keeping.forget(Person((), ("K1",)))
    assert [it.id for it in found.deliveries] == [1, 2]
    assert found.addresses == (MINH,)  # Lan is K2's parent, too
    assert family.is_suppressed(MINH)
    assert not family.is_suppressed(LAN)
    assert family.one("SELECT address FROM recipient WHERE delivery_id = 3") == ("lan@x.example",)


def test_somebody_may_be_brought_back(family):
    """Where that is asked for: forgotten, and mailed when a later sheet has them."""
    family.ledger.keeping.forget(Person((LAN,)), may_be_mailed=True)
    assert _traces(family) == ["run"]
    assert not family.is_suppressed(LAN)


def test_nobody_is_a_mistake(desk):
    """Neither an address nor a key."""
    with pytest.raises(UsageError):
        desk.ledger.keeping.forget(Person(()))
