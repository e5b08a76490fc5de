"""A file that is there whole or not at all: written beside its place, and moved there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from notifier.errors import UsageError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """The draft to write; it becomes `path` at the end. UsageError where it can't be written."""
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as exc:
        raise UsageError(
            _("{file} can't be written: {reason}.").format(
                file=path.name, reason=exc.strerror or exc
            ),
            where=str(path),
            next_step=_("Close it where it is open, or choose another folder."),
        ) from exc
