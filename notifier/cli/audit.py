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
#: What the ledger notes, in English marks.
_WORDS: dict[str, str] = {
    "send": N_("send"),
    "ask": N_("ask for approval"),
    "approve": N_("approve"),
    "reject": N_("reject"),
    "void": N_("approval void"),
    "pause": N_("pause"),
    "resume": N_("go on"),
    "cancel": N_("cancel"),
    "retry": N_("retry"),
    "expire": N_("too late"),
    "lift deadline": N_("lift the deadline"),
    "ignore stop_if": N_("ignore stop_if"),
    "doubt": N_("settle doubts"),
    "schedule": N_("schedule"),
    "unschedule": N_("schedule no more"),
    "pause schedule": N_("pause the schedule"),
    "resume schedule": N_("resume the schedule"),
    "run occurrence": N_("run an occurrence"),
    "skip occurrence": N_("skip an occurrence"),
    "suppress": N_("suppress"),
    "unsuppress": N_("suppress no more"),
    "purge": N_("purge"),
    "forget": N_("forget"),
    "backup": N_("back up"),
    "restore": N_("restore"),
    "campaign": N_("campaign"),
    "occurrence": N_("occurrence"),
    "relay": N_("relay"),
    "count": N_("count"),
    "states": N_("states"),
    "reason": N_("reason"),
    "digest": N_("digest"),
    "asked_by": N_("asked by"),
    "timezone": N_("time zone"),
    "deliveries": N_("deliveries"),
}


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
                    _word(it.action),
                    _subject(it),
                    ", ".join(f"{_word(k)} {_spell(value)}" for k, value in it.detail.items()),
                )
                for it in found
            ],
            right=(0,),
        )
        say(_("The last entry's digest: {digest}").format(digest=found[-1].digest))


def _word(name: str) -> str:
    """An action or a detail in the reader's language; `--json` has the ledger's own word."""
    return _(_WORDS[name]) if name in _WORDS else name


def _subject(entry: Entry) -> str:
    kind, _space, number = entry.subject.partition(" ")
    if kind == "run" and number.isdigit():
        return _("run {run}").format(run=number)
    return entry.subject


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
