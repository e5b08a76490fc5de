"""Campaigns compiled: from a campaign and its template files to messages, one per recipient."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from notifier.errors import TemplateError
from notifier.locale import _
from notifier.render.attachments import Album, Cabinet, FilePart
from notifier.render.compiled import CompiledCampaign, ComputedFile, Pages, TextPage
from notifier.render.filters import Formats
from notifier.render.headers import domain_of
from notifier.render.images import attach_images
from notifier.render.limits import Budget
from notifier.render.message import Assembler, Envelope
from notifier.render.pages import Page, Press
from notifier.render.preview import Rendered
from notifier.render.skeleton import mark_lines
from notifier.render.sources import place
from notifier.render.styles import Stylist
from notifier.render.text_template import NotStaticError, text_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import nodes

    from notifier.campaign import Campaign
    from notifier.render.attachments import Fetcher, Observer
    from notifier.render.dkim import Signer
    from notifier.settings import DkimSettings, LimitSettings

__all__ = ["CompiledCampaign", "Rendered", "compile_campaign", "evaluate"]

#: Goes into every digest; raise it when the same input makes other bytes.
FORMAT = 1
#: What a preflight looks at.
_LOOKED_AT = frozenset({"a", "img"})
#: An expression over a row is short work.
_EXPRESSION_SECONDS = 1.0
_EXPRESSION_CHARS = 10_000


@lru_cache(maxsize=1)
def _expressions() -> Press:
    budget = Budget(_EXPRESSION_SECONDS, _EXPRESSION_CHARS)
    return Press(Path(), Formats("en", "UTC"), budget)


@lru_cache(maxsize=256)
def _expression(text: str) -> Page:
    return _expressions().compile_text(text, text)


def evaluate(expression: str, context: Mapping[str, object]) -> str:
    """The text that an expression over a row gives: `"{{ row['Mã SV'] | lower }}@sv.example"`.

    Same sandbox as templates, numbers with a decimal point. Raises TemplateError.
    """
    page = _expression(expression)
    _expressions().budget.begin()
    return page.render({**_expressions().text.globals, **context}).strip()


def compile_campaign(
    campaign: Campaign,
    *,
    root: Path,
    locale: str,
    timezone: str,
    limits: LimitSettings,
    dkim: Sequence[DkimSettings] = (),
    secret_files: Sequence[Path] = (),
    observer: Observer | None = None,
    fetcher: Fetcher | None = None,
    digest: str = "",
) -> CompiledCampaign:
    """Everything that does not depend on a row, done once.

    `locale` and `timezone` are the workspace's; the campaign's own go first. `dkim` are the keys
    that sign every message, `secret_files` are never attached. Reads the template's files, shared
    attachments and inline pictures below `root`, and the keys.

    `observer` is told of each file that is attached or shown, `fetcher` may put it in its place
    first. `digest` stands for the campaign's own, to make a message again without its key.

    Raises:
        SettingsError: a DKIM key can't be used.
        TemplateError: a template is missing or does not compile; names file and line.
        MessageError: a shared attachment is missing, or the sender can't be written in a header.
    """
    cabinet = Cabinet(
        root, limits.max_message_bytes, secret_files, observer=observer, fetcher=fetcher
    )
    compiler = _Compiler(campaign, cabinet, locale, timezone, limits)
    return compiler.compile(_signer(dkim) if dkim else None, digest)


def _signer(dkim: Sequence[DkimSettings]) -> Signer | None:
    from notifier.render.dkim import load_signer  # noqa: PLC0415 - loads cryptography: 30 ms

    return load_signer(dkim)


class _Compiler:
    def __init__(
        self,
        campaign: Campaign,
        cabinet: Cabinet,
        locale: str,
        timezone: str,
        limits: LimitSettings,
    ) -> None:
        self._campaign = campaign
        self._limits = limits
        self._locale = campaign.locale or locale
        self._timezone = campaign.timezone or timezone
        budget = Budget(limits.render_seconds, limits.max_render_chars)
        self._press = Press(cabinet.root, Formats(self._locale, self._timezone), budget)
        self._cabinet = cabinet
        self._album = Album(self._cabinet, domain_of(campaign.sender_address))
        self._shared: dict[str, FilePart] = {}
        self._found: dict[str, FilePart] = {}
        self._marked: Page | None = None

    def compile(self, signer: Signer | None, digest: str = "") -> CompiledCampaign:
        subject = self._subject()
        text, html, has_computed = self._bodies()
        files = [self._attachment(name) for name in self._campaign.attachments]
        digest = digest or self._digest(files, signer)
        campaign = self._campaign
        envelope = Envelope(
            sender_name=campaign.sender_name,
            sender_address=campaign.sender_address,
            reply_to=campaign.reply_to,
            list_id=campaign.list_id,
            zone=ZoneInfo(self._timezone),
            subject_file=place(f"{campaign.template}/subject.txt"),
        )
        return CompiledCampaign(
            digest=digest,
            press=self._press,
            assembler=Assembler(
                envelope,
                digest=digest,
                max_bytes=self._limits.max_message_bytes,
                signer=signer,
            ),
            pages=Pages(subject, text, html, self._marked),
            constants=self._constants(),
            shared=dict(self._shared),
            found=self._found if has_computed else None,
            files=files,
            cabinet=self._cabinet,
        )

    def _constants(self) -> dict[str, Any]:
        campaign = self._campaign
        about = {
            "title": campaign.title,
            "from": campaign.sender_address,
            "sender_name": campaign.sender_name,
            "reply_to": campaign.reply_to or "",
            "name": campaign.name,
        }
        return {
            **self._press.text.globals,
            "campaign": about,
            "values": dict(campaign.values),
        }

    # --- the template's files ----------------------------------------------------------------

    def _file(self, name: str) -> str | None:
        return self._press.sources.find(f"{self._campaign.template}/{name}")

    def _subject(self) -> Page:
        name = self._file("subject.txt")
        if name is None:
            return self._press.compile_text("{{ campaign.title }}", "subject")
        return self._press.compile(self._press.flatten(name), name, is_html=False)

    def _bodies(self) -> tuple[TextPage | None, Page | None, bool]:
        markup, plain = self._markup_file(), self._file("body.txt")
        if markup is None and plain is None:
            raise self._no_body()
        text = None
        if plain is not None:
            page = self._press.compile(self._press.flatten(plain), plain, is_html=False)
            text = TextPage(page, needs_finish=False)
        if markup is None:
            return text, None, False
        tree = self._press.flatten(markup)
        if text is None:
            text = self._text_from(tree, markup)
        Stylist(tree, self._press.html).inline()
        has_computed = attach_images(
            tree, self._press.html, self._attach_picture, self._attach_found_picture
        )
        html = self._press.compile(tree, markup, is_html=True)
        if mark_lines(tree, _LOOKED_AT):
            self._marked = self._press.compile(tree, markup, is_html=True)
        return text, html, has_computed

    def _markup_file(self) -> str | None:
        html, markdown = self._file("body.html"), self._file("body.md")
        if html and markdown:
            raise TemplateError(
                _("There are both body.html and body.md."),
                where=place(self._campaign.template),
                next_step=_("Keep one of them."),
            )
        return html or markdown

    def _no_body(self) -> TemplateError:
        name = f"{self._campaign.template}/body.html"
        missing = self._press.sources.missing(name)
        return TemplateError(
            _("The template `{name}` has no body.").format(name=self._campaign.template),
            where=place(self._campaign.template),
            next_step=_("Write {files}. {hint}").format(
                files="body.md, body.html, body.txt", hint=missing.next_step
            ),
        )

    def _text_from(self, tree: nodes.Template, name: str) -> TextPage | None:
        try:
            translated = text_template(tree)
        except NotStaticError:
            return None
        return TextPage(self._press.compile(translated, name, is_html=False), needs_finish=True)

    # --- pictures and attachments ------------------------------------------------------------

    def _picture(self, name: str, lineno: int) -> tuple[str, FilePart]:
        file, line = self._press.html.locate(lineno)
        folders = [f"templates/{file.rpartition('/')[0]}", f"templates/{self._campaign.template}"]
        candidates = [f"{folder}/{name}" for folder in dict.fromkeys(folders)]
        return self._album.add([*candidates, name], shown=name, where=place(file, line))

    def _attach_picture(self, name: str, lineno: int) -> str:
        content_id, part = self._picture(name, lineno)
        self._shared[content_id] = part
        return content_id

    def _attach_found_picture(self, name: str, lineno: int) -> str:
        content_id, part = self._picture(name, lineno)
        self._found[content_id] = part
        return content_id

    def _attachment(self, name: str) -> FilePart | ComputedFile:
        where = f"campaigns/{self._campaign.path.name}"
        if "{{" not in name and "{%" not in name:
            return self._cabinet.attach(name, where=where)
        page = self._press.compile_text(name, where)
        folder = name[: name.index("{")].rpartition("/")[0]
        return ComputedFile(page, folder, where)

    # --- the digest --------------------------------------------------------------------------

    def _digest(self, files: Sequence[FilePart | ComputedFile], signer: Signer | None) -> str:
        """SHA-256 over all that shapes a message other than its row."""
        campaign = self._campaign
        parts = [
            FORMAT,
            [campaign.title, campaign.sender_name, campaign.sender_address, campaign.reply_to],
            [campaign.list_id, campaign.template, list(campaign.attachments), campaign.name],
            {key: repr(value) for key, value in campaign.values.items()},
            [self._locale, self._timezone],
            sorted(self._press.sources.texts.items()),
            [_sha256(part.data) for part in files if isinstance(part, FilePart)],
            [[key, _sha256(part.data)] for key, part in sorted(self._shared.items())],
            *([signer.identity] if signer else []),
        ]
        return _sha256(json.dumps(parts, sort_keys=True).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
