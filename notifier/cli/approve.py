"""`notifier approve`: somebody else has looked at a run, and lets it go or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from notifier.cli import options
from notifier.cli.console import print_json, say, suggest
from notifier.cli.control import confirm
from notifier.cli.runs import tell_summary
from notifier.cli.session import Session, session_of
from notifier.errors import UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import RunState

if TYPE_CHECKING:
    from notifier.cli.question import Question
    from notifier.ledger.approvals import Approval
    from notifier.ledger.ledger import Run

HELP = N_(
    "Look at a run that waits for approval (approval: required in its campaign), and let it go.\n\n"
    "Shows the figures, what was rejected, what is new or different since the last run, the "
    "template's changes, and a few messages; then asks. Who asked for the run can look, and can't "
    "approve it. What is changed afterwards makes the approval void."
)


def approve(  # noqa: PLR0917 - Typer's parameters are the command's
    ctx: typer.Context,
    run: str = options.RUN,
    sample: int = typer.Option(
        2, "--sample", metavar="N", min=0, max=100, help=N_("Show so many of its messages.")
    ),
    reject: bool = typer.Option(
        False, "--reject", help=N_("Say no: the run is cancelled. Needs --reason.")
    ),
    reason: str = typer.Option(
        "", "--reason", metavar="TEXT", help=N_("Why; kept with the run and in the audit log.")
    ),
    send: bool = typer.Option(
        False, "--send", help=N_("Send it here and now, once it is approved.")
    ),
    yes: bool = options.YES,
    as_json: bool = options.JSON,
) -> int:
    """Show the run; on a terminal ask, elsewhere take --yes."""
    session = session_of(ctx)
    run_id = session.find_run_id(run)
    found, approval = _find(session, run_id)
    if reject:
        return _reject(session, approval, reason, yes=yes, as_json=as_json)
    if found.state is not RunState.AWAITING:
        raise _nothing_waits(found, approval)
    question = _look(session, found, approval, samples=sample, is_decided=yes)
    if not yes and as_json:
        print_json(question.as_dict())
        return 0
    if not as_json:
        _tell(session, question)
    if not yes:
        _ask(session, question)
    with session.ledger() as ledger:
        ledger.approvals.approve(run_id, by=ledger.actor, note=reason)
    return _go_on(session, run_id, sends=send, as_json=as_json)


def tell_awaiting(session: Session, run_id: int, *, as_json: bool) -> int:
    """Say that a run waits for somebody else's word, and whose question it is."""
    from notifier.cli.deliver import telling
    from notifier.delivery import events

    with session.ledger() as ledger, telling(session, ledger):
        events.tell_awaiting(ledger, run_id)  # whoever enrolled it may have been killed before
        approval = ledger.approvals.find(run_id)
    with session.reader() as reader:
        summary = reader.summary(run_id)
    if as_json:
        print_json(summary.as_dict())
        return 0
    tell_summary(summary, session.zone)
    if approval is not None and summary.state is RunState.AWAITING:
        say(
            _(
                "Nothing was sent: {who} asked for it, and somebody else has to approve it with"
            ).format(who=approval.asked_by)
        )
    suggest(f"notifier approve {run_id}")
    return 0


def _find(session: Session, run_id: int) -> tuple[Run, Approval]:
    with session.ledger() as ledger:
        run, approval = ledger.get_run(run_id), ledger.approvals.find(run_id)
    if approval is None:
        raise UsageError(
            _("Run {run} needs nobody's approval.").format(run=run_id),
            where=f"{run.campaign}@{run.occurrence}",
            next_step=f"notifier status {run_id}",
        )
    return run, approval


def _nothing_waits(run: Run, approval: Approval) -> UsageError:
    if approval.approved_by:
        text = _("Run {run} was approved by {who} already.")
    else:
        text = _("Run {run} does not wait for approval.")
    return UsageError(
        text.format(run=run.id, who=approval.approved_by),
        where=f"{run.campaign}@{run.occurrence}",
        next_step=f"notifier status {run.id}",
    )


def _look(
    session: Session, run: Run, approval: Approval, *, samples: int, is_decided: bool
) -> Question:
    """All there is to see; GuardError where it isn't there any more as it was asked about."""
    from notifier.cli.asked import todays
    from notifier.cli.question import put_question
    from notifier.delivery.approval import check_asked
    from notifier.ledger.approvals import check_other

    campaign = session.campaign(run.campaign)
    compiled = session.compiled(campaign)
    with session.ledger() as ledger:
        if is_decided:
            check_other(approval, ledger.actor)
        check_asked(ledger, *todays(session, run, campaign, compiled))
    return put_question(session, approval, campaign, compiled, samples=samples)


def _tell(session: Session, question: Question) -> None:
    from notifier.cli.question import tell_question

    tell_question(session, question)
    say("")


def _ask(session: Session, question: Question) -> None:
    """Abort unless a person agrees; UsageError where nobody can be asked, or they asked for it."""
    from notifier.ledger.approvals import check_other

    run_id = question.summary.id
    with session.ledger() as ledger:
        check_other(question.approval, ledger.actor)
    if not sys.stdin.isatty():
        raise UsageError(
            _("A run is approved only after asking, and there is no terminal to ask at."),
            where=f"notifier approve {run_id}",
            next_step=f"notifier approve {run_id} --yes",
        )
    count = question.summary.deliveries
    confirm(
        ngettext(
            "Let run {run} go: {count} message through {relay}?",
            "Let run {run} go: {count} messages through {relay}?",
            count,
        ).format(run=run_id, count=count, relay=question.summary.relay)
    )


def _reject(session: Session, approval: Approval, reason: str, *, yes: bool, as_json: bool) -> int:
    run_id = approval.run_id
    if not reason.strip():
        raise UsageError(
            _("A no needs its reason, for whoever asked."),
            where=f"notifier approve {run_id} --reject",
            next_step=f'notifier approve {run_id} --reject --reason "..."',
        )
    if not yes and sys.stdin.isatty() and not as_json:
        confirm(_("Reject run {run}? Nothing of it is ever sent.").format(run=run_id))
    with session.ledger() as ledger:
        ledger.approvals.reject(run_id, by=ledger.actor, reason=reason.strip())
    with session.reader() as reader:
        summary = reader.summary(run_id)
    if as_json:
        print_json(summary.as_dict())
    else:
        tell_summary(summary, session.zone)
    return 0


def _go_on(session: Session, run_id: int, *, sends: bool, as_json: bool) -> int:
    from notifier.cli.deliver import deliver_run

    if sends:
        return deliver_run(session, run_id, waits=False, as_json=as_json)
    with session.reader() as reader:
        summary = reader.summary(run_id)
    if as_json:
        print_json(summary.as_dict())
        return 0
    say(
        _("Run {run} is approved. `notifier serve` sends it where that runs; else:").format(
            run=run_id
        )
    )
    suggest(f"notifier resume {run_id}")
    return 0
