"""The ledger's tables. Instants are Unix seconds (UTC), texts are UTF-8.

These classes say what the migrations must lead to (a test compares them); hot statements are plain
SQL in `statements.py`. The tables are STRICT. What is left out on purpose, by measurement: a CHECK
on `delivery.state` (2.5 us at each of a message's three updates; `transitions.LEGAL` is joined
in every change instead) and a foreign key on `delivery.worker_id` (1 us; it only fences).

The delivery's row is written three times in its life, so it is kept narrow: who is mailed, and the
sheet's row, are in `recipient`, which is written once.
"""

from __future__ import annotations

from sqlalchemy import REAL, CheckConstraint, Index, LargeBinary, MetaData, UniqueConstraint, text
from sqlalchemy import Text as Txt
from sqlmodel import Field, SQLModel

from notifier.model import Cause, RunState, Stage, State


class LedgerTable(SQLModel):
    """What the ledger's tables share: their own metadata, apart from any other program's."""

    metadata = MetaData()


def _strict(*constraints: object, **options: object) -> tuple[object, ...]:
    return (*constraints, {"sqlite_strict": True, **options})


class Identity(LedgerTable, table=True):
    """The ledger itself: one row."""

    __table_args__ = _strict(CheckConstraint("id = 1", name="identity_is_one"))

    #: Always 1.
    id: int = Field(primary_key=True)
    #: 32 hexadecimal digits, random: what makes this ledger's message tokens its own.
    ledger_id: str = Field(sa_type=Txt)
    created_at: float = Field(sa_type=REAL)


class Run(LedgerTable, table=True):
    """One occurrence of a campaign."""

    __table_args__ = _strict(
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

    __table_args__ = _strict(
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

    __table_args__ = _strict(
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

    __table_args__ = _strict(sqlite_with_rowid=False)

    token: str = Field(primary_key=True, sa_type=Txt)
    delivery_id: int = Field(foreign_key="recipient.delivery_id")


class Attempt(LedgerTable, table=True):
    """One try to submit a delivery, with the reply."""

    __table_args__ = _strict(sqlite_with_rowid=False)

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

    __table_args__ = _strict(
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


class Suppression(LedgerTable, table=True):
    """An address that must not be mailed."""

    __table_args__ = _strict(sqlite_with_rowid=False)

    #: The address in lower case, which is how it is compared.
    folded: str = Field(primary_key=True, sa_type=Txt)
    #: As it was given.
    address: str = Field(sa_type=Txt)
    reason: str = Field(sa_type=Txt)
    source: str = Field(sa_type=Txt)
    at: float = Field(sa_type=REAL)


class Counter(LedgerTable, table=True):
    """How many deliveries of a run are in a state: always equal to a recount."""

    __table_args__ = _strict(
        CheckConstraint("count >= 0", name="counter_not_negative"), sqlite_with_rowid=False
    )

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    state: State = Field(primary_key=True, sa_type=Txt)
    count: int


class Tick(LedgerTable, table=True):
    """How many attempts of a run ended in a second, by what they came to: the timeline."""

    __table_args__ = _strict(sqlite_with_rowid=False)

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: Unix time, rounded down.
    second: int = Field(primary_key=True)
    outcome: State = Field(primary_key=True, sa_type=Txt)
    count: int


class Worker(LedgerTable, table=True):
    """A process that delivers a run."""

    __table_args__ = _strict(sqlite_autoincrement=True)

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

    __table_args__ = _strict(
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

    __table_args__ = _strict(sqlite_with_rowid=False)

    #: As the system names it.
    boot: str = Field(primary_key=True, sa_type=Txt)
    #: Unix time less the machine's steady clock, in seconds.
    shift: float = Field(sa_type=REAL)


class Pace(LedgerTable, table=True):
    """How much slower a relay, or a domain behind it, is sent to since a reply asked for it."""

    __table_args__ = _strict(sqlite_with_rowid=False)

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

    __table_args__ = _strict(sqlite_with_rowid=False)

    relay: str = Field(primary_key=True, sa_type=Txt)
    why: str = Field(sa_type=Txt)
    since: float = Field(sa_type=REAL)
    #: When it is tried again; null: when a run is resumed.
    until: float | None = Field(default=None, sa_type=REAL)


class Lease(LedgerTable, table=True):
    """How many of a relay's connections a process may have (`relays.py`)."""

    __table_args__ = _strict(sqlite_with_rowid=False)

    relay: str = Field(primary_key=True, sa_type=Txt)
    worker_id: int = Field(primary_key=True)
    wanted: int
    #: What it was told that it may have, or still has.
    slots: int
    open: int
    #: When it told of itself last.
    at: float = Field(sa_type=REAL)


class Document(LedgerTable, table=True):
    """A file that a run was made from, once for all runs that have it in common."""

    __table_args__ = _strict()

    #: sha256 of what it holds, in hexadecimal digits.
    digest: str = Field(primary_key=True, sa_type=Txt)
    #: Compressed by zlib.
    content: bytes = Field(sa_type=LargeBinary)


class RunDocument(LedgerTable, table=True):
    """Which document stood where when the run was enrolled."""

    __tablename__ = "run_document"
    __table_args__ = _strict(sqlite_with_rowid=False)

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: What it is to the run: campaign, template, attachment, ...
    role: str = Field(primary_key=True, sa_type=Txt)
    #: Its path, from the workspace's folder.
    name: str = Field(primary_key=True, sa_type=Txt)
    #: Of `document`; a large one may have its digest here alone.
    digest: str = Field(sa_type=Txt)


class Approval(LedgerTable, table=True):
    """Who asked for a run to be let go, and who let it."""

    __table_args__ = _strict()

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: Of all that was looked at; another one is another question.
    digest: str = Field(sa_type=Txt)
    asked_by: str = Field(sa_type=Txt)
    asked_at: float = Field(sa_type=REAL)
    approved_by: str | None = Field(default=None, sa_type=Txt)
    approved_at: float | None = Field(default=None, sa_type=REAL)
    note: str = Field(sa_type=Txt)


class Alert(LedgerTable, table=True):
    """What the operator is told of, once."""

    __table_args__ = _strict(
        UniqueConstraint("event", name="alert_once"), sqlite_autoincrement=True
    )

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


class Brake(LedgerTable, table=True):
    """What a run's `stop_if` counts from, once it has stopped the run."""

    __table_args__ = _strict()

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    #: When it stopped the run last.
    at: float = Field(sa_type=REAL)
    #: JSON: deliveries by state and by cause then; what came later counts.
    counts: str = Field(sa_type=Txt)
    #: 1: a person said to go on whatever comes.
    is_off: int = 0


class Plan(LedgerTable, table=True):
    """When a campaign is sent by itself, as somebody scheduled it."""

    __tablename__ = "schedule"
    __table_args__ = _strict(sqlite_with_rowid=False)

    campaign: str = Field(primary_key=True, sa_type=Txt)
    #: JSON: at, cron or every, and what comes of missed occurrences.
    spec: str = Field(sa_type=Txt)
    timezone: str = Field(sa_type=Txt)
    paused: int = 0
    by: str = Field(sa_type=Txt)
    at: float = Field(sa_type=REAL)


class Firing(LedgerTable, table=True):
    """What became of a planned occurrence."""

    __table_args__ = _strict(sqlite_with_rowid=False)

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

    __table_args__ = _strict(sqlite_autoincrement=True)

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


class Mailbox(LedgerTable, table=True):
    """Which deliveries an address had; in order, as `Token` is, once a run is enrolled."""

    __table_args__ = _strict(sqlite_with_rowid=False)

    #: In lower case, as suppressions are compared.
    address: str = Field(primary_key=True, sa_type=Txt)
    #: Of `recipient`; not a foreign key, which looks each of a million up in an order that is not
    #: theirs (measured: 50 us a recipient against 15 us).
    delivery_id: int = Field(primary_key=True)


class Forgotten(LedgerTable, table=True):
    """Who was forgotten, and must not be mailed for all that."""

    __table_args__ = _strict(sqlite_with_rowid=False)

    #: sha256 of the ledger's number and the address in lower case, in hexadecimal digits.
    hash: str = Field(primary_key=True, sa_type=Txt)
    at: float = Field(sa_type=REAL)


class Step(LedgerTable, table=True):
    """A relay that could not take what was sent in a row (`encounters.py`)."""

    __table_args__ = _strict(sqlite_with_rowid=False)

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

    __table_args__ = _strict(sqlite_with_rowid=False)

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
