"""How relays are doing: paces, troubles, and connections, for all processes of a ledger.

Written out as it was: a migration never changes once it is released.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE pace (
        scope TEXT NOT NULL,
        low REAL NOT NULL,
        usual REAL NOT NULL,
        slowed_at REAL NOT NULL,
        paused_until REAL NOT NULL,
        single_until REAL NOT NULL,
        heard_at REAL NOT NULL,
        why TEXT NOT NULL,
        PRIMARY KEY (scope)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE trouble (
        relay TEXT NOT NULL,
        why TEXT NOT NULL,
        since REAL NOT NULL,
        until REAL,
        PRIMARY KEY (relay)
    ) WITHOUT ROWID, STRICT""",
    """CREATE TABLE lease (
        relay TEXT NOT NULL,
        worker_id INTEGER NOT NULL,
        wanted INTEGER NOT NULL,
        slots INTEGER NOT NULL,
        open INTEGER NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (relay, worker_id)
    ) WITHOUT ROWID, STRICT""",
)


def upgrade() -> None:
    """The tables."""
    for statement in STATEMENTS:
        op.execute(statement)
