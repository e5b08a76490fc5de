"""Approvals: who asked for a run to be let go, who let it, and of what exactly.

A run that needs one is enrolled like any other and becomes `awaiting` instead of `active` in the
same transaction: there is no instant at which it could leave. Only `approve` makes it active.

If step X fails, what happens to whom?

    killed while it is enrolled   it is `enrolling`, and nothing of it is due
    killed while it is approved   it waits as before, or is approved whole
    two approve at once           one of them; the other is told that nothing waits
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.errors import GuardError, UsageError
from notifier.ledger import audit, runs
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from notifier.ledger.connection import Store
    from notifier.ledger.records import Run


@dataclass(frozen=True, slots=True)
class Approval:
    """A question, and its answer where there is one."""

    run_id: int
    #: `seal` of the run when it was asked for.
    digest: str
    asked_by: str
    #: Unix seconds.
    asked_at: float
    #: None: nobody has approved it, or what was approved was changed.
    approved_by: str | None
    approved_at: float | None
    #: What the approver said, or why an approval is void.
    note: str

    @property
    def is_given(self) -> bool:
        """Whether the run may leave, as long as nothing is changed."""
        return self.approved_at is not None


def seal(db: sqlite3.Connection, run_id: int) -> str:
    """A digest of all that the run's messages are made from, as it was enrolled.

    The campaign's file, the template, the recipients with their rows, each file that is attached or
    shown: whatever of it is another one, it is another run.
    """
    run = runs.get(db, run_id)
    documents = db.execute(
        "SELECT role, name, digest FROM run_document WHERE run_id = ? ORDER BY role, name",
        (run_id,),
    ).fetchall()
    parts = [run.campaign_digest, run.template_digest, run.source_digest, documents]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def ask(db: sqlite3.Connection, run_id: int, by: str, now: float) -> None:
    """Write down that somebody asks for the run; once, in the enrolment's last transaction.

    `by` enrolled it. A planned occurrence is asked for by whoever planned it: the account that
    serves is nobody's other person.
    """
    if runs.get(db, run_id).state is not RunState.AWAITING:
        return  # another process enrolled the same rows, and was quicker
    digest, asker = seal(db, run_id), _planner(db, run_id) or by
    db.execute(
        "INSERT INTO approval (run_id, digest, asked_by, asked_at, note) VALUES (?, ?, ?, ?, '')"
        " ON CONFLICT (run_id) DO NOTHING",
        (run_id, digest, asker, now),
    )
    told = {"digest": digest} | ({"planned_by": asker} if asker != by else {})
    audit.note(db, by, "ask", f"run {run_id}", told, now)


def _planner(db: sqlite3.Connection, run_id: int) -> str:
    row = db.execute(
        "SELECT s.by FROM run r JOIN schedule s ON s.campaign = r.campaign"
        " WHERE r.id = ? AND r.due_at IS NOT NULL",
        (run_id,),
    ).fetchone()
    return "" if row is None else str(row[0])


def unbroken(db: sqlite3.Connection, runs: Iterable[int]) -> list[int]:
    """Those of the runs whose approval is of what the ledger holds: see `reseal`."""
    found = [(run_id, find(db, run_id)) for run_id in runs]
    return [it for it, approval in found if approval and approval.digest == seal(db, it)]


def reseal(db: sqlite3.Connection, runs: Iterable[int]) -> None:
    """A person was forgotten, and their files with them: the others' messages are as they were."""
    db.executemany(
        "UPDATE approval SET digest = ? WHERE run_id = ?", [(seal(db, it), it) for it in runs]
    )


def find(db: sqlite3.Connection, run_id: int) -> Approval | None:
    """What is known of the run's approval; None where it needs none."""
    row = db.execute(
        "SELECT run_id, digest, asked_by, asked_at, approved_by, approved_at, note FROM approval"
        " WHERE run_id = ?",
        (run_id,),
    ).fetchone()
    return Approval(*row) if row is not None else None


class Approvals:
    """The ledger's door for approvals; each call is one transaction."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def find(self, run_id: int) -> Approval | None:
        """What is known of the run's approval; None where it needs none."""
        with self._store.alone() as db:
            return find(db, run_id)

    def seal(self, run_id: int) -> str:
        """The function of that name."""
        with self._store.alone() as db:
            return seal(db, run_id)

    def approve(self, run_id: int, *, by: str, note: str = "") -> None:
        """Let the run go, as it was asked for.

        UsageError where nothing waits for approval, or `by` is who asked for it; GuardError where
        the ledger doesn't hold any more what was asked about.
        """
        with self._store.write() as db:
            run, found = _waiting(db, run_id)
            check_other(found, by)
            check_seal(found, seal(db, run.id))
            now = self._clock()
            db.execute(
                "UPDATE approval SET approved_by = ?, approved_at = ?, note = ? WHERE run_id = ?",
                (by, now, note, run.id),
            )
            runs.move(db, run.id, RunState.ACTIVE, "", now)
            detail = {"digest": found.digest, "asked_by": found.asked_by}
            detail |= {"note": note} if note else {}
            audit.note(db, by, "approve", f"run {run.id}", detail, now)

    def reject(self, run_id: int, *, by: str, reason: str) -> int:
        """Say no: the run is cancelled with the reason; how many deliveries that are.

        Who asked may take the question back like that. UsageError where nothing waits.
        """
        with self._store.write() as db:
            run, _found = _waiting(db, run_id)
            now = self._clock()
            text = _("Not approved by {who}: {reason}").format(who=by, reason=reason)
            db.execute("UPDATE approval SET note = ? WHERE run_id = ?", (text, run.id))
            count = runs.cancel(db, run.id, text, now)
            audit.note(db, by, "reject", f"run {run.id}", {"reason": reason}, now)
            return count

    def void(self, run_id: int, why: str, *, by: str = "") -> bool:
        """What was approved was changed: the run waits again; False where it was not approved."""
        with self._store.write() as db:
            found = find(db, run_id)
            if found is None or not found.is_given:
                return False
            now = self._clock()
            db.execute(
                "UPDATE approval SET approved_by = NULL, approved_at = NULL, note = ?"
                " WHERE run_id = ?",
                (why, run_id),
            )
            runs.move(db, run_id, RunState.AWAITING, why, now)
            detail = {"why": why, "approved_by": found.approved_by}
            audit.note(db, by, "void", f"run {run_id}", detail, now)
            return True


def _waiting(db: sqlite3.Connection, run_id: int) -> tuple[Run, Approval]:
    run, found = runs.get(db, run_id), find(db, run_id)
    if run.state is not RunState.AWAITING or found is None:
        raise UsageError(
            _("Run {run} does not wait for approval.").format(run=run_id),
            where=f"{run.campaign}@{run.occurrence}",
            next_step=f"notifier status {run_id}",
        )
    return run, found


def check_other(approval: Approval, by: str) -> None:
    """UsageError where who would approve is who asked."""
    if by.strip().casefold() != approval.asked_by.strip().casefold():
        return
    raise UsageError(
        _("{who} asked for this run, so somebody else has to approve it.").format(who=by),
        where=_("run {run}").format(run=approval.run_id),
        next_step=_(
            "Have another person type it, under their own account or with NOTIFIER_ACTOR set to "
            "their name. Where one person does all: take approval out of the campaign."
        ),
    )


def check_seal(approval: Approval, now: str) -> None:
    """GuardError where the run isn't what was asked about; `now` is its `seal`."""
    if approval.digest == now:
        return
    raise GuardError(
        _("What the ledger holds of run {run} is not what was asked about.").format(
            run=approval.run_id
        ),
        where=_("run {run}").format(run=approval.run_id),
        next_step=f"notifier cancel {approval.run_id}",
    )
