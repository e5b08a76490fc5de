"""The ledger's door: the only writer. Each call is one transaction, durable when it returns.

If step X fails, what happens to whom?

    a call raises             its transaction is undone whole; the ledger stays usable
    the process is killed     what returned is there; what didn't is not, or wholly is
    the power is cut          the same, unless `fast` was chosen (`durability.py`)
    the disk is full          LedgerError; nothing of the batch is written, nothing before is lost
    another program locks it  LedgerError after `connection.BUSY_SECONDS`; try again

A `Ledger` may be used from several threads; one at a time gets its turn.
"""

from __future__ import annotations

import os
import socket
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.ledger import (
    approvals,
    audit,
    brakes,
    claims,
    connection,
    enrolment,
    outcomes,
    runs,
    statements,
    suppressions,
)
from notifier.ledger.alerts import Alerts
from notifier.ledger.documents import Documents
from notifier.ledger.doubts import Doubts
from notifier.ledger.keeping import Keeping
from notifier.ledger.records import (
    Claimed,
    Intent,
    NewRun,
    Recovered,
    Result,
    Run,
    Sender,
    Suppression,
)
from notifier.ledger.schedules import Schedules
from notifier.ledger.traffic import Traffic
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from notifier.ledger.connection import Store
    from notifier.model import Durability, Recipient, Rejection, State

__all__ = [
    "Claimed",
    "Intent",
    "Ledger",
    "NewRun",
    "Recovered",
    "Result",
    "Run",
    "Suppression",
]


class Ledger:
    """The open ledger. `Ledger.open(path)`; a context manager that closes it."""

    def __init__(self, store: Store, clock: Callable[[], float], actor: str = "") -> None:
        self._store = store
        self._clock = clock
        #: Who uses it, for the audit log: `user@host`.
        self.actor = actor
        self._worker_id = 0
        self._leases: dict[int, float] = {}
        with store.alone() as db:
            self._recorder = outcomes.Recorder(db)
            db.create_function("fold", 1, str.lower, deterministic=True)
            db.executescript(statements.SESSION)
            (ledger_id,) = db.execute("SELECT ledger_id FROM identity").fetchone()
            db.create_function("hashed", 1, partial(audit.hash_of, ledger_id), deterministic=True)
        self._enroller = enrolment.Enroller(ledger_id)
        self.doubts = Doubts(store, clock)
        self.traffic = Traffic(store, clock)
        self.documents = Documents(store)
        self.approvals = approvals.Approvals(store, clock)
        self.brakes = brakes.Brakes(store, clock, actor)
        self.alerts = Alerts(store, clock)
        self.schedules = Schedules(store, clock, actor)
        self.keeping = Keeping(store, clock, actor)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        clock: Callable[[], float] = time.time,
        durability: Durability = "full",
        actor: str = "",
    ) -> Ledger:
        """The ledger at `path`, created or migrated where needed. `clock` gives Unix seconds.

        `durability`: what a power cut may take (`durability.py`). `actor`: who decides what is
        done through it, for the audit log.

        Raises LedgerError: locked, damaged, read-only, not a ledger, from a newer version of
        notifier, in a folder that isn't there.
        """
        store = connection.open_store(Path(path), now=clock(), durability=durability)
        try:
            return cls(store, clock, actor)
        except BaseException:
            store.close()
            raise

    @property
    def path(self) -> Path:
        """Where the ledger's file is."""
        return self._store.path

    @property
    def durability(self) -> Durability:
        """What a power cut may take of what this object writes."""
        return self._store.durability

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- runs --------------------------------------------------------------------------------

    def start_run(self, new: NewRun) -> Run:
        """The run of this campaign and occurrence: a new one, or the one that is there.

        Enrolment begins with it, and begins again with it after it broke off.
        """
        self._enroller.begin()
        with self._store.write() as db:
            before = db.total_changes
            run = runs.start(db, new, self._clock())
            if db.total_changes > before:
                told = {"campaign": run.campaign, "occurrence": run.occurrence, "relay": run.relay}
                self._note(db, "send", f"run {run.id}", told)
            return run

    def enrol(
        self, run_id: int, recipients: Sequence[Recipient], rejections: Iterable[Rejection]
    ) -> None:
        """Write a batch down, once: what an enrolment that was killed wrote before is kept.

        Recipients whose address is suppressed become `suppressed` at once. UsageError when the
        run's enrolment is finished.
        """
        with self._store.write() as db:
            self._enroller.enrol(db, run_id, recipients, rejections, self._clock())

    def finish_enrolment(
        self,
        run_id: int,
        *,
        rows: int,
        folded: int = 0,
        extra_addresses: int = 0,
        left_out: int = 0,
        blank: int = 0,
        totals: int = 0,
        asks: bool = False,
    ) -> None:
        """All rows are in: the run becomes active; nothing happens where it is already.

        `asks`: somebody else has to approve it first, and it becomes `awaiting`.

        GuardError unless rows + extra_addresses = deliveries + rejections + folded + left_out,
        those that the run was not meant for.
        """
        enrolment.put_in_order(self._store, run_id)
        with self._store.write() as db:
            enrolment.finish(
                db,
                run_id,
                rows=rows,
                folded=folded,
                extra_addresses=extra_addresses,
                left_out=left_out,
                blank=blank,
                totals=totals,
                now=self._clock(),
                to=RunState.AWAITING if asks else RunState.ACTIVE,
            )
            if asks:
                approvals.ask(db, run_id, self.actor, self._clock())

    def get_run(self, run_id: int) -> Run:
        """The run of that number; UsageError where there is none."""
        with self._store.alone() as db:
            return runs.get(db, run_id)

    def find_run(self, reference: str) -> Run:
        """The run of `12`, `latest`, `campaign` (its latest) or `campaign@occurrence`.

        UsageError with the nearest campaign where there is none.
        """
        with self._store.alone() as db:
            return runs.find(db, reference)

    def counts(self, run_id: int) -> dict[State, int]:
        """Deliveries by state, zeros left out; the cost doesn't grow with the run."""
        with self._store.alone() as db:
            return runs.counts(db, run_id)

    def set_run_state(self, run_id: int, state: RunState, reason: str = "") -> RunState:
        """Put the run into a state, where `runs.RUN_MOVES` allows; the state it is in then.

        What doesn't fit (a pause of a run that was cancelled meanwhile) changes nothing.
        """
        with self._store.write() as db:
            return runs.move(db, run_id, state, reason, self._clock())

    def pause(self, run_id: int, reason: str = "") -> None:
        """Stop claims; whoever delivers finishes what is on the wire. UsageError if not active."""
        with self._store.write() as db:
            runs.pause(db, run_id, reason or _("Paused by hand."), self._clock())
            self._note(db, "pause", f"run {run_id}", {})

    def resume(self, run_id: int) -> None:
        """Let claims go on. UsageError for a run that has ended or isn't enrolled yet."""
        with self._store.write() as db:
            runs.resume(db, run_id, self._clock())
            self._note(db, "resume", f"run {run_id}", {})

    def cancel(self, run_id: int, reason: str = "") -> int:
        """Never send what is pending, deferred or claimed; how many that are.

        What is on the wire finishes; what of it would be sent again is cancelled then. UsageError
        for a run that is finished.
        """
        with self._store.write() as db:
            count = runs.cancel(db, run_id, reason, self._clock())
            self._note(db, "cancel", f"run {run_id}", {"count": count})
            return count

    def retry(self, run_id: int, states: Iterable[State], addresses: Iterable[str] = ()) -> int:
        """Make deliveries in these states due again, with a new horizon; how many that are.

        `addresses` narrows the choice (without regard to case). A finished, held or cancelled run
        becomes active; a paused one stays so. UsageError for states that can't be retried.
        """
        with self._store.write() as db:
            chosen, narrowed = sorted(states), list(addresses)
            count = runs.retry(db, run_id, chosen, narrowed, self._clock())
            brakes.lower(db, run_id)
            of = {"of": audit.marks(db, narrowed)} if narrowed else {}
            self._note(db, "retry", f"run {run_id}", {"count": count, "states": chosen, **of})
            return count

    def finish_if_done(self, run_id: int) -> RunState:
        """FINISHED when every delivery is final, HELD when only doubts are left; the state then."""
        with self._store.write() as db:
            return runs.finish_if_done(db, run_id, self._clock())

    # --- workers and claims ------------------------------------------------------------------

    def register_worker(
        self, host: str | None = None, pid: int = 0, run_id: int | None = None
    ) -> int:
        """A number for whoever delivers; its claims last as long as its heartbeat.

        Intents and results that name no worker are taken for those of the last one registered.
        """
        host = host or socket.gethostname()
        with self._store.write() as db:
            self._worker_id = claims.register(db, host, pid or os.getpid(), run_id, self._clock())
        return self._worker_id

    def senders(self, run_id: int) -> list[Sender]:
        """Who is sending the run now."""
        with self._store.alone() as db:
            return claims.senders(db, run_id, self._clock())

    def heartbeat(self, worker_id: int) -> bool:
        """The worker lives. False where it had been taken for dead and lost what it held."""
        with self._store.write() as db:
            return claims.beat(db, worker_id, self._clock())

    def recover(
        self,
        run_id: int,
        resends_doubt: bool = False,  # noqa: FBT001, FBT002 - a policy, passed on by Writer.call
        *,
        host: str | None = None,
    ) -> Recovered:
        """Take over what dead workers hold: claims are due again, intents are in doubt.

        Dead is: the process is gone from this host, or its heartbeat is older than its lease.
        `resends_doubt` makes what is in doubt due again instead (the campaign's policy).
        """
        with self._store.write() as db:
            return claims.recover(
                db,
                run_id,
                self._clock(),
                host or socket.gethostname(),
                resends_doubt=resends_doubt,
            )

    def claim(
        self, run_id: int, worker_id: int, limit: int, lease_seconds: float = claims.DEFAULT_LEASE
    ) -> list[Claimed]:
        """Up to `limit` due deliveries of an active run, leased; the longest due come first.

        The lease runs from the worker's last heartbeat. Nothing for a worker that was released.
        """
        with self._store.single() as db:
            if self._leases.get(worker_id) != lease_seconds:
                claims.set_lease(db, worker_id, lease_seconds)
                self._leases[worker_id] = lease_seconds
            return claims.take(db, run_id, worker_id, limit, self._clock())

    def record(self, intents: Sequence[Intent], results: Sequence[Result]) -> set[int]:
        """Intents and outcomes in ONE transaction; the deliveries that must *not* be sent.

        Intents come first. An intent counts only where its worker still holds the claim. A result
        always becomes an attempt; it moves the delivery where its worker holds it and the table
        allows (`transitions`), else it is noted as late. LocalProtocolError for `accepted` without
        a 2yz code.
        """
        outcomes.check(results)
        with self._store.single() as db:
            return self._recorder.record(db, intents, results, self._worker_id)

    def release(
        self,
        worker_id: int,
        resends_doubt: bool = False,  # noqa: FBT001, FBT002 - as recover
    ) -> Recovered:
        """The worker says good-bye: claims are due again; intents without outcome are in doubt."""
        with self._store.write() as db:
            return claims.release(db, worker_id, self._clock(), resends_doubt=resends_doubt)

    def next_due_at(self, run_id: int) -> float | None:
        """When the next delivery is due; None where none will be or the run isn't active."""
        with self._store.alone() as db:
            return claims.next_due_at(db, run_id)

    # --- suppressions ------------------------------------------------------------------------

    def suppress(self, address: str, reason: str = "", source: str = "") -> bool:
        """Never mail the address from now on; False where that was so before."""
        with self._store.write() as db:
            is_new = suppressions.add(db, address, reason, source, self._clock())
            if is_new:
                told = {"source": source, **audit.marks(db, [address])}
                self._note(db, "suppress", "", told)
            return is_new

    def suppress_all(self, addresses: Sequence[str], reason: str = "", source: str = "") -> int:
        """As `suppress`, for many in one transaction; how many were not suppressed before."""
        with self._store.write() as db:
            added = suppressions.add_all(db, addresses, reason, source, self._clock())
            told = {"source": source, "added": added, **audit.marks(db, addresses)}
            self._note(db, "suppress", "", told)
            return added

    def unsuppress(self, address: str) -> bool:
        """Mail the address again; False where it was not suppressed."""
        with self._store.write() as db:
            was_there = suppressions.remove(db, address)
            if was_there:
                self._note(db, "unsuppress", "", audit.marks(db, [address]))
            return was_there

    def suppressions(self) -> list[Suppression]:
        """All suppressed addresses, in order."""
        with self._store.alone() as db:
            return suppressions.every(db)

    def _note(
        self, db: sqlite3.Connection, action: str, subject: str, detail: Mapping[str, object]
    ) -> None:
        audit.note(db, self.actor, action, subject, detail, self._clock())
