"""`notifier plan`: how many, how long under limits and windows, and when it ends."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, heading, print_json, say, suggest, table
from notifier.cli.routes import facts_of_routes
from notifier.cli.session import Session, session_of
from notifier.cli.words import spell_number, spell_rates, spell_seconds
from notifier.errors import UsageError
from notifier.locale import N_, _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from notifier.campaign import Campaign
    from notifier.delivery.forecast import Channel, Forecast
    from notifier.delivery.line import Route
    from notifier.ledger.ledger import Ledger

HELP = N_(
    "Foretell a run of a campaign: how many messages, when it begins and ends, which pauses.\n\n"
    "Under the limits of the relay, of the campaign and of recipient domains, and the campaign's "
    "window; what the relay was sent lately counts. Nothing is sent or written."
)
#: Pauses that are printed; `--json` has more.
_SHOWN = 10
#: Runs whose speed is looked at, and the messages that make one worth it.
_RUNS, _ENOUGH = 50, 100


@dataclass(frozen=True, slots=True)
class Foretold:
    """A run as it would go."""

    campaign: Campaign
    routes: tuple[Route, ...]
    forecast: Forecast
    #: The domain behind the relay that takes longest; empty: all of them together do.
    slowest: str
    #: Messages a second that the relay was seen to take; None: nothing is known.
    speed: float | None
    suppressed: int
    rejections: int
    zone: ZoneInfo
    #: When too late; None: never.
    not_after: float | None


def plan(
    ctx: typer.Context,
    campaign: str = options.CAMPAIGN,
    at: str | None = typer.Option(
        None, "--at", metavar="WHEN", help=N_("If it began then: 2027-01-15 07:00.")
    ),
    relay: str | None = options.RELAY,
    as_json: bool = options.JSON,
) -> int:
    """Print the forecast; 1 where some of it would come too late, or it never ends."""
    session = session_of(ctx)
    found = session.campaign(campaign)
    told = foretell(session, found, _start(session, found, at), relay)
    if as_json:
        print_json(_as_dict(told))
    else:
        _tell(told)
    return 1 if told.forecast.late or told.forecast.ends_at == inf else 0


def _start(session: Session, campaign: Campaign, at: str | None) -> float:
    """When it would begin: as asked, else by its schedule, else now."""
    from notifier.timetable import parse_moment
    from notifier.wall_clock import instant_of

    if at is not None:
        try:
            return instant_of(parse_moment(at), session.zone_of(campaign)).timestamp()
        except ValueError as exc:
            raise UsageError(str(exc), where="--at", next_step=_("Write it like that.")) from exc
    now = datetime.now(UTC)
    planned = _planned(session, campaign, now.timestamp())
    if planned is not None:
        return planned
    if campaign.schedule is not None:
        coming = campaign.schedule.occurrences(now, session.zone_of(campaign), begun=now)
        return next((it.timestamp() for it in coming), now.timestamp())
    return now.timestamp()


def _planned(session: Session, campaign: Campaign, now: float) -> float | None:
    """The next occurrence as somebody scheduled it."""
    from notifier.schedule.plans import read_plan

    if not session.has_ledger():
        return None
    with session.ledger() as ledger:
        row = ledger.schedules.find(campaign.name)
    if row is None:
        return None
    coming = read_plan(row).upcoming(now, 1)
    return coming[0].timestamp() if coming else None


def foretell(
    session: Session, campaign: Campaign, start: float, relay: str | None = None
) -> Foretold:
    """What a run of the campaign would be like, begun at `start` (Unix seconds)."""
    from notifier.delivery.forecast import forecast
    from notifier.timetable import deadline

    domains, suppressed, rejections = _count(session, campaign)
    routes = session.routes(campaign, relay)
    hours = session.hours(campaign)
    planned = datetime.fromtimestamp(start, UTC)
    not_after = deadline(campaign.not_after, planned, hours.zone)
    speed = _speed(session, [it.relay.name for it in routes])
    channels = _channels(session, routes, speed, start)
    whole = forecast(
        domains.total(),
        channels,
        hours=hours,
        start=start,
        ceiling=campaign.rate,
        not_after=not_after,
    )
    slowest, last = "", whole
    for domain, count, lane in _lanes(routes, domains):
        part = forecast(count, [lane], hours=hours, start=start, not_after=not_after)
        if part.ends_at > last.ends_at or part.late > last.late:
            slowest, last = domain, part
    return Foretold(
        campaign=campaign,
        routes=routes,
        forecast=replace(last, count=whole.count),
        slowest=slowest,
        speed=speed,
        suppressed=suppressed,
        rejections=rejections,
        zone=session.zone_of(campaign),
        not_after=not_after,
    )


def _count(session: Session, campaign: Campaign) -> tuple[Counter[str], int, int]:
    """Messages by recipient domain, those who must not be mailed, and rejected rows."""
    from notifier.measures import spell_domain
    from notifier.model import Rejection

    blocked = session.suppressed()
    domains: Counter[str] = Counter()
    suppressed = rejections = 0
    for item in session.roster(campaign):
        if isinstance(item, Rejection):
            rejections += 1
        elif item.address.lower() in blocked:
            suppressed += 1
        else:
            domains[spell_domain(item.address.rpartition("@")[2])] += 1
    return domains, suppressed, rejections


def channels_of(routes: Sequence[Route]) -> list[Channel]:
    """The relays, as far as time is concerned, by their limits alone."""
    from notifier.delivery.forecast import Channel

    return [Channel(it.relay.rate, it.priority) for it in routes]


def _channels(
    session: Session, routes: Sequence[Route], speed: float | None, start: float
) -> list[Channel]:
    found = [replace(it, speed=speed) for it in channels_of(routes)]
    now = time.time()
    if not session.has_ledger() or start > now + 86_400:
        return found
    with session.ledger() as ledger:
        return [
            replace(channel, used=_used(ledger, route, now))
            for channel, route in zip(found, routes, strict=True)
        ]


def _used(ledger: Ledger, route: Route, now: float) -> dict[Any, list[tuple[int, float]]]:
    from notifier.delivery.line import scope_of

    scope = scope_of(route.relay.name)
    return {rate: ledger.traffic.granted(scope, rate, now) for rate in route.relay.rate}


def _lanes(routes: Sequence[Route], domains: Counter[str]) -> list[tuple[str, int, Channel]]:
    """Domains with limits of their own, behind the only relay that there is."""
    from notifier.delivery.forecast import Channel
    from notifier.measures import ANY_DOMAIN

    if len(routes) != 1:
        return []
    limits = routes[0].relay.domains
    found = []
    for domain, count in domains.items():
        own = limits.get(domain) or limits.get(ANY_DOMAIN)
        if own is not None and own.rate:
            found.append((domain, count, Channel(own.rate)))
    return found


def _speed(session: Session, relays: list[str]) -> float | None:
    """The best that a large enough run through these relays came to."""
    if not session.has_ledger():
        return None
    with session.reader() as reader:
        found = [
            it.messages_per_second
            for it in reader.runs(_RUNS)
            if it.relay == ", ".join(relays) and it.deliveries >= _ENOUGH
        ]
    return max((it for it in found if it), default=None)


def _moment(at: float, zone: ZoneInfo) -> str:
    from notifier.wall_clock import spell_instant

    return _("never") if at == inf else spell_instant(at, zone)


def _iso(at: float | None, zone: ZoneInfo) -> str | None:
    if at is None or at == inf:
        return None
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")


def _as_dict(told: Foretold) -> dict[str, Any]:
    found, zone = told.forecast, told.zone
    return {
        "campaign": told.campaign.name,
        "deliveries": found.count,
        "suppressed": told.suppressed,
        "rejections": told.rejections,
        "relay": ", ".join(it.relay.name for it in told.routes),
        "timezone": str(zone),
        "starts_at": _iso(found.starts_at, zone),
        "ends_at": _iso(found.ends_at, zone),
        "seconds": found.seconds if found.ends_at < inf else None,
        "limited_by": found.limited_by,
        "slowest_domain": told.slowest,
        "not_after": _iso(told.not_after, zone),
        "too_late": found.late,
        "known_speed": told.speed,
        "pauses": [
            {"since": _iso(it.since, zone), "until": _iso(it.until, zone), "why": it.why}
            for it in found.pauses
        ],
    }


def _tell(told: Foretold) -> None:
    found, zone = told.forecast, told.zone
    say(
        _("{title} ({campaign}): a forecast, nothing is sent").format(
            title=told.campaign.title, campaign=told.campaign.name
        ),
        style="bold",
    )
    facts(
        [
            (_("messages"), found.count),
            (_("suppressed"), told.suppressed or None),
            (_("rejected"), told.rejections or None),
            *facts_of_routes(
                told.routes, told.campaign.rate if len(told.routes) > 1 else _all(told)
            ),
            (_("begins"), _moment(found.starts_at, zone)),
            (_("ends"), _moment(found.ends_at, zone)),
            (_("takes at least"), spell_seconds(found.seconds) if found.ends_at < inf else None),
            (_("held up by"), _why(found.limited_by) or None),
            (_("slowest domain"), told.slowest or None),
            (_("seen before, messages/s"), spell_number(told.speed) if told.speed else None),
            (_("too late"), found.late or None),
        ]
    )
    _tell_pauses(told)
    if found.late:
        say(
            _("{count} would come after {time} and are not sent.").format(
                count=found.late, time=_moment(told.not_after or inf, zone)
            )
        )
    own = "" if told.campaign.schedule is not None else " --at WHEN"
    suggest(f"notifier schedule {told.campaign.name}{own}", f"notifier send {told.campaign.name}")


def _all(told: Foretold) -> tuple[Any, ...]:
    return (*told.routes[0].relay.rate, *told.campaign.rate)


def _tell_pauses(told: Foretold) -> None:
    pauses = told.forecast.pauses
    if not pauses:
        return
    heading(_("Pauses"))
    table(
        (_("from"), _("until"), _("why")),
        [
            (_moment(it.since, told.zone), _moment(it.until, told.zone), _why(it.why))
            for it in pauses[:_SHOWN]
        ],
    )
    if len(pauses) > _SHOWN:
        say(_("... and more; --json has them."))


def _why(word: str) -> str:
    from notifier.delivery.forecast import WINDOW
    from notifier.measures import parse_rates

    if word == WINDOW:
        return _("the window is closed")
    try:
        return spell_rates(parse_rates(word))
    except ValueError:
        return word
