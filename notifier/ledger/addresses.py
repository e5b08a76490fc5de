"""What a person was ever sent: by address, or by the key that a sheet names them by.

An address costs by its own deliveries (`mailbox` is in its order), a key by the number of runs.
Only who isn't found is looked for: by what their address begins with, and in the latest runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.ledger import audit
from notifier.ledger.records import Suppression
from notifier.nearest import nearest

if TYPE_CHECKING:
    from notifier.ledger.reports import Reader
    from notifier.ledger.summaries import DeliveryRow

#: Addresses, or people of one run, that are compared with one that isn't found.
MOST_COMPARED = 5_000
#: Letters at least that a mistyped address is taken to share with the right one: first all before
#: the @ are, then two thirds of them.
_SHARED = 2
#: Runs in which a key or name is looked for that isn't found.
_LATEST = 5
#: People named whose name was typed.
_NAMESAKES = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """One message to the person, or one that was to be."""

    row: DeliveryRow
    campaign: str
    occurrence: str
    title: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an address may be mailed."""

    #: None: it is on no list.
    suppression: Suppression | None
    #: The person was forgotten, and is not mailed for it.
    is_forgotten: bool


def of_address(reader: Reader, address: str, campaign: str | None = None) -> list[Sent]:
    """Every delivery to the address, without regard to case, the latest first."""
    rows = reader.query(
        "SELECT delivery_id FROM mailbox WHERE address = ? ORDER BY delivery_id DESC",
        address.strip().lower(),
    )
    return _sent(reader, [number for (number,) in rows], campaign)


def of_key(reader: Reader, key: str, campaign: str | None = None) -> list[Sent]:
    """Every delivery to the person of that key, the latest first."""
    rows = reader.query(
        "SELECT p.delivery_id FROM run r CROSS JOIN recipient p ON p.run_id = r.id AND p.key = ?"
        " ORDER BY p.delivery_id DESC",
        key.strip(),
    )
    return _sent(reader, [number for (number,) in rows], campaign)


def _sent(reader: Reader, numbers: list[int], campaign: str | None) -> list[Sent]:
    runs: dict[int, tuple[str, str, str]] = {}
    found = []
    for number in numbers:
        for row in reader.rows_of(number):
            if row.run_id not in runs:
                ((*told,),) = reader.query(
                    "SELECT campaign, occurrence, title FROM run WHERE id = ?", row.run_id
                )
                runs[row.run_id] = (told[0], told[1], told[2])
            if campaign in {None, runs[row.run_id][0]}:
                found.append(Sent(row, *runs[row.run_id]))
    return found


def standing(reader: Reader, address: str) -> Standing:
    """Whether the address is suppressed, or forgotten."""
    folded = address.strip().lower()
    listed = reader.query(
        "SELECT address, reason, source, at FROM suppression WHERE folded = ?", folded
    )
    suppression = next((Suppression(*row) for row in listed), None)
    ((ledger_id,),) = reader.query("SELECT ledger_id FROM identity")
    hidden = reader.query(
        "SELECT 1 FROM forgotten WHERE hash = ?", audit.hash_of(ledger_id, folded)
    )
    return Standing(suppression, any(hidden))


def near_address(reader: Reader, address: str) -> str | None:
    """The known address that was probably meant by one that nothing was sent to."""
    folded = address.strip().lower()
    local = folded.rpartition("@")[0]
    for letters in (len(local), len(local) * 2 // 3, _SHARED):
        start = folded[: max(letters, _SHARED)]
        rows = reader.query(
            "SELECT DISTINCT address FROM mailbox WHERE address >= ? AND address < ? LIMIT ?",
            start,
            f"{start}\U0010ffff",
            MOST_COMPARED,
        )
        if found := nearest(folded, [it for (it,) in rows]):
            return found
    return _by_rest(reader, folded)


def _by_rest(reader: Reader, folded: str) -> str | None:
    """The first letters were wrong: what the latest runs have is compared."""
    rows = reader.query(
        "SELECT p.address FROM (SELECT id FROM run ORDER BY id DESC LIMIT ?) r"
        " CROSS JOIN recipient p ON p.run_id = r.id LIMIT ?",
        _LATEST,
        MOST_COMPARED,
    )
    return nearest(folded, {it.lower() for (it,) in rows})


def near_key(reader: Reader, key: str) -> list[tuple[str, str]]:
    """(key, name) of those who were probably meant: of that name, or with a key much like it."""
    rows = list(
        reader.query(
            "SELECT DISTINCT p.key, p.name FROM (SELECT id FROM run ORDER BY id DESC LIMIT ?) r"
            " CROSS JOIN recipient p ON p.run_id = r.id AND p.address <> '' LIMIT ?",
            _LATEST,
            MOST_COMPARED,
        )
    )
    wanted = key.strip().casefold()
    namesakes = [(it, name) for it, name in rows if wanted in name.casefold()]
    if namesakes:
        return namesakes[:_NAMESAKES]
    names = {it: name for it, name in rows}  # noqa: C416 - typed
    match = nearest(key, names)
    return [(match, names[match])] if match else []
