"""One recipient's message on the screen, or as a file to open."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from notifier.cli.console import facts, say
from notifier.errors import UsageError
from notifier.locale import N_, _
from notifier.model import Recipient
from notifier.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from notifier.model import Rejection
    from notifier.render.templates import CompiledCampaign, Rendered

#: What a mail program calls the fields of a message.
_LABELS = {
    "From": N_("From"),
    "To": N_("To"),
    "Reply-To": N_("Answers go to"),
    "Subject": N_("Subject"),
}
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
    path.write_text(_as_page(compiled.render(recipient)), encoding="utf-8")


def _as_page(rendered: Rendered) -> str:
    """The HTML with its pictures inside, so that the file can be opened anywhere."""
    from base64 import b64encode
    from html import escape

    if rendered.html is None:
        return f'<!doctype html><meta charset="utf-8"><pre>{escape(rendered.text)}</pre>\n'
    page = rendered.html
    for content_id, part in rendered.pictures.items():
        data = b64encode(part.path.read_bytes()).decode("ascii")
        page = page.replace(f"cid:{content_id}", f"data:{part.media_type};base64,{data}")
    return page


def as_dict(rendered: Rendered, recipient: Recipient) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "key": recipient.key,
        "line": recipient.line,
        "address": recipient.address,
        "subject": rendered.subject,
        "headers": dict(rendered.headers),
        "attachments": [
            {"name": part.name, "type": part.media_type, "bytes": part.size}
            for part in rendered.attachments
        ],
        "text": rendered.text,
        "html": rendered.html,
    }


def tell(rendered: Rendered, recipient: Recipient, step: str = "-o preview.html") -> None:
    """Print headers and text; `step`: what writes the HTML."""
    facts((_(_LABELS.get(name, name)), value) for name, value in rendered.headers)
    for part in rendered.attachments:
        say(_("  Attached: {name} ({size} kB)").format(name=part.name, size=part.size // 1000 + 1))
    row = _("  From line {line} of the sheet, key {key}.")
    say(row.format(line=recipient.line, key=recipient.key), style="dim")
    say("", rendered.text.rstrip())
    if rendered.html is not None:
        html = _("There is an HTML version, too: {step} writes it.")
        say("", html.format(step=step), style="dim")
