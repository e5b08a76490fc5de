"""`notifier audit`: who did what, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from notifier.cli import options
from notifier.cli.addresses import parse_one
from notifier.cli.console import print_json, say, table
from notifier.cli.session import session_of
from notifier.cli.words import spell_moment
from notifier.errors import UsageError
from notifier.locale import N_, _

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from notifier.ledger.audit import Entry

HELP = N_(
    "Show who did what in this workspace: sent, paused, approved, purged, forgot.\n\n"
    "Entries can't be changed; addresses are not in them, but --address finds those about one."
)


def audit(  # noqa: PLR0917 - Typer's parameters are the command's
    ctx: typer.Context,
    since: str | None = typer.Option(
        None, "--since", metavar="DATE", help=N_("From this day on: 2027-01-15.")
    ),
    actor: str = typer.Option("", "--actor", metavar="WHO", help=N_("Whose name holds this.")),
    run: str | None = typer.Option(None, "--run", metavar="RUN", help=N_("About this run.")),
    address: str | None = typer.Option(
        None, "--address", metavar="ADDRESS", help=N_("About this address.")
    ),
    limit: int = typer.Option(
        50, "--limit", "-n", metavar="N", min=1, help=N_("Show the latest so many.")
    ),
    as_json: bool = options.JSON,
) -> None:
    """List the entries, the oldest first."""
    session = session_of(ctx)
    session.require_ledger()
    run_id = session.find_run_id(run) if run else None
    begin = _instant(since, session.zone) if since else 0.0
    with session.ledger() as ledger:
        keeping = ledger.keeping
        mark = keeping.mark_of(parse_one(address, "--address")) if address else ""
        with keeping.entries(since=begin, actor=actor, run_id=run_id) as rows:
            found = [it for it in rows if not mark or _tells_of(it, mark)][-limit:]
    if as_json:
        print_json([{**it._asdict(), "at": _moment(it).isoformat()} for it in found])
    elif not found:
        say(_("Nothing is noted."))
    else:
        table(
            (_("no."), _("when"), _("who"), _("what"), _("of"), _("more")),
            [
                (
                    it.id,
                    spell_moment(_moment(it), session.zone),
                    it.actor,
                    it.action,
                    it.subject,
                    ", ".join(f"{name} {_spell(value)}" for name, value in it.detail.items()),
                )
                for it in found
            ],
            right=(0,),
        )
        say(_("The last entry's digest: {digest}").format(digest=found[-1].digest))


def _tells_of(entry: Entry, mark: str) -> bool:
    return mark in json.dumps(dict(entry.detail)) or mark in entry.subject


def _spell(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _moment(entry: Entry) -> datetime:
    return datetime.fromtimestamp(entry.at, UTC)


def _instant(text: str, zone: ZoneInfo) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(
            _("{text} is no date.").format(text=text),
            where="--since",
            next_step=_("Write it like 2027-01-15, or 2027-01-15T07:00."),
        ) from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
