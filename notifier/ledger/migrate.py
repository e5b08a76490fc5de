"""Bringing a ledger's tables up to date, by Alembic. Imported only when that is needed."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from notifier.ledger import backup
from notifier.ledger.connection import APPLICATION_ID, SCHEMA

if TYPE_CHECKING:
    import sqlite3

SCRIPTS = Path(__file__).parent / "migrations"
#: Bytes that are left free on the disk by a copy.
LEAST_SPACE = 50_000_000


def configuration() -> Config:
    """Alembic's configuration: where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def migrate(db: sqlite3.Connection, *, now: float, revision: str = "head") -> None:
    """Run the migrations that the ledger lacks, inside the transaction that the caller began.

    A kill in the middle leaves the ledger as it was: SQLite's schema changes are transactional,
    and so are `user_version` and `application_id`.
    """
    engine = create_engine("sqlite://", creator=lambda: _Borrowed(db), poolclass=StaticPool)
    config = configuration()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    if revision == "head":
        db.execute(f"PRAGMA user_version = {SCHEMA}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(
        "INSERT OR IGNORE INTO identity (id, ledger_id, created_at) VALUES (1, ?, ?)",
        (secrets.token_hex(16), now),
    )


def keep_old(path: Path, schema: int) -> Path | None:
    """Copy the ledger to where `old_copy` says, before its tables are changed.

    A migration that is cut off leaves the old tables; the copy is for a mistake in one that isn't.
    None where the disk has no room for it: the migration takes place all the same.
    """
    if shutil.disk_usage(path.parent).free < 2 * path.stat().st_size + LEAST_SPACE:
        return None
    backup.copy_aside(path, old_copy(path, schema))
    return old_copy(path, schema)


def old_copy(path: Path, schema: int) -> Path:
    """Where the ledger's copy is from before it was brought up to date from that schema."""
    return path.with_name(f"{path.name}.before-{schema + 1:04d}")


class _Borrowed:
    """The caller's connection, whose transaction neither Alembic nor SQLAlchemy ends."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def commit(self) -> None:
        """Left to the caller."""

    def rollback(self) -> None:
        """Left to the caller."""

    def close(self) -> None:
        """Left to the caller."""
