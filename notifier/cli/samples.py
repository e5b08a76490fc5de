"""The sample campaigns: the repository's own in a checkout, beside the package in a wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

from notifier.errors import UsageError
from notifier.locale import _

_PACKAGE = Path(__file__).parent.parent
#: What the samples consist of, relative to their root.
_PARTS = ("notifier.toml", "campaigns", "templates", "data/samples")


def sample_root() -> Path:
    """The folder with the samples; UsageError where this installation came without them."""
    for root in (_PACKAGE / "samples", _PACKAGE.parent):
        if (root / "campaigns").is_dir() and (root / "data" / "samples").is_dir():
            return root
    raise UsageError(
        _("This installation came without the samples."),
        next_step=_("Install notifier again, or run the command in a checkout of the project."),
    )


def copy_samples(target: Path) -> int:
    """Copy the samples into a folder; how many files. Those that are there already stay."""
    root = sample_root()
    count = 0
    for part in _PARTS:
        for path in _files(root / part):
            destination = target / path.relative_to(root)
            destination.parent.mkdir(parents=True, exist_ok=True)
            if not destination.exists():
                shutil.copyfile(path, destination)
            count += 1
    return count


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [found for found in sorted(path.rglob("*")) if found.is_file()]
