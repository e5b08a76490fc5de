"""What reports are told, frozen. Instants are aware, in UTC; the reader's zone is put on later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notifier.model import Cause, Recipient, RunState, Stage, State


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in figures; costs the same for a million recipients as for ten."""

    id: int
    campaign: str
    occurrence: str
    title: str
    relay: str
    state: RunState
    #: Who paused or stopped it, and why; empty otherwise.
    reason: str
    #: Rows of the sheet, without blank and total rows. 0 until enrolment is finished.
    rows: int
    folded: int
    extra_addresses: int
    blank: int
    totals: int
    deliveries: int
    rejections: int
    #: Deliveries by state, zeros left out.
    counts: Mapping[State, int]
    #: When the first delivery was claimed; None before.
    started_at: datetime | None
    finished_at: datetime | None
    #: From the start to the end, or to the last outcome where there is no end yet.
    seconds: float
    #: Accepted messages by `sending_seconds`; 0.0 where that can't be said.
    messages_per_second: float
    #: Of `seconds`, those in which somebody was sending it: without pauses and interruptions.
    sending_seconds: float = 0.0
    #: Whether somebody is sending it right now.
    is_being_sent: bool = False
    #: Recipients of the sheet that this run was not meant for (`send --only`).
    left_out: int = 0
    #: When its persons were taken out of the ledger (`ledger purge`); None: they are there.
    purged_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints: names that scripts may rely on; instants in ISO 8601, UTC."""
        return {
            "run": self.id,
            "campaign": self.campaign,
            "occurrence": self.occurrence,
            "title": self.title,
            "relay": self.relay,
            "state": self.state.value,
            "reason": self.reason,
            "rows": self.rows,
            "folded": self.folded,
            "extra_addresses": self.extra_addresses,
            "left_out": self.left_out,
            "deliveries": self.deliveries,
            "rejections": self.rejections,
            "counts": {state.value: count for state, count in self.counts.items()},
            "started_at": _iso(self.started_at),
            "finished_at": _iso(self.finished_at),
            "seconds": round(self.seconds, 3),
            "sending_seconds": round(self.sending_seconds, 3),
            "messages_per_second": round(self.messages_per_second, 1),
            "is_being_sent": self.is_being_sent,
            "purged_at": _iso(self.purged_at),
        }


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery as a report lists it, with its last reply."""

    id: int
    run_id: int
    line: int
    key: str
    name: str
    address: str
    state: State
    #: Attempts that count.
    attempts: int
    #: None where nothing was tried yet.
    cause: Cause | None
    code: int | None
    enhanced: str
    #: The last reply's text, or what went wrong where there was none.
    text: str
    #: When it came to this state.
    at: datetime
    #: When it is due again, in `pending` and `deferred`.
    next_attempt_at: datetime | None
    #: Whose reply the last one is; empty where nothing was tried yet.
    relay: str = ""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try, with the reply."""

    #: 1 for the first.
    number: int
    relay: str
    started_at: datetime
    at: datetime
    stage: Stage
    code: int | None
    enhanced: str
    text: str
    #: The state that it led to, or would have led to (see `note`).
    outcome: State
    cause: Cause
    #: Whether it counts against the retries.
    burns: bool
    #: Empty, `late`, `late_settled` or `worker_gone` (see `tables.Attempt`).
    note: str

    def as_dict(self) -> dict[str, Any]:
        """What `show --json` prints of it."""
        return {
            "at": _iso(self.at),
            "relay": self.relay,
            "stage": self.stage.value,
            "code": self.code,
            "enhanced": self.enhanced,
            "text": self.text,
            "outcome": self.outcome.value,
            "cause": self.cause.value,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """All about one delivery, enough to make its very message again."""

    row: DeliveryRow
    attempts: Sequence[AttemptRow]
    #: Whom the message was made for, and from which row of the sheet.
    recipient: Recipient
    #: The Message-ID's left part.
    token: str
    campaign: str
    occurrence: str
    relay: str
    campaign_digest: str
    template_digest: str
    campaign_yaml: str
    #: The `Date:` of its message, Unix seconds; None where none was intended yet.
    message_at: float | None
    #: sha256 of its message's bytes in hexadecimal; empty where none was intended yet.
    message_digest: str

    def as_dict(self) -> dict[str, Any]:
        """What `show --json` prints; the row's dates are in ISO 8601."""
        return {
            "delivery": self.row.id,
            "run": self.row.run_id,
            "campaign": self.campaign,
            "occurrence": self.occurrence,
            "line": self.row.line,
            "key": self.row.key,
            "name": self.row.name,
            "address": self.row.address,
            "state": self.row.state.value,
            "cause": self.row.cause.value if self.row.cause else None,
            "token": self.token,
            "next_attempt_at": _iso(self.row.next_attempt_at),
            "message_digest": self.message_digest,
            "template_digest": self.template_digest,
            "row": {name: _plain(value) for name, value in self.recipient.row.items()},
            "attempts": [it.as_dict() for it in self.attempts],
        }


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Deliveries that stand where they stand for the same reason."""

    cause: Cause
    state: State
    count: int
    #: The reply that one of them got.
    sample_reply: str
    #: The domains concerned, the most frequent first, a few at most.
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of a run's time: what attempts came to in it."""

    #: Its beginning.
    at: datetime
    accepted: int
    #: `refused` and `expired`.
    refused: int
    #: `deferred`, and given back.
    deferred: int
    #: `unknown`: the link was lost, or the program ended, before the reply was in.
    in_doubt: int = 0


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at is not None else None


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else str(value)
