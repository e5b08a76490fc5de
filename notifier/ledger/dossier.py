"""Everything that the ledger holds about one person: what `forget` shows, and then takes away.

A person is some addresses, some keys, or both. Theirs is what was to one of the addresses, or had
one of the keys. Besides, an address stands in other people's rows (the other parent's), in rejected
rows, replies, alerts: there it alone is taken out, and the rest stays whose it is.

Costs: an index for what is theirs; a pass over all rows, attempts and rejections for the rest.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from notifier.ledger import suppressions
from notifier.ledger.traces import Eraser
from notifier.model import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator

    from notifier.ledger.records import Suppression

#: Texts in which a relay or a program may have repeated an address: (table, column).
NOTES = (
    ("attempt", "text"),
    ("alert", "text"),
    ("alert", "event"),
    ("alert", "error"),
    ("approval", "note"),
    ("run", "reason"),
    ("firing", "note"),
    ("trouble", "why"),
    ("pace", "why"),
    ("step", "why"),
    ("encounter", "trial"),
)


class Theirs(NamedTuple):
    """A delivery to the person."""

    id: int
    run_id: int
    campaign: str
    occurrence: str
    line: int
    key: str
    name: str
    address: str
    state: State
    #: When it came to this state.
    at: float
    #: Rows of `attempt`.
    attempts: int


class Mention(NamedTuple):
    """Somebody else's delivery whose row holds the address."""

    id: int
    run_id: int


class Rejected(NamedTuple):
    """A rejected row that holds the address."""

    id: int
    run_id: int
    line: int
    column: str
    #: It was rejected for this very address: nothing of it stays.
    is_theirs: bool


class Note(NamedTuple):
    """A text that repeats the address."""

    table: str
    column: str
    text: str


class File(NamedTuple):
    """A document of a run."""

    run_id: int
    role: str
    name: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is held about one person."""

    #: In lower case: what is looked for, and not mailed any more.
    addresses: tuple[str, ...]
    deliveries: tuple[Theirs, ...]
    mentions: tuple[Mention, ...]
    rejections: tuple[Rejected, ...]
    notes: tuple[Note, ...]
    suppressions: tuple[Suppression, ...]
    #: Files that were theirs alone: they go.
    files: tuple[File, ...]
    #: Campaigns and templates that name them: they stay.
    named_in: tuple[File, ...]
    #: Addresses that share a key with theirs, and are not theirs: the other parent's, perhaps.
    near: tuple[str, ...]
    #: How many of the addresses are forgotten already.
    forgotten: int

    @property
    def is_empty(self) -> bool:
        """Whether the ledger holds nothing."""
        return not any(
            (self.deliveries, self.mentions, self.rejections, self.notes, self.suppressions)
        ) and not (self.files or self.named_in)

    @property
    def on_the_wire(self) -> tuple[Theirs, ...]:
        """Deliveries that are being sent right now."""
        return tuple(it for it in self.deliveries if it.state in (State.CLAIMED, State.SUBMITTING))


def look_up(
    db: sqlite3.Connection, addresses: Collection[str], keys: Collection[str] = ()
) -> Dossier:
    """Everything about whoever has these addresses or keys."""
    folded = {it.strip().lower() for it in addresses}
    numbers = _to(db, folded) | _with(db, keys)
    folded |= _theirs_alone(db, numbers)
    deliveries = tuple(_deliveries(db, numbers))
    eraser = Eraser(folded)
    return Dossier(
        addresses=tuple(sorted(folded)),
        deliveries=deliveries,
        mentions=tuple(_mentions(db, folded, eraser, numbers)),
        rejections=tuple(_rejections(db, folded, eraser)),
        notes=tuple(_notes(db, folded, eraser)),
        suppressions=tuple(it for it in suppressions.every(db) if it.address.lower() in folded),
        files=tuple(_files(db, deliveries, eraser)),
        named_in=tuple(_named_in(db, folded, eraser)),
        near=tuple(sorted(_near(db, deliveries) - folded)),
        forgotten=len(suppressions.forgotten(db, folded)),
    )


def as_of_now(db: sqlite3.Connection, found: Dossier) -> Dossier:
    """The same, with the states that the deliveries have come to since."""
    return replace(found, deliveries=tuple(_deliveries(db, {it.id for it in found.deliveries})))


def _to(db: sqlite3.Connection, folded: Collection[str]) -> set[int]:
    """Deliveries to these addresses; of runs that are not enrolled to the end, row by row."""
    asked = json.dumps(list(folded))
    rows = db.execute(
        "SELECT delivery_id FROM mailbox WHERE address IN (SELECT value FROM json_each(?1))"
        " UNION SELECT p.delivery_id FROM run r CROSS JOIN recipient p ON p.run_id = r.id"
        " WHERE r.enrolled_at IS NULL AND fold(p.address) IN (SELECT value FROM json_each(?1))",
        (asked,),
    )
    return {number for (number,) in rows}


def _with(db: sqlite3.Connection, keys: Collection[str]) -> set[int]:
    rows = db.execute(
        "SELECT p.delivery_id FROM run r CROSS JOIN recipient p ON p.run_id = r.id"
        " WHERE p.key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )
    return {number for (number,) in rows}


def _theirs_alone(db: sqlite3.Connection, numbers: Collection[int]) -> set[str]:
    """Addresses that no other delivery than these has: a parent's with another child stays."""
    rows = db.execute(
        "SELECT DISTINCT fold(p.address) FROM recipient p WHERE p.address <> ''"
        " AND p.delivery_id IN (SELECT value FROM json_each(?1))"
        " AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.address = fold(p.address)"
        " AND m.delivery_id NOT IN (SELECT value FROM json_each(?1)))",
        (json.dumps(list(numbers)),),
    )
    return {address for (address,) in rows}


def _deliveries(db: sqlite3.Connection, numbers: Collection[int]) -> Iterator[Theirs]:
    rows = db.execute(
        "SELECT p.delivery_id, p.run_id, r.campaign, r.occurrence, p.line, p.key, p.name,"
        " p.address, d.state, d.changed_at, d.tries FROM recipient p"
        " JOIN delivery d ON d.id = p.delivery_id JOIN run r ON r.id = p.run_id"
        " WHERE p.delivery_id IN (SELECT value FROM json_each(?)) ORDER BY p.delivery_id",
        (json.dumps(list(numbers)),),
    )
    for row in rows:
        yield Theirs(*row)._replace(state=State(row[8]))


def _holding(column: str, folded: Collection[str]) -> tuple[str, list[str]]:
    """A condition that is true at least where one of the addresses stands in the column."""
    tests, values = [], []
    for address in folded:
        lower = "lower" if address.isascii() else "fold"
        tests.append(f"instr({lower}({column}), ?) > 0")
        values.append(address)
    return f"({' OR '.join(tests) or '0'})", values


def _in_json(folded: Collection[str]) -> list[str]:
    """The addresses as JSON spells them."""
    return [json.dumps(it, ensure_ascii=False)[1:-1] for it in folded]


def _mentions(
    db: sqlite3.Connection, folded: Collection[str], eraser: Eraser, own: Collection[int]
) -> Iterator[Mention]:
    test, values = _holding("context", _in_json(folded))
    rows = db.execute(f"SELECT delivery_id, run_id, context FROM recipient WHERE {test}", values)  # noqa: S608 - constants of ours
    for number, run_id, context in rows:
        if number not in own and eraser.is_in_json(context):
            yield Mention(number, run_id)


def _rejections(
    db: sqlite3.Connection, folded: Collection[str], eraser: Eraser
) -> Iterator[Rejected]:
    test, values = _holding("value || ' ' || reason || ' ' || context", folded)
    spelled, more = _holding("context", _in_json(folded))
    rows = db.execute(
        'SELECT id, run_id, line, "column", value, reason, context FROM rejection'  # noqa: S608 - constants of ours
        f" WHERE {test} OR {spelled}",
        (*values, *more),
    )
    for number, run_id, line, column, value, reason, context in rows:
        is_theirs = eraser.is_in(value)
        if is_theirs or eraser.is_in(reason) or eraser.is_in_json(context):
            yield Rejected(number, run_id, line, column, is_theirs)


def _notes(db: sqlite3.Connection, folded: Collection[str], eraser: Eraser) -> Iterator[Note]:
    for table, column in NOTES:
        test, values = _holding(column, folded)
        rows = db.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {test}", values)  # noqa: S608 - constants of ours
        for (text,) in rows:
            if eraser.is_in(text):
                yield Note(table, column, text)


def _files(
    db: sqlite3.Connection, deliveries: Collection[Theirs], eraser: Eraser
) -> Iterator[File]:
    """Files of their runs that hold the address, or are named after it or their key."""
    keys = {it.key for it in deliveries if len(it.key) > 2}  # noqa: PLR2004 - `1` is in every name
    named = re.compile("|".join(rf"(?<!\w){re.escape(it)}(?!\w)" for it in keys) or r"(?!)")
    rows = db.execute(
        "SELECT r.run_id, r.role, r.name, d.content FROM run_document r"
        " LEFT JOIN document d ON d.digest = r.digest"
        " WHERE r.role = 'file' AND r.run_id IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted({it.run_id for it in deliveries})),),
    )
    for run_id, role, name, content in rows:
        if named.search(name) or eraser.is_in(name) or _is_held(content, eraser):
            yield File(run_id, role, name)


def _named_in(db: sqlite3.Connection, folded: Collection[str], eraser: Eraser) -> Iterator[File]:
    test, values = _holding("campaign_yaml", folded)
    rows = db.execute(f"SELECT id, campaign, campaign_yaml FROM run WHERE {test}", values)  # noqa: S608 - constants of ours
    for run_id, campaign, text in rows:
        if eraser.is_in(text):
            yield File(run_id, "campaign", campaign)
    documents = db.execute(
        "SELECT r.run_id, r.role, r.name, d.content FROM run_document r"
        " JOIN document d ON d.digest = r.digest WHERE r.role = 'template'"
    )
    for run_id, role, name, content in documents:
        if _is_held(content, eraser):
            yield File(run_id, role, name)


def _is_held(content: bytes | None, eraser: Eraser) -> bool:
    return content is not None and eraser.is_in(zlib.decompress(content).decode("utf-8", "replace"))


def _near(db: sqlite3.Connection, deliveries: Collection[Theirs]) -> set[str]:
    """Addresses that the same keys have, where a key isn't an address itself."""
    keys = {it.key for it in deliveries if it.key and "@" not in it.key}
    rows: Any = db.execute(
        "SELECT DISTINCT fold(p.address) FROM run r CROSS JOIN recipient p ON p.run_id = r.id"
        " WHERE p.key IN (SELECT value FROM json_each(?)) AND p.address <> ''",
        (json.dumps(sorted(keys)),),
    )
    return {address for (address,) in rows}
