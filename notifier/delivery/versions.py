"""How a run's files differ from those of another run: templates and campaign line by line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.delivery.snapshot import CAMPAIGN, FILE, TEMPLATE

if TYPE_CHECKING:
    from notifier.ledger.documents import Archive


@dataclass(frozen=True, slots=True)
class Versions:
    """What differs between two runs' files."""

    #: Unified diffs, the campaign's first; empty: they are the same.
    template: tuple[str, ...] = ()
    campaign: tuple[str, ...] = ()
    #: Files that are attached or shown: in the later run alone, in both but not the same, in the
    #: earlier one alone.
    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether all files are the same."""
        return not (self.template or self.campaign or self.added or self.replaced or self.gone)


def compare_versions(archive: Archive, before: int, after: int) -> Versions:
    """How the files of run `after` differ from those of run `before`."""
    old, new = archive.digests(before, FILE), archive.digests(after, FILE)
    return Versions(
        template=_differences(archive, before, after, TEMPLATE),
        campaign=_differences(archive, before, after, CAMPAIGN),
        added=tuple(name for name in new if name not in old),
        replaced=tuple(name for name in new if name in old and new[name] != old[name]),
        gone=tuple(name for name in old if name not in new),
    )


def _differences(archive: Archive, before: int, after: int, role: str) -> tuple[str, ...]:
    old = _texts(archive, before, role)
    new = _texts(archive, after, role)
    return tuple(
        line
        for name in sorted({*old, *new})
        for line in difflib.unified_diff(
            old.get(name, []), new.get(name, []), f"{before}/{name}", f"{after}/{name}", lineterm=""
        )
    )


def _texts(archive: Archive, run_id: int, role: str) -> dict[str, list[str]]:
    return {
        it.name: (it.content or b"").decode("utf-8", "replace").splitlines()
        for it in archive.of_run(run_id, role)
    }
