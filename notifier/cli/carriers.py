"""What is known of a campaign's relays before anything is sent: SMTPUTF8, the largest message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifier.cli.session import Session
    from notifier.delivery.line import Route
    from notifier.ledger.encounters import Encounter
    from notifier.render.preflight import Carrier
    from notifier.settings import RelaySettings


def carriers_of(session: Session, routes: Sequence[Route]) -> list[Carrier]:
    """The relays, with what they said when they were last met."""
    met: dict[str, Encounter] = {}
    if session.has_ledger():
        with session.ledger() as ledger:
            met = {it.relay: it for it in ledger.traffic.relay_standing().encounters}
    return [_carrier(it.relay, met.get(it.relay.name)) for it in routes]


def _carrier(relay: RelaySettings, met: Encounter | None) -> Carrier:
    from notifier.render.preflight import Carrier
    from notifier.settings import SANDBOX

    takes_utf8 = None if met is None or met.smtputf8 is None else bool(met.smtputf8)
    limits = [relay.max_message_bytes, (met.largest or 0) if met is not None else 0]
    return Carrier(
        relay.name,
        takes_utf8=True if relay.name == SANDBOX else takes_utf8,
        max_bytes=min((it for it in limits if it), default=0),
        envelope_from=relay.envelope_from,
    )
