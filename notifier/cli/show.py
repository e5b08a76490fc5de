"""`notifier show`: one delivery, its row, its attempts, and the exact message."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from notifier.cli import options
from notifier.cli.console import facts, heading, print_json, say, suggest, table
from notifier.cli.remaking import remaking, spell_remade
from notifier.cli.session import session_of
from notifier.cli.words import spell_moment
from notifier.errors import GuardError, UsageError
from notifier.locale import N_, _
from notifier.report.words import stage_word, state_word

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from notifier.delivery.remake import Remade
    from notifier.ledger.reports import DeliveryDetail

HELP = N_(
    "Show one delivery: its row, every attempt with the relay's reply, the message.\n\n"
    "--eml prints the very bytes that were sent, also after the template or the campaign was "
    "changed; where that can't be done it says why, and prints nothing."
)


def show(
    ctx: typer.Context,
    delivery: str = typer.Argument(
        ..., metavar="DELIVERY", help=N_("A delivery's number, as the report lists it.")
    ),
    eml: bool = typer.Option(False, "--eml", help=N_("Print the exact message (.eml).")),
    anyway: bool = typer.Option(
        False, "--anyway", help=N_("With --eml: print what can be made, also if it differs.")
    ),
    as_json: bool = options.JSON,
) -> int:
    """Show a delivery; 1 where --anyway printed something else than was sent."""
    session = session_of(ctx)
    session.require_ledger()
    with session.reader() as reader:
        detail = reader.delivery(delivery)
    with remaking(session, detail.row.run_id, detail.campaign) as maker:
        remade = maker.remake(detail)
        domain = maker.domain
    if eml:
        return _print_message(detail, remade, anyway=anyway)
    if as_json:
        print_json({**detail.as_dict(), **_message_dict(detail, remade, domain)})
    else:
        _tell(detail, session.zone, remade, domain)
    return 0


def _print_message(detail: DeliveryDetail, remade: Remade, *, anyway: bool) -> int:
    """Print the bytes. UsageError where none was made yet, GuardError where they differ."""
    if detail.message_at is None:
        raise UsageError(
            _("No message was made for this delivery yet."),
            where=str(detail.row.id),
            next_step=f"notifier campaign preview {detail.campaign} --recipient {detail.row.key}",
        )
    if remade.data is None or not (remade.is_same or anyway):
        raise GuardError(
            _("The message that was sent can't be made again: {why}").format(
                why=" ".join(remade.why)
            ),
            where=_("delivery {delivery}").format(delivery=detail.row.id),
            next_step=_(
                "Put that back, or see what can be made: notifier show {delivery} {option}"
            ).format(delivery=detail.row.id, option="--eml --anyway")
            if remade.data is not None
            else _("Put that back as it was when the run began."),
        )
    sys.stdout.flush()
    sys.stdout.buffer.write(remade.data)
    sys.stdout.buffer.flush()
    if remade.is_same:
        return 0
    differs = _("This is not what was sent: {why}").format(why=" ".join(remade.why))
    say(differs, stderr=True)
    return 1


def _message_dict(detail: DeliveryDetail, remade: Remade, domain: str) -> dict[str, object]:
    return {
        "message_id": f"<{detail.token}@{domain}>" if domain else "",
        "message_bytes": len(remade.data) if remade.is_same and remade.data else None,
        "is_same": remade.is_same,
        "differs": list(remade.why),
    }


def _tell(detail: DeliveryDetail, zone: ZoneInfo, remade: Remade, domain: str) -> None:
    row = detail.row
    is_erased = not row.address
    whom = _("purged, or forgotten") if is_erased else row.address
    say(_("Delivery {number}: {address}").format(number=row.id, address=whom), style="bold")
    facts(
        [
            (_("run"), f"{row.run_id} ({detail.campaign} @ {detail.occurrence})"),
            (_("state"), state_word(row.state)),
            (_("next try"), spell_moment(row.next_attempt_at, zone)),
            (_("name"), row.name),
            (_("key"), None if is_erased else row.key),
            (_("line"), row.line or None),
            (_("Message-ID"), _message_id(detail, domain) if detail.token else None),
            (
                _("message"),
                None if detail.message_at is None else spell_remade(remade, detail.message_digest),
            ),
        ]
    )
    if not is_erased:
        heading(_("The row it was made from"))
        facts((column.replace("\n", " "), value) for column, value in detail.recipient.row.items())
    _tell_attempts(detail, zone)
    if is_erased:
        say(_("Whom it was to was taken out of the ledger; how it ended stays."))
    else:
        suggest(f"notifier show {row.id} --eml")


def _tell_attempts(detail: DeliveryDetail, zone: ZoneInfo) -> None:
    heading(_("Attempts"))
    if not detail.attempts:
        say(_("  none yet"))
        return
    table(
        (_("when"), _("relay"), _("stage"), _("reply"), _("outcome")),
        [
            (
                spell_moment(it.at, zone),
                it.relay,
                stage_word(it.stage),
                " ".join(str(part) for part in (it.code, it.enhanced, it.text) if part),
                state_word(it.outcome),
            )
            for it in detail.attempts
        ],
    )


def _message_id(detail: DeliveryDetail, domain: str) -> str | None:
    if detail.message_at is None:
        return None
    return f"<{detail.token}@{domain}>" if domain else _("{token}@...").format(token=detail.token)
