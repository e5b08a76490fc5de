"""The nouns that travel between rooms: frozen, and saying what they are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a cell may hold once it is read: plain data, nothing a template could call into.
Value: TypeAlias = str | int | float | bool | date | datetime | time | None
#: What a power cut may take of the ledger: nothing, or the last seconds (`ledger/durability.py`).
Durability: TypeAlias = Literal["full", "fast"]
#: One row of a sheet, by column header.
Row: TypeAlias = "Mapping[str, Value]"


class State(StrEnum):
    """A delivery's state; each comment says who moves it on."""

    PENDING = "pending"  # the engine claims it when due
    CLAIMED = "claimed"  # its worker; a lease that ran out goes back to pending
    SUBMITTING = "submitting"  # the reply; after a crash or a lost link it becomes unknown
    ACCEPTED = "accepted"  # only a bounce; set by nothing but a stored 2yz to end-of-data
    DEFERRED = "deferred"  # the engine, when due
    REFUSED = "refused"  # final; a person, with `retry`
    EXPIRED = "expired"  # final; deferred past the retry horizon; a person
    UNKNOWN = "unknown"  # in doubt: policy (hold or resend), or a person
    PRESUMED = "presumed"  # final; was in doubt, and a person said that it arrived
    SUPPRESSED = "suppressed"  # final; never sent
    CANCELLED = "cancelled"  # final; never sent; a person
    BOUNCED = "bounced"  # final; accepted, later returned


#: A run is finished when every delivery is in one of these. `unknown` is not final: it waits for
#: a policy or a person, and a run that is left with nothing else is `held`.
FINAL_STATES = frozenset(
    {
        State.ACCEPTED,
        State.PRESUMED,
        State.REFUSED,
        State.EXPIRED,
        State.SUPPRESSED,
        State.CANCELLED,
        State.BOUNCED,
    }
)


class RunState(StrEnum):
    """A run's state; each comment says who moves it on."""

    ENROLLING = "enrolling"  # enrolment, when the last row is in; `send` again goes on with it
    AWAITING = "awaiting"  # somebody else with `approve`; nothing of it is sent before
    ACTIVE = "active"  # the engine
    PAUSED = "paused"  # a person with `resume`; `reason` says who paused it and why
    HELD = "held"  # only deliveries in doubt are left: a person, with `doubt`
    CANCELLED = "cancelled"  # final
    FINISHED = "finished"  # final, unless a person retries some of its deliveries


class Stage(StrEnum):
    """The step of a session or transaction that a reply answers."""

    ASSEMBLE = "assemble"  # before any session: the message could not be made
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # the end of data: what it answers decides the message
    RSET = "rset"
    NOOP = "noop"
    QUIT = "quit"


class Scope(StrEnum):
    """Whom a failure concerns."""

    MESSAGE = "message"
    RECIPIENT = "recipient"
    RELAY = "relay"


class Cause(StrEnum):
    """Why a submission ended as it did; `report/advice.py` says what to do about each."""

    ACCEPTED = "accepted"
    NO_SUCH_MAILBOX = "no_such_mailbox"
    MAILBOX_FULL = "mailbox_full"
    MAILBOX_DISABLED = "mailbox_disabled"
    RESTRICTED = "restricted"  # the mailbox or group takes mail from chosen senders only
    DOMAIN_NOT_FOUND = "domain_not_found"
    BAD_ADDRESS = "bad_address"
    UNREACHABLE = "unreachable"  # no answer from the domain's servers, or time ran out there
    MAIL_LOOP = "mail_loop"  # the receiving side forwards in a circle
    GREYLISTED = "greylisted"
    RATE_LIMITED = "rate_limited"  # too fast: slower is enough
    QUOTA_SPENT = "quota_spent"  # the account's amount for this hour or day is used up
    BLOCKED = "blocked"  # for reputation or policy: the address itself may be fine
    NO_REVERSE_NAME = "no_reverse_name"  # the sending server's address has no name in DNS
    UNAUTHENTICATED = "unauthenticated"  # SPF, DKIM or DMARC of the sender's domain
    CONTENT_REFUSED = "content_refused"  # spam, or words that a filter minds
    ATTACHMENT_REFUSED = "attachment_refused"  # a virus, or a kind of file that's not let in
    MALFORMED = "malformed"  # headers or lines that RFC 5322 forbids
    TOO_LARGE = "too_large"
    AUTHENTICATION = "authentication"  # sign-in is needed, or failed
    ACCOUNT_SUSPENDED = "account_suspended"  # the relay's provider has stopped the sender's account
    TLS = "tls"
    RELAY_DENIED = "relay_denied"
    RELAY_SUPPRESSED = "relay_suppressed"  # on the relay's own list of addresses not to mail
    SENDER_REFUSED = "sender_refused"
    SYSTEM_TROUBLE = "system_trouble"
    LINK_LOST = "link_lost"
    SENDER_GONE = "sender_gone"  # this very program ended before the reply was in
    NOT_SMTP = "not_smtp"
    SMTPUTF8_NEEDED = "smtputf8_needed"
    RENDER_FAILED = "render_failed"
    SUPPRESSED = "suppressed"
    TOO_LATE = "too_late"  # not sent by the time after which it was of no use (not_after)
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One message to send: who, and what the template may see of them.

    A row with two addresses becomes two recipients, so that each address has its own outcome.
    """

    #: The row's number in the sheet as people see it, 1-based (of the first row where folded).
    line: int
    #: Identifies the recipient across runs.
    key: str
    #: The envelope address, byte for byte what the relay is given.
    address: str
    #: For `To:`; may be empty.
    name: str
    #: Every column by its header.
    row: Row
    #: The short names that the campaign gave to columns.
    columns: Row = field(default_factory=dict)
    #: All rows of this key, the first included, where rows fold; else empty.
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row, or one address of a row, that can't become a recipient."""

    line: int
    #: The column's header; empty where the whole row is meant.
    column: str
    value: str
    #: A sentence in the reader's language, with what to do.
    reason: str
    #: The whole row, so that it can be written out, mended and imported again.
    row: Row = field(default_factory=dict)


class Message(NamedTuple):
    """A finished message: the envelope, and RFC 5322 bytes with CRLF lines, not dot-stuffed.

    It and `Submission` are made for every message, so they are named tuples: made in a third of a
    dataclass's time.
    """

    sender: str
    address: str
    data: bytes
    #: An address or header needs RFC 6531.
    needs_smtputf8: bool = False
    #: `data` has bytes above 127 (needs 8BITMIME).
    is_8bit: bool = False
    #: Its lines were looked at (`smtp.commands.is_clean`), or are clean by the way it was made:
    #: it may leave as it is.
    is_clean: bool = False
    #: What follows `data`: whole lines of ASCII that many messages have in common, such as a large
    #: attachment. All of them hold the same object, so it is in memory once.
    tail: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of the whole message."""
        return len(self.data) + len(self.tail)


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply (RFC 5321 section 4.2), lines joined by LF."""

    #: 200..599
    code: int
    #: The enhanced status code (RFC 3463), such as `5.1.1`; empty where there is none.
    enhanced: str
    #: Text without codes; control characters replaced.
    text: str

    @property
    def is_positive(self) -> bool:
        """2yz or 3yz."""
        return self.code < 400  # noqa: PLR2004 - RFC 5321's first digit

    @property
    def is_transient(self) -> bool:
        """4yz."""
        return 400 <= self.code < 500  # noqa: PLR2004 - RFC 5321's first digit

    @property
    def is_permanent(self) -> bool:
        """5yz."""
        return self.code >= 500  # noqa: PLR2004 - RFC 5321's first digit

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class Submission(NamedTuple):
    """What the wire said about one message."""

    #: The step that decided it: BODY when accepted.
    stage: Stage
    #: None when the link was lost or timed out before a reply.
    reply: Reply | None
    #: What went wrong where there is no reply; empty otherwise. No secrets.
    error: str = ""
    #: The last byte may have left without a reply: the message is in doubt.
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a submission means for its delivery."""

    #: ACCEPTED, REFUSED, DEFERRED, UNKNOWN, or PENDING (given back: the relay's trouble).
    state: State
    scope: Scope
    cause: Cause
    #: Seconds that the reply asks us to wait before the next attempt, where it says so.
    wait: float | None = None

    @property
    def burns_attempt(self) -> bool:
        """Whether it counts against the delivery's retries: a relay's trouble doesn't."""
        return self.scope is not Scope.RELAY


@dataclass(frozen=True, slots=True)
class Rate:
    """A ceiling: at most `count` in any `seconds`."""

    count: int
    seconds: float

    def __str__(self) -> str:
        names = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
        return f"{self.count}/{names.get(self.seconds, f'{self.seconds:g}s')}"


_TYPES: dict[str, Any] = {
    "$date": date.fromisoformat,
    "$datetime": datetime.fromisoformat,
    "$time": time.fromisoformat,
}


def _encode(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, time):
        return {"$time": value.isoformat()}
    raise TypeError(type(value).__name__)


def _decode(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        ((name, value),) = found.items()
        if name in _TYPES and isinstance(value, str):
            return _TYPES[name](value)
    return found


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_encode)
_decoder = json.JSONDecoder(object_hook=_decode)
#: For contexts without dates, which most are: the hook is a microsecond of four.
_plain_decoder = json.JSONDecoder()


def dump_context(recipient: Recipient) -> str:
    """The recipient's row, columns and rows as JSON text, dates kept as dates.

    The inverse is `load_context`. This is what the ledger stores as the row's snapshot.
    """
    return _encoder.encode([recipient.row, recipient.columns, recipient.rows])


def load_context(text: str) -> tuple[Row, Row, tuple[Row, ...]]:
    """`(row, columns, rows)` as `dump_context` wrote them; raises ValueError for other text."""
    decoder = _decoder if '"$' in text else _plain_decoder
    # Not `decode`: it looks for white space around the text, at a quarter of the time.
    (row, columns, rows), end = decoder.raw_decode(text)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return row, columns, tuple(rows)
