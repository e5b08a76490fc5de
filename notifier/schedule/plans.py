"""What is planned, and what is due of it: pure, but for the row that it is read from.

What was missed (nobody served when it was due) comes to one run at most: the latest occurrence's,
and that only where the schedule says so; the others are noted as skipped. On time is what is no
later than `GRACE`, so that a restart of the program, or of the machine, is no miss.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from notifier.errors import UsageError
from notifier.ledger.schedules import Firing, FiringState
from notifier.locale import _, ngettext
from notifier.timetable import Schedule
from notifier.wall_clock import name_of, spell_instant

if TYPE_CHECKING:
    from notifier.campaign import Kind
    from notifier.ledger.schedules import Planned

Missed = Literal["run", "skip", "ask"]

#: Seconds after which an occurrence counts as missed.
GRACE = 300.0
#: A warning is wanted however late it is; of anything else a person says whether it still is.
_RUN_LATE: frozenset[Kind] = frozenset({"emergency"})


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign's schedule in its zone."""

    campaign: str
    schedule: Schedule
    zone: ZoneInfo
    #: What `every` counts from.
    begun: datetime
    #: Unix seconds; what was due before is nobody's.
    since: float
    missed: Missed
    is_paused: bool = False

    def upcoming(self, now: float, count: int) -> list[datetime]:
        """The next occurrences after `now` (UTC)."""
        after = datetime.fromtimestamp(max(now, self.since), UTC)
        found = self.schedule.occurrences(after, self.zone, begun=self.begun)
        return list(islice(found, count))

    def next_after(self, handled_until: float | None) -> float | None:
        """When the first occurrence is due of which nothing became yet; None: none will be."""
        after = datetime.fromtimestamp(max(self.since, handled_until or 0.0), UTC)
        found = next(self.schedule.occurrences(after, self.zone, begun=self.begun), None)
        return found.timestamp() if found is not None else None


def usual_missed(kind: Kind) -> Missed:
    """What becomes of what was missed, where the campaign doesn't say."""
    return "run" if kind in _RUN_LATE else "ask"


def write_spec(schedule: Schedule, missed: Missed, now: datetime) -> str:
    """The schedule as the ledger keeps it."""
    kept = schedule.model_dump(mode="json", exclude_none=True)
    return json.dumps({**kept, "missed": missed, "begun": now.timestamp()})


def read_plan(planned: Planned) -> Plan:
    """The schedule as the ledger has it; UsageError where that can't be understood."""
    try:
        spec = json.loads(planned.spec)
        begun = datetime.fromtimestamp(spec.pop("begun"), UTC)
        schedule = Schedule.model_validate(spec)
        zone = ZoneInfo(planned.timezone)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as exc:
        raise UsageError(
            _("The schedule of {campaign} can't be read.").format(campaign=planned.campaign),
            where="notifier schedule list",
            next_step=_("Schedule it again: notifier schedule {campaign}").format(
                campaign=planned.campaign
            ),
        ) from exc
    return Plan(
        campaign=planned.campaign,
        schedule=schedule,
        zone=zone,
        begun=begun,
        since=planned.at,
        missed=schedule.missed or "ask",
        is_paused=planned.is_paused,
    )


def decide(plan: Plan, handled_until: float | None, now: float) -> list[Firing]:
    """What becomes of the occurrences that are due by `now`, and of which nothing became yet."""
    if plan.is_paused:
        return []
    after = datetime.fromtimestamp(max(plan.since, handled_until or 0.0), UTC)
    latest: datetime | None = None
    before: datetime | None = None
    count = 0
    for instant in plan.schedule.occurrences(after, plan.zone, begun=plan.begun):
        if instant.timestamp() > now:
            break
        latest, before, count = instant, latest, count + 1
    if latest is None:
        return []
    found = [] if before is None else [_passed_over(plan, before, count - 1)]
    return [*found, _latest(plan, latest, now)]


def _passed_over(plan: Plan, instant: datetime, count: int) -> Firing:
    note = ngettext(
        "Missed; a later one takes its place.",
        "Missed, with {others} before it; a later one takes their place.",
        count,
    ).format(others=count - 1)
    return _firing(plan, instant, FiringState.SKIPPED, note)


def _latest(plan: Plan, instant: datetime, now: float) -> Firing:
    if now - instant.timestamp() <= GRACE or plan.missed == "run":
        return _firing(plan, instant, FiringState.DUE, "")
    planned = spell_instant(instant.timestamp(), plan.zone)
    return _firing(plan, instant, *_missed(plan.missed, planned))


def belated(plan: Plan | None, firing: Firing, begun_at: float) -> Firing | None:
    """What becomes of an occurrence that was due, and that nobody lived to begin.

    None: it is begun. It was missed like any other where this serving began more than `GRACE`
    after it was found, or after a person had it run.
    """
    missed = plan.missed if plan is not None else "ask"
    if firing.at >= begun_at - GRACE or missed == "run":
        return None
    state, note = _missed(missed, firing.occurrence)
    return replace(firing, state=state, note=note)


def _missed(missed: Missed, planned: str) -> tuple[FiringState, str]:
    if missed == "skip":
        return FiringState.SKIPPED, _("Missed: nobody served at {time}.").format(time=planned)
    note = _("Missed: nobody served at {time}. Is it still to be sent?").format(time=planned)
    return FiringState.ASKED, note


def _firing(plan: Plan, instant: datetime, state: FiringState, note: str) -> Firing:
    name = name_of(instant, plan.zone)
    return Firing(plan.campaign, name, instant.timestamp(), state, note)
