"""Guards: a run that is not as usual asks first, and one that goes wrong stops itself.

What a person is asked is a GuardError here; `cli/` asks on a terminal, and others are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.alert_settings import AlertKind
from notifier.delivery.events import paused_text
from notifier.errors import GuardError
from notifier.guards import USUAL_GROWTH, USUAL_STOP, StopRule
from notifier.locale import N_, _
from notifier.model import Cause, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.campaign import Campaign
    from notifier.ledger.brakes import Tally, Trouble
    from notifier.ledger.ledger import Ledger
    from notifier.ledger.writer import Writer

#: Seconds between two looks at the counts.
LOOK = 1.0
#: So many recipients more or fewer are no surprise, whatever they are a part of.
FEW = 20
#: Kinds of mail that go on whatever is refused: who is not reached is told afterwards.
_UNSTOPPED = frozenset({"emergency"})

_HAPPENED: dict[State, str] = {
    State.REFUSED: N_("{count} of {tried} were refused"),
    State.DEFERRED: N_("{count} of {tried} were put off"),
    State.EXPIRED: N_("{count} of {tried} were given up"),
    State.UNKNOWN: N_("{count} of {tried} are in doubt"),
}


def check_count(campaign: Campaign, count: int, usual: int | None) -> None:
    """GuardError where so many recipients are far from the campaign's usual number.

    `usual`: `Ledger.brakes.usual_count`; None, at a first run, surprises nobody.
    """
    growth = campaign.expect.growth if campaign.expect is not None else USUAL_GROWTH
    if usual is None or not growth or abs(count - usual) < FEW:
        return
    if count >= usual * growth:
        head = _("{count} recipients are {times} times the usual {usual}.")
        times = count / max(usual, 1)
    elif count * growth <= usual:
        head = _("{count} recipients are {times} times fewer than the usual {usual}.")
        times = usual / max(count, 1)
    else:
        return
    raise GuardError(
        head.format(count=count, times=f"{times:.2g}", usual=usual),
        where=campaign.recipients.file,
        next_step=_(
            "Look at the sheet (notifier recipients check {campaign}). If it is right, say so: "
            "--yes-many. `expect: {{growth: 0}}` in the campaign asks no more."
        ).format(campaign=campaign.name),
    )


def stop_rules(campaign: Campaign) -> tuple[StopRule, ...]:
    """What stops a run of the campaign by itself: its own rules, or the usual ones."""
    if campaign.stop_if is not None:
        return campaign.stop_if
    return () if campaign.kind in _UNSTOPPED else USUAL_STOP


class Watch:
    """Looks at a run's counts now and then, and stops it where a rule is broken."""

    def __init__(
        self,
        ledger: Ledger,
        writer: Writer,
        run_id: int,
        rules: Sequence[StopRule],
        say_cause: Callable[[Cause], str] = str,
    ) -> None:
        self._ledger = ledger
        self._writer = writer
        self._run_id = run_id
        self._rules = tuple(rules)
        self._by_cause = any(isinstance(it.what, Cause) for it in self._rules)
        self._say_cause = say_cause
        self._looked_at = 0.0

    async def look(self, now: float) -> None:
        """Pause the run where too much went wrong since it was last stopped."""
        if not self._rules or now - self._looked_at < LOOK:
            return
        self._looked_at = now
        brakes, call = self._ledger.brakes, self._writer.call
        tally = await call(brakes.since_stop, self._run_id, self._by_cause)
        broken = tally and broken_rule(self._rules, tally)
        if tally and broken:
            await call(self._stop, broken, tally)

    def _stop(self, rule: StopRule, tally: Tally) -> None:
        brakes = self._ledger.brakes
        troubles = brakes.troubles(self._run_id)
        reason = spell_reason(rule, tally, troubles, self._say_cause)
        run = self._ledger.get_run(self._run_id)
        text = paused_text(run, reason, spell_going_on(run.id))
        brakes.stop(run.id, reason, kind=AlertKind.PAUSED, text=text)


def broken_rule(rules: Sequence[StopRule], tally: Tally) -> StopRule | None:
    """The first rule that the counts break; None: none of them."""
    return next(
        (it for it in rules if it.is_broken(tally.counts.get(it.what, 0), tally.tried)), None
    )


def spell_reason(
    rule: StopRule,
    tally: Tally,
    troubles: Sequence[Trouble],
    say_cause: Callable[[Cause], str] = str,
) -> str:
    """Why a run stopped itself: the rule, the figures, the most frequent causes with domains."""
    what = rule.what
    told = _(_HAPPENED[what]) if isinstance(what, State) else _("{count} of {tried}: {cause}")
    cause = say_cause(what) if isinstance(what, Cause) else ""
    count = tally.counts.get(what, 0)
    happened = told.format(count=count, tried=tally.tried, cause=cause)
    text = _("stop_if {rule}: {happened}.").format(rule=rule, happened=happened)
    if not troubles:
        return text
    told = "; ".join(_spell_trouble(it, say_cause) for it in troubles)
    return f"{text} " + _("Most often in this run: {causes}.").format(causes=told)


def _spell_trouble(trouble: Trouble, say_cause: Callable[[Cause], str]) -> str:
    return _("{cause} ({count}: {domains})").format(
        cause=say_cause(trouble.cause), count=trouble.count, domains=", ".join(trouble.domains)
    )


def spell_going_on(run_id: int) -> str:
    """How to go on with a run that stopped itself."""
    return _(
        "Going on counts anew from here; with --ignore-stop-if it does not stop itself again "
        "(notifier resume {run} --ignore-stop-if)."
    ).format(run=run_id)
