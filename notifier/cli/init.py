"""`notifier init`: a new workspace, with one small campaign that works at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from notifier.cli.console import heading, say
from notifier.cli.samples import copy_samples
from notifier.errors import UsageError
from notifier.locale import N_, _, current, ngettext

HELP = N_(
    "Make a new workspace: notifier.toml, campaigns/, templates/, data/ and a first campaign.\n\n"
    "Nothing that is already there is overwritten."
)

_STARTER = Path(__file__).parent / "starter"
#: What a workspace consists of; one that is there already is not written over.
_PARTS = ("notifier.toml", "campaigns", "templates")
#: The starter's only campaign, by language.
_FIRST = {"vi": "thong_bao", "en": "notice"}


def init(
    directory: Path = typer.Argument(
        Path(), metavar="DIR", help=N_("Where; the current folder if not given.")
    ),
    sample: bool = typer.Option(
        False, "--sample", help=N_("Copy the sample campaigns of the demo instead.")
    ),
) -> None:
    """Write the starter workspace, or the samples, into a folder."""
    _refuse_to_overwrite(directory)
    starter = _STARTER / current()
    count = copy_samples(directory) if sample else _copy_starter(starter, directory)
    shown = str(directory.resolve()) if directory == Path() else str(directory)
    say(
        ngettext(
            "Made a workspace in {directory} ({count} file).",
            "Made a workspace in {directory} ({count} files).",
            count,
        ).format(directory=shown, count=count)
    )
    _tell_next_steps(directory, None if sample else _FIRST[current()])


def _refuse_to_overwrite(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise UsageError(
            _("{path} is a file, not a folder.").format(path=directory),
            next_step=_("Name a folder that is new or empty."),
        )
    for part in _PARTS:
        found = directory / part
        if found.is_dir() and not any(found.iterdir()):
            continue
        if found.exists():
            raise UsageError(
                _("There is already a {part} in {directory}; nothing was changed.").format(
                    part=part, directory=directory
                ),
                where=str(found),
                next_step=_("Name another folder: notifier init DIR"),
            )


def _copy_starter(source: Path, target: Path) -> int:
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in files:
        destination = target / path.relative_to(source)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if not destination.exists():
            shutil.copyfile(path, destination)
    return len(files)


def _tell_next_steps(directory: Path, campaign: str | None) -> None:
    heading(_("What to do next"))
    if directory != Path():
        say(f"  cd {directory}")
    name = campaign or "CAMPAIGN"
    steps = [("notifier campaign list", _("the campaigns of this workspace"))]
    if campaign is None:
        steps.append(("notifier demo", _("send three of them to the sandbox and see the reports")))
    steps += [
        (f"notifier campaign preview {name}", _("one recipient's message, as it will be")),
        (f"notifier send {name}", _("a dry run: nothing is sent without --live")),
        ("notifier sandbox", _("a mail server to rehearse with, in a second window")),
    ]
    width = max(len(command) for command, _reason in steps)
    say(*(f"  {command:<{width}}  # {reason}" for command, reason in steps))
