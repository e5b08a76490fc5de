"""What sending would do: everything examined, nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notifier.cli.corrections import Selection, choosing, selection_dict
from notifier.cli.examination import Examination, examine
from notifier.errors import GuardError, UsageError
from notifier.locale import _, ngettext
from notifier.model import FINAL_STATES, RunState, State

if TYPE_CHECKING:
    from notifier.campaign import Campaign
    from notifier.cli.session import Session
    from notifier.delivery.enrol import Survey
    from notifier.delivery.line import Route
    from notifier.delivery.occurrence import Choice
    from notifier.ledger.ledger import Ledger, Run
    from notifier.ledger.reports import RunSummary
    from notifier.model import Rate


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
    #: Whom it is meant for; None: everybody.
    selection: Selection | None = None
    #: Why the number of recipients is asked about first; None: it is as usual.
    surprise: GuardError | None = None
    #: The campaign's latest run before anything was looked at; 0: there was none.
    latest: int = 0

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
        return self.survey.recipients - self.found.suppressed

    @property
    def survey(self) -> Survey:
        """What the sheet holds, and how much of it is meant."""
        assert self.found.survey is not None
        return self.found.survey

    @property
    def is_idle(self) -> bool:
        """Whether it is meant for nobody: no run is made of it."""
        return self.selection is not None and self.run is None and not self.survey.recipients

    @property
    def needs_approval(self) -> bool:
        """Whether sending only asks for it: somebody else lets it go."""
        is_new = self.run is None or self.run.state is RunState.ENROLLING
        return is_new and self.campaign.approval == "required"

    @property
    def seconds(self) -> float:
        """How long the limits make it take at least."""
        from notifier.cli.plan import channels_of
        from notifier.delivery.forecast import forecast
        from notifier.delivery.window import Hours

        limits, ceiling = channels_of(self.routes), self.campaign.rate
        hours = Hours(None, UTC)  # as long as it is open
        found = forecast(self.left, limits, hours=hours, start=0.0, ceiling=ceiling)
        return round(found.seconds, 1)

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
            "deliveries": self.survey.recipients,
            "rejections": tally.rejections,
            "folded": tally.folded,
            "extra_addresses": tally.extra_addresses,
            "left_out": self.survey.left_out,
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
            "surprise": self.surprise.message if self.surprise else "",
            "only": selection_dict(self.selection),
        }


def make_plan(
    session: Session,
    campaign: Campaign,
    *,
    occurrence: str | None = None,
    again: bool = False,
    relay: str | None = None,
    only: str | None = None,
) -> Plan:
    """Examine everything that sending needs; nothing is written.

    `only` says whom it is meant for (`corrections.py`). Raises GuardError where an unfinished run
    of other recipients is in the way.
    """
    from notifier.delivery.occurrence import choose_occurrence

    selection = Selection(only) if only else None
    latest = _find(session, campaign.name)
    if selection is None:
        found = examine(session, campaign, relay=relay)
    else:
        begun = _begun(session, campaign.name, occurrence, again=again)
        with choosing(session, campaign, selection, but=begun) as choose:
            found = examine(session, campaign, choose, relay=relay)
        selection.choice = found.choice
        selection.close(campaign)
    choice = choose_occurrence(
        campaign.name,
        today=datetime.now(UTC).astimezone(session.zone_of(campaign)).date(),
        source_digest=found.survey.digest if found.survey else "",
        find=lambda reference: _find(session, reference),
        asked=occurrence or "",
        again=again,
        only=selection.word if selection else "",
        repeats=selection is not None and selection.repeats,
        find_begun=lambda begin: _find_begun(session, campaign.name, begin),
    )
    run = _summary(session, choice.run.id) if choice.run else None
    if run is not None and not choice.is_over:
        _check_relay(run, relay)
    routes = session.routes(campaign, relay or (run.relay if run else None))
    repeated = ["--only", only] if only else []
    repeated += ["--relay", relay] if relay else []
    repeated += ["--occurrence", choice.occurrence] if occurrence or again else []
    repeated += ["--workspace", str(session.root)] if session.root else []
    is_new = selection is None and (run is None or run.state is RunState.ENROLLING)
    surprise = _find_surprise(session, found) if is_new else None
    return Plan(
        found,
        routes,
        choice,
        run,
        tuple(repeated),
        selection,
        surprise,
        latest.id if latest is not None else 0,
    )


def _find_surprise(session: Session, found: Examination) -> GuardError | None:
    """Whether a run for everybody has far more or fewer recipients than the last ones."""
    from notifier.delivery.guard import check_count

    if found.survey is None or not session.has_ledger():
        return None
    with session.ledger() as ledger:
        usual = ledger.brakes.usual_count(found.campaign.name)
    try:
        check_count(found.campaign, found.survey.recipients, usual)
    except GuardError as exc:
        return exc
    return None


def _begun(session: Session, campaign: str, occurrence: str | None, *, again: bool) -> int:
    """The run that sending would go on with, where one was begun; 0: none."""
    from notifier.delivery.occurrence import OPEN

    if again and not occurrence:
        return 0
    run = _find(session, f"{campaign}@{occurrence}" if occurrence else campaign)
    return run.id if run is not None and run.state in OPEN else 0


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


def _find_begun(session: Session, campaign: str, begin: str) -> Run | None:
    if not session.has_ledger():
        return None
    with session.ledger() as ledger:
        return ledger.schedules.find_begun(campaign, begin)


def _summary(session: Session, run_id: int) -> RunSummary:
    with session.reader() as reader:
        return reader.summary(run_id)


def check_latest(plan: Plan, ledger: Ledger) -> None:
    """GuardError where a run was begun since it was looked up who has what.

    It may have gone to the very people whom this correction is meant for.
    """
    if plan.run is not None or plan.selection is None or not plan.selection.repeats:
        return
    latest = ledger.find_run(plan.campaign.name)
    if latest.id == plan.latest or latest.occurrence == plan.occurrence:
        return
    raise GuardError(
        _("Run {run} of {campaign} was begun meanwhile; nothing was sent.").format(
            run=latest.id, campaign=plan.campaign.name
        ),
        where=f"{latest.campaign}@{latest.occurrence}",
        next_step=_("Look at it (notifier status {run}), then type the same command again.").format(
            run=latest.id
        ),
    )


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
