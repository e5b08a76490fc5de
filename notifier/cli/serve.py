"""`notifier serve`: schedules and whatever is due, until somebody stops it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads annotations when it builds

from notifier.cli.console import say
from notifier.cli.session import Session, session_of
from notifier.cli.words import counts_line
from notifier.locale import N_, _, ngettext
from notifier.model import RunState

if TYPE_CHECKING:
    import asyncio
    from zoneinfo import ZoneInfo

    from notifier.campaign import Campaign
    from notifier.cli.planning import Plan
    from notifier.delivery.window import Hours
    from notifier.ledger.ledger import Ledger
    from notifier.ledger.schedules import Firing, OpenRun
    from notifier.schedule.alarms import Alarms
    from notifier.schedule.office import Started
    from notifier.timetable import Schedule

HELP = N_(
    "Serve this workspace: start what is scheduled, and send whatever is due, until Ctrl-C.\n\n"
    "Runs that wait for their window, for a relay or for a later try go on by themselves. "
    "Ctrl-C or SIGTERM finishes what is on the wire and stops; nothing is lost by it. Several may "
    "serve the same workspace: each occurrence is one run all the same."
)


def serve(ctx: typer.Context) -> int:
    """Serve until a signal."""
    from notifier.cli.interrupt import run_async

    session = session_of(ctx)
    with session.ledger() as ledger:
        run_async(_serve(session, ledger))
    log(session.zone, _("Stopped."))
    return 0


async def _serve(session: Session, ledger: Ledger) -> None:
    import asyncio

    from notifier.cli.interrupt import stop_on_interrupt
    from notifier.cli.tidying import kept_tidy
    from notifier.schedule.alarms import Alarms
    from notifier.schedule.serving import Server

    def alarms(listener: object) -> Alarms:
        return Alarms(ledger.path, listener)  # type: ignore[arg-type]  # what `Server` gives

    stop, logs = asyncio.Event(), partial(log, session.zone)
    server = Server(WorkspaceOffice(session, ledger), ledger, alarms, log=logs)
    count = len(ledger.schedules.every())
    logs(
        ngettext(
            "Serving {folder}: {count} schedule. Ctrl-C stops.",
            "Serving {folder}: {count} schedules. Ctrl-C stops.",
            count,
        ).format(folder=session.workspace.root, count=count)
    )
    with stop_on_interrupt(stop):
        async with kept_tidy(session, logs):
            await server.run(stop)


def log(zone: ZoneInfo, text: str) -> None:
    """A line with the workspace's time, at once, also where it is read through a pipe."""
    import sys

    say(f"{datetime.now(zone):%Y-%m-%d %H:%M:%S}  {text}")
    sys.stdout.flush()


@dataclass(slots=True)
class WorkspaceOffice:
    """A workspace as serving sees it: campaigns and sheets are read afresh each time."""

    session: Session
    ledger: Ledger

    def start(self, firing: Firing) -> Started:
        """Enrol the run of this occurrence; what came of it."""
        from notifier.cli.planning import guard, make_plan
        from notifier.cli.send import enrol_run
        from notifier.ledger.schedules import FiringState
        from notifier.schedule.office import Started

        session = self.session
        campaign = session.campaign(firing.campaign)
        asked = self._schedule_of(campaign)
        too_late = _not_after(session, campaign, firing.due_at)
        if too_late is not None and time.time() >= too_late:
            return Started(FiringState.SKIPPED, _("Too late to be sent (not_after)."))
        if asked is not None and (missing := _missing_sheet(session, campaign)):
            note = _("The sheet isn't there: {file}").format(file=missing)
            skips = asked.missing == "skip"
            return Started(FiringState.SKIPPED if skips else FiringState.FAILED, note)
        plan = make_plan(session, campaign, occurrence=firing.occurrence)
        if plan.run is not None and plan.run.state is not RunState.ENROLLING:
            return _begun(self.ledger, plan.run.id)
        if asked is not None and asked.unchanged == "skip" and self._is_unchanged(plan):
            return Started(FiringState.SKIPPED, _("The sheet is as it was the last time."))
        guard(plan)
        if plan.surprise is not None:
            raise plan.surprise
        return _begun(
            self.ledger, enrol_run(session, plan, due_at=firing.due_at, not_after=too_late)
        )

    def _log(self, text: str) -> None:
        log(self.session.zone, text)

    def _schedule_of(self, campaign: Campaign) -> Schedule | None:
        from notifier.schedule.plans import read_plan

        planned = self.ledger.schedules.find(campaign.name)
        return read_plan(planned).schedule if planned is not None else campaign.schedule

    def _is_unchanged(self, plan: Plan) -> bool:
        last = self.ledger.schedules.last_digest(plan.campaign.name, plan.occurrence)
        return bool(last) and last == plan.survey.digest

    def hours(self, campaign: str) -> Hours:
        """When its messages may leave."""
        return self.session.hours(self.session.campaign(campaign))

    async def deliver(self, run_id: int, stop: asyncio.Event) -> RunState:
        """Send what is due of it, with a connection to the ledger of its own."""
        from notifier.cli.deliver import make_job
        from notifier.delivery.engine import deliver
        from notifier.schedule.serving import in_thread

        with self.session.ledger() as ledger:
            # In a thread: what an approval was given for is read and compared, sheet and files.
            job = await in_thread(partial(make_job, waits=False), self.session, ledger, run_id)
            job = replace(job, pauses=False)
            name = f"{job.run.campaign} {job.run.occurrence}"
            self._log(_("{name}: run {run} is being sent.").format(name=name, run=run_id))
            return await deliver(job, ledger, stop=stop)

    def expire(self, run: OpenRun) -> None:
        """It is too late for it; the operator is told."""
        from notifier.delivery.events import tell_too_late
        from notifier.delivery.window import too_late

        assert run.not_after is not None
        zone = self.session.hours(self.session.campaign(run.campaign)).zone
        self.ledger.recover(run.id)
        reason = too_late(run.not_after, zone)
        count = self.ledger.schedules.expire(run.id, reason)
        if count:
            tell_too_late(self.ledger, run.id, reason, count)
            self._log(f"{run.campaign} {run.occurrence}: {reason} ({self.describe(run.id)})")

    def alert(self, firing: Firing, why: str) -> None:
        """The operator is to know."""
        from notifier.delivery.events import tell_schedule

        tell_schedule(self.ledger, firing.campaign, firing.occurrence, why)

    def tell(self) -> None:
        """Tell what there is to be told."""
        from notifier.delivery.telling import tell_operator

        tell_operator(self.ledger, self.session.workspace)

    def describe(self, run_id: int) -> str:
        """Where it stands, and the states of its deliveries."""
        from notifier.report.words import run_word

        run, counts = self.ledger.get_run(run_id), self.ledger.counts(run_id)
        with self.session.reader() as reader:
            word = run_word(reader.summary(run_id))
        told = _("run {run}, {state}: {counts}").format(
            run=run.id, state=word, counts=counts_line(counts)
        )
        due_at = self.ledger.next_due_at(run_id)
        if run.state is RunState.ACTIVE and due_at is not None and due_at > time.time():
            at = datetime.fromtimestamp(due_at, UTC).astimezone(self.session.zone)
            told += _("; the next try is due at {time}").format(time=f"{at:%H:%M:%S}")
        return told


def _begun(ledger: Ledger, run_id: int) -> Started:
    from notifier.delivery.events import tell_awaiting
    from notifier.ledger.schedules import FiringState
    from notifier.schedule.office import Started

    run = ledger.get_run(run_id)
    if run.state is RunState.AWAITING:
        tell_awaiting(ledger, run_id)  # whoever enrolled it may have been killed before
        note = _("run {run} waits for approval: notifier approve {run}").format(run=run_id)
    else:
        count = sum(ledger.counts(run_id).values())
        note = ngettext(
            "run {run} has begun: {count} message",
            "run {run} has begun: {count} messages",
            count,
        ).format(run=run_id, count=count)
    return Started(FiringState.BEGUN, note, run_id)


def _missing_sheet(session: Session, campaign: Campaign) -> str:
    """The sheet's name where it isn't there; else empty."""
    path = session.workspace.root / campaign.recipients.file
    return "" if path.exists() else campaign.recipients.file


def _not_after(session: Session, campaign: Campaign, due_at: float) -> float | None:
    from notifier.timetable import deadline

    planned = datetime.fromtimestamp(due_at, UTC)
    return deadline(campaign.not_after, planned, session.hours(campaign).zone)
