"""A compiled campaign: what only waits for its recipients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from notifier.errors import MessageError, TemplateError
from notifier.locale import _
from notifier.render.attachments import Cabinet, FilePart
from notifier.render.faults import shown_file
from notifier.render.headers import single_line
from notifier.render.message import Assembler, Content
from notifier.render.plaintext import from_html
from notifier.render.preview import Rendered
from notifier.render.sandbox import UnknownNameError
from notifier.render.text_layout import finish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifier.model import Message, Recipient
    from notifier.render.pages import Page, Press

#: Names that are told at once.
_MOST_MISSING = 20


@dataclass(frozen=True, slots=True)
class ComputedFile:
    """An attachment whose path each recipient's values complete."""

    path: Page
    #: The folder that is written out; the file must be in it.
    folder: str
    where: str


@dataclass(frozen=True, slots=True)
class TextPage:
    """Where a message's text comes from."""

    page: Page
    #: It was made from HTML: tables and white space are settled at the end.
    needs_finish: bool


@dataclass(frozen=True, slots=True)
class Pages:
    """The compiled templates of a campaign."""

    subject: Page
    #: None: made from each finished HTML.
    text: TextPage | None
    html: Page | None
    #: As `html`, with the line written into each link and picture; None where there is none.
    marked: Page | None


class CompiledCampaign:
    """A campaign that only waits for its recipients. Not shared between threads.

    `digest` is a SHA-256 over everything that shapes a message other than the recipient.
    """

    def __init__(
        self,
        *,
        digest: str,
        press: Press,
        assembler: Assembler,
        pages: Pages,
        constants: dict[str, Any],
        shared: dict[str, FilePart],
        found: dict[str, FilePart] | None,
        files: Sequence[FilePart | ComputedFile],
        cabinet: Cabinet,
    ) -> None:
        self.digest = digest
        self._press = press
        self._budget = press.budget
        self._assembler = assembler
        self._pages = pages
        self._constants = constants
        self._shared = shared
        self._shared_data = tuple(part.data for part in shared.values())
        self._found = found
        self._files = tuple(files)
        self._cabinet = cabinet
        self._has_same_files = all(isinstance(it, FilePart) for it in self._files)

    @property
    def sources(self) -> Mapping[str, str]:
        """The template files that it was compiled from, by their names below `templates/`."""
        return self._press.sources.texts

    @property
    def blanks(self) -> int:
        """How often a cell without a value was printed so far."""
        return self._press.formats.blanks

    @property
    def signature_bytes(self) -> int:
        """What signatures add to a message, at most."""
        return self._assembler.signature_bytes

    def assemble(
        self,
        recipient: Recipient,
        *,
        token: str,
        at: float,
        test: bool = False,
        is_signed: bool = True,
        splits: bool = False,
    ) -> Message:
        """The recipient's message, the same bytes for the same arguments.

        Args:
            recipient: whose row fills the templates in.
            token: what the Message-ID is made of; letters, digits and `.`, `_`, `-`.
            at: Unix time for `Date:` and for the signatures.
            test: mark the subject as a test.
            is_signed: with DKIM signatures, where the campaign has keys.
            splits: large attachments that all messages have are in `Message.tail`, once for all.

        Raises:
            TemplateError: a template can't be filled in for this recipient.
            MessageError: the message must not leave: no subject, a file that is missing or out of
                bounds, too large, a header that holds what nobody meant.
        """
        content = self._content(recipient, test=test)
        return self._assembler.assemble(
            recipient.address,
            recipient.name,
            content,
            token=token,
            at=at,
            is_signed=is_signed,
            splits=splits,
        )

    def render(self, recipient: Recipient, *, test: bool = False) -> Rendered:
        """What the recipient would read, for previews. Raises as `assemble`."""
        context = self._context(recipient)
        subject, text, html = self._texts(context)
        files = self._attached(context)
        pictures = {**self._shared, **(self._found or {})}
        shown = _marked(single_line(subject)) if test else single_line(subject)
        return Rendered(
            subject=shown,
            text=text,
            html=html,
            headers=self._assembler.describe(recipient.address, recipient.name, shown),
            attachments=tuple(files),
            pictures=pictures,
        )

    def render_marked(self, recipient: Recipient) -> Rendered:
        """As `render`, with the template's line in each link and picture, for a preflight."""
        rendered = self.render(recipient)
        if self._pages.marked is None:
            return rendered
        return replace(rendered, html=self._pages.marked.render(self._context(recipient)))

    def own_files(self, recipient: Recipient) -> list[tuple[str, bytes]]:
        """Name and content of each attachment that is this recipient's own. Raises as `assemble`.

        A name is the path from the workspace's folder, as the recipient's values complete it.
        """
        computed = [it for it in self._files if isinstance(it, ComputedFile)]
        if not computed:
            return []
        self._budget.begin()
        context = self._context(recipient)
        names = [it.path.render(context).strip() for it in computed]
        parts = [self._computed(it, context) for it in computed]
        return [(name, part.content) for name, part in zip(names, parts, strict=True)]

    def missing_names(self, recipient: Recipient) -> list[TemplateError]:
        """An error for each name that is not there, as they are met; a few at most.

        Each is taken for empty from then on, so that the next one is met.
        """
        context = {name: _copied(value) for name, value in self._context(recipient).items()}
        found: list[TemplateError] = []
        while len(found) < _MOST_MISSING:
            try:
                self._texts(context)
                self._attached(context)
            except TemplateError as exc:
                if exc.problem != "undefined":
                    break
                found.append(exc)
                if not _supply(exc.__cause__, context):
                    break
            except MessageError:  # with a name taken for empty, a file isn't found
                break
            else:
                break
        return found

    def locate(self, lineno: int) -> tuple[str, int]:
        """The file and line that a mark of `render_marked` stands for; ("", 0) for 0."""
        if lineno == 0:
            return "", 0
        name, line = self._press.html.locate(lineno)
        return shown_file(name), line

    def _content(self, recipient: Recipient, *, test: bool) -> Content:
        context = self._context(recipient)
        subject, text, html = self._texts(context)
        pictures = self._shared_data
        if self._found:
            pictures += tuple(part.data for part in self._found.values())
        files = tuple(part.data for part in self._attached(context)) if self._files else ()
        return Content(
            _marked(self._assembler.subject(subject)) if test else subject,
            text,
            html,
            pictures,
            files,
            self._has_same_files,
        )

    def _context(self, recipient: Recipient) -> dict[str, Any]:
        row = recipient.row
        return {
            **self._constants,
            **recipient.columns,
            "row": row,
            "rows": recipient.rows or (row,),
            "key": recipient.key,
            "name": recipient.name,
            "email": recipient.address,
        }

    def _texts(self, context: dict[str, Any]) -> tuple[str, str, str | None]:
        self._budget.begin()
        if self._found:
            self._found.clear()
        pages = self._pages
        subject = pages.subject.render(context)
        html = None if pages.html is None else pages.html.render(context)
        return subject, self._text(context, html), html

    def _text(self, context: dict[str, Any], html: str | None) -> str:
        source = self._pages.text
        if source is None:
            return from_html(html or "")
        text = source.page.render(context)
        return finish(text) if source.needs_finish else text

    def _attached(self, context: dict[str, Any]) -> list[FilePart]:
        return [
            part if isinstance(part, FilePart) else self._computed(part, context)
            for part in self._files
        ]

    def _computed(self, file: ComputedFile, context: dict[str, Any]) -> FilePart:
        name = file.path.render(context).strip()
        return self._cabinet.attach(name, within=file.folder, where=file.where)


def _copied(value: Any) -> Any:
    """The value with rows of its own, which may be written to."""
    if isinstance(value, tuple):
        return tuple(_copied(item) for item in value)
    return dict(value) if isinstance(value, dict) else value


def _supply(cause: BaseException | None, context: dict[str, Any]) -> bool:
    """Give the name that was missed an empty value; False where it can't be given one."""
    if not isinstance(cause, UnknownNameError):
        return False
    owner = context if cause.owner is None else cause.owner
    if not isinstance(owner, dict) or cause.name in owner:
        return False
    owner[cause.name] = ""
    return True


def _marked(subject: str) -> str:
    return _("[Test] {subject}").format(subject=subject)
