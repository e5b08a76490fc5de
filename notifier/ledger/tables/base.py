"""What the ledger's tables have in common."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class LedgerTable(SQLModel):
    """What the ledger's tables share: their own metadata, apart from any other program's."""

    metadata = MetaData()


def strict(*constraints: object, **options: object) -> tuple[object, ...]:
    """The arguments of a STRICT table."""
    return (*constraints, {"sqlite_strict": True, **options})
