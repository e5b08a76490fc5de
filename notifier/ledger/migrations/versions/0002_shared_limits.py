"""Limits that the processes of a ledger share.

Written out as it was: a migration never changes once it is released.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE permit (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        scope TEXT NOT NULL,
        seconds REAL NOT NULL,
        permits INTEGER NOT NULL,
        until REAL NOT NULL
    ) STRICT""",
    """CREATE INDEX permit_of ON permit (scope, seconds, until)""",
    """CREATE TABLE timebase (
        boot TEXT NOT NULL,
        shift REAL NOT NULL,
        PRIMARY KEY (boot)
    ) WITHOUT ROWID, STRICT""",
)


def upgrade() -> None:
    """The tables."""
    for statement in STATEMENTS:
        op.execute(statement)
