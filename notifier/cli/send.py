"""`notifier send`: a dry run, and with --live the real one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from notifier.cli import corrections, options
from notifier.cli.approve import tell_awaiting
from notifier.cli.console import print_json, say, suggest
from notifier.cli.control import confirm
from notifier.cli.dry_run import tell_dry_run, tell_further
from notifier.cli.hours import deadline_of, lateness
from notifier.cli.planning import Plan, check_latest, guard, make_plan
from notifier.cli.runs import next_steps, tell_summary
from notifier.cli.session import Session, session_of
from notifier.locale import N_, _, ngettext
from notifier.model import RunState

if TYPE_CHECKING:
    from notifier.delivery.snapshot import Snapshot
    from notifier.ledger.reports import RunSummary

HELP = N_(
    "Send a campaign: without --live a dry run that sends nothing and tells what would be sent.\n\n"
    "A run that was interrupted goes on where it was; nothing that was accepted is sent again. "
    "Ctrl-C finishes what is on the wire and stops; a second Ctrl-C stops at once."
)


def send(
    ctx: typer.Context,
    *,
    campaign: str = options.CAMPAIGN,
    live: bool = typer.Option(False, "--live", help=N_("Really send.")),
    watch: bool = options.WATCH,
    yes: bool = options.YES,
    occurrence: str | None = typer.Option(
        None,
        "--occurrence",
        metavar="NAME",
        help=N_("Which sending of the campaign this is; today's date if not given."),
    ),
    again: bool = typer.Option(
        False, "--again", help=N_("A new run, although the campaign was sent today already.")
    ),
    only: str | None = typer.Option(None, "--only", metavar="WHOM", help=corrections.HELP),
    relay: str | None = options.RELAY,
    anytime: bool = options.ANYTIME,
    yes_many: bool = typer.Option(
        False,
        "--yes-many",
        help=N_("It is right that there are far more, or far fewer, recipients than usual."),
    ),
    as_json: bool = options.JSON,
) -> int:
    """Plan a run; with --live enrol and deliver it."""
    session = session_of(ctx)
    plan = make_plan(
        session,
        session.campaign(campaign),
        occurrence=occurrence,
        again=again,
        relay=relay,
        only=only,
    )
    if not live or plan.is_idle:
        late = None if anytime else lateness(session, plan)
        return tell_dry_run(plan, as_json=as_json, late=late)
    guard(plan)
    not_after = None if anytime else deadline_of(session, plan)
    if plan.choice.is_over and plan.run is not None:
        return _tell_over(session, plan, plan.run, as_json=as_json)
    if plan.run is not None and plan.run.state is RunState.AWAITING:
        return tell_awaiting(session, plan.run.id, as_json=as_json)
    asks = not as_json and sys.stdin.isatty()
    if plan.surprise is not None and not yes_many:
        if not asks:
            raise plan.surprise
        confirm(_("{message} Go on all the same?").format(message=plan.surprise.message))
    if not yes and asks:
        confirm(_question(plan))
    if plan.needs_approval:
        run_id = enrol_run(session, plan, not_after=not_after)
        return tell_awaiting(session, run_id, as_json=as_json)
    return go_live(
        session, plan, waits=watch, as_json=as_json, anytime=anytime, not_after=not_after
    )


def _question(plan: Plan) -> str:
    if plan.needs_approval:
        return ngettext(
            "Ask for {count} message through {relay} to be approved?",
            "Ask for {count} messages through {relay} to be approved?",
            plan.left,
        ).format(count=plan.left, relay=plan.through)
    return ngettext(
        "Send {count} message through {relay} now?",
        "Send {count} messages through {relay} now?",
        plan.left,
    ).format(count=plan.left, relay=plan.through)


def go_live(
    session: Session,
    plan: Plan,
    *,
    waits: bool,
    as_json: bool,
    anytime: bool = False,
    not_after: float | None = None,
) -> int:
    """Enrol the run, or go on with it, and deliver what is due.

    `anytime`: although its window is closed; `not_after`: not when it is too late (Unix seconds).
    """
    from contextlib import closing, nullcontext

    from notifier.cli.deliver import deliver_run
    from notifier.delivery.workshop import open_workshop

    own = [it.recipe for it in plan.routes if it.recipe is not None]
    workshop = open_workshop(  # its workers start while the run is enrolled
        session.recipe(plan.campaign),
        plan.found.compiled.digest,
        [(it, it.compile().digest) for it in own],
        unsent=plan.left,
        rates=plan.rates,
        allowed=session.workspace.settings.limits.assembly_processes,
    )
    with closing(workshop) if workshop else nullcontext():
        run = enrol_run(session, plan, not_after=not_after)
        return deliver_run(
            session, run, waits=waits, as_json=as_json, workshop=workshop, anytime=anytime
        )


def enrol_run(
    session: Session,
    plan: Plan,
    *,
    due_at: float | None = None,
    not_after: float | None = None,
) -> int:
    """Write the run's deliveries and rejections, idempotently; its number.

    `due_at`: when a schedule had planned it; `not_after`: when it is too late (Unix seconds).
    """
    from notifier.delivery.enrol import enrol

    with session.ledger() as ledger:
        if plan.run is not None and plan.run.state is not RunState.ENROLLING:
            if plan.run.state is RunState.PAUSED:
                ledger.resume(plan.run.id)
            return plan.run.id
        check_latest(plan, ledger)
        run = enrol(
            ledger,
            plan.campaign,
            plan.found.roster,
            occurrence=plan.occurrence,
            relay=plan.through,
            template_digest=plan.found.compiled.digest,
            survey=plan.found.survey,
            keeps=plan.found.choice.took if plan.found.choice else None,
            documents=snapshot(session, plan).documents(),
            due_at=due_at,
            not_after=not_after,
        )
        return run.id


def snapshot(session: Session, plan: Plan) -> Snapshot:
    """What the run's messages are made from, to be kept with it."""
    from notifier.delivery.snapshot import Snapshot

    recipe = session.recipe(plan.campaign)
    signing = {it.relay.name: (it.recipe or recipe).dkim for it in plan.routes}
    return Snapshot(recipe, plan.found.compiled, plan.found.collector, signing)


def _tell_over(session: Session, plan: Plan, run: RunSummary, *, as_json: bool) -> int:
    if as_json:
        print_json(run.as_dict())
        return 0
    tell_summary(run, session.zone)
    say(_("This run is over: nothing was sent."))
    suggest(*next_steps(run))
    tell_further(plan, run)
    return 0
