"""Enrolment: recipients become pending deliveries, once, however often it is begun again.

A delivery's token is derived from the ledger, the campaign, the occurrence, the key and the
address. The same recipient has the same token on every attempt to enrol, so what is there already
is recognised by it, and the Message-ID stays the same for good.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import json
import sys
import time
from typing import TYPE_CHECKING

from notifier.errors import GuardError, UsageError
from notifier.ledger import mailboxes, runs, suppressions
from notifier.locale import _
from notifier.model import Cause, Recipient, Rejection, RunState, State, dump_context

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from notifier.ledger.connection import Store
    from notifier.ledger.records import Run


#: Letters of a token, in the order in which texts are compared.
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
#: Tokens sorted at once, as a power of two: some 8 MB.
SORTED_BITS = 17
#: Seconds between two transactions of a large run: SQLite looks every 100 ms whether it may write.
GAP = 0.12


class TokenMaker:
    """Makes the tokens of one run."""

    def __init__(self, ledger_id: str, campaign: str, occurrence: str) -> None:
        self._start = hashlib.blake2b(digest_size=16)
        self._start.update(_framed(ledger_id, campaign, occurrence))

    def token(self, key: str, address: str) -> str:
        """26 lower-case letters and digits: 128 bits of blake2b in base32 (RFC 4648)."""
        digest = self._start.copy()
        digest.update(_framed(key, address))
        return base64.b32encode(digest.digest())[:26].decode("ascii").lower()


def _framed(*parts: str) -> bytes:
    """The texts, each behind its length: no two lists of texts look alike."""
    data = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(b"%d:%b" % (len(it), it) for it in data)


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
        if not recipients:
            return
        first = _next_number(db)
        tokens = TokenMaker(self._ledger_id, run.campaign, run.occurrence)
        if gone := suppressions.forgotten(db, [it.address for it in recipients]):
            recipients = [_unnamed(it, tokens) if _is_of(it, gone) else it for it in recipients]
        db.executemany(
            "INSERT INTO recipient"
            " (delivery_id, run_id, line, token, key, address, name, context)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (run_id, key, address) DO NOTHING",
            [
                (
                    number,
                    run.id,
                    it.line,
                    tokens.token(it.key, it.address),
                    it.key,
                    it.address,
                    it.name,
                    dump_context(it),
                )
                for number, it in enumerate(recipients, first)
            ],
        )
        barred = suppressions.among(db, [it.address for it in recipients])
        _add_deliveries(
            db,
            run.id,
            first,
            [n for n, it in enumerate(recipients, first) if it.address.lower() in barred],
            now,
        )

    def _add_rejections(
        self, db: sqlite3.Connection, run_id: int, rejections: Iterable[Rejection]
    ) -> None:
        before = db.total_changes
        rejections = list(rejections)
        if gone := suppressions.forgotten(db, [it.value for it in rejections]):
            rejections = [
                Rejection(it.line, it.column, "", "") if it.value.strip().lower() in gone else it
                for it in rejections
            ]
        db.executemany(
            'INSERT INTO rejection (run_id, line, "column", value, again, reason,'
            " context) VALUES (?, ?, ?, ?, ?, ?, ?)"
            ' ON CONFLICT (run_id, line, "column", value, again) DO NOTHING',
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


def _unnamed(recipient: Recipient, tokens: TokenMaker) -> Recipient:
    """What is written down of a recipient who was forgotten: that there was one, on a line.

    Its key is the same whenever the enrolment is begun again, and tells nobody who it was.
    """
    who = tokens.token(recipient.key, recipient.address)
    return Recipient(recipient.line, f"forgotten:{who}", "", "", {})


def _is_of(recipient: Recipient, folded: set[str]) -> bool:
    return recipient.address.strip().lower() in folded


def _next_number(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'recipient'").fetchone()
    return 1 + (int(row[0]) if row else 0)


def _add_deliveries(
    db: sqlite3.Connection, run_id: int, first: int, barred: list[int], now: float
) -> None:
    """One for each recipient that is new, from the number `first` on, and their counters."""
    db.execute(
        "INSERT INTO delivery (id, run_id, state, cause, attempts, tries, next_attempt_at,"
        " changed_at) SELECT delivery_id, run_id, ?, NULL, 0, 0, ?, ? FROM recipient"
        " WHERE delivery_id >= ?",
        (State.PENDING, now, now, first),
    )
    if barred:
        db.execute(
            "UPDATE delivery SET state = ?, cause = ?, next_attempt_at = NULL"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (State.SUPPRESSED, Cause.SUPPRESSED, json.dumps(barred)),
        )
    db.execute(
        "UPDATE counter SET count = count + a.added FROM"
        " (SELECT state, count(*) AS added FROM delivery WHERE id >= ? GROUP BY state) a"
        " WHERE counter.run_id = ? AND counter.state = a.state",
        (first, run_id),
    )


def put_in_order(store: Store, run_id: int) -> None:
    """Write down whose each token and each address is, before the run is finished enrolling.

    Sorting takes memory, and a million rows take many seconds in which nobody else could write: so
    a range at a time, each a transaction, with gaps in which others have their turn. Killed in
    between, it is done again.
    """
    with store.alone() as db:
        if runs.get(db, run_id).state is not RunState.ENROLLING:
            return
        count = sum(runs.counts(db, run_id).values())
        parts = [*_token_parts(run_id, count), *mailboxes.parts(db, run_id, count)]
    for number, (sql, values) in enumerate(parts):
        if number and count > 1 << SORTED_BITS:
            time.sleep(GAP)
        with store.write() as db:
            db.execute(sql, values)
    if count > 1 << SORTED_BITS:
        _give_memory_back(store)


def _give_memory_back(store: Store) -> None:
    """What reading and sorting took is the system's again (measured: 30 MB of 160).

    Of itself glibc keeps what was freed between things that are still used (malloc_trim(3)); other
    systems' libraries have no such function.
    """
    with store.alone() as db:
        db.execute("PRAGMA shrink_memory")
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _token_parts(run_id: int, count: int) -> list[tuple[str, tuple[object, ...]]]:
    parts = min(len(_ALPHABET), 1 << max(0, count - 1).bit_length() >> SORTED_BITS or 1)
    bounds = [_ALPHABET[at] for at in range(0, len(_ALPHABET), len(_ALPHABET) // parts)]
    sql = (
        "INSERT OR IGNORE INTO token (token, delivery_id) SELECT token, delivery_id FROM recipient"
        " WHERE run_id = ? AND token >= ? AND token < ? ORDER BY token"
    )
    return [
        (sql, (run_id, low, high)) for low, high in zip(bounds, [*bounds[1:], "~"], strict=True)
    ]


def finish(
    db: sqlite3.Connection,
    run_id: int,
    *,
    rows: int,
    folded: int,
    extra_addresses: int,
    left_out: int = 0,
    blank: int,
    totals: int,
    now: float,
    to: RunState = RunState.ACTIVE,
) -> None:
    """Every row is accounted for: the run becomes `to`. GuardError where the sums don't agree.

    After `put_in_order`.

    rows + extra addresses = deliveries + rejections + rows folded + recipients left out. They can't
    agree when the sheet was changed after an enrolment that was killed.
    """
    run = runs.get(db, run_id)
    if run.state is not RunState.ENROLLING:
        return
    deliveries = sum(runs.counts(db, run_id).values())
    (rejections,) = db.execute("SELECT rejections FROM run WHERE id = ?", (run_id,)).fetchone()
    if rows + extra_addresses != deliveries + rejections + folded + left_out:
        raise GuardError(
            _(
                "The sheet does not agree with what was written down before: {rows} rows and"
                " {extra} further addresses, but {deliveries} deliveries, {rejections} rejections,"
                " {folded} folded rows and {left_out} left out."
            ).format(
                rows=rows,
                extra=extra_addresses,
                deliveries=deliveries,
                rejections=rejections,
                folded=folded,
                left_out=left_out,
            ),
            where=_("run {run}").format(run=run_id),
            next_step=_(
                "The sheet was changed meanwhile: notifier cancel {run}, then send it again."
            ).format(run=run_id),
        )
    db.execute(
        "UPDATE run SET rows = ?, folded = ?, extra_addresses = ?, left_out = ?, blank = ?,"
        " totals = ?, enrolled_at = ? WHERE id = ?",
        (rows, folded, extra_addresses, left_out, blank, totals, now, run_id),
    )
    runs.move(db, run_id, to, "", now)
