"""The relays of a run in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.cli.words import spell_rates
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifier.delivery.line import Route
    from notifier.model import Rate


def facts_of_routes(routes: Sequence[Route], rates: Sequence[Rate]) -> list[tuple[str, object]]:
    """One relay with all limits; of several each with its own, and its place among the others.

    `rates`: the limits that hold for everything.
    """
    targets = [f"{it.relay.name} ({it.relay.host}:{it.relay.port})" for it in routes]
    limits = (_("limits"), spell_rates(rates) or _("none"))
    if len(routes) == 1:
        return [(_("through"), targets[0]), limits]
    told = _("{relay}: priority {priority}, weight {weight}, limits: {limits}")
    lines = [
        told.format(
            relay=target,
            priority=it.priority,
            weight=it.weight,
            limits=spell_rates(it.relay.rate) or _("none"),
        )
        for target, it in zip(targets, routes, strict=True)
    ]
    return [*((_("through"), line) for line in lines), limits]
