"""Who did what: rows that are added, and never changed or taken away.

Two things hold it together. Triggers refuse UPDATE and DELETE, so that no statement of ours, or
typed by somebody, changes it by mistake. And each row's digest is over the row and the digest
before it, so that a row that was changed, taken out or put in by other means shows in
`ledger check`. Whoever may write the file and works out all digests anew is not seen by it: for
that, keep the last digest (`notifier audit` prints it) somewhere else.

No address gets in: an entry can't be erased, and people must be able to be forgotten. What looks
like an address becomes its mark, by which it is found again by whoever knows the address.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Mapping

#: What is taken for an address. `campaign@2027-01-15` is none: its end is no domain.
_ADDRESS = re.compile(r"[^\s<>\"'(),;:@]+@[^\s<>\"'(),;:@]+\.[^\W\d_]{2,}")
#: Marks that are written down with an entry of many addresses.
MOST_MARKS = 100


class Entry(NamedTuple):
    """One row of it."""

    id: int
    #: Unix seconds.
    at: float
    #: `user@host`; empty where a program didn't say.
    actor: str
    #: A verb: send, pause, approve, forget, ...
    action: str
    #: What it was done to: `run 12`, a campaign, a relay.
    subject: str
    detail: Mapping[str, Any]
    #: Over this row and the one before it.
    digest: str


def note(  # noqa: PLR0917 - who, what, to what, how, when: each is said at each call
    db: sqlite3.Connection,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, object],
    now: float,
) -> None:
    """Write down that somebody did something; inside the transaction that does it.

    `detail` is what JSON can hold. Addresses in it, and in the subject, become marks.
    """
    ledger_id, previous, last = _head(db)

    def mark(found: re.Match[str]) -> str:
        return mark_of(ledger_id, found[0])

    row = (
        last + 1,
        now,
        actor,
        action,
        _ADDRESS.sub(mark, subject),
        _ADDRESS.sub(mark, json.dumps(dict(detail), ensure_ascii=False, default=str)),
    )
    db.execute(
        "INSERT INTO audit (id, at, actor, action, subject, detail, digest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*row, _digest(previous, row)),
    )


def _head(db: sqlite3.Connection) -> tuple[str, str, int]:
    """The ledger's identity, and the last row's digest and number."""
    (ledger_id,) = db.execute("SELECT ledger_id FROM identity").fetchone()
    last = db.execute("SELECT digest, id FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return (ledger_id, *(last or (ledger_id, 0)))


def _digest(previous: str, row: tuple[object, ...]) -> str:
    text = json.dumps([previous, *row], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_of(ledger_id: str, address: str) -> str:
    """What stands for an address in this ledger once the address itself must not: 64 digits.

    Compared without regard to case, like suppressions. It hides the address from whoever reads it,
    not from whoever has the ledger and tries addresses: that is its use.
    """
    text = f"{ledger_id}{address.strip().lower()}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def mark_of(ledger_id: str, address: str) -> str:
    """The address' mark in the audit log: `address:` and 16 digits of its hash."""
    return f"address:{hash_of(ledger_id, address)[:16]}"


def marks(db: sqlite3.Connection, addresses: Collection[str]) -> dict[str, object]:
    """How an entry tells addresses: how many, and the marks of the first of them."""
    (ledger_id,) = db.execute("SELECT ledger_id FROM identity").fetchone()
    told = [mark_of(ledger_id, it) for it in list(addresses)[:MOST_MARKS]]
    return {"count": len(addresses), "addresses": told}


def entries(
    db: sqlite3.Connection, *, since: float = 0.0, actor: str = "", run_id: int | None = None
) -> Iterator[Entry]:
    """The rows in order; those since an instant, of an actor (any part of it), of a run."""
    rows = db.execute(
        "SELECT id, at, actor, action, subject, detail, digest FROM audit WHERE at >= ?"
        " AND (? = '' OR instr(lower(actor), lower(?)) > 0)"
        " AND (? IS NULL OR subject = 'run ' || ? OR json_extract(detail, '$.run') = ?)"
        " ORDER BY id",
        (since, actor, actor, run_id, run_id, run_id),
    )
    for number, at, who, action, subject, detail, digest in rows:
        yield Entry(number, at, who, action, subject, json.loads(detail), digest)


def broken_at(db: sqlite3.Connection) -> int | None:
    """The number of the first row that isn't as it was written, or is missing; None: all are."""
    (previous,) = db.execute("SELECT ledger_id FROM identity").fetchone()
    expected = 1
    rows = db.execute(
        "SELECT id, at, actor, action, subject, detail, digest FROM audit ORDER BY id"
    )
    for *row, digest in rows:
        if row[0] != expected or digest != _digest(previous, tuple(row)):
            return expected
        previous, expected = digest, expected + 1
    last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return expected if last and last[0] >= expected else None
