"""What is planned, what comes next, and what became of occurrences: `notifier schedule list`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002 - typer reads annotations when it builds

from notifier.cli import options
from notifier.cli.console import print_json, say, suggest, table
from notifier.cli.session import Session, session_of
from notifier.cli.words import spell_seconds
from notifier.errors import NotifierError, UsageError
from notifier.locale import _

if TYPE_CHECKING:
    from notifier.ledger.schedules import Firing, Planned
    from notifier.schedule.plans import Plan
    from notifier.timetable import Schedule

#: Occurrences that are told of each schedule, and what became of the last ones.
_NEXT, _PAST = 3, 20


def list_schedules(ctx: typer.Context, as_json: bool = options.JSON) -> int:
    """Show what is planned; 1 where something waits for an answer or could not be started."""
    from notifier.ledger.schedules import FiringState

    session = session_of(ctx)
    planned: list[Planned] = []
    firings: list[Firing] = []
    servers = 0
    if session.has_ledger():
        with session.ledger() as ledger:
            planned = ledger.schedules.every()
            firings = ledger.schedules.firings(limit=_PAST)
            servers = len(ledger.schedules.servers())
    waiting = [it for it in firings if it.state in (FiringState.ASKED, FiringState.FAILED)]
    if as_json:
        print_json(_list_dict(planned, firings, servers))
    else:
        _tell_list(session, planned, firings, servers)
    return 1 if waiting else 0


def _list_dict(planned: list[Planned], firings: list[Firing], servers: int) -> dict[str, Any]:
    now = datetime.now(UTC).timestamp()
    return {
        "served_by": servers,
        "schedules": [_planned_dict(it, now) for it in planned],
        "occurrences": [
            {
                "campaign": it.campaign,
                "occurrence": it.occurrence,
                "due_at": datetime.fromtimestamp(it.due_at, UTC).isoformat(),
                "state": str(it.state),
                "note": it.note,
            }
            for it in firings
        ],
    }


def _planned_dict(planned: Planned, now: float) -> dict[str, Any]:
    from notifier.schedule.plans import read_plan

    try:
        return plan_dict(read_plan(planned), now)
    except UsageError as exc:
        return {"campaign": planned.campaign, "error": exc.message}


def plan_dict(plan: Plan, now: float) -> dict[str, Any]:
    """A schedule, for programs."""
    coming = plan.upcoming(now, _NEXT)
    return {
        "campaign": plan.campaign,
        "timezone": str(plan.zone),
        "paused": plan.is_paused,
        **plan.schedule.model_dump(mode="json", include={"at", "cron", "every"}),
        "missed": plan.missed,
        "unchanged": plan.schedule.unchanged,
        "missing": plan.schedule.missing,
        "next": [it.astimezone(plan.zone).isoformat() for it in coming],
    }


def _tell_list(
    session: Session, planned: list[Planned], firings: list[Firing], servers: int
) -> None:
    if not planned:
        say(_("Nothing is planned."))
        suggest("notifier schedule CAMPAIGN --at WHEN")
    else:
        table(
            (_("campaign"), _("when"), _("next"), _("zone"), _("state")),
            [_row(session, it) for it in planned],
        )
    if firings:
        say("")
        table(
            (_("campaign"), _("occurrence"), _("state"), _("note")),
            [(it.campaign, it.occurrence, _word(it), it.note) for it in firings],
        )
    _tell_questions(firings)
    if not servers and any(_comes(it) for it in planned):
        say(_("Nobody serves this workspace now: without that nothing is sent."))
        suggest("notifier serve")


def _comes(planned: Planned) -> bool:
    """Whether anything of it comes yet."""
    from notifier.schedule.plans import read_plan

    try:
        return bool(moments(read_plan(planned), datetime.now(UTC).timestamp()))
    except UsageError:
        return False


def _tell_questions(firings: list[Firing]) -> None:
    from notifier.ledger.schedules import FiringState

    asked = next((it for it in firings if it.state is FiringState.ASKED), None)
    failed = next((it for it in firings if it.state is FiringState.FAILED), None)
    for it in filter(None, (asked, failed)):
        name = f"{it.campaign} {it.occurrence}"
        suggest(f"notifier schedule run {name}", f"notifier schedule skip {name}")


def _row(session: Session, planned: Planned) -> tuple[object, ...]:
    from notifier.schedule.plans import read_plan

    try:
        plan = read_plan(planned)
    except UsageError as exc:
        return (planned.campaign, "", "", planned.timezone, exc.message)
    now = datetime.now(UTC).timestamp()
    coming = ", ".join(moments(plan, now)) or _("over")
    state = _("paused") if plan.is_paused else _difference(session, plan)
    return (plan.campaign, spell(plan.schedule), coming, str(plan.zone), state)


def _difference(session: Session, plan: Plan) -> str:
    """Whether the campaign's own file says something else since; empty where it doesn't."""
    try:
        own = session.campaign(plan.campaign)
    except NotifierError as exc:
        return exc.message
    keys = {"at", "cron", "every"}
    if own.schedule is None or own.schedule.model_dump(include=keys) == plan.schedule.model_dump(
        include=keys
    ):
        return ""
    return _("its file says otherwise: notifier schedule {campaign}").format(campaign=plan.campaign)


def moments(plan: Plan, now: float) -> list[str]:
    """The next occurrences, in the campaign's zone."""
    if plan.is_paused:
        return []
    return [it.astimezone(plan.zone).strftime("%Y-%m-%d %H:%M") for it in plan.upcoming(now, _NEXT)]


def spell(schedule: Schedule) -> str:
    """When it is sent, in a few words."""
    if schedule.cron is not None:
        return schedule.cron
    at = f"{schedule.at:%Y-%m-%d %H:%M}" if schedule.at is not None else ""
    if schedule.every is None:
        return at
    every = _("every {duration}").format(duration=spell_seconds(schedule.every))
    return _("{every}, from {time} on").format(every=every, time=at) if at else every


def _word(firing: Firing) -> str:
    words = {
        "due": _("is being started"),
        "asked": _("missed: run or skip?"),
        "begun": _("begun"),
        "skipped": _("skipped"),
        "failed": _("failed"),
    }
    return words[firing.state.value]
