"""The first tables.

Written out as they were: a migration never changes once it is released.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE identity (
        id INTEGER NOT NULL,
        ledger_id TEXT NOT NULL,
        created_at REAL NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT identity_is_one CHECK (id = 1)
    ) STRICT""",
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
        rows INTEGER NOT NULL,
        folded INTEGER NOT NULL,
        extra_addresses INTEGER NOT NULL,
        blank INTEGER NOT NULL,
        totals INTEGER NOT NULL,
        rejections INTEGER NOT NULL,
        created_at REAL NOT NULL,
        enrolled_at REAL,
        started_at REAL,
        finished_at REAL,
        CONSTRAINT run_once UNIQUE (campaign, occurrence),
        CONSTRAINT run_state CHECK (state IN ('enrolling', 'active', 'paused', 'held', 'cancelled', 'finished'))
    ) STRICT""",
    """CREATE TABLE suppression (
        folded TEXT NOT NULL,
        address TEXT NOT NULL,
        reason TEXT NOT NULL,
        source TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (folded)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE counter (
        run_id INTEGER NOT NULL,
        state TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (run_id, state),
        CONSTRAINT counter_not_negative CHECK (count >= 0),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE recipient (
        delivery_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        run_id INTEGER NOT NULL,
        line INTEGER NOT NULL,
        token TEXT NOT NULL,
        "key" TEXT NOT NULL,
        address TEXT NOT NULL,
        name TEXT NOT NULL,
        context TEXT NOT NULL,
        CONSTRAINT recipient_once UNIQUE (run_id, "key", address),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) STRICT""",
    """CREATE INDEX recipient_line ON recipient (run_id, line)""",
    """CREATE TABLE rejection (
        id INTEGER NOT NULL,
        run_id INTEGER NOT NULL,
        line INTEGER NOT NULL,
        "column" TEXT NOT NULL,
        value TEXT NOT NULL,
        again INTEGER NOT NULL,
        reason TEXT NOT NULL,
        context TEXT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT rejection_once UNIQUE (run_id, line, "column", value, again),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) STRICT""",
    """CREATE TABLE tick (
        run_id INTEGER NOT NULL,
        second INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (run_id, second, outcome),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE worker (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        run_id INTEGER,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        process_started TEXT NOT NULL,
        registered_at REAL NOT NULL,
        heartbeat_at REAL NOT NULL,
        lease_seconds REAL NOT NULL,
        ended_at REAL,
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) STRICT""",
    """CREATE TABLE delivery (
        id INTEGER NOT NULL,
        run_id INTEGER NOT NULL,
        state TEXT NOT NULL,
        cause TEXT,
        code INTEGER,
        attempts INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        next_attempt_at REAL,
        first_attempt_at REAL,
        worker_id INTEGER,
        message_at REAL,
        digest BLOB,
        changed_at REAL NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT accepted_has_reply CHECK (state <> 'accepted' OR coalesce(code, 0) BETWEEN 200 AND 299),
        FOREIGN KEY(id) REFERENCES recipient (delivery_id),
        FOREIGN KEY(run_id) REFERENCES run (id)
    ) STRICT""",
    """CREATE INDEX delivery_due ON delivery (run_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL""",
    """CREATE INDEX delivery_held ON delivery (worker_id) WHERE worker_id IS NOT NULL""",
    """CREATE INDEX delivery_trouble ON delivery (run_id, cause, state) WHERE cause <> 'accepted'""",
    """CREATE TABLE token (
        token TEXT NOT NULL,
        delivery_id INTEGER NOT NULL,
        PRIMARY KEY (token),
        FOREIGN KEY(delivery_id) REFERENCES recipient (delivery_id)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE attempt (
        delivery_id INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        worker_id INTEGER,
        relay TEXT NOT NULL,
        started_at REAL NOT NULL,
        at REAL NOT NULL,
        stage TEXT NOT NULL,
        code INTEGER,
        enhanced TEXT NOT NULL,
        text TEXT NOT NULL,
        outcome TEXT NOT NULL,
        cause TEXT NOT NULL,
        burns INTEGER NOT NULL,
        note TEXT NOT NULL,
        PRIMARY KEY (delivery_id, ordinal),
        FOREIGN KEY(delivery_id) REFERENCES delivery (id)
    ) WITHOUT ROWID, STRICT""",
)


def upgrade() -> None:
    """All tables."""
    for statement in STATEMENTS:
        op.execute(statement)
