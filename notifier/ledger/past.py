"""What the people of a campaign were sent by its earlier runs, key by key: for corrections.

Its own connection, which can't write. A key is looked up by `recipient_once`, once for each run of
the campaign, so that the cost of one recipient doesn't grow with the runs' sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.ledger import connection
from notifier.model import Cause, Recipient, RunState, State, load_context

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

#: Rows read at a time while streaming.
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier run of the campaign."""

    id: int
    occurrence: str
    state: RunState
    #: Recipients that it was not meant for; more than none: it was a correction.
    left_out: int
    #: When its persons were taken out of the ledger; None: they are there.
    purged_at: float | None


@dataclass(frozen=True, slots=True)
class PastDelivery:
    """What somebody was sent, or not, by an earlier run."""

    id: int
    run_id: int
    address: str
    name: str
    #: `model.dump_context`'s JSON text.
    context: str
    state: State
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class PastReply:
    """What was heard last about a delivery."""

    code: int | None
    enhanced: str
    text: str


class Past:
    """The earlier runs of one campaign. `Past.open(path, campaign)`; a context manager."""

    def __init__(self, path: Path, db: sqlite3.Connection, campaign: str, but: int) -> None:
        self._path = path
        self._db = db
        self._campaign = campaign
        self._but = but
        self.runs = self._runs()

    @classmethod
    def open(cls, path: str | Path, campaign: str, *, but: int = 0) -> Past:
        """The ledger at `path`; `but` is a run that is left out of account: the one to go on with.

        LedgerError where there is no ledger, or not of this version.
        """
        return cls(Path(path), connection.open_reader(Path(path)), campaign, but)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._db.close()

    def _runs(self) -> list[PastRun]:
        """The latest first."""
        with connection.translated(self._path):
            rows = self._db.execute(
                "SELECT id, occurrence, state, left_out, purged_at FROM run"
                " WHERE campaign = ? AND id <> ? ORDER BY id DESC",
                (self._campaign, self._but),
            ).fetchall()
        return [PastRun(row[0], row[1], RunState(row[2]), *row[3:]) for row in rows]

    def deliveries(self, key: str) -> list[PastDelivery]:
        """Whatever was meant for this key, the latest first."""
        with connection.translated(self._path):
            rows = self._db.execute(
                "SELECT p.delivery_id, p.run_id, p.address, p.name, p.context, d.state, d.cause"
                " FROM run r CROSS JOIN recipient p ON p.run_id = r.id AND p.key = ?"
                " JOIN delivery d ON d.id = p.delivery_id"
                " WHERE r.campaign = ? AND r.id <> ? ORDER BY p.delivery_id DESC",
                (key, self._campaign, self._but),
            ).fetchall()
        return [
            PastDelivery(number, run_id, address, name, context, State(state), _cause(cause))
            for number, run_id, address, name, context, state, cause in rows
        ]

    def reply(self, delivery_id: int) -> PastReply | None:
        """What was heard last about it; None where nothing was tried."""
        with connection.translated(self._path):
            row = self._db.execute(
                "SELECT code, enhanced, text FROM attempt WHERE delivery_id = ?"
                " AND note <> 'late' ORDER BY ordinal DESC LIMIT 1",
                (delivery_id,),
            ).fetchone()
        return None if row is None else PastReply(*row)

    def everybody(self, run_id: int) -> Iterator[Recipient]:
        """Everybody who is to be mailed in a run, with their row, in the order of the sheet."""
        with connection.translated(self._path):
            cursor = self._db.execute(
                "SELECT p.line, p.key, p.address, p.name, p.context FROM recipient p"
                " JOIN delivery d ON d.id = p.delivery_id"
                " WHERE p.run_id = ? AND d.state NOT IN ('suppressed', 'cancelled')"
                " ORDER BY p.line, p.delivery_id",
                (run_id,),
            )
        while True:
            with connection.translated(self._path):
                page = cursor.fetchmany(_PAGE)
            if not page:
                return
            for line, key, address, name, context in page:
                row, columns, rows = load_context(context)
                yield Recipient(line, key, address, name, row, columns, rows)

    def keys(self, run_id: int) -> Iterator[tuple[str, str, str]]:
        """Key, address and name of everybody in a run, as they are read."""
        with connection.translated(self._path):
            cursor = self._db.execute(
                "SELECT key, address, name FROM recipient WHERE run_id = ? ORDER BY key, address",
                (run_id,),
            )
        while True:
            with connection.translated(self._path):
                page = cursor.fetchmany(_PAGE)
            if not page:
                return
            yield from page


def _cause(text: str | None) -> Cause | None:
    return Cause(text) if text else None
