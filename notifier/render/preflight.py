"""Every recipient's message made before the first is sent, and looked through.

A problem that is the same for all recipients comes once per recipient; `kind`, `file` and
`template_line` are the same then, so that a list can group them.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from notifier.errors import MessageError, TemplateError
from notifier.locale import _
from notifier.render.skeleton import LINE_MARK, Tag, scan_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from notifier.model import Message, Recipient
    from notifier.render.preview import Rendered
    from notifier.render.templates import CompiledCampaign

#: Gmail cuts what is longer and shows a link instead.
CLIPPED_BYTES = 102_000
_LONG_SUBJECT = 200
#: Share of recipients up to which blank cells are taken for forgotten ones.
_FEW = 0.2
#: Recipients with blank cells who are named, and columns of each.
_MOST_GAPS = 200
_MOST_COLUMNS = 5
#: Addresses that a mail program opens.
_OPENED = re.compile(r"(?:https?://[^\s/?#]|mailto:.|tel:.|sms:.|cid:.|#.)", re.IGNORECASE)
_RUNS = re.compile(r"\s*(?:javascript|vbscript|data|file):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with one recipient's message."""

    #: error: the message can't or must not leave; warning: it can, and people will wonder.
    severity: Literal["error", "warning"]
    #: undefined, empty_subject, missing_attachment, oversize, link, image, ...; for grouping.
    kind: str
    message: str
    recipient_key: str
    #: The sheet's line.
    line: int
    #: The template or campaign file, from the workspace's root; may be empty.
    file: str = ""
    #: 1-based; 0: no line of a template is to blame.
    template_line: int = 0
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What is known of a relay that the messages are to go through."""

    name: str
    #: Whether it offers SMTPUTF8 (RFC 6531); None: it was never asked.
    takes_utf8: bool | None = None
    #: The largest message in bytes; 0: not known.
    max_bytes: int = 0
    #: Where it has returned mail go; empty: to the campaign's sender.
    envelope_from: str = ""


@dataclass(slots=True)
class Largest:
    """The largest message so far."""

    #: With its signatures.
    bytes: int = 0
    recipient_key: str = ""
    #: The sheet's line.
    line: int = 0


@dataclass(frozen=True, slots=True)
class _Finding:
    severity: Literal["error", "warning"]
    kind: str
    message: str
    next_step: str
    lineno: int = 0


def inspect(
    compiled: CompiledCampaign,
    recipients: Iterable[Recipient],
    *,
    carriers: Sequence[Carrier] = (),
    largest: Largest | None = None,
) -> Iterator[Problem]:
    """The problems of all recipients' messages, as they are met; makes each message once.

    Where a name is missing from a template, all that are missing are told. `carriers`: the relays
    that a message may go through, one of which has to take it. `largest` is kept up. Blank cells
    that are printed come last: only where few have them is it likely that somebody forgot.
    """
    gaps = _Gaps()
    for recipient in recipients:
        before = compiled.blanks
        try:
            message, findings = _examine(compiled, recipient)
            size = message.size + compiled.signature_bytes
            findings += _uncarried(message, size, carriers)
        except (TemplateError, MessageError) as exc:
            for error in _all_of(compiled, recipient, exc):
                yield _from_error(error, recipient)
            continue
        gaps.add(recipient, is_blank=compiled.blanks > before)
        if largest is not None and size > largest.bytes:
            largest.bytes, largest.recipient_key = size, recipient.key
            largest.line = recipient.line
        for finding in findings:
            file, line = compiled.locate(finding.lineno)
            yield Problem(
                severity=finding.severity,
                kind=finding.kind,
                message=finding.message,
                recipient_key=recipient.key,
                line=recipient.line,
                file=file,
                template_line=line,
                next_step=finding.next_step,
            )
    yield from gaps.problems()


class _Gaps:
    """Whose message prints a cell that is blank; a mark that was forgotten looks like that."""

    def __init__(self) -> None:
        self._count = self._blank = 0
        self._first: list[Recipient] = []

    def add(self, recipient: Recipient, *, is_blank: bool) -> None:
        """The next one."""
        self._count += 1
        if is_blank:
            self._blank += 1
            if len(self._first) < _MOST_GAPS:
                self._first.append(recipient)

    def problems(self) -> Iterator[Problem]:
        """A warning for each, where they are the exception."""
        if self._blank > 1 and self._blank > self._count * _FEW:
            return
        for recipient in self._first:
            blank = [name for name, value in recipient.row.items() if value is None]
            yield Problem(
                severity="warning",
                kind="blank_cell",
                message=_(
                    "A cell that the message prints is blank. Blank in this row: {columns}."
                ).format(columns=", ".join(blank[:_MOST_COLUMNS])),
                recipient_key=recipient.key,
                line=recipient.line,
                next_step=_(
                    "Fill it in, or have the template say what stands there instead: "
                    "row['Mark'] or '-'."
                ),
            )


def _all_of(
    compiled: CompiledCampaign, recipient: Recipient, exc: TemplateError | MessageError
) -> Sequence[TemplateError | MessageError]:
    """All names that are missing where one is, so that a template is mended in one go."""
    missing = compiled.missing_names(recipient) if exc.problem == "undefined" else []
    return missing or [exc]


def _from_error(exc: TemplateError | MessageError, recipient: Recipient) -> Problem:
    file, line = (exc.file, exc.line) if isinstance(exc, TemplateError) else ("", 0)
    return Problem(
        severity="error",
        kind=exc.problem,
        message=exc.message,
        recipient_key=recipient.key,
        line=recipient.line,
        file=file or exc.where,
        template_line=line,
        next_step=exc.next_step,
    )


def _examine(compiled: CompiledCampaign, recipient: Recipient) -> tuple[Message, list[_Finding]]:
    """The message without signatures, and what is wrong with it."""
    message = compiled.assemble(
        recipient,
        token="preflight",  # noqa: S106 - a Message-ID's, no secret
        at=0.0,
        is_signed=False,
        splits=True,
    )
    return message, list(_look_through(compiled.render_marked(recipient)))


def _look_through(seen: Rendered) -> Iterator[_Finding]:
    if not seen.text.strip() and "<img" not in (seen.html or "").lower():
        yield _Finding(
            "error",
            "empty_body",
            _("The message has no text."),
            _("Look at the cells that the template uses."),
        )
    if len(seen.subject) > _LONG_SUBJECT:
        yield _Finding(
            "warning",
            "long_subject",
            _("The subject is longer than {count} characters.").format(count=_LONG_SUBJECT),
            _("Shorten it: mail programs show about 60."),
        )
    for part in seen.attachments:
        if not part.size:
            yield _Finding(
                "warning",
                "empty_attachment",
                _("The attachment `{name}` is empty.").format(name=part.name),
                _("Look at the file: it has no bytes."),
            )
    if seen.html is not None:
        yield from _examine_html(seen.html)


def _uncarried(message: Message, size: int, carriers: Sequence[Carrier]) -> Iterator[_Finding]:
    """What none of the relays is known to take."""
    limits = [it.max_bytes for it in carriers]
    if limits and all(limits) and size > max(limits):
        relays = ", ".join(it.name for it in carriers)
        yield _Finding(
            "error",
            "oversize_relay",
            _("The message has {size} bytes; the limit of {relays} is {limit}.").format(
                size=size, relays=relays, limit=max(limits)
            ),
            _("Attach smaller files, or give links to them instead."),
        )
    senders = [it.envelope_from or message.sender for it in carriers] or [message.sender]
    needs_it = message.needs_smtputf8 or not message.address.isascii()
    if not needs_it and any(sender.isascii() for sender in senders):
        return
    if not any(it.takes_utf8 for it in carriers):
        yield _needs_utf8(message, carriers)


def _needs_utf8(message: Message, carriers: Sequence[Carrier]) -> _Finding:
    """A sender that can't be carried stops all messages, a recipient only one."""
    is_refused = bool(carriers) and all(it.takes_utf8 is False for it in carriers)
    sender = (carriers[0].envelope_from if carriers else "") or message.sender
    if not sender.isascii():
        text = _("The sender {address} has letters beyond ASCII before the @.")
        whose, kind = sender, "sender_utf8"
    elif not message.address.isascii():
        text = _("The address {address} has letters beyond ASCII before the @.")
        whose, kind = message.address, "address_utf8"
    else:
        text = _("An address in the headers has letters beyond ASCII before the @.")
        whose, kind = "", "header_utf8"
    relay = carriers[0].name if carriers else ""
    if is_refused:
        more = _("The relay does not offer SMTPUTF8, and refuses such messages.")
        step = _("Use another address, or a relay that offers it.")
    else:
        more = _("The relay must offer SMTPUTF8, which is not known yet.")
        step = f"notifier relay check {relay}".strip()
    is_fatal = is_refused and kind != "address_utf8"
    return _Finding(
        "error" if is_fatal else "warning", kind, f"{text.format(address=whose)} {more}", step
    )


def _examine_html(page: str) -> Iterator[_Finding]:
    if len(page) > CLIPPED_BYTES:
        yield _Finding(
            "warning",
            "clipped",
            _("The HTML is longer than 102 kB: Gmail cuts it off."),
            _("Shorten it, or put the rest into an attachment."),
        )
    for found in re.finditer(r"<(?:a|img)\s(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>", page, re.IGNORECASE):
        yield from _examine_tag(found[0])


@lru_cache(maxsize=4096)
def _examine_tag(text: str) -> tuple[_Finding, ...]:
    """What is wrong with a link or a picture; most are the same for every recipient."""
    tag = next(scan_tags(text), None)
    if tag is None:
        return ()
    mark = tag.attributes.get(LINE_MARK)
    lineno = int(mark.value) if mark is not None and mark.value.isdecimal() else 0
    finding = _wrong_link(tag, lineno) if tag.name == "a" else _wrong_image(tag, lineno)
    return () if finding is None else (finding,)


def _wrong_link(tag: Tag, lineno: int) -> _Finding | None:
    attribute = tag.attributes.get("href")
    if attribute is None:
        return None if "name" in tag.attributes or "id" in tag.attributes else _empty_link(lineno)
    address = html.unescape(attribute.value).strip()
    if not address or address == "#":
        return _empty_link(lineno)
    if _RUNS.match(address):
        return _Finding(
            "error",
            "link",
            _("A link runs a script or opens a file: `{address}`.").format(address=address[:80]),
            _("Link to an address that begins with https://."),
            lineno,
        )
    if _OPENED.match(address):
        return None
    return _Finding(
        "warning",
        "link",
        _("A link does not say where it leads: `{address}`.").format(address=address[:80]),
        _("Write the whole address, beginning with https:// or mailto:."),
        lineno,
    )


def _empty_link(lineno: int) -> _Finding:
    return _Finding(
        "warning",
        "link",
        _("A link leads nowhere."),
        _("Give it an address in href, or remove it where the cell is empty."),
        lineno,
    )


def _wrong_image(tag: Tag, lineno: int) -> _Finding | None:
    source = tag.attributes.get("src")
    if source is None or not source.value.strip():
        return _Finding(
            "warning",
            "image",
            _("A picture has no file."),
            _("Give it a file in src, or remove it where the cell is empty."),
            lineno,
        )
    if "alt" in tag.attributes:
        return None
    return _Finding(
        "warning",
        "image",
        _("A picture has no text in its place."),
        _('Add alt="..." for those who do not see it; alt="" where it says nothing.'),
        lineno,
    )
