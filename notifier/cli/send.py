"""`notifier send`: a dry run, and with --live the real one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, heading, print_json, say, suggest, table
from notifier.cli.control import confirm
from notifier.cli.examination import Examination, examine, tell_notes, tell_problems
from notifier.cli.routes import facts_of_routes
from notifier.cli.runs import next_steps, tell_summary
from notifier.cli.session import Session, session_of
from notifier.cli.words import counts_line, spell_seconds
from notifier.errors import GuardError, UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import FINAL_STATES, RunState, State

if TYPE_CHECKING:
    from notifier.campaign import Campaign
    from notifier.delivery.line import Route
    from notifier.delivery.occurrence import Choice
    from notifier.ledger.ledger import Run
    from notifier.ledger.reports import RunSummary
    from notifier.model import Rate

HELP = N_(
    "Send a campaign: without --live a dry run that sends nothing and tells what would be sent.\n\n"
    "A run that was interrupted goes on where it was; nothing that was accepted is sent again. "
    "Ctrl-C finishes what is on the wire and stops; a second Ctrl-C stops at once."
)

#: Lines about the sheet in a dry run; `recipients check` has them all.
_MOST_NOTES = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What sending would do, or go on with."""

    found: Examination
    #: Its relays, those that go first before the others.
    routes: tuple[Route, ...]
    choice: Choice
    #: How far the run of this occurrence is, where there is one already.
    run: RunSummary | None
    #: `--workspace DIR`, `--occurrence NAME`, ...: what the next command must repeat.
    repeated: tuple[str, ...] = ()

    @property
    def campaign(self) -> Campaign:
        """The campaign to send."""
        return self.found.campaign

    @property
    def through(self) -> str:
        """The relays' names: what the run keeps."""
        return ", ".join(it.relay.name for it in self.routes)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """The limits that hold for all of it: several relays' own don't."""
        own = self.routes[0].relay.rate if len(self.routes) == 1 else ()
        return (*own, *self.campaign.rate)

    @property
    def occurrence(self) -> str:
        """Which sending of the campaign this is."""
        return self.choice.occurrence

    @property
    def left(self) -> int:
        """Messages that are still to be sent."""
        if self.run is not None and self.run.state is not RunState.ENROLLING:
            done = FINAL_STATES | {State.UNKNOWN}
            return sum(n for state, n in self.run.counts.items() if state not in done)
        return self.found.roster.tally.recipients - self.found.suppressed

    @property
    def seconds(self) -> float:
        """How long the limits make it take at least."""
        from notifier.delivery.throttle import least_seconds

        return least_seconds(self.left, self.rates)

    def as_dict(self) -> dict[str, Any]:
        """What a dry run's `--json` prints: the keys of a run, and what is only known before."""
        tally = self.found.roster.tally
        run = self.run
        return {
            "run": run.id if run else None,
            "campaign": self.campaign.name,
            "occurrence": self.occurrence,
            "state": "dry_run",
            "rows": tally.rows,
            "deliveries": tally.recipients,
            "rejections": tally.rejections,
            "folded": tally.folded,
            "extra_addresses": tally.extra_addresses,
            "counts": {str(state): n for state, n in run.counts.items()} if run else {},
            "started_at": None,
            "finished_at": None,
            "seconds": None,
            "messages_per_second": None,
            "left": self.left,
            "suppressed": self.found.suppressed,
            "relay": self.through,
            "estimated_seconds": self.seconds,
            "errors": self.found.errors,
            "warnings": self.found.warnings,
            "unexpected": self.found.objection.message if self.found.objection else "",
        }


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
    relay: str | None = options.RELAY,
    as_json: bool = options.JSON,
) -> int:
    """Plan a run; with --live enrol and deliver it."""
    session = session_of(ctx)
    plan = make_plan(
        session, session.campaign(campaign), occurrence=occurrence, again=again, relay=relay
    )
    if not live:
        return _tell_dry_run(plan, as_json=as_json)
    guard(plan)
    if plan.choice.is_over and plan.run is not None:
        return _tell_over(session, plan, plan.run, as_json=as_json)
    if not yes and not as_json and sys.stdin.isatty():
        confirm(_question(plan))
    return go_live(session, plan, waits=watch, as_json=as_json)


def make_plan(
    session: Session,
    campaign: Campaign,
    *,
    occurrence: str | None = None,
    again: bool = False,
    relay: str | None = None,
) -> Plan:
    """Examine everything that sending needs; nothing is written.

    Raises GuardError where an unfinished run of other recipients is in the way.
    """
    from notifier.delivery.occurrence import choose_occurrence

    found = examine(session, campaign)
    choice = choose_occurrence(
        campaign.name,
        today=datetime.now(UTC).astimezone(session.zone).date(),
        source_digest=found.survey.digest if found.survey else "",
        find=lambda reference: _find(session, reference),
        asked=occurrence or "",
        again=again,
    )
    run = _summary(session, choice.run.id) if choice.run else None
    if run is not None and not choice.is_over:
        _check_relay(run, relay)
    routes = session.routes(campaign, relay or (run.relay if run else None))
    repeated = ["--relay", relay] if relay else []
    repeated += ["--occurrence", choice.occurrence] if occurrence or again else []
    repeated += ["--workspace", str(session.root)] if session.root else []
    return Plan(found, routes, choice, run, tuple(repeated))


def _check_relay(run: RunSummary, asked: str | None) -> None:
    """A run keeps its relay: a rehearsal must not go out for real, nor the other way round."""
    if asked and asked != run.relay:
        raise UsageError(
            _("Run {run} was begun through {relay}, and goes on through it.").format(
                run=run.id, relay=run.relay
            ),
            where=f"--relay {asked}",
            next_step=_(
                "Leave out --relay; or give the run up (notifier cancel {run}) and add --again."
            ).format(run=run.id),
        )


def _find(session: Session, reference: str) -> Run | None:
    if not session.has_ledger():
        return None
    with session.ledger() as ledger:
        try:
            return ledger.find_run(reference)
        except UsageError:
            return None


def _summary(session: Session, run_id: int) -> RunSummary:
    with session.reader() as reader:
        return reader.summary(run_id)


def guard(plan: Plan) -> None:
    """GuardError where the campaign must not be sent as it is."""
    found, name = plan.found, plan.campaign.name
    if found.objection is not None:
        raise found.objection
    if found.errors:
        first = next(it.first for it in found.groups.values() if it.first.severity == "error")
        raise GuardError(
            ngettext(
                "{count} message can't be made, so nothing was sent: {first}",
                "{count} messages can't be made, so nothing was sent: {first}",
                found.unmade,
            ).format(count=found.unmade, first=first.message),
            where=first.file or str(plan.campaign.path),
            next_step=f"notifier campaign check {name}",
        )


def _question(plan: Plan) -> str:
    return ngettext(
        "Send {count} message through {relay} now?",
        "Send {count} messages through {relay} now?",
        plan.left,
    ).format(count=plan.left, relay=plan.through)


def go_live(session: Session, plan: Plan, *, waits: bool, as_json: bool) -> int:
    """Enrol the run, or go on with it, and deliver what is due."""
    from contextlib import closing, nullcontext

    from notifier.cli.deliver import deliver_run
    from notifier.delivery.workshop import open_workshop

    workshop = None
    if plan.routes[0].recipe is None:  # its workers start while the run is enrolled
        workshop = open_workshop(
            session.recipe(plan.campaign),
            plan.found.compiled.digest,
            unsent=plan.left,
            rates=plan.rates,
            allowed=session.workspace.settings.limits.assembly_processes,
        )
    with closing(workshop) if workshop else nullcontext():
        run = enrol_run(session, plan)
        return deliver_run(session, run, waits=waits, as_json=as_json, workshop=workshop)


def enrol_run(session: Session, plan: Plan) -> int:
    """Write the run's deliveries and rejections, idempotently; its number."""
    from notifier.delivery.enrol import enrol

    with session.ledger() as ledger:
        if plan.run is not None and plan.run.state is not RunState.ENROLLING:
            if plan.run.state is RunState.PAUSED:
                ledger.resume(plan.run.id)
            return plan.run.id
        run = enrol(
            ledger,
            plan.campaign,
            plan.found.roster,
            occurrence=plan.occurrence,
            relay=plan.through,
            template_digest=plan.found.compiled.digest,
            survey=plan.found.survey,
        )
        return run.id


def _once_more(plan: Plan) -> str:
    """The command that sends the campaign again, as this one was meant."""
    import shlex

    repeated = list(plan.repeated)
    if "--occurrence" in repeated:  # that one is over
        at = repeated.index("--occurrence")
        del repeated[at : at + 2]
    return shlex.join(["notifier", "send", plan.campaign.name, *repeated, "--again", "--live"])


def _tell_over(session: Session, plan: Plan, run: RunSummary, *, as_json: bool) -> int:
    if as_json:
        print_json(run.as_dict())
        return 0
    tell_summary(run, session.zone)
    say(_("This run is over: nothing was sent."))
    suggest(*next_steps(run))
    again = _once_more(plan)
    say(_("  to send the campaign once more, as a new run: {step}").format(step=again))
    return 0


def _tell_dry_run(plan: Plan, *, as_json: bool) -> int:
    if as_json:
        print_json(plan.as_dict())
        return 0 if plan.found.is_ready else 1
    say(
        _("{title} ({campaign}): a dry run, nothing is sent").format(
            title=plan.campaign.title, campaign=plan.campaign.name
        ),
        style="bold",
    )
    _tell_figures(plan)
    _tell_first(plan)
    _tell_notes(plan)
    tell_problems(plan.found)
    _tell_next(plan)
    return 0 if plan.found.is_ready else 1


def _tell_figures(plan: Plan) -> None:
    tally = plan.found.roster.tally
    facts(
        [
            (_("rows"), tally.rows),
            (_("recipients"), tally.recipients),
            (_("further addresses in a cell"), tally.extra_addresses or None),
            (_("rejected"), tally.rejections),
            (_("folded into another row"), tally.folded or None),
            (_("suppressed"), plan.found.suppressed or None),
            (_("occurrence"), plan.occurrence),
            (_("so far"), counts_line(plan.run.counts) if plan.run else None),
            (_("will be mailed"), plan.left),
            *facts_of_routes(plan.routes, plan.rates),
            (_("takes at least"), spell_seconds(plan.seconds) if plan.seconds else None),
        ]
    )


def _tell_first(plan: Plan) -> None:
    first = plan.found.first
    if first is None or plan.found.errors or not plan.left:
        return
    rendered = plan.found.compiled.render(first)
    heading(_("The first message"))
    facts([(_("To"), first.address), (_("Subject"), rendered.subject)])


def _tell_notes(plan: Plan) -> None:
    tell_notes(plan.found.roster.notes, most=_MOST_NOTES)
    if plan.found.rejections:
        heading(_("Rejected"))
        table(
            (_("line"), _("column"), _("value"), _("reason")),
            [(it.line, it.column, it.value, it.reason) for it in plan.found.rejections[:10]],
            right=(0,),
        )


def _tell_next(plan: Plan) -> None:
    import shlex

    from notifier.settings import SANDBOX

    name = plan.campaign.name
    if not plan.found.is_ready:
        suggest(f"notifier campaign check {name}")
        return
    if plan.choice.is_over and plan.run is not None:
        say(_("This run is over; there is nothing left to send."))
        again = _once_more(plan)
        say(_("  to send the campaign once more, as a new run: {step}").format(step=again))
        return
    say("")
    if plan.through == SANDBOX:
        say(_("It goes to the sandbox: have `notifier sandbox` running in a second window."))
    if plan.campaign.schedule or plan.campaign.window:
        say(
            _(
                "`schedule` and `window` are noted, and nothing waits for them yet: "
                "it leaves at once."
            )
        )
    command = shlex.join(["notifier", "send", name, *plan.repeated, "--live"])
    say(_("Send it with: {command}").format(command=command))
