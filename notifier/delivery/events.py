"""What the operator is told of: events become rows of `alert`, in the language in use.

Each is one row however often it is noticed, and carries nothing personal: counts, causes, domains.
Whether, how and when it is told is `telling.py`'s; nothing here waits for anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.alert_settings import AlertKind
from notifier.locale import _, ngettext
from notifier.model import RunState, State

if TYPE_CHECKING:
    from notifier.ledger.ledger import Ledger, Run

_FAILED = (State.REFUSED, State.EXPIRED, State.UNKNOWN)


def tell_awaiting(ledger: Ledger, run_id: int) -> bool:
    """A run waits for approval; once for each time that somebody asks."""
    run, found = ledger.get_run(run_id), ledger.approvals.find(run_id)
    if run.state is not RunState.AWAITING or found is None:
        return False
    count = sum(ledger.counts(run_id).values())
    head = ngettext(
        "Run {run} ({name}) waits for approval: {count} message.",
        "Run {run} ({name}) waits for approval: {count} messages.",
        count,
    ).format(run=run_id, name=_name(run), count=count)
    lines = [head, run.reason] if run.reason else [head]
    lines.append(
        _("Look at it, and let it go or not: {step}").format(step=f"notifier approve {run_id}")
    )
    event = f"approval run {run_id} {found.asked_at:.3f} {run.reason}".strip()
    return ledger.alerts.raise_once(event, AlertKind.APPROVAL, "\n".join(lines), run_id=run_id)


def tell_too_late(ledger: Ledger, run_id: int, reason: str, count: int) -> bool:
    """What was left of a run was not sent in time, and never is."""
    head = ngettext(
        "Run {run} ({name}) ended too late: {count} message was not sent.",
        "Run {run} ({name}) ended too late: {count} messages were not sent.",
        count,
    ).format(run=run_id, name=_name(ledger.get_run(run_id)), count=count)
    step = _("Who, and why: {step}").format(step=f"notifier report {run_id}")
    event, text = f"{AlertKind.PAUSED} run {run_id} {reason}", f"{head}\n{reason}\n{step}"
    return ledger.alerts.raise_once(event, AlertKind.PAUSED, text, run_id=run_id)


def paused_text(run: Run, reason: str, *more: str) -> str:
    """What is told of a run that stopped by itself."""
    head = _("Run {run} ({name}) stopped by itself.").format(run=run.id, name=_name(run))
    return "\n".join([head, reason, *more, _steps(run.id)])


def tell_ended(ledger: Ledger, run_id: int) -> bool:
    """A run has ended, or only doubts are left, and some of it failed: False where all is well."""
    run, counts = ledger.get_run(run_id), ledger.counts(run_id)
    failed = {state: counts[state] for state in _FAILED if counts.get(state)}
    if run.state not in (RunState.FINISHED, RunState.HELD) or not failed:
        return False
    head = ngettext(
        "Run {run} ({name}) has ended, and {count} message failed or is in doubt.",
        "Run {run} ({name}) has ended, and {count} messages failed or are in doubt.",
        sum(failed.values()),
    ).format(run=run_id, name=_name(run), count=sum(failed.values()))
    told = _("accepted: {accepted}, refused: {refused}, given up: {expired}, in doubt: {unknown}")
    figures = told.format(
        accepted=counts.get(State.ACCEPTED, 0),
        refused=counts.get(State.REFUSED, 0),
        expired=counts.get(State.EXPIRED, 0),
        unknown=counts.get(State.UNKNOWN, 0),
    )
    step = _("Who, and why: {step}").format(step=f"notifier report {run_id}")
    event = f"ended run {run_id} {sorted(failed.items())} {run.finished_at or 0:.3f}"
    text = f"{head}\n{figures}\n{step}"
    return ledger.alerts.raise_once(event, AlertKind.FAILURES, text, run_id=run_id)


def tell_schedule(ledger: Ledger, campaign: str, occurrence: str, why: str) -> bool:
    """A planned occurrence was missed, refused or could not be begun: why, in a sentence."""
    head = _("{campaign}: the occurrence {occurrence} was not sent as planned.").format(
        campaign=campaign, occurrence=occurrence
    )
    text = f"{head}\n{why}\n" + _("See: {step}").format(step="notifier schedule list")
    event = f"{AlertKind.SCHEDULE} {campaign}@{occurrence} {why}"
    return ledger.alerts.raise_once(event, AlertKind.SCHEDULE, text)


def _name(run: Run) -> str:
    return f"{run.campaign}@{run.occurrence}"


def _steps(run_id: int) -> str:
    return _("See why: {status}; go on: {resume}").format(
        status=f"notifier report {run_id}", resume=f"notifier resume {run_id}"
    )
