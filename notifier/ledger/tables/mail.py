"""Who is mailed in which run, and what came of it."""

from __future__ import annotations

from sqlalchemy import REAL, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy import Text as Txt
from sqlmodel import Field

from notifier.ledger.tables.base import LedgerTable, strict
from notifier.model import Cause, RunState, Stage, State


class Run(LedgerTable, table=True):
    """One occurrence of a campaign."""

    __table_args__ = strict(
        UniqueConstraint("campaign", "occurrence", name="run_once"),
        CheckConstraint(
            "state IN ({})".format(", ".join(f"'{state}'" for state in RunState)),
            name="run_state",
        ),
        sqlite_autoincrement=True,
    )

    id: int | None = Field(default=None, primary_key=True)
    campaign: str = Field(sa_type=Txt)
    #: A scheduler that fires twice names the same occurrence, and starts one run.
    occurrence: str = Field(sa_type=Txt)
    title: str = Field(sa_type=Txt)
    relay: str = Field(sa_type=Txt)
    state: RunState = Field(sa_type=Txt)
    #: Who paused or stopped it, and why; empty otherwise.
    reason: str = Field(sa_type=Txt)
    campaign_digest: str = Field(sa_type=Txt)
    template_digest: str = Field(sa_type=Txt)
    source_file: str = Field(sa_type=Txt)
    #: The digest of the recipients that enrolment began with.
    source_digest: str = Field(sa_type=Txt)
    campaign_yaml: str = Field(sa_type=Txt)
    #: What kind of mail it is (`campaign.py`); empty in runs of older versions.
    kind: str = Field(sa_type=Txt)
    #: Rows of the sheet, without blank and total rows; set when enrolment is finished.
    rows: int = 0
    #: Rows that went into another recipient's message.
    folded: int = 0
    #: Second and further addresses of a row, each a delivery or a rejection of its own.
    extra_addresses: int = 0
    #: Recipients that this run was not meant for: a correction goes to those concerned alone.
    left_out: int = 0
    blank: int = 0
    totals: int = 0
    #: Always the number of this run's rejections.
    rejections: int = 0
    created_at: float = Field(sa_type=REAL)
    enrolled_at: float | None = Field(default=None, sa_type=REAL)
    #: When the first delivery was claimed.
    started_at: float | None = Field(default=None, sa_type=REAL)
    finished_at: float | None = Field(default=None, sa_type=REAL)
    #: The instant that the occurrence was planned for; null where a person sent it.
    due_at: float | None = Field(default=None, sa_type=REAL)
    #: What was not sent until then is not sent any more.
    not_after: float | None = Field(default=None, sa_type=REAL)
    #: When its persons were taken out of the ledger; null: they are there.
    purged_at: float | None = Field(default=None, sa_type=REAL)


class Delivery(LedgerTable, table=True):
    """One recipient of one run: where it stands. `recipient` says who it is."""

    __table_args__ = strict(
        CheckConstraint(
            # A null in a CHECK passes: hence the 0.
            "state <> 'accepted' OR coalesce(code, 0) BETWEEN 200 AND 299",
            name="accepted_has_reply",
        ),
        Index(
            "delivery_due",
            "run_id",
            "next_attempt_at",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index("delivery_held", "worker_id", sqlite_where=text("worker_id IS NOT NULL")),
        Index(
            "delivery_trouble",
            "run_id",
            "cause",
            "state",
            sqlite_where=text("cause <> 'accepted'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, foreign_key="recipient.delivery_id")
    run_id: int = Field(foreign_key="run.id")
    state: State = Field(sa_type=Txt)
    #: Why it stands as it does, by the last attempt; null before.
    cause: Cause | None = Field(default=None, sa_type=Txt)
    #: The last reply's code; null where there was none.
    code: int | None = None
    #: Attempts that count against the retry horizon.
    attempts: int = 0
    #: Rows of `attempt`, those included that don't count.
    tries: int = 0
    #: Set in `pending` and `deferred` alone: the index of what is due stays as small as that.
    next_attempt_at: float | None = Field(default=None, sa_type=REAL)
    #: When the retry horizon began.
    first_attempt_at: float | None = Field(default=None, sa_type=REAL)
    #: Set in `claimed` and `submitting` alone: who may write the outcome.
    worker_id: int | None = None
    #: The `Date:` of the message; set with the first intent, and with each one after.
    message_at: float | None = Field(default=None, sa_type=REAL)
    #: sha256 of the message's bytes; not null: an intent was durable once.
    digest: bytes | None = Field(default=None, sa_type=LargeBinary)
    changed_at: float = Field(sa_type=REAL)


class Recipient(LedgerTable, table=True):
    """Who is mailed by a delivery, and the row that the message is made from."""

    __table_args__ = strict(
        UniqueConstraint("run_id", "key", "address", name="recipient_once"),
        Index("recipient_line", "run_id", "line"),
        sqlite_autoincrement=True,
    )

    #: Never used twice, so that an old number in somebody's notes names nobody else.
    delivery_id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    #: The row's number in the sheet, 1-based.
    line: int
    #: 128 bits in base32: the Message-ID's left part.
    token: str = Field(sa_type=Txt)
    key: str = Field(sa_type=Txt)
    #: The envelope address, byte for byte.
    address: str = Field(sa_type=Txt)
    name: str = Field(sa_type=Txt)
    #: `model.dump_context`'s JSON text.
    context: str = Field(sa_type=Txt)


class Token(LedgerTable, table=True):
    """Which delivery a token belongs to, once its run is enrolled.

    Tokens are random: an index kept while a million recipients come in writes a page for each of
    them (measured: 230 us a recipient against 40 us). So they are put in order at the end.
    """

    __table_args__ = strict(sqlite_with_rowid=False)

    token: str = Field(primary_key=True, sa_type=Txt)
    delivery_id: int = Field(foreign_key="recipient.delivery_id")


class Mailbox(LedgerTable, table=True):
    """Which deliveries an address had; in order, as `Token` is, once a run is enrolled."""

    __table_args__ = strict(sqlite_with_rowid=False)

    #: In lower case, as suppressions are compared.
    address: str = Field(primary_key=True, sa_type=Txt)
    #: Of `recipient`; not a foreign key, which looks each of a million up in an order that is not
    #: theirs (measured: 50 us a recipient against 15 us).
    delivery_id: int = Field(primary_key=True)


class Attempt(LedgerTable, table=True):
    """One try to submit a delivery, with the reply."""

    __table_args__ = strict(sqlite_with_rowid=False)

    delivery_id: int = Field(primary_key=True, foreign_key="delivery.id")
    #: 1 for the first row of this delivery.
    ordinal: int = Field(primary_key=True)
    worker_id: int | None = None
    relay: str = Field(sa_type=Txt)
    started_at: float = Field(sa_type=REAL)
    at: float = Field(sa_type=REAL)
    stage: Stage = Field(sa_type=Txt)
    code: int | None = None
    enhanced: str = Field(sa_type=Txt)
    text: str = Field(sa_type=Txt)
    #: The state that it moved, or would have moved, its delivery to.
    outcome: State = Field(sa_type=Txt)
    cause: Cause = Field(sa_type=Txt)
    #: 1: it counts against the delivery's retries.
    burns: int
    #: Empty; `late`: the delivery was not its worker's any more and stayed as it was;
    #: `late_settled`: so it was, and the reply settled it; `worker_gone`: written by the recovery.
    note: str = Field(sa_type=Txt)


class Rejection(LedgerTable, table=True):
    """A row, or one address of a row, that can't become a recipient."""

    __table_args__ = strict(
        UniqueConstraint("run_id", "line", "column", "value", "again", name="rejection_once")
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    line: int
    column: str = Field(sa_type=Txt)
    value: str = Field(sa_type=Txt)
    #: 0, or the how-manieth time the same value was rejected in the same cell.
    again: int
    reason: str = Field(sa_type=Txt)
    #: The whole row, as `model.dump_context` writes rows.
    context: str = Field(sa_type=Txt)


class Counter(LedgerTable, table=True):
    """How many deliveries of a run are in a state: always equal to a recount."""

    __table_args__ = strict(
        CheckConstraint("count >= 0", name="counter_not_negative"), sqlite_with_rowid=False
    )

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    state: State = Field(primary_key=True, sa_type=Txt)
    count: int


class Tick(LedgerTable, table=True):
    """How many attempts of a run ended in a second, by what they came to: the timeline."""

    __table_args__ = strict(sqlite_with_rowid=False)

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: Unix time, rounded down.
    second: int = Field(primary_key=True)
    outcome: State = Field(primary_key=True, sa_type=Txt)
    count: int
