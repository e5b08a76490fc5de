"""What is in a ledger's files when nobody is at them: read from a copy, so that nothing changes.

SQLite repairs a file that was left by a killed program when it is opened next. That must happen in
the program under torture, not here.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

#: States of the ledger's older versions: what came later has no counter there.
OLD_STATES = (
    "pending",
    "claimed",
    "submitting",
    "accepted",
    "deferred",
    "refused",
    "expired",
    "unknown",
    "suppressed",
    "cancelled",
    "bounced",
)


@contextmanager
def opened_copy(path, folder):
    """A connection to a copy of the ledger and its log; None where there is no ledger."""
    if not path.exists():
        yield None
        return
    copy = folder / "photograph.sqlite"
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{copy.name}{suffix}").unlink(missing_ok=True)
        source = path.with_name(path.name + suffix)
        if suffix != "-shm" and source.exists():
            shutil.copyfile(source, folder / f"{copy.name}{suffix}")
    with closing(sqlite3.connect(copy)) as db:
        yield db


@dataclass
class Photograph:
    """The ledger at an instant."""

    #: Of the newest run; empty where there is none.
    run_state: str = ""
    run_id: int = 0
    counts: Counter = field(default_factory=Counter)
    #: Names and addresses.
    people: int = 0
    #: By token: (state, whether its intent was ever durable, attempts that ended in doubt).
    deliveries: dict = field(default_factory=dict)
    #: What doesn't add up.
    wrong: list = field(default_factory=list)


def photograph(path, folder):
    """What the ledger says, and whether it adds up."""
    with opened_copy(path, folder) as db:
        if (
            db is None
            or not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'delivery'").fetchone()
        ):
            return Photograph()
        return _read(db)


def _read(db):
    found = Photograph()
    (sound,) = db.execute("PRAGMA quick_check").fetchone()
    if sound != "ok":
        found.wrong.append(f"damaged: {sound}")
    run = db.execute("SELECT id, state FROM run ORDER BY id DESC LIMIT 1").fetchone()
    if run is not None:
        found.run_id, found.run_state = run
    (found.people,) = db.execute(
        "SELECT count(*) FROM recipient WHERE address <> '' OR name <> ''"
    ).fetchone()
    found.counts = Counter(dict(db.execute("SELECT state, count(*) FROM delivery GROUP BY state")))
    found.deliveries = {
        token: (state, bool(has_intent), doubts)
        for token, state, has_intent, doubts in db.execute(
            "SELECT r.token, d.state, d.digest IS NOT NULL, (SELECT count(*) FROM attempt a"
            " WHERE a.delivery_id = d.id AND a.stage = 'body' AND a.code IS NULL)"
            " FROM delivery d JOIN recipient r ON r.delivery_id = d.id"
        )
    }
    found.wrong += [*_miscounted(db), *_unfenced(db)]
    return found


def _miscounted(db):
    """Counters that aren't a recount, rejections that were not counted."""
    for run_id, state, kept, real in db.execute(
        "SELECT c.run_id, c.state, c.count, (SELECT count(*) FROM delivery d"
        " WHERE d.run_id = c.run_id AND d.state = c.state) FROM counter c"
    ):
        if kept != real:
            yield f"run {run_id}: the counter of {state} is {kept}, and there are {real}"
    has_purge = any(row[1] == "purged_at" for row in db.execute("PRAGMA table_info(run)"))
    for run_id, kept, real in db.execute(
        "SELECT id, rejections, (SELECT count(*) FROM rejection WHERE run_id = run.id) FROM run"
        + (" WHERE purged_at IS NULL" if has_purge else "")
    ):
        if kept != real:
            yield f"run {run_id}: {kept} rejections are counted, and there are {real}"


_PROOF = (
    "SELECT 1 FROM attempt a WHERE a.delivery_id = d.id AND a.outcome = 'accepted'"
    " AND a.stage = 'body' AND a.code BETWEEN 200 AND 299"
)


def _unfenced(db):
    """States that must not be."""
    for reason, where in (
        (
            "accepted without a 2yz reply",
            f"d.state = 'accepted' AND NOT EXISTS ({_PROOF})",
        ),
        ("held by nobody", "d.state IN ('claimed', 'submitting') AND d.worker_id IS NULL"),
        (
            "held though it is not claimed",
            "d.state NOT IN ('claimed', 'submitting') AND d.worker_id IS NOT NULL",
        ),
        ("due at no time", "d.state IN ('pending', 'deferred') AND d.next_attempt_at IS NULL"),
    ):
        (count,) = db.execute(f"SELECT count(*) FROM delivery d WHERE {where}").fetchone()
        if count:
            yield f"{count} deliveries are {reason}"


def sums(path, folder):
    """The sum of the newest run: (its left side, its right side)."""
    with opened_copy(path, folder) as db:
        return db.execute(
            "SELECT rows + extra_addresses, (SELECT count(*) FROM delivery WHERE run_id = run.id)"
            " + rejections + folded FROM run ORDER BY id DESC LIMIT 1"
        ).fetchone()


def make_older(path):
    """Let the runs have ended a year ago."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE run SET finished_at = finished_at - 31536000")


def age(path, folder, schema):
    """Put the ledger back to what the program's older version with that schema had written."""
    from notifier.ledger.connection import SCHEMA
    from notifier.ledger.migrate import migrate

    assert schema < SCHEMA
    old = folder / "old.sqlite"
    old.unlink(missing_ok=True)
    with opened_copy(path, folder) as db:
        newer = _columns(db, "main")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.execute("BEGIN")
        migrate(db, now=0.0, revision=f"{schema:04}")
        db.execute("DELETE FROM identity")
        db.execute("COMMIT")
        db.execute("ATTACH ? AS newer", (str(folder / "photograph.sqlite"),))
        db.execute("BEGIN")
        _pour(db, newer)
        db.execute(f"PRAGMA user_version = {schema}")
        db.execute("COMMIT")
        db.execute("DETACH newer")
        db.execute("PRAGMA journal_mode = WAL")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(old, path)


def _columns(db, schema):
    tables = [
        name
        for (name,) in db.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'")
        if name != "alembic_version" and not name.startswith("sqlite_")
    ]
    return {
        table: [row[1] for row in db.execute(f"PRAGMA {schema}.table_info({table})")]
        for table in tables
    }


def _pour(db, newer):
    for table, columns in _columns(db, "main").items():
        shared = ", ".join(f'"{it}"' for it in columns if it in newer.get(table, ()))
        if shared:
            db.execute(f"INSERT INTO main.{table} ({shared}) SELECT {shared} FROM newer.{table}")
    marks = ", ".join("?" * len(OLD_STATES))
    db.execute(f"DELETE FROM main.counter WHERE state NOT IN ({marks})", OLD_STATES)
    db.execute("DELETE FROM main.sqlite_sequence")
    db.execute(
        "INSERT INTO main.sqlite_sequence SELECT name, seq FROM newer.sqlite_sequence"
        " WHERE name IN (SELECT name FROM main.sqlite_master)"
    )
