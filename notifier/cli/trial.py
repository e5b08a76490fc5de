"""`notifier campaign test`: a few real messages, all to one address, through the real pool."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from notifier.cli.addresses import parse_one
from notifier.cli.console import say, table
from notifier.cli.interrupt import run_async
from notifier.cli.relays import point_to_sandbox
from notifier.errors import RelayError, UsageError
from notifier.locale import _, ngettext
from notifier.model import Recipient

if TYPE_CHECKING:
    from notifier.campaign import Campaign
    from notifier.cli.session import Session
    from notifier.model import Submission
    from notifier.settings import RelaySettings


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What the relay said to one test message."""

    key: str
    line: int
    reply: str
    is_accepted: bool

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "key": self.key,
            "line": self.line,
            "accepted": self.is_accepted,
            "reply": self.reply,
        }


def send_trial(
    session: Session, campaign: Campaign, *, to: str, count: int, relay: RelaySettings
) -> list[TrialResult]:
    """Send the first `count` recipients' messages to `to`; what the relay said to each.

    Raises RelayError where the relay can't be used at all.
    """
    from notifier.delivery.handful import Handful
    from notifier.smtp.pool import Parcel, Pool

    address = parse_one(to, "--to")
    compiled = session.recipe(campaign, relay).compile()
    recipients = _first(session, campaign, count)
    now = float(int(time.time()))
    parcels = [
        Parcel(
            index,
            compiled.assemble(
                replace(it, address=address),
                token=f"test-{secrets.token_hex(8)}",
                at=now,
                test=True,
            ),
        )
        for index, it in enumerate(recipients)
    ]
    handful = Handful(parcels)
    try:
        run_async(Pool(relay).run(handful))
    except RelayError as exc:
        raise point_to_sandbox(exc, relay) from exc.__cause__
    return [_result(it, handful.submissions[index]) for index, it in enumerate(recipients)]


def _first(session: Session, campaign: Campaign, count: int) -> list[Recipient]:
    found: list[Recipient] = []
    for item in session.roster(campaign):
        if isinstance(item, Recipient):
            found.append(item)
        if len(found) == count:
            break
    if not found:
        raise UsageError(
            _("The sheet has no recipients."),
            where=campaign.name,
            next_step=f"notifier recipients check {campaign.name}",
        )
    return found


def _result(recipient: Recipient, submission: Submission) -> TrialResult:
    reply = submission.reply
    is_accepted = reply is not None and reply.is_positive and submission.stage.value == "body"
    text = str(reply) if reply is not None else submission.error
    return TrialResult(recipient.key, recipient.line, text, is_accepted)


def tell_trial(results: list[TrialResult], to: str) -> None:
    """Print what was sent where, and what the relay said."""
    accepted = sum(it.is_accepted for it in results)
    say(
        ngettext(
            "{count} test message was accepted for {address}.",
            "{count} test messages were accepted for {address}.",
            accepted,
        ).format(count=accepted, address=to)
    )
    table(
        (_("line"), _("key"), _("reply")),
        [(it.line, it.key, it.reply) for it in results],
        right=(0,),
    )
