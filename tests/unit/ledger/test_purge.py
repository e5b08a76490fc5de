from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from notifier.errors import LedgerError, UsageError
from notifier.ledger import connection, purge
from notifier.ledger.check import check
from notifier.ledger.documents import document
from notifier.ledger.schedules import Firing, FiringState
from notifier.model import RunState, State

from .conftest import rejection

DAY = 86_400.0
#: What must not be found in the file's bytes any more.
SECRETS = (
    b"p1@parents",
    b"Ng\xc6\xb0\xe1\xbb\x9di 1",
    b"To\xc3\xa1n",
    b"nobody@nowhere",
    b"said the relay",
)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Nobody else wants to write here."""
    monkeypatch.setattr(purge, "GAP", 0.0)


@pytest.fixture
def old(desk):
    """A finished run of long ago, and one of today that is finished too; the desk."""
    for campaign in ("old", "new"):
        run_id = desk.run(3, campaign=campaign, rejections=[rejection(40, "nobody@nowhere")])
        desk.ledger.documents.keep(
            run_id,
            [
                document("file", f"data/{campaign}/K1.pdf", campaign.encode()),
                document("template", "templates/body.txt", b"Dear all"),
            ],
        )
        worker = desk.worker(run_id)
        for it in desk.ledger.claim(run_id, worker, 10):
            desk.submit([it.id], worker)
            desk.settle(
                it.id, State.REFUSED if it.key == "K1" else State.ACCEPTED, worker_id=worker
            )
        desk.ledger.finish_if_done(run_id)
        if campaign == "old":
            desk.clock.pass_(100 * DAY)
    return desk


def _purge(desk, days=90):
    found = desk.ledger.keeping.find_old(desk.clock() - days * DAY)
    desk.ledger.keeping.purge(found.runs)
    return found


def _bytes(desk):
    """All that is on the disk of the ledger."""
    folder = desk.ledger.path.parent
    return b"".join(it.read_bytes() for it in folder.iterdir() if it.name.startswith("ledger."))


def test_old_content_goes_and_counts_stay(old):
    """Sums, states, codes, times and digests are as they were; the run of today is untouched."""
    before = old.every("SELECT id, state, cause, code, digest, changed_at FROM delivery")
    found = _purge(old)
    assert [(it.campaign, it.deliveries, it.rejections) for it in found.runs] == [("old", 3, 1)]
    assert old.every("SELECT id, state, cause, code, digest, changed_at FROM delivery") == before
    assert old.ledger.counts(1) == {State.ACCEPTED: 2, State.REFUSED: 1}
    assert old.ledger.get_run(1).purged_at == old.clock()
    assert old.every(
        "SELECT DISTINCT line, token, address, name FROM recipient WHERE run_id = 1"
    ) == [(0, "", "", "")]
    assert old.every("SELECT DISTINCT text FROM attempt WHERE delivery_id < 4") == [("",)]
    assert old.every("SELECT run_id FROM rejection") == [(2,)]
    assert old.every("SELECT min(delivery_id) FROM mailbox") == [(4,)]
    assert old.every("SELECT min(delivery_id) FROM token") == [(4,)]
    assert old.every("SELECT run_id, role FROM run_document ORDER BY 1, 2") == [
        (1, "template"),
        (2, "file"),
        (2, "template"),
    ]
    assert old.every("SELECT count(*) FROM document") == [(2,)]
    assert old.one("SELECT action, subject FROM audit ORDER BY id DESC") == ("purge", "run 1")
    assert check(old.ledger.path, now=old.clock()).findings == ()
    assert not _purge(old).runs


def test_not_a_byte_of_it_is_left_on_the_disk(old):
    """After the file was written anew: neither in the file nor in its log; and it shrank."""
    for it in SECRETS:
        assert it in _bytes(old)
    with old.ledger._store.write() as db:
        db.execute("UPDATE recipient SET context = replace(context, 'null', 'null') || ''")
    _purge(old, days=-1)
    size = old.ledger.path.stat().st_size
    old.ledger.keeping.compact()
    for it in SECRETS:
        assert it not in _bytes(old)
    assert old.ledger.path.stat().st_size <= size


def test_what_has_not_ended_stays(desk):
    """However old: paused, in doubt, put off; they are told."""
    paused, held = desk.run(1), desk.run(1, campaign="held")
    worker = desk.worker(held)
    desk.ledger.claim(held, worker, 1)
    desk.submit([2], worker)
    desk.settle(2, State.UNKNOWN, worker_id=worker)
    desk.ledger.finish_if_done(held)
    desk.ledger.pause(paused)
    desk.clock.pass_(400 * DAY)
    found = _purge(desk)
    assert not found.runs
    assert [(it.id, it.state) for it in found.open] == [
        (paused, RunState.PAUSED),
        (held, RunState.HELD),
    ]


def test_a_run_that_was_made_active_meanwhile_is_left_alone(old):
    """Between being shown and being purged somebody retried some of it."""
    found = old.ledger.keeping.find_old(old.clock())
    old.ledger.retry(1, [State.REFUSED])
    old.ledger.keeping.purge(found.runs[:1])
    assert old.ledger.get_run(1).purged_at is None
    assert old.one("SELECT count(*) FROM recipient WHERE run_id = 1 AND address <> ''") == (3,)


def test_a_purge_that_is_cut_off_goes_on(old, monkeypatch):
    """Killed after the first step: the run counts as purged, check tells, the next one finishes."""
    monkeypatch.setattr(purge, "BATCH", 1)
    steps = []

    def cut(count):
        steps.append(count)
        raise KeyboardInterrupt

    found = old.ledger.keeping.find_old(old.clock() - 90 * DAY)
    with pytest.raises(KeyboardInterrupt):
        old.ledger.keeping.purge(found.runs, told=cut)
    assert steps == [1]
    findings = check(old.ledger.path, now=old.clock()).findings
    assert [it.check for it in findings] == ["purged runs", "documents"]
    assert [it.id for it in _purge(old).runs] == [1]
    assert check(old.ledger.path, now=old.clock()).findings == ()
    assert old.one("SELECT count(*) FROM audit WHERE action = 'purge'") == (1,)


def test_why_older_occurrences_failed_goes_with_it(old):
    """It may repeat a cell; what is newer than the run stays."""
    book, alerts = old.ledger.schedules, old.ledger.alerts
    now = old.clock()
    for days, name in ((101, "older"), (1, "newer")):
        old.clock.now = now - days * DAY
        book.note([Firing("g", name, old.clock(), FiringState.FAILED, f"no file K1.pdf, {name}")])
        alerts.raise_once(name, "schedule", f"no file K1.pdf, {name}")
    old.clock.now = now
    _purge(old)
    assert [it.text for it in alerts.newest()] == ["no file K1.pdf, newer"]
    assert [it.note for it in book.firings()] == ["no file K1.pdf, newer", ""]


def test_others_have_their_turn_between_its_steps(old, monkeypatch):
    """SQLite lets nobody in between two transactions that follow each other at once."""
    monkeypatch.setattr(purge, "BATCH", 2)
    turns = []

    def sleep(seconds):
        with contextlib.closing(connection.connect(old.ledger.path)) as other:
            other.execute("PRAGMA busy_timeout = 0")
            other.execute("BEGIN IMMEDIATE")
        turns.append(seconds)

    monkeypatch.setattr(purge, "time", SimpleNamespace(sleep=sleep))
    _purge(old)
    assert turns == [purge.GAP] * 4  # three deliveries, a rejection, the run


def test_nobody_of_a_purged_run_is_sent_to_again(old):
    """It isn't known who they were."""
    _purge(old)
    with pytest.raises(UsageError, match="purged"):
        old.ledger.retry(1, [State.REFUSED])


def test_nobody_in_doubt_of_a_purged_run_is_sent_to_again(old):
    """Not even while the purge is on its way, and their addresses are still there."""
    old.every("UPDATE run SET purged_at = 1.0 WHERE id = 1")
    with pytest.raises(UsageError, match="purged"):
        old.ledger.doubts.settle(1, State.PENDING)
    assert old.ledger.doubts.settle(1, State.PRESUMED).count == 0


def test_whether_somebody_sends_is_known(desk):
    """The file is written anew only while nobody does."""
    run_id = desk.run(1)
    assert not desk.ledger.keeping.is_being_sent()
    worker = desk.worker(run_id)
    assert desk.ledger.keeping.is_being_sent()
    desk.ledger.release(worker)
    assert not desk.ledger.keeping.is_being_sent()


def test_a_log_that_somebody_reads_is_told(old, monkeypatch):
    """What was taken out is still in it: whoever purges must not think that it is gone."""
    _purge(old)
    monkeypatch.setattr(purge.connection, "BUSY_SECONDS", 0.05)
    reader = purge.connection.connect(old.ledger.path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM run").fetchone()
    with pytest.raises(LedgerError, match="its log still has"):
        old.ledger.keeping.compact()
    reader.close()
    old.ledger.keeping.compact()
