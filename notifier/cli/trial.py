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
    from collections.abc import Mapping, Sequence

    from notifier.campaign import Campaign
    from notifier.cli.session import Session
    from notifier.model import Submission
    from notifier.settings import RelaySettings


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What the relay said to one test message."""

    key: str
    line: int
    relay: str
    reply: str
    is_accepted: bool

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "key": self.key,
            "line": self.line,
            "relay": self.relay,
            "accepted": self.is_accepted,
            "reply": self.reply,
        }


def send_trial(
    session: Session,
    campaign: Campaign,
    *,
    to: str,
    count: int,
    relays: Sequence[RelaySettings],
) -> list[TrialResult]:
    """Send the first `count` recipients' messages to `to`; what was said to each.

    `relays` in the order in which they are tried: what one can't be used for goes to the next.
    Raises RelayError where none of them can be used.
    """
    address = parse_one(to, "--to")
    recipients = [replace(it, address=address) for it in _first(session, campaign, count)]
    found: dict[int, TrialResult] = {}
    for number, relay in enumerate(relays, start=1):
        said, trouble = _through(session, campaign, relay, _missing(recipients, found))
        found |= said
        if trouble is None:
            break
        if number == len(relays):
            raise point_to_sandbox(trouble, relay) from trouble.__cause__
        say(_("{trouble} The next relay is tried.").format(trouble=trouble.message), stderr=True)
    return [found[index] for index in range(len(recipients))]


def _missing(
    recipients: Sequence[Recipient], found: Mapping[int, TrialResult]
) -> dict[int, Recipient]:
    """Those whose message was not given to a relay yet."""
    return {index: it for index, it in enumerate(recipients) if index not in found}


def _through(
    session: Session, campaign: Campaign, relay: RelaySettings, recipients: Mapping[int, Recipient]
) -> tuple[dict[int, TrialResult], RelayError | None]:
    """Send these through one relay, signed as it wants them: what it said to each.

    Where it can't be used, why; what it was not given by then is missing.
    """
    from notifier.delivery.handful import Handful
    from notifier.smtp.pool import Parcel, Pool

    compiled = session.recipe(campaign, relay).compile()
    now = float(int(time.time()))

    def parcel(index: int, recipient: Recipient) -> Parcel:
        token = f"test-{secrets.token_hex(8)}"
        return Parcel(index, compiled.assemble(recipient, token=token, at=now, test=True))

    handful = Handful([parcel(*it) for it in recipients.items()])
    trouble: RelayError | None = None
    try:
        run_async(Pool(relay).run(handful))
    except RelayError as exc:
        trouble = exc
    found = {
        index: _result(recipients[index], said, relay.name)
        for index, said in handful.submissions.items()
        if trouble is None or said.reply is not None or said.in_doubt
    }
    return found, trouble


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


def _result(recipient: Recipient, submission: Submission, relay: str) -> TrialResult:
    reply = submission.reply
    is_accepted = reply is not None and reply.is_positive and submission.stage.value == "body"
    text = str(reply) if reply is not None else submission.error
    return TrialResult(recipient.key, recipient.line, relay, text, is_accepted)


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
        (_("line"), _("key"), _("relay"), _("reply")),
        [(it.line, it.key, it.relay, it.reply) for it in results],
        right=(0,),
    )
