"""One relay of a run: its limits, its pace, what was sent through it, and how it is doing.

A line outlives its connections: where its relay is given up for a while and tried again, limits and
paces go on as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from notifier.delivery.acquaintance import Acquaintance
from notifier.delivery.domains import Lanes
from notifier.delivery.grants import Allowance
from notifier.delivery.heed import Heed
from notifier.delivery.progress import Meter
from notifier.delivery.retry import RetryPolicy
from notifier.delivery.terms import Terms
from notifier.delivery.throttle import Throttle, tightest
from notifier.locale import _
from notifier.smtp.ladder import Ladder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.delivery.grants import Grants
    from notifier.delivery.making import Recipe
    from notifier.delivery.window import Hours
    from notifier.delivery.workshop import Workshop
    from notifier.guards import StopRule
    from notifier.ledger.ledger import Ledger, Run
    from notifier.ledger.writer import Writer
    from notifier.model import Cause, Rate
    from notifier.relays import DomainSettings
    from notifier.render.templates import CompiledCampaign
    from notifier.settings import RelaySettings, RetrySettings
    from notifier.slowdowns import SlowdownRule

#: Seconds after which a worker that gave no sign is taken for dead; it gives one every third.
LEASE = 60.0
#: Seconds of nothing but trouble with the relay before it is given up.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Route:
    """One of the relays that a run may be sent through."""

    relay: RelaySettings
    weight: int = 1
    #: The lowest number goes first.
    priority: int = 1
    #: Where its messages differ from the run's: what they are made from. None: they don't.
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be delivered, through what, and how."""

    run: Run
    compiled: CompiledCampaign
    #: The only relay; of several (`routes`) the one that goes first.
    relay: RelaySettings
    retry: RetrySettings
    #: The campaign's own ceiling, below the relay's.
    rate: Sequence[Rate] = ()
    #: The user's own rules on replies that mean "slower"; those that ship come after them.
    slowdowns: Sequence[SlowdownRule] = ()
    resends_doubt: bool = False
    #: Whether to stay until deferred deliveries are due, or to leave them to a later start.
    waits: bool = True
    #: What `compiled` was compiled from; None: messages are made in this process alone.
    recipe: Recipe | None = None
    #: Worker processes that may make messages; None: as many as help.
    workers: int | None = None
    #: Workers that were started already, for this recipe; `deliver` ends them.
    workshop: Workshop | None = None
    #: Its relays, those that go first before the others; none: `relay` alone.
    routes: Sequence[Route] = ()
    #: When messages may leave; None: at any time.
    hours: Hours | None = None
    #: What stops the run by itself (`guard.stop_rules`).
    stop_rules: Sequence[StopRule] = ()
    #: A cause in the reader's words; rooms beside this one have them.
    say_cause: Callable[[Cause], str] = str
    #: Whether the run is paused where its relay can't be reached; else it is left for a later try.
    pauses: bool = True

    def stops_at(self, now: float) -> float:
        """From when on nothing may leave: the window closes, or it is too late (Unix time)."""
        closes_at = inf if self.hours is None else self.hours.closes_at(now)
        return min(closes_at, inf if self.run.not_after is None else self.run.not_after)

    def is_too_late(self, now: float) -> bool:
        """Whether nothing of the run is of any use any more."""
        return self.run.not_after is not None and now >= self.run.not_after

    @property
    def recipes(self) -> list[Recipe]:
        """What its relays' messages are made from, each once; of those that go first, first."""
        found: list[Recipe] = []
        for recipe in [it.recipe or self.recipe for it in self.routes] or [self.recipe]:
            if recipe is not None and recipe not in found:
                found.append(recipe)
        return found


@dataclass(frozen=True, slots=True)
class Desk:
    """What all relays of a run share."""

    job: Job
    ledger: Ledger
    writer: Writer
    worker_id: int
    workshop: Workshop | None
    grants: Grants
    #: The ledger's clock (Unix time), and the same without jumps, for limits.
    clock: Callable[[], float]
    steady: Callable[[], float]
    #: The user's own, then those that ship.
    rules: Sequence[SlowdownRule]
    #: From when on nothing is handed out (Unix time): see `Job.stops_at`.
    stops_at: float = inf


class Line:
    """One relay, and what is known of it."""

    def __init__(
        self,
        desk: Desk,
        route: Route,
        limits: Sequence[Allowance],
        ceiling: Sequence[Allowance],
    ) -> None:
        """`limits` are the account's own, `ceiling` the campaign's, which all relays share."""
        self.route = route
        self.relay = route.relay
        self.meter = Meter()
        self.limits = tuple(limits)
        self.throttle = Throttle(ceiling, within=Throttle(self.limits))
        self.lanes = _make_lanes(route.relay, desk.grants)
        self.heed = Heed(desk.rules, self.throttle, self.lanes, scope_of(self.name))
        self.met = Acquaintance(self.name, Ladder.of_settings(route.relay))
        self._desk = desk
        #: Made once: compiling takes a while.
        self._own = route.recipe.compile() if route.recipe is not None else None
        recipe = route.recipe or desk.job.recipe
        self._bench = None
        if desk.workshop is not None and recipe is not None:
            self._bench = desk.workshop.bench(recipe)

    def __repr__(self) -> str:
        return f"<Line {self.relay.name}: {self.meter.settled} settled>"

    @property
    def name(self) -> str:
        """The relay's."""
        return self.relay.name

    @property
    def now(self) -> float:
        """The steady clock."""
        return self._desk.steady()

    def terms(self, patience: float | None = None) -> Terms:
        """What its feed goes by; `patience`: seconds of trouble that are borne."""
        desk, job = self._desk, self._desk.job
        compiled = self._own or job.compiled
        return Terms(
            run_id=job.run.id,
            worker_id=desk.worker_id,
            relay=self.name,
            lease_seconds=LEASE,
            assemble=partial(compiled.assemble, splits=True),
            workshop=self._bench,
            throttle=self.throttle,
            lanes=self.lanes,
            heed=self.heed,
            policy=RetryPolicy(job.retry),
            clock=desk.clock,
            steady=desk.steady,
            resends_doubt=job.resends_doubt,
            patience=PATIENCE if patience is None else patience,
            waits=job.waits,
            stops_at=desk.stops_at,
        )

    def opens_at(self, now: float) -> float:
        """When the account's limits and its pace let the next message leave; -inf: now."""
        found = [limit.free_at for limit in self.limits if limit.free_at > now]
        if self.heed.relay is not None and self.heed.relay.closed_until > now:
            found.append(self.heed.relay.closed_until)
        return max(found, default=-inf)

    def limit(self, now: float) -> str:
        """Why it is slow, in words; empty where nothing holds it back."""
        if reason := self.heed.reason(now):
            return _("slowed down by the relay: {reason}").format(reason=reason)
        limit = self.throttle.holding(now)
        return _("held back by the limit {rate}").format(rate=limit) if limit else ""


def scope_of(relay: str, domain: str = "") -> str:
    """What the ledger calls a relay's limits and paces, or those of a domain behind it."""
    return f"relay {relay} @{domain}" if domain else f"relay {relay}"


async def open_line(desk: Desk, route: Route, ceiling: Sequence[Allowance]) -> Line:
    """The relay, its limits knowing what was used before."""
    relay = route.relay
    scope = scope_of(relay.name)
    limits = await keep_limits(desk, scope, relay.rate, relay.name, None)
    behind = {domain: tightest(it.rate) for domain, it in relay.domains.items() if it.rate}
    if behind:
        await desk.writer.call(
            desk.ledger.traffic.keep_domain_limits, relay.name, f"{scope} @", behind, desk.steady()
        )
    return Line(desk, route, limits, ceiling)


async def keep_limits(
    desk: Desk, scope: str, rates: Sequence[Rate], relay: str, run_id: int | None
) -> list[Allowance]:
    """Limits of a relay, or of one run, that know what was used before they were kept."""
    kept = tightest(rates)
    for rate in kept:
        await desk.writer.call(
            desk.ledger.traffic.keep_limit, scope, rate, relay, desk.steady(), run_id
        )
    return [Allowance(scope, rate, desk.grants) for rate in kept]


def _make_lanes(relay: RelaySettings, grants: Grants) -> Lanes:
    """The limits of the domains behind the relay; their grants come with their first message."""

    def make_throttle(domain: str, limits: DomainSettings) -> Throttle:
        scope = scope_of(relay.name, domain)
        return Throttle([Allowance(scope, rate, grants) for rate in tightest(limits.rate)])

    return Lanes(relay.domains, make_throttle, scope=relay.name)
