"""Enrolment: recipients become pending deliveries, once, however often it is begun again.

A delivery's token is derived from the ledger, the campaign, the occurrence, the key and the
address. The same recipient has the same token on every attempt to enrol, so what is there already
is recognised by it, and the Message-ID stays the same for good.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from notifier.errors import GuardError, UsageError
from notifier.ledger import runs, suppressions
from notifier.locale import _
from notifier.model import Cause, Recipient, Rejection, RunState, State, dump_context

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from notifier.ledger.records import Run


def token_of(ledger_id: str, run: Run, key: str, address: str) -> str:
    """26 lower-case letters and digits: 128 bits of blake2b in base32 (RFC 4648)."""
    parts = (ledger_id, run.campaign, run.occurrence, key, address)
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return base64.b32encode(digest.digest())[:26].decode("ascii").lower()


class Enroller:
    """Enrols batches; keeps what tells equal rejections of one cell apart across batches."""

    def __init__(self, ledger_id: str) -> None:
        self._ledger_id = ledger_id
        self._last: tuple[int, int] = (0, 0)
        self._again: dict[tuple[str, str], int] = {}

    def begin(self) -> None:
        """An enrolment starts, or starts again: from the sheet's first row."""
        self._last, self._again = (0, 0), {}

    def enrol(
        self,
        db: sqlite3.Connection,
        run_id: int,
        recipients: Sequence[Recipient],
        rejections: Iterable[Rejection],
        now: float,
    ) -> None:
        """Write the batch down; what is there already stays as it is."""
        run = runs.get(db, run_id)
        if run.state is not RunState.ENROLLING:
            raise UsageError(
                _("The recipients of run {run} were written down already.").format(run=run_id),
                next_step=f"notifier status {run_id}",
            )
        self._add_recipients(db, run, recipients, now)
        self._add_rejections(db, run_id, rejections)

    def _add_recipients(
        self, db: sqlite3.Connection, run: Run, recipients: Sequence[Recipient], now: float
    ) -> None:
        found = {token_of(self._ledger_id, run, it.key, it.address): it for it in recipients}
        known = db.execute(
            "SELECT token FROM recipient WHERE token IN (SELECT value FROM json_each(?))",
            (json.dumps(list(found)),),
        )
        for (token,) in known.fetchall():
            del found[token]
        if not found:
            return
        barred = suppressions.among(db, [it.address for it in found.values()])
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'delivery'").fetchone()
        first = (row[0] if row else 0) + 1
        is_barred = [it.address.lower() in barred for it in found.values()]
        db.executemany(
            "INSERT INTO delivery (id, run_id, state, cause, attempts, tries, next_attempt_at,"
            " changed_at) VALUES (?, ?, ?, ?, 0, 0, ?, ?)",
            [
                (number, run.id, State.SUPPRESSED, Cause.SUPPRESSED, None, now)
                if barred_too
                else (number, run.id, State.PENDING, None, now, now)
                for number, barred_too in enumerate(is_barred, first)
            ],
        )
        db.executemany(
            "INSERT INTO recipient (delivery_id, run_id, line, token, key, address, name, context)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (number, run.id, it.line, token, it.key, it.address, it.name, dump_context(it))
                for number, (token, it) in enumerate(found.items(), first)
            ],
        )
        _count(db, run.id, State.SUPPRESSED, sum(is_barred))
        _count(db, run.id, State.PENDING, len(found) - sum(is_barred))

    def _add_rejections(
        self, db: sqlite3.Connection, run_id: int, rejections: Iterable[Rejection]
    ) -> None:
        before = db.total_changes
        db.executemany(
            'INSERT OR IGNORE INTO rejection (run_id, line, "column", value, again, reason,'
            " context) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    run_id,
                    it.line,
                    it.column,
                    it.value,
                    self._number(run_id, it),
                    it.reason,
                    dump_context(Recipient(it.line, "", "", "", it.row)),
                )
                for it in rejections
            ],
        )
        added = db.total_changes - before
        if added:
            db.execute("UPDATE run SET rejections = rejections + ? WHERE id = ?", (added, run_id))

    def _number(self, run_id: int, rejection: Rejection) -> int:
        """0, or the how-manieth equal rejection of the line (a cell may hold `x; x; x`)."""
        place = (run_id, rejection.line)
        if place != self._last:
            self._last, self._again = place, {}
        cell = (rejection.column, rejection.value)
        number = self._again.get(cell, 0)
        self._again[cell] = number + 1
        return number


def _count(db: sqlite3.Connection, run_id: int, state: State, count: int) -> None:
    if count:
        db.execute(
            "UPDATE counter SET count = count + ? WHERE run_id = ? AND state = ?",
            (count, run_id, state),
        )


def finish(
    db: sqlite3.Connection,
    run_id: int,
    *,
    rows: int,
    folded: int,
    extra_addresses: int,
    blank: int,
    totals: int,
    now: float,
) -> None:
    """Every row is accounted for: the run becomes active. GuardError where the sums don't agree.

    rows + extra addresses = deliveries + rejections + rows folded. They can't agree when the sheet
    was changed after an enrolment that was killed.
    """
    run = runs.get(db, run_id)
    if run.state is not RunState.ENROLLING:
        return
    deliveries = sum(runs.counts(db, run_id).values())
    (rejections,) = db.execute("SELECT rejections FROM run WHERE id = ?", (run_id,)).fetchone()
    if rows + extra_addresses != deliveries + rejections + folded:
        raise GuardError(
            _(
                "The sheet does not agree with what was written down before: {rows} rows and"
                " {extra} further addresses, but {deliveries} deliveries, {rejections} rejections"
                " and {folded} folded rows."
            ).format(
                rows=rows,
                extra=extra_addresses,
                deliveries=deliveries,
                rejections=rejections,
                folded=folded,
            ),
            where=_("run {run}").format(run=run_id),
            next_step=_(
                "The sheet was changed meanwhile: notifier cancel {run}, then send it again."
            ).format(run=run_id),
        )
    db.execute(
        "UPDATE run SET rows = ?, folded = ?, extra_addresses = ?, blank = ?, totals = ?,"
        " enrolled_at = ? WHERE id = ?",
        (rows, folded, extra_addresses, blank, totals, now, run_id),
    )
    runs.move(db, run_id, RunState.ACTIVE, "", now)
