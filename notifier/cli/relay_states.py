"""How relays are doing, for `notifier relay list` and `notifier status`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notifier.cli.console import heading, say, table
from notifier.cli.words import spell_moment, spell_number
from notifier.errors import UsageError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from notifier.cli.session import Session
    from notifier.delivery.standing import Below, RelayStanding
    from notifier.settings import RelaySettings


def standings(session: Session, names: Iterable[str]) -> list[RelayStanding]:
    """How the relays of these names are doing; those that are not in notifier.toml are left out."""
    from notifier.delivery.standing import stand
    from notifier.ledger.relays import Standing

    relays = [relay for name in names if (relay := _find(session, name)) is not None]
    if not session.has_ledger():
        return [stand(it, Standing([], [], {}), lambda _scope, _rate: 0, 0.0) for it in relays]
    now = time.time()
    with session.ledger() as ledger:
        known = ledger.traffic.relay_standing()
        return [
            stand(it, known, lambda scope, rate: ledger.traffic.used(scope, rate, now), now)
            for it in relays
        ]


def _find(session: Session, name: str) -> RelaySettings | None:
    try:
        return session.workspace.relay(name)
    except UsageError:
        return None


def tell_standings(found: Sequence[RelayStanding], zone: ZoneInfo, *, title: str = "") -> None:
    """Print the relays, then what is known of each that isn't healthy, in its own words."""
    if title:
        heading(title)
    table(
        (
            _("relay"),
            _("state"),
            _("connections"),
            _("used"),
            _("since"),
            _("until"),
            _("last message taken"),
            _("last tried out"),
        ),
        [
            (
                it.name,
                _state(it),
                f"{it.connections}/{it.max_connections}",
                ", ".join(f"{quota.used} / {quota.rate}" for quota in it.quotas),
                _moment(it.since, zone),
                _moment(it.until, zone),
                _moment(it.met.accepted_at, zone),
                _moment(it.met.tried_at, zone),
            )
            for it in found
        ],
    )
    for it in found:
        if it.why:
            say(_("  {relay}: {why}").format(relay=it.name, why=it.why))
        if it.below is not None:
            say(f"  {it.name}: {_below(it.below, zone)}")
        for domain in it.domains:
            told = _("  {relay}, to {domain}: {state}: {why}")
            say(
                told.format(relay=it.name, domain=domain.name, state=_state(domain), why=domain.why)
            )


def _state(it: RelayStanding) -> str:
    words = {
        "down": _("can't be used"),
        "paused": _("paused"),
        "limited": _("limit used up"),
        "slowed": _("slowed down"),
        "untried": _("not tried yet"),
        "healthy": _("healthy"),
    }
    word = words[it.health.value]
    if it.health.value == "slowed" and it.per_minute is not None:
        return _("{state} to {count} a minute").format(
            state=word, count=spell_number(it.per_minute)
        )
    return word


def _below(it: Below, zone: ZoneInfo) -> str:
    """What it is sent less of, why, and until when."""
    if it.step.name == "LOCKSTEP":
        told = _(
            "since {since} each command waits for the reply to the one before (no PIPELINING); "
            "more is tried again from {until}. {why}"
        )
    else:
        told = _(
            "since {since} whole messages go one after the other (no CHUNKING); more is tried "
            "again from {until}. {why}"
        )
    return told.format(since=_moment(it.since, zone), until=_moment(it.until, zone), why=it.why)


def _moment(at: float | None, zone: ZoneInfo) -> str:
    return spell_moment(datetime.fromtimestamp(at, UTC) if at is not None else None, zone)
