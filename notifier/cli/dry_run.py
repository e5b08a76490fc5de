"""What a dry run tells: figures, the first message, what is wrong, what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.cli.console import facts, heading, print_json, say, suggest, table
from notifier.cli.corrections import idle_sentence, tell_selection
from notifier.cli.examination import tell_notes, tell_problems
from notifier.cli.hours import tell_when
from notifier.cli.routes import facts_of_routes
from notifier.cli.words import counts_line, spell_seconds
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    from notifier.cli.planning import Plan
    from notifier.errors import GuardError
    from notifier.ledger.reports import RunSummary

#: Lines about the sheet in a dry run; `recipients check` has them all.
_MOST_NOTES = 10


def tell_dry_run(plan: Plan, *, as_json: bool, late: GuardError | None = None) -> int:
    """Print the plan, or its JSON; 1 where it can't be sent as it is."""
    if as_json:
        print_json(plan.as_dict() | ({"too_late": late.message} if late is not None else {}))
        return 0 if plan.found.is_ready and late is None else 1
    say(
        _("{title} ({campaign}): a dry run, nothing is sent").format(
            title=plan.campaign.title, campaign=plan.campaign.name
        ),
        style="bold",
    )
    _tell_figures(plan)
    if plan.selection is not None:
        tell_selection(plan.selection, plan.campaign.name)
    _tell_first(plan)
    _tell_notes(plan)
    tell_problems(plan.found)
    if plan.surprise is not None:
        say("", plan.surprise.message, style="yellow")
    if late is not None and not plan.is_idle:
        say("", late.message, style="yellow")
        say(late.next_step)
        return 1
    _tell_next(plan)
    return 0 if plan.found.is_ready else 1


def _tell_figures(plan: Plan) -> None:
    tally = plan.found.roster.tally
    facts(
        [
            (_("rows"), tally.rows),
            (_("recipients"), plan.survey.recipients),
            (_("left out"), plan.survey.left_out or None),
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
        if plan.run.state is RunState.HELD:
            say(_("Nothing is left to send but what is in doubt: that waits for your decision."))
            suggest(f"notifier doubt {plan.run.id}")
            return
        say(_("This run is over; there is nothing left to send."))
        tell_further(plan, plan.run)
        return
    say("")
    if plan.selection is not None and plan.is_idle:
        say(idle_sentence(plan.selection))
        return
    if plan.through == SANDBOX:
        say(_("It goes to the sandbox: have `notifier sandbox` running in a second window."))
    tell_when(plan)
    command = shlex.join(["notifier", "send", name, *plan.repeated, "--live"])
    say(_("Send it with: {command}").format(command=command))


def tell_further(plan: Plan, run: RunSummary) -> None:
    """What may be meant where the run is over: a correction, or everybody once more."""
    if run.state is RunState.HELD:
        return
    if run.state is RunState.FINISHED and plan.selection is None:
        step = f"notifier send {plan.campaign.name} --only changed"
        say(_("  to send to those alone whose row is new or different: {step}").format(step=step))
    step = once_more(plan)
    say(_("  to send the campaign once more, as a new run: {step}").format(step=step))


def once_more(plan: Plan) -> str:
    """The command that sends the campaign again, as this one was meant."""
    import shlex

    repeated = list(plan.repeated)
    if "--occurrence" in repeated:  # that one is over
        at = repeated.index("--occurrence")
        del repeated[at : at + 2]
    return shlex.join(["notifier", "send", plan.campaign.name, *repeated, "--again", "--live"])
