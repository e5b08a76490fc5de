"""How a relay is doing, from what the ledger knows of it: pure, the clock is an argument.

down       it can't be used; tried again at `until`, or when a run is resumed
paused     it asked us to send nothing until then
limited    one of its limits is used up
slowed     it asked for less; climbs back by itself
untried    it was never met: no message was taken, and nobody tried it out
healthy    none of these
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Any

from notifier.delivery.acquaintance import held_for, step_at
from notifier.delivery.line import scope_of
from notifier.delivery.pace import Pace
from notifier.ledger.encounters import Encounter
from notifier.smtp.ladder import Ladder, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.ledger.encounters import StepRow
    from notifier.ledger.relays import PaceRow, Standing
    from notifier.model import Rate
    from notifier.settings import RelaySettings

_MINUTE = 60.0
#: Nothing is known.
UNMET = Encounter("")


class Health(StrEnum):
    """How a relay is doing; each is left by itself but `down`, which is left when it works."""

    DOWN = "down"
    PAUSED = "paused"
    LIMITED = "limited"
    SLOWED = "slowed"
    UNTRIED = "untried"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit, and how much of it is used up; what processes hold of it counts as used."""

    rate: Rate
    used: int


@dataclass(frozen=True, slots=True)
class Below:
    """Why a relay is sent less in a row than its settings allow."""

    step: Step
    why: str
    #: Unix time.
    since: float
    #: When more is tried again.
    until: float

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "step": self.step.name.lower(),
            "why": self.why,
            "since": spell_instant(self.since),
            "until": spell_instant(self.until),
        }


@dataclass(frozen=True, slots=True)
class RelayStanding:
    """One relay's account, or a domain behind it."""

    name: str
    health: Health
    #: The relay's words, or what went wrong.
    why: str = ""
    #: Unix time; None where it isn't known.
    since: float | None = None
    until: float | None = None
    #: Messages a minute that it is sent now; None: nothing slows it.
    per_minute: float | None = None
    #: One message on its way at a time.
    is_single: bool = False
    #: Of all processes.
    connections: int = 0
    max_connections: int = 0
    quotas: tuple[Quota, ...] = ()
    #: What it could not take; None: nothing that is known.
    below: Below | None = None
    #: When it last took a message, was last tried out, and how.
    met: Encounter = UNMET
    #: Domains behind it that are slowed or paused; their names are domains.
    domains: tuple[RelayStanding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "relay": self.name,
            "state": self.health.value,
            "why": self.why,
            "since": spell_instant(self.since),
            "until": spell_instant(self.until),
            "per_minute": self.per_minute,
            "one_at_a_time": self.is_single,
            "connections": self.connections,
            "max_connections": self.max_connections,
            "accepted_at": spell_instant(self.met.accepted_at),
            "tried_at": spell_instant(self.met.tried_at),
            "trial": self.met.trial,
            "below": self.below.as_dict() if self.below is not None else None,
            "limits": [
                {"rate": str(it.rate), "count": it.rate.count, "used": it.used}
                for it in self.quotas
            ],
            "domains": [
                {
                    "domain": it.name,
                    "state": it.health.value,
                    "why": it.why,
                    "since": spell_instant(it.since),
                    "until": spell_instant(it.until),
                    "per_minute": it.per_minute,
                }
                for it in self.domains
            ],
        }


def spell_instant(at: float | None) -> str | None:
    """Unix time for programs, as everywhere in what they read."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def stand(
    relay: RelaySettings, known: Standing, used: Callable[[str, Rate], int], now: float
) -> RelayStanding:
    """How the relay is doing now; `used(scope, rate)`: how much of a limit counts now."""
    scope = scope_of(relay.name)
    quotas = tuple(Quota(rate, used(scope, rate)) for rate in relay.rate)
    paced = _of_paces(relay.name, [row for row in known.paces if row.scope == scope], now)
    trouble = next((it for it in known.troubles if it.relay == relay.name), None)
    behind = scope_of(relay.name, " ").rstrip()
    domains = [
        _of_paces(row.scope.removeprefix(behind), [row], now)
        for row in known.paces
        if row.scope.startswith(behind)
    ]
    met = next((it for it in known.encounters if it.relay == relay.name), Encounter(relay.name))
    health, why, since, until = paced.health, paced.why, paced.since, paced.until
    if trouble is not None:
        health, why, since, until = Health.DOWN, trouble.why, trouble.since, trouble.until
    elif health is not Health.PAUSED and (spent := _spent(quotas)):
        health, why, since, until = Health.LIMITED, spent, None, None
    elif met.trial and (met.tried_at or 0.0) > (met.accepted_at or 0.0):
        health, why, since, until = Health.DOWN, met.trial, met.tried_at, None
    elif health is Health.HEALTHY and met.accepted_at is None and met.tried_at is None:
        health = Health.UNTRIED
    return RelayStanding(
        name=relay.name,
        health=health,
        why=why,
        since=since,
        until=until,
        per_minute=paced.per_minute,
        is_single=paced.is_single,
        connections=known.connections.get(relay.name, 0),
        max_connections=relay.max_connections,
        quotas=quotas,
        below=_below(relay, known.steps, now),
        met=met,
        domains=tuple(it for it in domains if it.health is not Health.HEALTHY),
    )


def _below(relay: RelaySettings, steps: Sequence[StepRow], now: float) -> Below | None:
    """The step that it was taken down to, while that says less than its settings."""
    row = next((it for it in steps if it.relay == relay.name), None)
    if row is None:
        return None
    step = step_at(row, now)
    if step >= Ladder.of_settings(relay).top:
        return None
    # The next step is tried then.
    until = row.until + (step - row.step) * held_for(row.falls)
    return Below(step, row.why, row.since, until)


def _spent(quotas: Sequence[Quota]) -> str:
    """The longest limit that is used up, as it is written."""
    spent = [it.rate for it in quotas if it.used >= it.rate.count]
    return str(max(spent, key=lambda rate: rate.seconds)) if spent else ""


def _of_paces(name: str, rows: Sequence[PaceRow], now: float) -> RelayStanding:
    """As its pace alone has it."""
    if not rows:
        return RelayStanding(name, Health.HEALTHY)
    row, pace = rows[0], Pace()
    pace.adopt(row, now)
    if pace.is_over(now):
        return RelayStanding(name, Health.HEALTHY)
    speed = pace.speed(now)
    is_paused = row.paused_until > now
    return RelayStanding(
        name,
        Health.PAUSED if is_paused else Health.SLOWED,
        why=row.why,
        since=row.heard_at,
        until=row.paused_until if is_paused else None,
        per_minute=round(speed * _MINUTE, 2) if speed < inf else None,
        is_single=pace.is_single(now),
    )
