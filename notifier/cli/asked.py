"""Who asked for a run and who let it go; what it was enrolled with, and what is there now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notifier.cli.console import facts
from notifier.cli.words import spell_moment
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    from notifier.campaign import Campaign
    from notifier.cli.session import Session
    from notifier.delivery.approval import Enrolled, Today
    from notifier.ledger.approvals import Approval
    from notifier.ledger.ledger import Run
    from notifier.ledger.reports import RunSummary
    from notifier.render.templates import CompiledCampaign


def todays(
    session: Session, run: Run, campaign: Campaign, compiled: CompiledCampaign
) -> tuple[Enrolled, Today]:
    """Both, to be compared (`delivery.approval.find_changes`)."""
    from notifier.delivery.approval import Today, enrolled_with
    from notifier.ledger.documents import Archive

    with Archive.open(session.workspace.ledger_path) as archive:
        enrolled = enrolled_with(archive, run, _chosen(session, run))
    return enrolled, Today(
        session.workspace.root, campaign, compiled, lambda: session.roster(campaign)
    )


def _chosen(session: Session, run: Run) -> frozenset[tuple[str, str]] | None:
    """Whom a run for a few alone is meant for."""
    from notifier.ledger.past import Past

    with session.reader() as reader:
        if not reader.summary(run.id).left_out:
            return None
    with Past.open(session.workspace.ledger_path, run.campaign) as past:
        return frozenset((key, address) for key, address, _name in past.keys(run.id))


def _approval(session: Session, run_id: int) -> Approval | None:
    with session.ledger() as ledger:
        return ledger.approvals.find(run_id)


def askers(session: Session, runs: list[RunSummary]) -> dict[int, str]:
    """Who asked for each of these runs that waits for approval."""
    waiting = [it.id for it in runs if it.state is RunState.AWAITING]
    if not waiting:
        return {}
    with session.ledger() as ledger:
        found = [ledger.approvals.find(run_id) for run_id in waiting]
    return {it.run_id: it.asked_by for it in found if it is not None}


def tell_approval(session: Session, run_id: int) -> None:
    """Print who asked for the run, and who let it go; nothing where it needs nobody."""
    found = _approval(session, run_id)
    if found is None:
        return

    def when(at: float | None) -> str:
        moment = None if at is None else datetime.fromtimestamp(at, UTC)
        return spell_moment(moment, session.zone)

    approved = f"{found.approved_by} ({when(found.approved_at)})" if found.is_given else ""
    facts(
        [
            (_("asked for by"), f"{found.asked_by} ({when(found.asked_at)})"),
            (_("approved by"), approved),
            (_("remark"), found.note if found.is_given else ""),
        ]
    )


def approval_dict(session: Session, run_id: int) -> dict[str, Any] | None:
    """What `status --json` tells of it; None where the run needs nobody's approval."""
    found = _approval(session, run_id)
    if found is None:
        return None

    def iso(at: float | None) -> str | None:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else None

    return {
        "asked_by": found.asked_by,
        "asked_at": iso(found.asked_at),
        "approved_by": found.approved_by,
        "approved_at": iso(found.approved_at),
        "note": found.note,
    }
