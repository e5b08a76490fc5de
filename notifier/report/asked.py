"""What figures across runs were asked for, in a sentence and for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.report.figures import moment

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from notifier.ledger.scope import Scope


def lead(scope: Scope, zone: ZoneInfo) -> str:
    """What the figures are about, in a sentence."""
    about = _("All runs")
    if scope.campaign is not None:
        about = _("Campaign {campaign}").format(campaign=scope.campaign)
    if scope.run_id is not None:
        about = _("Run {run}").format(run=scope.run_id)
    if scope.since is not None:
        about = _("{runs}, since {day}").format(runs=about, day=_date(scope.since, zone))
    if scope.until is not None:
        about = _("{runs}, before {day}").format(runs=about, day=_date(scope.until, zone))
    return f"{about}."


def _date(at: float, zone: ZoneInfo) -> str:
    return moment(datetime.fromtimestamp(at, UTC), zone)


def asked(scope: Scope, by: str) -> dict[str, object]:
    """The same for programs."""

    def iso(at: float | None) -> str | None:
        return datetime.fromtimestamp(at, UTC).isoformat() if at is not None else None

    return {
        "by": by,
        "run": scope.run_id,
        "campaign": scope.campaign,
        "since": iso(scope.since),
        "until": iso(scope.until),
    }
