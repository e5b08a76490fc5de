"""Delivering a run from the command line: progress, Ctrl-C, and the account at the end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notifier.cli.across import tell_relays
from notifier.cli.console import facts, heading, print_json, say, suggest
from notifier.cli.hours import tell_window, wait_for_window
from notifier.cli.progress import display
from notifier.cli.purging import purge_by_itself
from notifier.cli.relays import point_to_sandbox
from notifier.cli.runs import has_failures, next_steps, tell_summary
from notifier.cli.words import spell_moment
from notifier.errors import RelayError
from notifier.locale import _, ngettext
from notifier.model import RunState, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifier.cli.session import Session
    from notifier.delivery.engine import Job
    from notifier.delivery.workshop import Workshop
    from notifier.ledger.ledger import Ledger
    from notifier.ledger.reports import Reader, RunSummary

#: Causes listed below the figures; the report has them all.
_SHOWN = 8
#: People named for each.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Ending:
    """How the sending of a run ended, where somebody asked it to stop."""

    was_interrupted: bool = False
    #: The connections were cut: a second signal came, or the relay gave no answer.
    was_cut: bool = False
    #: Messages that this left in doubt.
    in_doubt: int = 0


def deliver_run(
    session: Session,
    run_id: int,
    *,
    waits: bool,
    as_json: bool,
    workshop: Workshop | None = None,
    anytime: bool = False,
) -> int:
    """Send what is due of a run and tell how it went; 1 where something is left or failed.

    `anytime`: although its window is closed, or it is too late. Raises RelayError where the relay
    can't be used: the run is paused then.
    """
    ending = deliver_due(
        session, run_id, waits=waits, is_quiet=as_json, workshop=workshop, anytime=anytime
    )
    with session.reader() as reader:
        summary = reader.summary(run_id)
        if as_json:
            print_json(summary.as_dict())
        else:
            tell_outcome(session, reader, summary, ending)
    purge_by_itself(session)
    is_left = summary.state not in (RunState.FINISHED, RunState.CANCELLED)
    return 1 if is_left or has_failures(summary) else 0


def deliver_due(
    session: Session,
    run_id: int,
    *,
    waits: bool,
    is_quiet: bool,
    at_most: float | None = None,
    workshop: Workshop | None = None,
    anytime: bool = False,
) -> Ending:
    """Send what is due of a run, for `at_most` so many seconds; whether somebody interrupted it."""
    from notifier.cli.interrupt import run_async

    with session.ledger() as ledger, telling(session, ledger):
        if anytime:
            ledger.schedules.lift_deadline(run_id)
        job = make_job(session, ledger, run_id, waits=waits, anytime=anytime)
        job = replace(job, workshop=workshop)
        try:
            return run_async(_deliver(job, ledger, is_quiet=is_quiet, at_most=at_most))
        except RelayError as exc:
            point_to_sandbox(exc, job.relay)
            exc.next_step = _("{step} Then go on with: notifier resume {run}").format(
                step=_sentence(exc.next_step), run=run_id
            )
            raise


@contextmanager
def telling(session: Session, ledger: Ledger) -> Iterator[None]:
    """Whatever comes of it, the operator is told at the end, of what waited before, too.

    Not where somebody wants the program to end at once: it waits for the next command then.
    """
    from notifier.delivery.telling import tell_operator

    try:
        yield
    except Exception:
        tell_operator(ledger, session.workspace)
        raise
    tell_operator(ledger, session.workspace)


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def make_job(
    session: Session, ledger: Ledger, run_id: int, *, waits: bool, anytime: bool = False
) -> Job:
    """What the engine needs to go on with a run.

    UsageError or GuardError where it needs somebody's approval, and has none that holds.
    """
    from notifier.cli.asked import todays
    from notifier.delivery.approval import check_approved
    from notifier.delivery.engine import Job
    from notifier.delivery.guard import stop_rules
    from notifier.report.advice import advise

    run = ledger.get_run(run_id)
    campaign = session.campaign(run.campaign)
    recipe = session.recipe(campaign)
    routes = session.routes(campaign, run.relay)
    compiled = recipe.compile()
    check_approved(ledger, run, lambda: todays(session, run, campaign, compiled))
    return Job(
        run=run,
        compiled=compiled,
        stop_rules=stop_rules(campaign),
        say_cause=lambda cause: advise(cause).label,
        recipe=recipe,
        workers=session.workspace.settings.limits.assembly_processes,
        relay=routes[0].relay,
        routes=routes,
        retry=session.workspace.settings.retry,
        rate=campaign.rate,
        slowdowns=session.workspace.settings.slowdown,
        resends_doubt=campaign.on_doubt == "resend",
        waits=waits,
        hours=session.hours(campaign, anytime=anytime),
    )


async def _deliver(job: Job, ledger: Ledger, *, is_quiet: bool, at_most: float | None) -> Ending:
    """Deliver with progress; whether somebody interrupted it."""
    import asyncio

    from notifier.cli.interrupt import stop_on_interrupt
    from notifier.delivery.engine import deliver

    stop = asyncio.Event()
    timer = None
    if at_most is not None:
        timer = asyncio.get_running_loop().call_later(at_most, stop.set)
    doubts = _count_doubts(ledger, job)
    with display(quiet=is_quiet) as shown, stop_on_interrupt(stop) as interruption:
        try:
            await deliver(job, ledger, stop=stop, on_progress=shown.show)
            while await wait_for_window(job, ledger, stop, shown.show):
                job = replace(job, workshop=None)  # those workers ended with the evening
                await deliver(job, ledger, stop=stop, on_progress=shown.show)
        except asyncio.CancelledError:
            if not interruption.is_cut:
                raise
    if timer is not None:
        timer.cancel()
    left = max(0, _count_doubts(ledger, job) - doubts) if interruption.is_cut else 0
    return Ending(interruption.is_set(), interruption.is_cut, left)


def _count_doubts(ledger: Ledger, job: Job) -> int:
    """Deliveries in doubt, and those that a locked ledger has kept us from calling so."""
    counts = ledger.counts(job.run.id)
    return counts.get(State.UNKNOWN, 0) + counts.get(State.SUBMITTING, 0)


def tell_outcome(
    session: Session, reader: Reader, summary: RunSummary, ending: Ending | None = None
) -> None:
    """Print the account: figures, failures by cause, what to type next."""
    tell_summary(summary, session.zone)
    tell_causes(reader, summary.id)
    tell_relays(reader, summary, session.zone)
    if ending is not None and ending.was_interrupted:
        say(_spell_ending(ending))
    is_closed = tell_window(session, summary)
    if not is_closed:
        _tell_deferred(session, summary)
    _tell_stop(session, summary)
    steps = [] if is_closed else next_steps(summary)
    report = f"notifier report {summary.id}"
    suggest(*steps, report)


def _spell_ending(ending: Ending) -> str:
    if not ending.was_cut:
        return _("Interrupted: what was on the wire was finished, the rest waits in the ledger.")
    if not ending.in_doubt:
        return _("Interrupted at once: nothing is in doubt, the rest waits in the ledger.")
    return ngettext(
        "Interrupted at once: {count} message may have arrived, and is in doubt;"
        " the rest waits in the ledger.",
        "Interrupted at once: {count} messages may have arrived, and are in doubt;"
        " the rest waits in the ledger.",
        ending.in_doubt,
    ).format(count=ending.in_doubt)


def _tell_stop(session: Session, summary: RunSummary) -> None:
    """Say how to go on with a run that stopped itself."""
    from notifier.delivery.guard import spell_going_on

    if summary.state is not RunState.PAUSED:
        return
    with session.ledger() as ledger:
        has_stopped = ledger.brakes.has_stopped(summary.id)
    if has_stopped:
        say(spell_going_on(summary.id))


def tell_causes(reader: Reader, run_id: int) -> None:
    """Print failures grouped by cause, each with a reply, what to do, and whom it met."""
    from notifier.report.causes import group_causes

    groups = group_causes(reader, run_id)
    if not groups:
        return
    heading(_("What went wrong"))
    for group in groups[:_SHOWN]:
        say(_("  {count}: {cause}").format(count=group.count, cause=group.label), style="bold")
        named = ", ".join(group.people[:_NAMED])
        more = len(group.people) > _NAMED or group.more
        lines = [
            (_("who"), f"{named}, ..." if more else named),
            (_("reply"), group.reply),
            (_("to do"), group.action),
        ]
        facts(lines, indent=4)


def _tell_deferred(session: Session, summary: RunSummary) -> None:
    count = summary.counts.get(State.DEFERRED, 0)
    if not count or summary.state is not RunState.ACTIVE:
        return
    with session.ledger() as ledger:
        due_at = ledger.next_due_at(summary.id)
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(due_at, UTC) if due_at is not None else None
    say(
        ngettext(
            "{count} message was put off by the relay; its next try is due at {time}.",
            "{count} messages were put off by the relay; the next try is due at {time}.",
            count,
        ).format(count=count, time=spell_moment(moment, session.zone))
    )
