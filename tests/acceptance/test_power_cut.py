"""A power cut at any instant: proven by the system calls of real runs.

The order of writes first: no message's end leaves before the sync that follows its intent. Then the
cut itself: the ledger's files as a disk would have them that lost what was not synced (or kept any
part of it), opened and recovered, against what the relay had been sent and had said by then.

POWER_CUTS: how many instants are tried of each run (40).
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from notifier.ledger import connection
from notifier.ledger.ledger import Ledger
from notifier.model import RunState, State

from .conftest import CAMPAIGN, TOML, School
from .powercut import disk, trace, wire

pytestmark = pytest.mark.skipif(bool(trace.missing()), reason=trace.missing())

CUTS = int(os.environ.get("POWER_CUTS", "40"))
PUPILS = 120
#: More than one batch of enrolment.
MANY = 2500
#: `max_connections` times `pipeline_depth`.
MOST_IN_DOUBT = 8 * 2
RELAY = Path(__file__).parent.parent / "quick_relay.py"
#: A relay behind a link of 4 ms, so that several connections are busy at once.
ROUND_TRIP = "0.004"
SENT_BY = {
    "data": ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"),
    "bdat": ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING"),
}


@dataclass(slots=True)
class Traced:
    """A run that was watched: what it asked of the system, and what left."""

    ledger: Path
    calls: list
    messages: list
    #: The files before it, by the ends of their names.
    before: dict
    #: The lines between which the run was being sent, or the file was being changed.
    instants: range


def make_school(root, port, count, *, durability="full", relay=""):
    """A workspace of so many pupils."""
    school = School(root)
    toml = TOML.format(port=port, relay=relay)
    head = f'[workspace]\ndurability = "{durability}"'
    school.write("notifier.toml", toml.replace("[workspace]", head))
    school.write("campaigns/marks.yaml", CAMPAIGN)
    school.write("templates/marks/subject.txt", "Mark of {{ name }}")
    school.write("templates/marks/body.html", "<p>{{ name }} has <b>{{ row.mark }}</b>.</p>")
    school.sheet(count)
    return school


def watch(arguments, ledger, port=0, *, expects=0):
    """Run a command of Python's under strace."""
    before = {"": ledger.read_bytes()} if ledger.exists() else {}
    log = ledger.parent.parent / "trace.log"
    process = trace.traced([sys.executable, *arguments], log)
    out, err = process.communicate(timeout=300)
    assert process.returncode == expects, (out, err)
    calls = trace.calls(log, ledger.parent, port)
    log.unlink()
    at = [it.began for it in calls if it.place.startswith(str(ledger))]
    messages = wire.messages(calls, port)
    return Traced(ledger, calls, messages, before, range(min(at), max(at) + 2))


@pytest.fixture(scope="module")
def send(tmp_path_factory):
    """Watch `notifier send --live` in a fresh workspace; the same run for the same arguments."""
    relays = []

    @functools.cache
    def run(how, durability="full"):
        command = [sys.executable, str(RELAY), ROUND_TRIP, *SENT_BY[how]]
        relay = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=RELAY.parent, text=True)
        relays.append(relay)
        port = int(relay.stdout.readline())
        chunking = "" if how == "data" else 'chunking = "on"'
        school = make_school(
            tmp_path_factory.mktemp("school"), port, PUPILS, durability=durability, relay=chunking
        )
        arguments = ("-m", "notifier", "--workspace", str(school.root), "send", "marks", "--live")
        return watch(arguments, school.root / "data/ledger.sqlite", port)

    yield run
    for relay in relays:
        relay.kill()
        relay.communicate()


def durable_at(traced):
    """When each message's intent was safe: the end of the sync that follows its commit."""
    digests = {it.digest for it in traced.messages}
    found, written, committed, ends = {}, set(), {}, False
    for call in traced.calls:
        if not call.place.endswith("-wal"):
            continue
        if call.name == "pwrite64":
            data = call.data
            if len(data) == 24:  # a frame's head: not 0 where it ends a transaction
                ends = data[4:8] != bytes(4)
                continue
            written |= {it for it in digests if it in data}
            if ends:
                committed |= dict.fromkeys(written - set(committed), call.ended)
        elif call.name == "fdatasync":
            for digest, at in committed.items():
                if at < call.began:
                    found.setdefault(digest, call.ended)
    return found


@pytest.mark.parametrize("how", SENT_BY)
def test_no_messages_end_leaves_before_the_sync_of_its_intent(send, how):
    """Of each message the intent is written, committed and synced, and then its end is sent.

    All messages were seen: nothing leaves by a way that isn't watched, such as io_uring.
    """
    traced = send(how)
    addresses = [it.address for it in traced.messages]
    assert sorted(addresses) == sorted(f"p{n}@parents.example" for n in range(PUPILS))
    safe = durable_at(traced)
    late = [it for it in traced.messages if safe.get(it.digest, it.at) >= it.at]
    assert late == []
    assert {it.code for it in traced.messages} == {250}
    syncs = sum(it.name == "fdatasync" for it in traced.calls)
    assert syncs < PUPILS, "intents and outcomes share transactions"


def test_in_fast_mode_some_do(send):
    """The same look at `durability = "fast"` finds what the tests above would find."""
    traced = send("data", "fast")
    safe = durable_at(traced)
    assert len(traced.messages) == PUPILS
    assert [it for it in traced.messages if safe.get(it.digest, it.at) >= it.at]


def keepers(seed):
    """Ways in which a disk keeps what was not synced: nothing of it, all, or any part."""
    chance = random.Random(seed)
    share = chance.choice((0.0, 0.0, 0.1, 0.5, 0.9, 1.0))
    return lambda: chance.random() < share


def after_cuts(traced, folder, count=CUTS):
    """The ledger's path after a cut at each of so many instants, with the instant."""
    moments = sorted(random.Random(count).choices(traced.instants, k=count))
    state, calls = disk.Disk(traced.ledger, traced.before), list(traced.calls)
    calls.sort(key=lambda it: it.ended)
    for seed, moment in enumerate(moments):
        while calls and calls[0].ended < moment:
            state.take(calls.pop(0))
        keeps = keepers(seed)
        files = state.after_cut(keeps)
        for call in calls:  # begun, and not ended: it may have had its effect
            if call.began < moment and call.name == "pwrite64" and keeps():
                name = call.place.removeprefix(str(traced.ledger))
                if name in files:
                    content = bytearray(files[name])
                    disk.put(content, call.numbers[-1], call.data)
                    files[name] = bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path = folder / "ledger.sqlite"
        for name, content in files.items():
            Path(f"{path}{name}").write_bytes(content)
        yield moment, path


def is_whole(path):
    """The file's own word, and that the counters are what a recount says."""
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not db.execute("PRAGMA foreign_key_check").fetchall()
    counted = db.execute("SELECT run_id, state, count FROM counter WHERE count ORDER BY 1, 2")
    recount = db.execute("SELECT run_id, state, count(*) FROM delivery GROUP BY 1, 2 ORDER BY 1, 2")
    assert counted.fetchall() == recount.fetchall()
    db.close()


def stands(path):
    """The run after recovery, and where each delivery stands, by address."""
    with Ledger.open(path) as ledger:
        with ledger._store.alone() as db:
            runs = db.execute("SELECT id FROM run").fetchall()
        for (run_id,) in runs:
            ledger.recover(run_id, host=socket.gethostname())
            state = ledger.get_run(run_id).state
            with ledger._store.alone() as db:
                rows = db.execute(
                    "SELECT address, state, digest FROM delivery JOIN recipient ON id = delivery_id"
                ).fetchall()
            return state, {address: (State(its), digest) for address, its, digest in rows}
    return None, {}


def judge(traced, moment, path):
    """How many messages are in doubt, and who would be mailed twice; what must never be fails."""
    state, found = stands(path)
    is_whole(path)
    sent = {it.address: it for it in traced.messages if it.at < moment}
    assert state in (None, RunState.ENROLLING, RunState.ACTIVE, RunState.HELD, RunState.FINISHED)
    if state in (None, RunState.ENROLLING):
        return 0, set(sent)
    assert len(found) == PUPILS, "lost"
    for address, (its, digest) in found.items():
        assert its in (State.PENDING, State.UNKNOWN, State.ACCEPTED)
        message = sent.get(address)
        if its is State.ACCEPTED:
            assert message is not None, "accepted, and never sent"
            assert message.replied_at < moment, "accepted, and no reply was in"
            assert digest == message.digest
    doubled = {address for address in sent if found[address][0] is State.PENDING}
    return sum(its is State.UNKNOWN for its, _digest in found.values()), doubled


@pytest.mark.parametrize("how", SENT_BY)
def test_a_power_cut_loses_and_doubles_nothing(send, how, tmp_path):
    """At any instant, whatever the disk kept: nobody lost or doubled, nothing falsely accepted.

    In doubt is at most what each connection may have on the wire.
    """
    traced, doubts = send(how), []
    for moment, path in after_cuts(traced, tmp_path / "cut"):
        in_doubt, doubled = judge(traced, moment, path)
        assert not doubled
        doubts.append(in_doubt)
    assert max(doubts) <= MOST_IN_DOUBT
    assert max(doubts) > 0, "the instants are those at which it matters"


def test_in_fast_mode_a_power_cut_doubles_the_last_moments_and_no_more(send, tmp_path):
    """The file is whole and every `accepted` true, but who was mailed since the last sync is due.

    Which also shows that the tests above would see it.
    """
    traced, doubled = send("data", "fast"), set()
    for moment, path in after_cuts(traced, tmp_path / "cut"):
        doubled |= judge(traced, moment, path)[1]
    assert doubled


def test_after_a_power_cut_the_run_goes_on_to_its_end(send, tmp_path, make_mailbox):
    """`send` again mails whoever is left; with what had left before, each once or in doubt."""
    traced, mailbox = send("data"), make_mailbox()
    school = make_school(tmp_path / "school", mailbox.port, PUPILS)
    for moment, path in after_cuts(traced, tmp_path / "cut", 3):
        before = {it.address for it in traced.messages if it.at < moment}
        for name in ("", "-wal", "-journal"):
            target = school.root / f"data/ledger.sqlite{name}"
            target.unlink(missing_ok=True)
            if (source := Path(f"{path}{name}")).exists():
                shutil.copy(source, target)
        start = len(mailbox.received())
        _code, summary = school.json("send", "marks", "--live")
        now = mailbox.received()[start:]
        assert len(now) == len(set(now))
        assert not before & set(now)
        unheard = PUPILS - len(before) - len(now)
        assert 0 <= unheard <= summary["counts"].get("unknown", 0) <= MOST_IN_DOUBT


def test_a_power_cut_while_enrolling_is_made_good_by_sending_again(tmp_path, make_mailbox):
    """At any instant there is no run, or whole batches of one, or all of it; and it goes on."""
    school = make_school(tmp_path / "school", 1, MANY)  # nobody listens: enrolled, then paused
    ledger = school.root / "data/ledger.sqlite"
    arguments = ("-m", "notifier", "--workspace", str(school.root), "send", "marks", "--live")
    traced = watch(arguments, ledger, expects=3)
    kept = {}
    for _moment, path in after_cuts(traced, tmp_path / "cut"):
        state, found = stands(path)
        is_whole(path)
        assert len(found) in ((0, 1000, 2000, MANY) if state is RunState.ENROLLING else (0, MANY))
        assert {its for its, _digest in found.values()} <= {State.PENDING}
        if len(found) < MANY and len(found) not in kept:
            kept[len(found)] = shutil.copytree(path.parent, tmp_path / f"kept{len(found)}")
    assert kept, "the instants are those at which it matters"
    mailbox = make_mailbox()
    for file in ledger.parent.glob("ledger.sqlite*"):
        file.unlink()
    shutil.copytree(kept[max(kept)], ledger.parent, dirs_exist_ok=True)
    school.write("notifier.toml", TOML.format(port=mailbox.port, relay=""))
    _code, summary = school.json("send", "marks", "--live")
    assert summary["counts"] == {"accepted": MANY}


def old_ledger(path):
    """A ledger of the first version, with a run that was half sent."""
    from notifier.ledger.migrate import migrate

    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN")
    migrate(db, now=1.0, revision="0001")
    db.execute("PRAGMA user_version = 1")
    db.execute(
        "INSERT INTO run VALUES (1, 'marks', '1', 'Marks', 'main', 'active', '', '', '', '', '',"
        " '', 400, 0, 0, 0, 0, 0, 1.0, 2.0, 3.0, NULL)"
    )
    for n in range(1, 401):
        its = ("accepted", 250) if n % 2 else ("pending", None)
        db.execute(
            "INSERT INTO recipient VALUES (?, 1, ?, ?, ?, ?, '', '{}')",
            (n, n, f"{n:026}", f"K{n}", f"p{n}@x.example"),
        )
        db.execute(
            "INSERT INTO delivery VALUES (?, 1, ?, ?, ?, 0, 0, ?, NULL, NULL, NULL, NULL, 1.0)",
            (n, its[0], its[0] if n % 2 else None, its[1], None if n % 2 else 1.0),
        )
        db.execute("INSERT INTO token VALUES (?, ?)", (f"{n:026}", n))
    db.executemany("INSERT INTO counter VALUES (1, ?, ?)", [("accepted", 200), ("pending", 200)])
    db.execute("COMMIT")
    db.close()


def test_a_power_cut_while_migrating_leaves_the_old_ledger_or_the_new(tmp_path):
    """Never something between; opened again it is migrated, with all that was in it."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data/ledger.sqlite"
    old_ledger(path)
    code = f"from notifier.ledger.ledger import Ledger; Ledger.open({str(path)!r}).close()"
    traced = watch(("-c", code), path)
    versions = set()
    for _moment, cut in after_cuts(traced, tmp_path / "cut"):
        db = sqlite3.connect(cut)
        versions.add(db.execute("PRAGMA user_version").fetchone()[0])
        assert db.execute("SELECT count(*) FROM delivery").fetchone() == (400,)
        db.close()
        _state, found = stands(cut)
        is_whole(cut)
        assert len(found) == 400
        assert sum(its is State.ACCEPTED for its, _digest in found.values()) == 200
    assert versions == {1, connection.SCHEMA}
