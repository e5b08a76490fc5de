"""A campaign's window and its deadline, where somebody sends from the command line."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notifier.cli.console import say
from notifier.errors import GuardError, NotifierError
from notifier.locale import _
from notifier.model import RunState, State

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from notifier.cli.planning import Plan
    from notifier.cli.session import Session
    from notifier.delivery.engine import Job
    from notifier.delivery.progress import Progress
    from notifier.ledger.ledger import Ledger
    from notifier.ledger.reports import RunSummary

#: Seconds between two looks at a run that waits for its window.
_LOOK = 1.0
_UNSENT = (State.PENDING, State.CLAIMED, State.DEFERRED)


def deadline_of(session: Session, plan: Plan) -> float | None:
    """Until when the run may be sent (Unix seconds); GuardError where it is too late already."""
    from notifier.timetable import deadline
    from notifier.wall_clock import spell_instant

    zone, now = session.zone_of(plan.campaign), datetime.now(UTC)
    found = deadline(plan.campaign.not_after, now, zone)
    if found is None or found > now.timestamp() or plan.choice.is_over:
        return found
    name = plan.campaign.name
    raise GuardError(
        _("It is too late: {campaign} is not to be sent after {time}.").format(
            campaign=name, time=spell_instant(found, zone)
        ),
        where=str(plan.campaign.path),
        next_step=_("Mend not_after, or send it all the same: {step}").format(
            step=shlex.join(["notifier", "send", name, *plan.repeated, "--live", "--anytime"])
        ),
    )


def lateness(session: Session, plan: Plan) -> GuardError | None:
    """Why it is too late to send the run; None: it isn't."""
    try:
        deadline_of(session, plan)
    except GuardError as exc:
        return exc
    return None


async def wait_for_window(
    job: Job, ledger: Ledger, stop: asyncio.Event, show: Callable[[Progress], None]
) -> bool:
    """Stay until the run's window opens; False where there is nothing to wait for any more."""
    import asyncio

    from notifier.delivery.progress import Progress
    from notifier.delivery.waiting import happens
    from notifier.wall_clock import spell_instant

    if not job.waits or job.hours is None or job.hours.is_open(time.time()):
        return False
    while not stop.is_set():
        now = time.time()
        opens_at = job.hours.opens_at(now)
        run = await asyncio.to_thread(ledger.get_run, job.run.id)
        if opens_at is None or run.state is not RunState.ACTIVE or job.is_too_late(now):
            return job.is_too_late(now)
        if opens_at <= now:
            return True
        why = _("the window opens at {time}").format(time=spell_instant(opens_at, job.hours.zone))
        counts = await asyncio.to_thread(ledger.counts, job.run.id)
        show(Progress(counts, 0.0, None, 0, limited_by=why))
        await happens(stop, min(_LOOK, opens_at - now))
    return False


def tell_window(session: Session, summary: RunSummary) -> bool:
    """Say when the run's window opens and how it goes on; whether it is closed."""
    from notifier.wall_clock import spell_instant

    if summary.state is not RunState.ACTIVE or not any(map(summary.counts.get, _UNSENT)):
        return False
    try:
        hours = session.hours(session.campaign(summary.campaign))
    except NotifierError:
        return False
    now = time.time()
    opens_at = hours.opens_at(now)
    if opens_at == now:
        return False
    if opens_at is None:
        say(_("The campaign's window never opens: nothing will be sent."))
        return True
    say(
        _("The window is closed ({why}) and opens at {time}.").format(
            why=hours.why_closed(now), time=spell_instant(opens_at, hours.zone)
        )
    )
    say(
        _("`notifier serve` goes on then, and so does: notifier resume {run} --watch").format(
            run=summary.id
        )
    )
    return True


def tell_when(plan: Plan) -> None:
    """Say in a dry run what the campaign's schedule and window mean for sending it by hand."""
    campaign = plan.campaign
    if campaign.schedule is not None:
        say(
            _("It has a schedule: `notifier schedule {campaign}` has it sent then.").format(
                campaign=campaign.name
            )
        )
    if campaign.window is not None:
        say(
            _(
                "It has a window: outside of it nothing leaves; "
                "`notifier plan {campaign}` tells when it would."
            ).format(campaign=campaign.name)
        )
