"""The operator is told: events that wait go out by mail and by webhook, as `[alerts]` says.

Called when a run is over, by the next command, and now and then by `serve`. It takes seconds at
most, and whatever fails stays in the table and is tried again later: nothing here raises, and no
run waits for it. Many events are one mail; the webhook gets an object for each.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from notifier.alert_settings import AlertKind
from notifier.delivery import webhook
from notifier.delivery.handful import Handful
from notifier.errors import NotifierError
from notifier.locale import _, ngettext
from notifier.mailbox import Mailbox, parse_mailbox
from notifier.model import Message, Stage
from notifier.routing import SANDBOX
from notifier.smtp.pool import Parcel, Pool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifier.ledger.alerts import Alert
    from notifier.ledger.ledger import Ledger
    from notifier.settings import AlertSettings, RelaySettings, Workspace

_log = logging.getLogger("notifier")

MAIL, WEBHOOK = "mail", "webhook"


@dataclass(frozen=True, slots=True)
class Told:
    """What telling came to."""

    #: Events that were told by every way.
    done: int = 0
    #: Events that wait for another try.
    left: int = 0
    #: Why, by the way: `mail`, `webhook`; no secrets.
    errors: Mapping[str, str] = field(default_factory=dict)


def tell_operator(ledger: Ledger, workspace: Workspace) -> Told:
    """Tell what is due to be told; blocks for seconds at most, and never raises."""
    settings = workspace.settings.alerts
    wanted = [kind for kind in AlertKind if settings.wants(kind)]
    if not wanted:
        return Told()
    try:
        return _tell(ledger, workspace, ledger.alerts.claim(wanted))
    except Exception as exc:  # noqa: BLE001 - whatever it is, no run suffers by it
        _log.warning("alerts: %s", type(exc).__name__)
        return Told(errors={"alerts": type(exc).__name__})


def _tell(ledger: Ledger, workspace: Workspace, due: Sequence[Alert]) -> Told:
    settings = workspace.settings.alerts
    #: By each way that is set up: why an event was not told by it, empty where it was.
    came_to: dict[str, dict[int, str]] = {}
    if settings.mail:
        came_to[MAIL] = _mail_all(workspace, [it for it in due if MAIL not in it.told])
    if settings.webhook is not None:
        came_to[WEBHOOK] = _post_all(ledger, settings, [it for it in due if WEBHOOK not in it.told])
    left = 0
    for it in due:
        told = {way for way, whys in came_to.items() if not whys.get(it.id)} | it.told
        errors = [f"{way}: {whys[it.id]}" for way, whys in came_to.items() if whys.get(it.id)]
        left += bool(errors)
        ledger.alerts.settle(it.id, told=told, error="; ".join(errors), is_done=not errors)
    why = {way: next(filter(None, whys.values()), "") for way, whys in came_to.items()}
    return Told(len(due) - left, left, {way: text for way, text in why.items() if text})


def _mail_all(workspace: Workspace, alerts: Sequence[Alert]) -> dict[int, str]:
    why = _mail(workspace, alerts) if alerts else ""
    return {it.id: why for it in alerts}


def _post_all(ledger: Ledger, settings: AlertSettings, alerts: Sequence[Alert]) -> dict[int, str]:
    """One after the other; after one that fails, or is slow, the others wait for the next time."""
    found: dict[int, str] = {}
    why, ends_at = "", time.monotonic() + settings.timeout
    for it in alerts:
        if not why and time.monotonic() > ends_at:
            why = _("it did not answer in time")
        why = why or _post(ledger, settings, it)
        found[it.id] = why
    return found


# --- by webhook ------------------------------------------------------------------------------


def _post(ledger: Ledger, settings: AlertSettings, alert: Alert) -> str:
    """Why the webhook did not take it; empty where it did."""
    assert settings.webhook is not None
    try:
        secret = settings.secret()
    except NotifierError as exc:
        return exc.message
    return webhook.post(
        settings.webhook.get_secret_value(),
        webhook_body(alert, _about(ledger, alert.run_id)),
        secret=secret,
        seconds=settings.timeout,
    )


def webhook_body(alert: Alert, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is posted; docs/approval.md tells the keys."""
    return {
        "program": "notifier",
        "id": alert.id,
        "kind": alert.kind,
        "at": datetime.fromtimestamp(alert.at, UTC).isoformat(timespec="seconds"),
        "text": alert.text,
        "run": run,
    }


def _about(ledger: Ledger, run_id: int | None) -> dict[str, Any] | None:
    if run_id is None:
        return None
    run = ledger.get_run(run_id)
    return {
        "run": run.id,
        "campaign": run.campaign,
        "occurrence": run.occurrence,
        "state": run.state.value,
        "counts": {state.value: count for state, count in ledger.counts(run_id).items()},
    }


# --- by mail ---------------------------------------------------------------------------------


def _mail(workspace: Workspace, alerts: Sequence[Alert]) -> str:
    """Why it could not be mailed to everybody; empty where it was."""
    settings = workspace.settings.alerts
    try:
        name = settings.relay or next(iter(workspace.settings.relays), SANDBOX)
        relay = _hurried(workspace.relay(name), settings.timeout)
        letters = make_mail(settings, relay, alerts)
        feed = Handful([Parcel(number, it) for number, it in enumerate(letters)])
        asyncio.run(asyncio.wait_for(Pool(relay).run(feed), settings.timeout))
    except NotifierError as exc:
        return exc.message
    except TimeoutError:
        return _("it did not answer in time")
    said = [feed.submissions.get(number) for number in range(len(letters))]
    for it in said:
        if it is None:
            return _("it did not answer in time")
        if it.reply is None or not it.reply.is_positive or it.stage is not Stage.BODY:
            return it.error or str(it.reply)
    return ""


def _hurried(relay: RelaySettings, seconds: float) -> RelaySettings:
    """The relay with a try or two: an alert that can't leave now is tried again later."""
    longest = {
        name: min(getattr(relay, name), seconds)
        for name in type(relay).model_fields
        if name.endswith("_timeout")
    }
    return relay.model_copy(update={**longest, "connect_attempts": 1, "max_connections": 1})


def make_mail(
    settings: AlertSettings, relay: RelaySettings, alerts: Sequence[Alert]
) -> list[Message]:
    """One message about all of them to each who is told; marked as made by a machine."""
    sender = _sender(settings, relay)
    is_ascii = all(it.isascii() for it in (sender.address, *settings.mail))
    made = EmailMessage(policy=SMTP if is_ascii else SMTPUTF8)
    made["From"] = Address(sender.name, addr_spec=sender.address)
    made["To"] = [Address(addr_spec=it) for it in settings.mail]
    made["Subject"] = f"[notifier] {_subject(alerts)}"
    last = max(alerts)
    made["Date"] = format_datetime(datetime.fromtimestamp(last.at, UTC))
    # The same for the same events, so that a second copy can be recognised.
    numbers = "-".join(str(it.id) for it in (alerts[0], last))
    made["Message-ID"] = f"<alert-{numbers}-{last.at:.0f}@{sender.address.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    made.set_content("\n\n".join(it.text for it in alerts) + "\n", cte="quoted-printable")
    data = made.as_bytes()
    return [Message(sender.address, it, data, needs_smtputf8=not is_ascii) for it in settings.mail]


def _subject(alerts: Sequence[Alert]) -> str:
    first = " ".join(alerts[0].text.partition("\n")[0].split())
    more = len(alerts) - 1
    if not more:
        return first
    return ngettext("{first} (and {count} more)", "{first} (and {count} more)", more).format(
        first=first, count=more
    )


def _sender(settings: AlertSettings, relay: RelaySettings) -> Mailbox:
    if settings.sender:
        return parse_mailbox(settings.sender)
    if "@" in relay.username:
        return Mailbox("", relay.username)
    return Mailbox("", settings.mail[0])
