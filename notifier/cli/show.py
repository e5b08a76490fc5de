"""`notifier show`: one delivery, its row, its attempts, and the exact message."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from notifier.cli import options
from notifier.cli.console import facts, print_json, say
from notifier.cli.session import Session, session_of
from notifier.errors import UsageError
from notifier.locale import N_, _
from notifier.report.words import state_word

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from notifier.ledger.reports import DeliveryDetail

HELP = N_("Show one delivery: its row, every attempt with the relay's reply, the message.")


def show(
    ctx: typer.Context,
    delivery: str = typer.Argument(
        ..., metavar="DELIVERY", help=N_("A delivery's number, as the report lists it.")
    ),
    eml: bool = typer.Option(False, "--eml", help=N_("Print the exact message (.eml).")),
    as_json: bool = options.JSON,
) -> None:
    """Show a delivery."""
    session = session_of(ctx)
    session.require_ledger()
    with session.reader() as reader:
        detail = reader.delivery(delivery)
    if eml:
        sys.stdout.flush()
        sys.stdout.buffer.write(_message(session, detail))
        sys.stdout.buffer.flush()
    elif as_json:
        print_json(detail.as_dict())
    else:
        _tell(detail, session.zone)


def _tell(detail: DeliveryDetail, zone: ZoneInfo) -> None:
    row = detail.row
    say(_("Delivery {number}: {address}").format(number=row.id, address=row.address), style="bold")
    facts([(_("state"), state_word(row.state)), (_("name"), row.name), (_("key"), row.key)])


def _message(session: Session, detail: DeliveryDetail) -> bytes:
    """The message's bytes, made again."""
    raise UsageError("")
