"""One recipient's message on the screen, or as a file to open."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from notifier.cli.console import facts, say
from notifier.errors import UsageError
from notifier.locale import _
from notifier.model import Recipient
from notifier.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from notifier.campaign import Campaign
    from notifier.model import Rejection
    from notifier.render.templates import CompiledCampaign, Rendered

#: Keys remembered while searching, so that a miss can name the nearest.
_REMEMBERED = 10_000


def pick(roster: Iterable[Recipient | Rejection], wanted: str | None, campaign: str) -> Recipient:
    """The recipient of that key or address, or the first; UsageError with the nearest key."""
    keys: list[str] = []
    for item in roster:
        if not isinstance(item, Recipient):
            continue
        if wanted is None or wanted in (item.key, item.address):
            return item
        if len(keys) < _REMEMBERED:
            keys += [item.key, item.address]
    step = f"notifier recipients check {campaign}"
    if wanted is None:
        raise UsageError(_("The sheet has no recipients."), where=campaign, next_step=step)
    close = nearest(wanted, keys)
    raise UsageError(
        _("There is no recipient {key}.").format(key=wanted),
        where=campaign,
        next_step=_("Did you mean {option}?").format(option=close) if close else step,
    )


def write(path: Path, compiled: CompiledCampaign, recipient: Recipient) -> None:
    """Write the message as .html or .eml, by the file's ending."""
    kind = path.suffix.lower()
    if kind not in (".html", ".htm", ".eml"):
        raise UsageError(
            _("A preview is written as .html or .eml, not as {kind}.").format(kind=kind or path),
            where=str(path),
            next_step="-o preview.html",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == ".eml":
        message = compiled.assemble(recipient, token=uuid.uuid4().hex, at=float(int(time.time())))
        path.write_bytes(message.data)
        return
    rendered = compiled.render(recipient)
    path.write_text(rendered.html or _as_page(rendered.text), encoding="utf-8")


def _as_page(text: str) -> str:
    from html import escape

    return f'<!doctype html><meta charset="utf-8"><pre>{escape(text)}</pre>\n'


def as_dict(campaign: Campaign, rendered: Rendered, recipient: Recipient) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "key": recipient.key,
        "line": recipient.line,
        "from": mailbox(campaign.sender_name, campaign.sender_address),
        "to": mailbox(recipient.name, recipient.address),
        "reply_to": campaign.reply_to or "",
        "subject": rendered.subject,
        "attachments": list(rendered.attachments),
        "text": rendered.text,
        "html": rendered.html or "",
    }


def tell(campaign: Campaign, rendered: Rendered, recipient: Recipient) -> None:
    """Print headers and text."""
    sender = mailbox(campaign.sender_name, campaign.sender_address)
    facts(
        [
            (_("From"), sender),
            (_("To"), mailbox(recipient.name, recipient.address)),
            (_("Reply to"), campaign.reply_to),
            (_("Subject"), rendered.subject),
            (_("Attachments"), ", ".join(rendered.attachments)),
            (_("Row"), _("line {line}, key {key}").format(line=recipient.line, key=recipient.key)),
        ]
    )
    say("", rendered.text.rstrip())
    if rendered.html:
        say("", _("There is an HTML version, too: -o preview.html writes it."))


def mailbox(name: str, address: str) -> str:
    """`Name <address>` with the name as it is read, not as it is encoded in a header."""
    return f"{name} <{address}>" if name else address
