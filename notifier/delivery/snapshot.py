"""What a run's messages are made from, gathered while its campaign is compiled and looked through.

Kept with the run (`ledger/documents.py`), so that any of its messages can be made again to the byte
although templates, the campaign's file or attachments were changed or deleted since (`remake.py`).

    campaign, templates     whole
    shared files            attachments and pictures that all messages have: whole, up to `SHARED`
    recipients' own files   found while every message is made for a look: up to `OWN` each and
                            `OWN_IN_ALL` together; above that, and shared files that are larger,
                            their digests alone: it can be told whether they are the same still
    settings                language, zone, limits, and which keys signed for which relay
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from notifier import __version__
from notifier.errors import GuardError
from notifier.ledger.documents import Document, document
from notifier.locale import _
from notifier.render.templates import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from notifier.delivery.making import Recipe
    from notifier.render.templates import CompiledCampaign
    from notifier.settings import DkimSettings

#: Roles of a run's documents.
MANIFEST, CAMPAIGN, TEMPLATE, FILE = "manifest", "campaign", "template", "file"
#: Bytes of one file up to which it is kept whole, and of all recipients' own files together.
SHARED = 5_000_000
OWN = 1_000_000
OWN_IN_ALL = 64_000_000
#: Files of recipients that are noted at all: a note takes 300 bytes of memory while enrolling.
MOST_FILES = 100_000


class Seen(NamedTuple):
    """A file that messages are made from."""

    path: Path
    digest: str
    size: int


class Collector:
    """Notes every file that is attached or shown, while a campaign is compiled and rendered."""

    def __init__(self) -> None:
        #: By the name that it was looked for by, from the workspace's folder.
        self.files: dict[str, Seen] = {}
        #: The first so many of them are shared by all messages.
        self.shared = 0

    def see(self, name: str, path: Path, data: bytes) -> None:
        """`render.attachments.Observer`."""
        if name not in self.files and len(self.files) < MOST_FILES:
            self.files[name] = Seen(path, hashlib.sha256(data).hexdigest(), len(data))

    def compile(self, recipe: Recipe) -> CompiledCampaign:
        """The campaign compiled; what was seen by then is shared by all messages."""
        compiled = recipe.compile(self.see)
        self.shared = len(self.files)
        return compiled


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a run's messages are made from but for their rows."""

    recipe: Recipe
    compiled: CompiledCampaign
    collector: Collector
    #: What signs its messages, by relay: relays may have a word on that.
    signing: Mapping[str, tuple[DkimSettings, ...]]

    def documents(self) -> Iterator[Document]:
        """What is kept, one after the other.

        Raises GuardError where the campaign's file isn't what it was when it was loaded.
        """
        yield self._campaign()
        for name, text in self.compiled.sources.items():
            yield document(TEMPLATE, f"templates/{name}", text.encode())
        yield document(MANIFEST, "manifest.json", json.dumps(self._manifest()).encode())
        left = OWN_IN_ALL
        for number, (name, seen) in enumerate(self.collector.files.items()):
            is_shared = number < self.collector.shared
            is_kept = seen.size <= (SHARED if is_shared else min(OWN, left))
            left -= seen.size if is_kept and not is_shared else 0
            content = _content(seen) if is_kept else None
            yield Document(FILE, name, seen.digest, content)

    def _campaign(self) -> Document:
        campaign = self.recipe.campaign
        found = document(CAMPAIGN, f"campaigns/{campaign.path.name}", campaign.path.read_bytes())
        if found.digest != campaign.digest:
            raise GuardError(
                _("The campaign's file was changed while it was being read; nothing was sent."),
                where=str(campaign.path),
                next_step=f"notifier send {campaign.name}",
            )
        return found

    def _manifest(self) -> dict[str, object]:
        recipe, files = self.recipe, self.collector.files
        shared = list(files)[: self.collector.shared]
        return {
            "version": __version__,
            "format": FORMAT,
            "locale": recipe.locale,
            "timezone": recipe.timezone,
            "max_message_bytes": recipe.limits.max_message_bytes,
            "render_seconds": recipe.limits.render_seconds,
            "max_render_chars": recipe.limits.max_render_chars,
            "shared": shared,
            "links": {
                name: str(seen.path.relative_to(recipe.root.resolve()).as_posix())
                for name, seen in files.items()
                if seen.path != recipe.root.resolve() / name
            },
            "signing": [
                {"relay": relay, "digest": self._digest_of(keys), "keys": [_key(it) for it in keys]}
                for relay, keys in self.signing.items()
            ],
        }

    def _digest_of(self, keys: tuple[DkimSettings, ...]) -> str:
        """The digest that parts the messages' pieces: it depends on the public keys."""
        if keys == self.recipe.dkim:
            return self.compiled.digest

        return replace(self.recipe, dkim=keys).compile().digest


def _key(settings: DkimSettings) -> dict[str, str]:
    """The key's name and what its signatures say; where it is, notifier.toml alone knows."""
    return {"name": settings.name, "domain": settings.domain, "selector": settings.selector}


def _content(seen: Seen) -> bytes | None:
    """The file's bytes; None where they are not the same any more."""
    try:
        data = seen.path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == seen.digest else None
