"""What people decided, what runs are made from, and what is kept of it."""

from __future__ import annotations

from sqlalchemy import REAL, CheckConstraint, LargeBinary, UniqueConstraint
from sqlalchemy import Text as Txt
from sqlmodel import Field

from notifier.ledger.tables.base import LedgerTable, strict


class Identity(LedgerTable, table=True):
    """The ledger itself: one row."""

    __table_args__ = strict(CheckConstraint("id = 1", name="identity_is_one"))

    #: Always 1.
    id: int = Field(primary_key=True)
    #: 32 hexadecimal digits, random: what makes this ledger's message tokens its own.
    ledger_id: str = Field(sa_type=Txt)
    created_at: float = Field(sa_type=REAL)


class Suppression(LedgerTable, table=True):
    """An address that must not be mailed."""

    __table_args__ = strict(sqlite_with_rowid=False)

    #: The address in lower case, which is how it is compared.
    folded: str = Field(primary_key=True, sa_type=Txt)
    #: As it was given.
    address: str = Field(sa_type=Txt)
    reason: str = Field(sa_type=Txt)
    source: str = Field(sa_type=Txt)
    at: float = Field(sa_type=REAL)


class Forgotten(LedgerTable, table=True):
    """Who was forgotten, and must not be mailed for all that."""

    __table_args__ = strict(sqlite_with_rowid=False)

    #: sha256 of the ledger's number and the address in lower case, in hexadecimal digits.
    hash: str = Field(primary_key=True, sa_type=Txt)
    at: float = Field(sa_type=REAL)


class Document(LedgerTable, table=True):
    """A file that a run was made from, once for all runs that have it in common."""

    __table_args__ = strict()

    #: sha256 of what it holds, in hexadecimal digits.
    digest: str = Field(primary_key=True, sa_type=Txt)
    #: Compressed by zlib.
    content: bytes = Field(sa_type=LargeBinary)


class RunDocument(LedgerTable, table=True):
    """Which document stood where when the run was enrolled."""

    __tablename__ = "run_document"
    __table_args__ = strict(sqlite_with_rowid=False)

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: What it is to the run: campaign, template, attachment, ...
    role: str = Field(primary_key=True, sa_type=Txt)
    #: Its path, from the workspace's folder.
    name: str = Field(primary_key=True, sa_type=Txt)
    #: Of `document`; a large one may have its digest here alone.
    digest: str = Field(sa_type=Txt)


class Approval(LedgerTable, table=True):
    """Who asked for a run to be let go, and who let it."""

    __table_args__ = strict()

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: Of all that was looked at; another one is another question.
    digest: str = Field(sa_type=Txt)
    asked_by: str = Field(sa_type=Txt)
    asked_at: float = Field(sa_type=REAL)
    approved_by: str | None = Field(default=None, sa_type=Txt)
    approved_at: float | None = Field(default=None, sa_type=REAL)
    note: str = Field(sa_type=Txt)


class Brake(LedgerTable, table=True):
    """What a run's `stop_if` counts from, once it has stopped the run."""

    __table_args__ = strict()

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: When it stopped the run last.
    at: float = Field(sa_type=REAL)
    #: JSON: deliveries by state and by cause then; what came later counts.
    counts: str = Field(sa_type=Txt)
    #: 1: a person said to go on whatever comes.
    is_off: int = 0


class Alert(LedgerTable, table=True):
    """What the operator is told of, once."""

    __table_args__ = strict(UniqueConstraint("event", name="alert_once"), sqlite_autoincrement=True)

    id: int | None = Field(default=None, primary_key=True)
    #: What happened, to what, when: the same event is told of once.
    event: str = Field(sa_type=Txt)
    kind: str = Field(sa_type=Txt)
    run_id: int | None = Field(default=None, foreign_key="run.id")
    text: str = Field(sa_type=Txt)
    at: float = Field(sa_type=REAL)
    sent_at: float | None = Field(default=None, sa_type=REAL)
    #: When it was tried last.
    tried_at: float | None = Field(default=None, sa_type=REAL)
    tries: int = 0
    #: By which ways it was told: `mail`, `webhook`.
    told: str = Field(sa_type=Txt)
    #: Why it could not be told; no secrets.
    error: str = Field(sa_type=Txt)


class Plan(LedgerTable, table=True):
    """When a campaign is sent by itself, as somebody scheduled it."""

    __tablename__ = "schedule"
    __table_args__ = strict(sqlite_with_rowid=False)

    campaign: str = Field(primary_key=True, sa_type=Txt)
    #: JSON: at, cron or every, and what comes of missed occurrences.
    spec: str = Field(sa_type=Txt)
    timezone: str = Field(sa_type=Txt)
    paused: int = 0
    by: str = Field(sa_type=Txt)
    at: float = Field(sa_type=REAL)


class Firing(LedgerTable, table=True):
    """What became of a planned occurrence."""

    __table_args__ = strict(sqlite_with_rowid=False)

    campaign: str = Field(primary_key=True, sa_type=Txt)
    occurrence: str = Field(primary_key=True, sa_type=Txt)
    due_at: float = Field(sa_type=REAL)
    #: `schedules.FiringState`.
    state: str = Field(sa_type=Txt)
    note: str = Field(sa_type=Txt)
    at: float = Field(sa_type=REAL)
    #: Who starts it, while it is due.
    worker_id: int | None = None


class Audit(LedgerTable, table=True):
    """Who did what: rows are added, and never changed or taken away (triggers see to it)."""

    __table_args__ = strict(sqlite_autoincrement=True)

    id: int | None = Field(default=None, primary_key=True)
    at: float = Field(sa_type=REAL)
    actor: str = Field(sa_type=Txt)
    action: str = Field(sa_type=Txt)
    #: What it was done to: `run 12`, a campaign, a relay; no addresses.
    subject: str = Field(sa_type=Txt)
    #: JSON.
    detail: str = Field(sa_type=Txt)
    #: Over this row and the digest before it (`audit.py`).
    digest: str = Field(sa_type=Txt)
