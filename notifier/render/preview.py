"""A message to look at before it is sent."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notifier.render.attachments import FilePart

_CID = re.compile(r"""(\bsrc\s*=\s*["']?)cid:([^"'\s>]+)""", re.IGNORECASE)
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
#: A preview runs no scripts and fetches nothing but pictures, as mail programs do.
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data: http: https:; style-src 'unsafe-inline'\">"
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a recipient reads."""

    subject: str
    text: str
    #: None: a message of text alone.
    html: str | None
    #: The fields that a reader sees, decoded: (name, value).
    headers: tuple[tuple[str, str], ...]
    attachments: tuple[FilePart, ...]
    #: Inline pictures by Content-ID.
    pictures: dict[str, FilePart]

    @property
    def page(self) -> str:
        """The HTML as one file for a browser: pictures inside, no scripts. Empty without HTML."""
        if self.html is None:
            return ""
        page = _CID.sub(self._as_data, self.html)
        head = _HEAD.search(page)
        at = head.end() if head else 0
        return page[:at] + _POLICY + page[at:] if head else _POLICY + page

    def _as_data(self, found: re.Match[str]) -> str:
        part = self.pictures.get(found[2])
        if part is None:
            return found[0]
        return f"{found[1]}data:{part.media_type};base64,{b64encode(part.content).decode()}"
