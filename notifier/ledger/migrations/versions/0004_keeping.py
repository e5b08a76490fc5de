"""What a run was made from, who let it go, when it is due, who did what, whose address it was.

Written out as it was: a migration never changes once it is released.
"""

from typing import Any

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: SQLite can't change a CHECK: the table is made anew, with its numbers as they were.
RUN = (
    """CREATE TEMP TABLE old_run AS SELECT * FROM run""",
    """CREATE TEMP TABLE old_sequence AS SELECT seq FROM sqlite_sequence WHERE name = 'run'""",
    """DROP TABLE run""",
    """CREATE TABLE run (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        campaign TEXT NOT NULL,
        occurrence TEXT NOT NULL,
        title TEXT NOT NULL,
        relay TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        campaign_digest TEXT NOT NULL,
        template_digest TEXT NOT NULL,
        source_file TEXT NOT NULL,
        source_digest TEXT NOT NULL,
        campaign_yaml TEXT NOT NULL,
        kind TEXT NOT NULL,
        rows INTEGER NOT NULL,
        folded INTEGER NOT NULL,
        extra_addresses INTEGER NOT NULL,
        left_out INTEGER NOT NULL,
        blank INTEGER NOT NULL,
        totals INTEGER NOT NULL,
        rejections INTEGER NOT NULL,
        created_at REAL NOT NULL,
        enrolled_at REAL,
        started_at REAL,
        finished_at REAL,
        due_at REAL,
        not_after REAL,
        purged_at REAL,
        CONSTRAINT run_once UNIQUE (campaign, occurrence),
        CONSTRAINT run_state CHECK (state IN ('enrolling', 'awaiting', 'active', 'paused', 'held', 'cancelled', 'finished'))
    ) STRICT""",
    """INSERT INTO run (id, campaign, occurrence, title, relay, state, reason, campaign_digest,
        template_digest, source_file, source_digest, campaign_yaml, kind, rows, folded,
        extra_addresses, left_out, blank, totals, rejections, created_at, enrolled_at, started_at,
        finished_at)
    SELECT id, campaign, occurrence, title, relay, state, reason, campaign_digest,
        template_digest, source_file, source_digest, campaign_yaml, '', rows, folded,
        extra_addresses, 0, blank, totals, rejections, created_at, enrolled_at, started_at,
        finished_at FROM old_run""",
    """DELETE FROM sqlite_sequence WHERE name = 'run'""",
    """INSERT INTO sqlite_sequence (name, seq) SELECT 'run', seq FROM old_sequence""",
    """DROP TABLE old_run""",
    """DROP TABLE old_sequence""",
    """INSERT INTO counter (run_id, state, count) SELECT id, 'presumed', 0 FROM run""",
)

STATEMENTS = (
    """CREATE TABLE document (
        digest TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (digest)
    ) STRICT""",
    """CREATE TABLE run_document (
        run_id INTEGER NOT NULL,
        role TEXT NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (run_id, role, name),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE approval (
        run_id INTEGER NOT NULL,
        digest TEXT NOT NULL,
        asked_by TEXT NOT NULL,
        asked_at REAL NOT NULL,
        approved_by TEXT,
        approved_at REAL,
        note TEXT NOT NULL,
        PRIMARY KEY (run_id),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) STRICT""",
    """CREATE TABLE alert (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        event TEXT NOT NULL,
        kind TEXT NOT NULL,
        run_id INTEGER,
        text TEXT NOT NULL,
        at REAL NOT NULL,
        sent_at REAL,
        tried_at REAL,
        tries INTEGER NOT NULL,
        told TEXT NOT NULL,
        error TEXT NOT NULL,
        CONSTRAINT alert_once UNIQUE (event),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) STRICT""",
    """CREATE TABLE brake (
        run_id INTEGER NOT NULL,
        at REAL NOT NULL,
        counts TEXT NOT NULL,
        is_off INTEGER NOT NULL,
        PRIMARY KEY (run_id),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) STRICT""",
    """CREATE TABLE schedule (
        campaign TEXT NOT NULL,
        spec TEXT NOT NULL,
        timezone TEXT NOT NULL,
        paused INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (campaign)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE firing (
        campaign TEXT NOT NULL,
        occurrence TEXT NOT NULL,
        due_at REAL NOT NULL,
        state TEXT NOT NULL,
        note TEXT NOT NULL,
        at REAL NOT NULL,
        worker_id INTEGER,
        PRIMARY KEY (campaign, occurrence)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE audit (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        digest TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE mailbox (
        address TEXT NOT NULL,
        delivery_id INTEGER NOT NULL,
        PRIMARY KEY (address, delivery_id)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE forgotten (
        hash TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (hash)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE step (
        relay TEXT NOT NULL,
        step INTEGER NOT NULL,
        why TEXT NOT NULL,
        since REAL NOT NULL,
        until REAL NOT NULL,
        falls INTEGER NOT NULL,
        PRIMARY KEY (relay)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE encounter (
        relay TEXT NOT NULL,
        accepted_at REAL,
        tried_at REAL,
        trial TEXT,
        offered_at REAL,
        smtputf8 INTEGER,
        largest INTEGER,
        PRIMARY KEY (relay)
    ) WITHOUT ROWID, STRICT""",
    """INSERT INTO encounter (relay, accepted_at)
        SELECT relay, max(at) FROM attempt WHERE outcome = 'accepted' GROUP BY relay""",
    """CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'what was noted is not changed'); END""",
    """CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'what was noted is not taken away'); END""",
)

#: Of runs whose recipients are all in; the others follow when they are.
MAILBOXES = """INSERT INTO mailbox (address, delivery_id)
    SELECT fold(r.address), r.delivery_id FROM recipient r JOIN run ON run.id = r.run_id
    WHERE run.enrolled_at IS NOT NULL ORDER BY 1, 2"""


def upgrade() -> None:
    """The run's new columns, the tables, and what they hold of runs that are there."""
    for statement in (*RUN, *STATEMENTS):
        op.execute(statement)
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.create_function("fold", 1, str.lower, deterministic=True)
    op.execute(MAILBOXES)
