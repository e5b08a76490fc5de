"""`notifier alerts`: what the operator was told, what waits to be told, and a trial."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import print_json, say, suggest, table
from notifier.cli.group import add_command, group
from notifier.cli.session import Session, session_of
from notifier.cli.words import spell_moment
from notifier.errors import SettingsError
from notifier.locale import N_, _, ngettext
from notifier.workspace import WORKSPACE_FILE

if TYPE_CHECKING:
    from notifier.delivery.telling import Told
    from notifier.ledger.alerts import Alert

LIST_HELP = N_(
    "List what happened that somebody should know of: runs that stopped by themselves, relays that "
    "are down, and what was told of it.\n\n"
    "What could not be told is tried first, where it is due again."
)
TEST_HELP = N_(
    "Send a trial by the ways of [alerts] in notifier.toml: by mail, by the webhook, or both."
)

app = group(N_("What whoever looks after this workspace is told, by mail or webhook."))


def list_alerts(
    ctx: typer.Context,
    limit: int = typer.Option(
        20, "--limit", "-n", metavar="N", min=1, help=N_("Show at most so many.")
    ),
    as_json: bool = options.JSON,
) -> None:
    """List the latest events."""
    from notifier.delivery.telling import tell_operator

    session = session_of(ctx)
    found: list[Alert] = []
    if session.has_ledger():
        with session.ledger() as ledger:
            tell_operator(ledger, session.workspace)
            found = ledger.alerts.newest(limit)
    if as_json:
        print_json([_as_dict(it) for it in found])
        return
    if not found:
        say(_("Nothing has happened that somebody had to be told of."))
    else:
        _tell_alerts(session, found)
    if not session.workspace.settings.alerts.is_on:
        say(_("Nobody is told: there is no [alerts] in {file}.").format(file=WORKSPACE_FILE))


def _tell_alerts(session: Session, found: list[Alert]) -> None:
    zone, now = session.zone, time.time()
    table(
        (_("number"), _("when"), _("what"), _("told")),
        [
            (
                it.id,
                spell_moment(datetime.fromtimestamp(it.at, UTC), zone),
                it.text.partition("\n")[0],
                _spell_told(it, now),
            )
            for it in found
        ],
        right=(0,),
    )


def _spell_told(alert: Alert, now: float) -> str:
    if alert.sent_at is not None:
        return ", ".join(sorted(alert.told))
    if alert.is_given_up(now):
        return _("given up: {why}").format(why=alert.error or _("nobody to tell"))
    if alert.tries:
        return _("not yet: {why}").format(why=alert.error)
    return _("not yet")


def _as_dict(alert: Alert) -> dict[str, Any]:
    def iso(at: float | None) -> str | None:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else None

    return {
        "id": alert.id,
        "kind": alert.kind,
        "run": alert.run_id,
        "text": alert.text,
        "at": iso(alert.at),
        "told_at": iso(alert.sent_at),
        "told_by": sorted(alert.told),
        "tries": alert.tries,
        "error": alert.error,
    }


def send_trial(ctx: typer.Context, as_json: bool = options.JSON) -> int:
    """Send a trial; 1 where it did not arrive by every way."""
    from notifier.alert_settings import AlertKind
    from notifier.delivery.telling import tell_operator

    session = session_of(ctx)
    settings = session.workspace.settings.alerts
    if not settings.is_on:
        raise SettingsError(
            _("Nobody is told: there is no [alerts] in {file}.").format(file=WORKSPACE_FILE),
            where=WORKSPACE_FILE,
            next_step=_('Write [alerts], and below it: mail = "it@school.example"'),
        )
    with session.ledger() as ledger:
        text = _("This is a trial: alerts of notifier arrive here.")
        ledger.alerts.raise_once("test", AlertKind.TEST, text, quiet=0.001)
        told = tell_operator(ledger, session.workspace)
    if as_json:
        print_json({"told": told.done, "waiting": told.left, "errors": dict(told.errors)})
    else:
        _tell_trial(session, told)
    return 1 if told.errors else 0


def _tell_trial(session: Session, told: Told) -> None:
    settings = session.workspace.settings.alerts
    if settings.mail:
        addresses = ", ".join(settings.mail)
        _tell_way(_("mail to {addresses}").format(addresses=addresses), told.errors.get("mail"))
    if settings.webhook is not None:
        way = _("webhook at {host}").format(host=settings.webhook_host)
        _tell_way(way, told.errors.get("webhook"))
    more = told.done + told.left - 1
    if more > 0:
        say(
            ngettext(
                "{count} event that had waited was told with it.",
                "{count} events that had waited were told with it.",
                more,
            ).format(count=more)
        )
    if "mail" in told.errors and settings.relay:
        suggest(f"notifier relay check {settings.relay}")


def _tell_way(way: str, why: str | None) -> None:
    if why:
        say(_("  {way}: not told: {why}").format(way=way, why=why), style="red")
    else:
        say(_("  {way}: told").format(way=way))


add_command(app, "list", list_alerts, LIST_HELP)
add_command(app, "test", send_trial, TEST_HELP)
