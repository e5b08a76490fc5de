"""Who sends, how fast, and how relays are doing."""

from __future__ import annotations

from sqlalchemy import REAL, Index
from sqlalchemy import Text as Txt
from sqlmodel import Field

from notifier.ledger.tables.base import LedgerTable, strict


class Worker(LedgerTable, table=True):
    """A process that delivers a run."""

    __table_args__ = strict(sqlite_autoincrement=True)

    #: Never used twice: it fences.
    id: int | None = Field(default=None, primary_key=True)
    run_id: int | None = Field(default=None, foreign_key="run.id")
    host: str = Field(sa_type=Txt)
    pid: int
    #: The process' start as its system tells it: a pid that was given to another is told apart.
    process_started: str = Field(sa_type=Txt)
    registered_at: float = Field(sa_type=REAL)
    heartbeat_at: float = Field(sa_type=REAL)
    #: Seconds after the last heartbeat until its deliveries may be taken over.
    lease_seconds: float = Field(sa_type=REAL)
    #: Set when it said good-bye, or was found dead.
    ended_at: float | None = Field(default=None, sa_type=REAL)


class Permit(LedgerTable, table=True):
    """A grant of a limit: so many admissions, none later than an instant (`permits.py`)."""

    __table_args__ = strict(
        Index("permit_of", "scope", "seconds", "until"), sqlite_autoincrement=True
    )

    #: Never used twice: what is told late of one grant is told of no other.
    id: int | None = Field(default=None, primary_key=True)
    #: Whose limit: a relay account, a domain behind it, a run.
    scope: str = Field(sa_type=Txt)
    #: The limit's span: a scope may have one limit of each.
    seconds: float = Field(sa_type=REAL)
    permits: int
    #: The last of them was, or may be, used then.
    until: float = Field(sa_type=REAL)


class Timebase(LedgerTable, table=True):
    """The steady clock that the processes of a boot share: at most one row."""

    __table_args__ = strict(sqlite_with_rowid=False)

    #: As the system names it.
    boot: str = Field(primary_key=True, sa_type=Txt)
    #: Unix time less the machine's steady clock, in seconds.
    shift: float = Field(sa_type=REAL)


class Pace(LedgerTable, table=True):
    """How much slower a relay, or a domain behind it, is sent to since a reply asked for it."""

    __table_args__ = strict(sqlite_with_rowid=False)

    #: `relay NAME`, or `relay NAME @domain`.
    scope: str = Field(primary_key=True, sa_type=Txt)
    #: Messages a second when it was slowed, and what it had been; infinite: it is not slowed.
    low: float = Field(sa_type=REAL)
    usual: float = Field(sa_type=REAL)
    slowed_at: float = Field(sa_type=REAL)
    paused_until: float = Field(sa_type=REAL)
    single_until: float = Field(sa_type=REAL)
    #: When a reply was heard last; who heard last is right.
    heard_at: float = Field(sa_type=REAL)
    #: The reply.
    why: str = Field(sa_type=Txt)


class Trouble(LedgerTable, table=True):
    """A relay that can't be used."""

    __table_args__ = strict(sqlite_with_rowid=False)

    relay: str = Field(primary_key=True, sa_type=Txt)
    why: str = Field(sa_type=Txt)
    since: float = Field(sa_type=REAL)
    #: When it is tried again; null: when a run is resumed.
    until: float | None = Field(default=None, sa_type=REAL)


class Lease(LedgerTable, table=True):
    """How many of a relay's connections a process may have (`relays.py`)."""

    __table_args__ = strict(sqlite_with_rowid=False)

    relay: str = Field(primary_key=True, sa_type=Txt)
    worker_id: int = Field(primary_key=True)
    wanted: int
    #: What it was told that it may have, or still has.
    slots: int
    open: int
    #: When it told of itself last.
    at: float = Field(sa_type=REAL)


class Step(LedgerTable, table=True):
    """A relay that could not take what was sent in a row (`encounters.py`)."""

    __table_args__ = strict(sqlite_with_rowid=False)

    relay: str = Field(primary_key=True, sa_type=Txt)
    #: `smtp.ladder.Step`.
    step: int
    why: str = Field(sa_type=Txt)
    since: float = Field(sa_type=REAL)
    #: When more is tried again.
    until: float = Field(sa_type=REAL)
    #: How often this happened.
    falls: int


class Encounter(LedgerTable, table=True):
    """What sending, or trying out, has shown of a relay last (`encounters.py`)."""

    __table_args__ = strict(sqlite_with_rowid=False)

    relay: str = Field(primary_key=True, sa_type=Txt)
    #: When it took a message.
    accepted_at: float | None = Field(default=None, sa_type=REAL)
    #: When it was tried out without a message, and why it could not be used: empty where it could.
    tried_at: float | None = Field(default=None, sa_type=REAL)
    trial: str | None = Field(default=None, sa_type=Txt)
    #: When it said what it can do: SMTPUTF8 (0, 1) and SIZE in bytes (0: none).
    offered_at: float | None = Field(default=None, sa_type=REAL)
    smtputf8: int | None = None
    largest: int | None = None
