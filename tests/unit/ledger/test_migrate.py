from __future__ import annotations

import re
import sqlite3
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from notifier.ledger import connection, migrate
from notifier.ledger.ledger import Ledger
from notifier.ledger.tables import LedgerTable


def _sql(db):
    """The tables and indexes of a file, spelled alike."""
    rows = db.execute(
        "SELECT name, sql FROM sqlite_master WHERE type <> 'trigger' AND sql IS NOT NULL"
        " AND name NOT LIKE 'sqlite%' AND name <> 'alembic_version'"
    )
    return {name: re.sub(r"\s+", " ", sql).strip() for name, sql in rows}


def test_the_migrations_lead_to_the_tables(ledger_path):
    """Alembic finds nothing to change, and SQLite was told the very same statements."""
    engine = create_engine(f"sqlite:///{ledger_path}")
    with engine.connect() as connected:
        context = MigrationContext.configure(connected, opts={"compare_type": True})
        assert compare_metadata(context, LedgerTable.metadata) == []
    engine.dispose()
    fresh = sqlite3.connect(":memory:")
    made = create_engine("sqlite://", creator=lambda: fresh)
    LedgerTable.metadata.create_all(made)
    migrated = sqlite3.connect(ledger_path)
    assert _sql(migrated) == _sql(fresh)
    migrated.close()
    made.dispose()
    fresh.close()


def test_the_schemas_number_is_that_of_the_newest_migration():
    """`connection.SCHEMA` alone decides whether Alembic is imported: it must keep up."""
    script = ScriptDirectory.from_config(migrate.configuration())
    assert script.get_current_head() == f"{connection.SCHEMA:04d}"


def test_a_ledger_of_today_is_opened_without_alembic(ledger_path):
    """Neither SQLAlchemy nor Alembic is imported for a ledger that needs no migration."""
    code = (
        "import sys; from notifier.ledger.ledger import Ledger;"
        "from notifier.ledger.reports import Reader; from notifier.ledger.writer import Writer;"
        f"Ledger.open({str(ledger_path)!r}).close();"
        "sys.exit(any(it in sys.modules for it in ('alembic', 'sqlalchemy', 'sqlmodel')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    """Killed in the middle, the file is as before; the next opening migrates it whole."""
    path = tmp_path / "ledger.sqlite"

    def break_off(*_args, **_kwargs):
        raise sqlite3.OperationalError("cut off")

    monkeypatch.setattr(migrate.secrets, "token_hex", break_off)
    with pytest.raises(connection.LedgerError):
        Ledger.open(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()
    monkeypatch.undo()
    with Ledger.open(path) as ledger:
        assert ledger.suppressions() == []


def test_opening_again_keeps_the_ledgers_identity(ledger_path):
    """Its random number, from which tokens are made, is written once."""
    found = set()
    for _ in range(2):
        with Ledger.open(ledger_path) as ledger, ledger._store.alone() as db:
            found.add(db.execute("SELECT ledger_id FROM identity").fetchone())
    assert len(found) == 1
    assert re.fullmatch("[0-9a-f]{32}", found.pop()[0])
