"""The ledger's door for keeping and forgetting: backup, purge, forget, and who did what."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from notifier.errors import UsageError
from notifier.ledger import audit, backup, claims, dossier, purge, suppressions
from notifier.ledger.forget import Person, forget
from notifier.locale import _

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from notifier.ledger.audit import Entry
    from notifier.ledger.backup import Copied
    from notifier.ledger.connection import Store
    from notifier.ledger.dossier import Dossier
    from notifier.ledger.purge import Old, OldRun
    from notifier.ledger.suppressions import Barred

__all__ = ["Keeping", "Person"]


class Keeping:
    """Each call is told in the audit log, where it changes something."""

    def __init__(self, store: Store, clock: Callable[[], float], actor: str) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor

    def back_up(self, target: Path, *, replace: bool = False) -> Copied:
        """A whole copy of the ledger at `target`, as `backup.back_up` makes it."""
        copied = backup.back_up(self._store.path, target, now=self._clock(), replace=replace)
        with self._store.write() as db:
            self._note(db, "backup", file=copied.path.name, runs=copied.runs, bytes=copied.size)
        return copied

    def find_old(self, before: float) -> Old:
        """Runs that ended before that instant (Unix seconds), whose content a purge takes away."""
        with self._store.alone() as db:
            return purge.find_old(db, before)

    def purge(
        self, runs: Sequence[OldRun], *, told: Callable[[int], None] = lambda _count: None
    ) -> None:
        """Take their personal content away, run by run; `told` hears of deliveries done."""
        for it in runs:
            purge.purge(self._store, it.id, now=self._clock(), actor=self._actor, told=told)
            purge.rest()

    def is_being_sent(self) -> bool:
        """Whether a process is sending anything at this moment."""
        with self._store.alone() as db:
            rows = db.execute("SELECT DISTINCT run_id FROM worker WHERE ended_at IS NULL")
            return any(
                claims.senders(db, run_id, self._clock())
                for (run_id,) in rows.fetchall()
                if run_id is not None
            )

    def compact(self) -> int:
        """Write the file anew without what was taken away; bytes that it shrank."""
        return purge.compact(self._store.path)

    def look_up(self, person: Person) -> Dossier:
        """Everything that the ledger holds about a person."""
        with self._store.alone() as db:
            return dossier.look_up(db, *person)

    def forget(self, person: Person, *, may_be_mailed: bool = False) -> Dossier:
        """Take all of it away, and don't mail them again; what there was.

        UsageError while something is being sent to them, or where nobody is named.
        """
        if not person.addresses and not person.keys:
            raise UsageError(_("Nobody is named."), next_step="notifier forget ADDRESS")
        return forget(
            self._store,
            person,
            now=self._clock(),
            actor=self._actor,
            may_be_mailed=may_be_mailed,
        )

    def count_forgotten(self) -> int:
        """How many addresses are known by a hash alone."""
        with self._store.alone() as db:
            return suppressions.count_forgotten(db)

    def is_suppressed(self, address: str) -> bool:
        """Whether the address must not be mailed, forgotten ones included."""
        with self._store.alone() as db:
            return bool(suppressions.among(db, [address]))

    def barred(self) -> Barred:
        """All who must not be mailed, forgotten ones included."""
        with self._store.alone() as db:
            return suppressions.barred(db)

    @contextlib.contextmanager
    def entries(
        self, *, since: float = 0.0, actor: str = "", run_id: int | None = None
    ) -> Iterator[Iterator[Entry]]:
        """The audit log's rows, the oldest first, while it is open."""
        with self._store.alone() as db:
            yield audit.entries(db, since=since, actor=actor, run_id=run_id)

    def mark_of(self, address: str) -> str:
        """What stands for the address in the audit log."""
        with self._store.alone() as db:
            (ledger_id,) = db.execute("SELECT ledger_id FROM identity").fetchone()
        return audit.mark_of(ledger_id, address)

    def _note(self, db: sqlite3.Connection, action: str, **detail: object) -> None:
        audit.note(db, self._actor, action, "", detail, self._clock())
