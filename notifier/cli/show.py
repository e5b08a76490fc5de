"""`notifier show`: one delivery, its row, its attempts, and the exact message."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from notifier.cli import options
from notifier.cli.console import facts, heading, print_json, say, suggest, table
from notifier.cli.session import Session, session_of
from notifier.cli.words import spell_moment
from notifier.errors import UsageError
from notifier.locale import N_, _
from notifier.report.words import stage_word, state_word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from notifier.campaign import Campaign
    from notifier.delivery.making import Recipe
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
    facts(
        [
            (_("run"), f"{row.run_id} ({detail.campaign} @ {detail.occurrence})"),
            (_("state"), state_word(row.state)),
            (_("next try"), spell_moment(row.next_attempt_at, zone)),
            (_("name"), row.name),
            (_("key"), row.key),
            (_("line"), row.line),
            (_("Message-ID"), detail.token if detail.message_at is not None else None),
        ]
    )
    heading(_("The row it was made from"))
    facts((column.replace("\n", " "), value) for column, value in detail.recipient.row.items())
    _tell_attempts(detail, zone)
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


def _message(session: Session, detail: DeliveryDetail) -> bytes:
    """The message's bytes, made again; UsageError where they would not be the very same."""
    import hashlib

    if detail.message_at is None:
        raise UsageError(
            _("No message was made for this delivery yet."),
            where=str(detail.row.id),
            next_step=f"notifier campaign preview {detail.campaign} --recipient {detail.row.key}",
        )
    campaign = session.campaign(detail.campaign)
    for recipe in _recipes(session, campaign, detail):
        message = recipe.compile().assemble(
            detail.recipient, token=detail.token, at=detail.message_at
        )
        if hashlib.sha256(message.data).hexdigest() == detail.message_digest:
            return message.data
    raise UsageError(
        _(
            "The campaign, its template or its DKIM keys were changed since, so the message "
            "can't be shown."
        ),
        where=str(campaign.path),
        next_step=_("Put them back as they were when the run began."),
    )


def _recipes(session: Session, campaign: Campaign, detail: DeliveryDetail) -> Iterator[Recipe]:
    """What it may have been made from, each once: for the relay that had it last, then for others.

    Relays differ in what signs their mail. An attempt that was cut short doesn't name its relay.
    """
    relays = session.workspace.settings.relays
    tried: list[object] = []
    for name in [*(it.relay for it in reversed(detail.attempts)), *relays, ""]:
        recipe = session.recipe(campaign, relays.get(name))
        if recipe.dkim not in tried:
            tried.append(recipe.dkim)
            yield recipe
