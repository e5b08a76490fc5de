"""`notifier schedule`: when campaigns are sent by themselves, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, print_json, say, suggest
from notifier.cli.group import Group, add_command, group
from notifier.cli.planned import list_schedules, moments, plan_dict, spell
from notifier.cli.session import Session, session_of
from notifier.errors import NotifierError, UsageError
from notifier.locale import N_, _

if TYPE_CHECKING:
    from notifier.campaign import Campaign
    from notifier.schedule.plans import Plan
    from notifier.timetable import Schedule

HELP = N_(
    "When campaigns are sent by themselves: `notifier schedule CAMPAIGN` plans one, "
    "`notifier serve` sends it."
)
_SET_HELP = N_(
    "Plan a campaign: by its own `schedule:`, or by --at, --cron or --every.\n\n"
    "Times are the campaign's zone's. It takes the place of any plan that the campaign had. "
    "`notifier serve` must be running when the time comes."
)
_LIST_HELP = N_("What is planned, what comes next, and what waits for an answer.")
_REMOVE_HELP = N_("Plan nothing more of a campaign; runs that have begun go on.")
_PAUSE_HELP = N_("Start nothing of a campaign until `notifier schedule resume`.")
_RESUME_HELP = N_("Go on planning a campaign; what would have come meanwhile never comes.")
_RUN_HELP = N_("Have an occurrence run that was missed, skipped or failed.")
_MISSED = {
    "ask": N_("you are asked: notifier schedule list"),
    "run": N_("it is sent late"),
    "skip": N_("it is let go"),
}
_SKIP_HELP = N_("Let an occurrence go that was missed or failed.")

_OCCURRENCE: Any = typer.Argument(
    ..., metavar="OCCURRENCE", help=N_("Its name, as `notifier schedule list` tells it.")
)


class _Schedules(Group):
    """A group whose first word may be a campaign: `schedule marks` is `schedule set marks`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command; `set` where the word is none."""
        word = args[0]
        if word not in self.commands and not word.startswith("-"):
            return super().resolve_command(ctx, ["set", *args])
        return super().resolve_command(ctx, args)


def set_schedule(
    ctx: typer.Context,
    *,
    campaign: str = options.CAMPAIGN,
    at: str | None = typer.Option(
        None,
        "--at",
        metavar="WHEN",
        help=N_("Once: 2027-01-15 07:00; with --every the first time."),
    ),
    cron: str | None = typer.Option(
        None, "--cron", metavar="LINE", help=N_('Again and again: "0 7 * * mon-fri".')
    ),
    every: str | None = typer.Option(
        None, "--every", metavar="TIME", help=N_("Again and again: 12h, 1d, 2w.")
    ),
    missed: str | None = typer.Option(
        None, "--missed", metavar="POLICY", help=N_("What is missed: run, skip or ask.")
    ),
    unchanged: str | None = typer.Option(
        None, "--unchanged", metavar="POLICY", help=N_("An unchanged sheet: send or skip.")
    ),
    missing: str | None = typer.Option(
        None, "--missing", metavar="POLICY", help=N_("A sheet that isn't there: fail or skip.")
    ),
    as_json: bool = options.JSON,
) -> None:
    """Write the campaign's schedule."""
    from notifier.schedule.plans import read_plan, usual_missed, write_spec
    from notifier.wall_clock import spell_instant

    session = session_of(ctx)
    found = session.campaign(campaign)
    given = {"at": at, "cron": cron, "every": every}
    given |= {"missed": missed, "unchanged": unchanged, "missing": missing}
    schedule = _choose(found, {name: value for name, value in given.items() if value is not None})
    zone = session.zone_of(found)
    now = datetime.now(UTC)
    if next(schedule.occurrences(now, zone, begun=now), None) is None:
        raise UsageError(
            _("That time is over: in {zone} it is {time} now.").format(
                zone=zone, time=spell_instant(now.timestamp(), zone)
            ),
            where=found.name,
            next_step=_("Name a later one: notifier schedule {campaign} --at WHEN").format(
                campaign=found.name
            ),
        )
    with session.ledger() as ledger:
        spec = write_spec(schedule, schedule.missed or usual_missed(found.kind), now)
        ledger.schedules.put(found.name, spec, str(zone))
        planned = ledger.schedules.find(found.name)
        is_served = bool(ledger.schedules.servers())
    assert planned is not None
    plan = read_plan(planned)
    if as_json:
        print_json(plan_dict(plan, now.timestamp()))
    else:
        _tell_plan(plan, now.timestamp(), is_served=is_served)


def _tell_plan(plan: Plan, now: float, *, is_served: bool) -> None:
    say(_("{campaign} is planned.").format(campaign=plan.campaign), style="bold")
    facts(
        [
            (_("when"), spell(plan.schedule)),
            (_("next"), ", ".join(moments(plan, now))),
            (_("zone"), str(plan.zone)),
            (_("if it is missed"), f"{plan.missed} ({_(_MISSED[plan.missed])})"),
        ]
    )
    if not is_served:
        say(_("Nobody serves this workspace now: without that nothing is sent."))
    suggest(*([] if is_served else ["notifier serve"]), f"notifier plan {plan.campaign}")


def _choose(campaign: Campaign, given: dict[str, str]) -> Schedule:
    """The schedule that the options say, or the campaign's own, with what the options add to it."""
    from pydantic import ValidationError

    from notifier.complaints import complaints
    from notifier.timetable import Schedule

    own = campaign.schedule
    if not given.keys() & {"at", "cron", "every"}:
        if own is None:
            raise UsageError(
                _("{campaign} has no schedule of its own.").format(campaign=campaign.name),
                where=str(campaign.path),
                next_step=_(
                    "Write `schedule:` into it, or say it here: "
                    "notifier schedule {campaign} --at, --cron or --every"
                ).format(campaign=campaign.name),
            )
        given = {**own.model_dump(mode="json", exclude_none=True), **given}
    elif own is not None:
        given = {**own.model_dump(include={"missed", "unchanged", "missing"}), **given}
    try:
        return Schedule.model_validate(given)
    except ValidationError as exc:
        mistake = complaints(exc, Schedule)[0]
        key = ".".join(map(str, mistake.path))
        raise UsageError(
            mistake.message,
            where=f"--{key}" if key in given else "notifier schedule",
            next_step=f"notifier schedule {campaign.name} --help",
        ) from exc


def remove(
    ctx: typer.Context, campaign: str = options.CAMPAIGN, as_json: bool = options.JSON
) -> None:
    """Take the campaign's schedule away."""
    session = session_of(ctx)
    name = _name(session, campaign)
    with session.ledger() as ledger:
        _require(name, is_there=ledger.schedules.remove(name))
    _tell_done(name, _("{campaign} is planned no more."), "removed", as_json=as_json)


def pause(
    ctx: typer.Context, campaign: str = options.CAMPAIGN, as_json: bool = options.JSON
) -> None:
    """Pause the campaign's schedule."""
    name = _set_paused(ctx, campaign, is_paused=True)
    _tell_done(name, _("Nothing of {campaign} is started for now."), "paused", as_json=as_json)


def resume(
    ctx: typer.Context, campaign: str = options.CAMPAIGN, as_json: bool = options.JSON
) -> None:
    """Go on with the campaign's schedule."""
    name = _set_paused(ctx, campaign, is_paused=False)
    _tell_done(name, _("{campaign} is planned again."), "resumed", as_json=as_json)


def _set_paused(ctx: typer.Context, campaign: str, *, is_paused: bool) -> str:
    session = session_of(ctx)
    name = _name(session, campaign)
    with session.ledger() as ledger:
        _require(name, is_there=ledger.schedules.set_paused(name, is_paused=is_paused))
    return name


def run_occurrence(
    ctx: typer.Context,
    campaign: str = options.CAMPAIGN,
    occurrence: str = _OCCURRENCE,
    as_json: bool = options.JSON,
) -> None:
    """Have an occurrence run after all."""
    session = session_of(ctx)
    name = _name(session, campaign)
    is_served = _decide(session, name, occurrence, runs=True)
    _tell_done(name, _("{campaign} is sent as soon as somebody serves."), "due", as_json=as_json)
    if not is_served and not as_json:
        suggest("notifier serve")


def skip_occurrence(
    ctx: typer.Context,
    campaign: str = options.CAMPAIGN,
    occurrence: str = _OCCURRENCE,
    as_json: bool = options.JSON,
) -> None:
    """Let an occurrence go."""
    session = session_of(ctx)
    name = _name(session, campaign)
    _decide(session, name, occurrence, runs=False)
    told = _("That occurrence of {campaign} is not sent.")
    _tell_done(name, told, "skipped", as_json=as_json)


def _decide(session: Session, campaign: str, occurrence: str, *, runs: bool) -> bool:
    """Write down what a person decided; whether somebody serves."""
    from notifier.ledger.schedules import FiringState

    with session.ledger() as ledger:
        state = FiringState.DUE if runs else FiringState.SKIPPED
        note = "" if runs else _("Skipped by hand.")
        if not ledger.schedules.decide(campaign, occurrence, state, note):
            raise UsageError(
                _("Nothing of {campaign} called {occurrence} waits for an answer.").format(
                    campaign=campaign, occurrence=occurrence
                ),
                where=occurrence,
                next_step="notifier schedule list",
            )
        return bool(ledger.schedules.servers())


def _name(session: Session, campaign: str) -> str:
    """The campaign's name; one whose file is gone or wrong keeps the name that was typed."""
    session.require_ledger()
    try:
        return session.campaign(campaign).name
    except NotifierError:
        return campaign


def _require(campaign: str, *, is_there: bool) -> None:
    if not is_there:
        raise UsageError(
            _("{campaign} is not planned.").format(campaign=campaign),
            where="notifier schedule",
            next_step="notifier schedule list",
        )


def _tell_done(campaign: str, text: str, state: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"campaign": campaign, "state": state})
    else:
        say(text.format(campaign=campaign))


app = group(HELP, cls=_Schedules)
for _word_of, _function, _text in (
    ("set", set_schedule, _SET_HELP),
    ("list", list_schedules, _LIST_HELP),
    ("remove", remove, _REMOVE_HELP),
    ("pause", pause, _PAUSE_HELP),
    ("resume", resume, _RESUME_HELP),
    ("run", run_occurrence, _RUN_HELP),
    ("skip", skip_occurrence, _SKIP_HELP),
):
    add_command(app, _word_of, _function, _text)
