"""Reading the ledger, for reports. Its own connection, which can't write; it locks nobody out.

Totals come from counters, the timeline from the count per second: their cost does not grow with
the run. `deliveries` and `rejections` stream.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notifier.errors import UsageError
from notifier.ledger import claims, connection
from notifier.ledger.scope import EVERYTHING, Scope
from notifier.ledger.spans import sending_seconds
from notifier.ledger.summaries import (
    AttemptRow,
    Bucket,
    CauseGroup,
    DeliveryDetail,
    DeliveryRow,
    RunSummary,
)
from notifier.locale import _
from notifier.model import Cause, Recipient, Rejection, RunState, Stage, State, load_context

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterator, Sequence
    from types import TracebackType
    from typing import Self

__all__ = [
    "AttemptRow",
    "Bucket",
    "CauseGroup",
    "DeliveryDetail",
    "DeliveryRow",
    "Reader",
    "RunSummary",
]

#: Domains told for a cause, and the deliveries that are looked at for them.
MOST_DOMAINS = 5
SAMPLED = 1000
#: Rows read at a time while streaming.
PAGE = 500
#: Digits of the largest number that SQLite holds.
_DIGITS = 18

_SUMMARY = """
SELECT r.id, r.campaign, r.occurrence, r.title, r.relay, r.state, r.reason, r.rows, r.folded,
    r.extra_addresses, r.blank, r.totals, r.rejections, r.started_at, r.finished_at,
    (SELECT json_group_object(c.state, c.count) FROM counter c
        WHERE c.run_id = r.id AND c.count > 0),
    (SELECT max(t.second) + 1 FROM tick t WHERE t.run_id = r.id), r.left_out,
    r.purged_at
FROM run r
"""
_DELIVERY = """
SELECT d.id, d.run_id, p.line, p.key, p.name, p.address, d.state, d.attempts, d.cause, d.code,
    coalesce(a.enhanced, ''), coalesce(a.text, ''), d.changed_at, d.next_attempt_at,
    coalesce(a.relay, '')
"""
_JOINED = """
FROM recipient p CROSS JOIN delivery d ON d.id = p.delivery_id
LEFT JOIN attempt a ON a.delivery_id = d.id AND a.ordinal = (
    SELECT max(l.ordinal) FROM attempt l WHERE l.delivery_id = d.id
    AND CASE d.state WHEN 'accepted' THEN l.outcome = 'accepted' ELSE l.note <> 'late' END)
"""
_BY_TOKEN = "(SELECT delivery_id FROM token WHERE token = ?)"  # noqa: S105 - SQL
_STATES = " AND d.state IN (SELECT value FROM json_each(?))"


class Reader:
    """The ledger, open for reading. `Reader.open(path)`; a context manager that closes it."""

    def __init__(
        self, path: Path, db: sqlite3.Connection, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._db = db
        self._clock = clock

    @classmethod
    def open(cls, path: str | Path, *, clock: Callable[[], float] = time.time) -> Reader:
        """The ledger at `path`; LedgerError where there is none, or not of this version.

        `clock`: Unix seconds, by which it is told whether a run's sender still lives.
        """
        return cls(Path(path), connection.open_reader(Path(path)), clock)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def summary(self, run_id: int) -> RunSummary:
        """The run in figures; UsageError where there is none of that number."""
        for row in self._rows(f"{_SUMMARY} WHERE r.id = ?", run_id):
            return self._summary(row)
        raise UsageError(_("There is no run {run}.").format(run=run_id), next_step="notifier runs")

    def runs(self, limit: int = 20, scope: Scope = EVERYTHING) -> list[RunSummary]:
        """The latest runs, or the latest of those in the scope, the latest first."""
        where, values = scope.of_runs()
        found = self._rows(f"{_SUMMARY} WHERE {where} ORDER BY r.id DESC LIMIT ?", *values, limit)
        return [self._summary(row) for row in list(found)]

    def _summary(self, row: Sequence[Any]) -> RunSummary:
        run_id, started_at, finished_at = row[0], row[13], row[14]
        with connection.translated(self._path):
            is_sent = bool(claims.senders(self._db, run_id, self._clock()))
            sending = (
                sending_seconds(self._db, run_id, started_at, finished_at)
                if started_at is not None
                else None
            )
        return _summary(row, sending, is_being_sent=is_sent)

    def deliveries(
        self,
        run_id: int,
        states: Collection[State] | None = None,
        limit: int | None = None,
        *,
        addresses: Collection[str] | None = None,
    ) -> Iterator[DeliveryRow]:
        """The run's deliveries in the order of the sheet, as they are read: memory stays bounded.

        `states` and `addresses` (without regard to case) narrow the choice.
        """
        where, values = "", []
        if states is not None:
            where += _STATES
            values.append(json.dumps([str(state) for state in states]))
        if addresses is not None:
            where += " AND fold(p.address) IN (SELECT value FROM json_each(?))"
            values.append(json.dumps([it.strip().lower() for it in addresses]))
        rows = self._rows(
            f"{_DELIVERY} {_JOINED} WHERE p.run_id = ? {where}"
            " ORDER BY p.line, p.delivery_id LIMIT ?",
            run_id,
            *values,
            -1 if limit is None else limit,
        )
        return (_delivery(row) for row in rows)

    def rows_of(self, delivery_id: int) -> list[DeliveryRow]:
        """The delivery of that number as reports list it; none where it was purged."""
        found = self._rows(f"{_DELIVERY} {_JOINED} WHERE p.delivery_id = ?", delivery_id)
        return [_delivery(row) for row in found]

    def rejections(self, run_id: int) -> Iterator[Rejection]:
        """The run's rejections in the order of the sheet."""
        rows = self._rows(
            'SELECT line, "column", value, reason, context FROM rejection WHERE run_id = ?'
            " ORDER BY line, id",
            run_id,
        )
        for line, column, value, reason, context in rows:
            yield Rejection(line, column, value, reason, load_context(context)[0])

    def causes(self, run_id: int) -> list[CauseGroup]:
        """Why deliveries stand where they stand, the most frequent first; not the accepted ones.

        Costs by the number of failures, over their own index; a reply and domains are told from
        the first `SAMPLED` of each group.
        """
        groups = self._rows(
            "SELECT cause, state, count(*) FROM delivery WHERE run_id = ? AND cause <> 'accepted'"
            " GROUP BY cause, state ORDER BY count(*) DESC, cause, state",
            run_id,
        )
        return [self._group(run_id, *group) for group in list(groups)]

    def _group(self, run_id: int, cause: str, state: str, count: int) -> CauseGroup:
        rows = self._rows(
            "SELECT p.address, a.code, a.enhanced, a.text FROM (SELECT id, tries FROM delivery"
            " WHERE run_id = ? AND cause = ? AND cause <> 'accepted' AND state = ?"
            " ORDER BY id LIMIT ?) d"
            " JOIN recipient p ON p.delivery_id = d.id"
            " LEFT JOIN attempt a ON a.delivery_id = d.id AND a.ordinal = d.tries",
            run_id,
            cause,
            state,
            SAMPLED,
        )
        sample, domains = "", dict[str, int]()
        for address, *reply in rows:
            sample = sample or " ".join(str(part) for part in reply if part)
            domain = address.rpartition("@")[2].lower()
            domains[domain] = domains.get(domain, 0) + 1
        often = sorted(domains, key=lambda domain: (-domains[domain], domain))
        return CauseGroup(Cause(cause), State(state), count, sample, tuple(often[:MOST_DOMAINS]))

    def timeline(self, run_id: int, buckets: int = 60) -> list[Bucket]:
        """What attempts came to over the run's time, in at most so many equal stretches.

        Empty ones are there too. Costs by the seconds in which something was sent.
        """
        ((first, last),) = self._rows(
            "SELECT min(second), max(second) FROM tick WHERE run_id = ?", run_id
        )
        if first is None:
            return []
        width = max(1, -(-(last - first + 1) // buckets))
        sums: dict[int, dict[str, int]] = {}
        rows = self._rows(
            "SELECT (second - ?) / ?, outcome, sum(count) FROM tick WHERE run_id = ? GROUP BY 1, 2",
            first,
            width,
            run_id,
        )
        for place, outcome, count in rows:
            sums.setdefault(place, {})[outcome] = count
        return [
            _bucket(first + place * width, sums.get(place, {}))
            for place in range((last - first) // width + 1)
        ]

    def delivery(self, reference: int | str) -> DeliveryDetail:
        """All about a delivery, by its number or its token; UsageError where there is none."""
        text = str(reference).strip()
        is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
        rows = self._rows(
            f"{_DELIVERY}, p.context, p.token, d.message_at, d.digest, r.campaign, r.occurrence,"
            f" r.relay, r.campaign_digest, r.template_digest, r.campaign_yaml {_JOINED}"
            " JOIN run r ON r.id = d.run_id"
            f" WHERE p.delivery_id = {'?' if is_number else _BY_TOKEN}",
            int(text) if is_number else text.partition("@")[0].strip("<").lower(),
        )
        for row in rows:
            return _detail(row, self._attempts(row[0]))
        raise UsageError(
            _("There is no delivery {delivery}.").format(delivery=text),
            next_step=_("notifier report RUN lists the deliveries with their numbers."),
        )

    def _attempts(self, delivery_id: int) -> list[AttemptRow]:
        rows = self._rows(
            "SELECT ordinal, relay, started_at, at, stage, code, enhanced, text, outcome, cause,"
            " burns, note FROM attempt WHERE delivery_id = ? ORDER BY ordinal",
            delivery_id,
        )
        return [_attempt(row) for row in rows]

    def query(self, sql: str, *values: object) -> Iterator[Sequence[Any]]:
        """The query's rows, read a page at a time; for this room's other files."""
        return self._rows(sql, *values)

    def _rows(self, sql: str, *values: object) -> Iterator[Sequence[Any]]:
        with connection.translated(self._path):
            cursor = self._db.execute(sql, values)
        while True:
            with connection.translated(self._path):
                page = cursor.fetchmany(PAGE)
            if not page:
                return
            yield from page


def _at(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _summary(row: Sequence[Any], sending: float | None, *, is_being_sent: bool) -> RunSummary:
    found = json.loads(row[15])
    counts = {state: found[state] for state in State if state in found}
    started_at, finished_at, last_at = row[13], row[14], row[16]
    end = finished_at if finished_at is not None else last_at
    seconds = max(0.0, end - started_at) if started_at is not None and end is not None else 0.0
    sending = seconds if sending is None else sending
    accepted = counts.get(State.ACCEPTED, 0)
    return RunSummary(
        id=row[0],
        campaign=row[1],
        occurrence=row[2],
        title=row[3],
        relay=row[4],
        state=RunState(row[5]),
        reason=row[6],
        rows=row[7],
        folded=row[8],
        extra_addresses=row[9],
        blank=row[10],
        totals=row[11],
        deliveries=sum(counts.values()),
        rejections=row[12],
        counts=counts,
        started_at=_at(started_at),
        finished_at=_at(finished_at),
        seconds=seconds,
        messages_per_second=accepted / sending if sending > 0 else 0.0,
        sending_seconds=sending,
        is_being_sent=is_being_sent,
        left_out=row[17],
        purged_at=_at(row[18]),
    )


def _told(cause: str | None, text: str) -> str:
    """An attempt's text; in the reader's language where the program itself was to blame."""
    if cause == Cause.SENDER_GONE and not text:
        return _("The program was ended before the reply was in.")
    return text


def _delivery(row: Sequence[Any]) -> DeliveryRow:
    return DeliveryRow(
        id=row[0],
        run_id=row[1],
        line=row[2],
        key=row[3],
        name=row[4],
        address=row[5],
        state=State(row[6]),
        attempts=row[7],
        cause=Cause(row[8]) if row[8] else None,
        code=row[9],
        enhanced=row[10],
        text=_told(row[8], row[11]),
        at=datetime.fromtimestamp(row[12], UTC),
        next_attempt_at=_at(row[13]),
        relay=row[14],
    )


def _attempt(row: Sequence[Any]) -> AttemptRow:
    number, relay, started_at, at, stage, code, enhanced, text, outcome, cause, burns, note = row
    return AttemptRow(
        number=number,
        relay=relay,
        started_at=datetime.fromtimestamp(started_at, UTC),
        at=datetime.fromtimestamp(at, UTC),
        stage=Stage(stage),
        code=code,
        enhanced=enhanced,
        text=_told(cause, text),
        outcome=State(outcome),
        cause=Cause(cause),
        burns=bool(burns),
        note=note,
    )


def _detail(row: Sequence[Any], attempts: list[AttemptRow]) -> DeliveryDetail:
    context, token, message_at, digest, campaign, occurrence, relay, *digests = row[15:]
    listed = _delivery(row)
    cells, columns, rows = load_context(context)
    return DeliveryDetail(
        row=listed,
        attempts=attempts,
        recipient=Recipient(
            listed.line, listed.key, listed.address, listed.name, cells, columns, rows
        ),
        token=token,
        campaign=campaign,
        occurrence=occurrence,
        relay=relay,
        campaign_digest=digests[0],
        template_digest=digests[1],
        campaign_yaml=digests[2],
        message_at=message_at,
        message_digest=digest.hex() if digest else "",
    )


def _bucket(second: int, sums: dict[str, int]) -> Bucket:
    accepted = sums.get(State.ACCEPTED, 0)
    refused = sums.get(State.REFUSED, 0) + sums.get(State.EXPIRED, 0)
    in_doubt = sums.get(State.UNKNOWN, 0)
    return Bucket(
        at=datetime.fromtimestamp(second, UTC),
        accepted=accepted,
        refused=refused,
        deferred=sum(sums.values()) - accepted - refused - in_doubt,
        in_doubt=in_doubt,
    )
