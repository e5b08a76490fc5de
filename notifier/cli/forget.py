"""`notifier forget`: everything about one person, shown, then taken away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.addresses import parse_one
from notifier.cli.asking import ask_first
from notifier.cli.console import facts, print_json, say, suggest, table
from notifier.cli.files_naming import files_naming
from notifier.cli.purging import shrink
from notifier.cli.session import session_of
from notifier.cli.words import spell_moment
from notifier.errors import UsageError
from notifier.locale import N_, _, ngettext
from notifier.report.words import state_word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from notifier.cli.session import Session
    from notifier.ledger.dossier import Dossier
    from notifier.ledger.keeping import Person

HELP = N_(
    "Show everything that the ledger holds about a person, and take it away.\n\n"
    "They are not mailed again, whatever sheet brings them: that is known by a hash alone. "
    "Files that still name them are listed: those are yours to mend."
)
#: Deliveries that are listed.
_LISTED = 20


def forget(  # noqa: PLR0917 - Typer's parameters are the command's
    ctx: typer.Context,
    addresses: list[str] = typer.Argument(
        None, metavar="[ADDRESS]...", help=N_("One person's addresses.")
    ),
    key: list[str] = typer.Option(
        [], "--key", metavar="KEY", help=N_("Their key in the sheets, too. May be repeated.")
    ),
    mailable: bool = typer.Option(
        False, "--mailable", help=N_("A later sheet may bring them back.")
    ),
    show: bool = typer.Option(
        False, "--show", help=N_("Only show; what somebody gets who asks what you hold.")
    ),
    yes: bool = options.YES,
    as_json: bool = options.JSON,
) -> None:
    """Forget one person, after showing what there is and asking."""
    session = session_of(ctx)
    session.require_ledger()
    person = _person(addresses or [], key)
    with session.ledger() as ledger:
        found = ledger.keeping.look_up(person)
        files = files_naming(session.workspace.root, session.workspace.ledger_path, found.addresses)
        if not as_json:
            _tell(session, found, files)
        shrunk: int | None = None
        if not show:
            ask_first(
                _("Take all of this out of the ledger for good?"),
                is_agreed=yes,
                step=f"notifier forget {' '.join((*person.addresses, *_options(key)))} --yes",
            )
            ledger.keeping.forget(person, may_be_mailed=mailable)
            shrunk = shrink(ledger.keeping)
    if as_json:
        print_json({**_as_dict(found, files), "forgotten": not show})
    elif not show:
        _tell_done(shrunk, files, is_mailable=mailable)


def _options(keys: Sequence[str]) -> list[str]:
    return [f"--key {key}" for key in keys]


def _person(addresses: list[str], keys: list[str]) -> Person:
    from notifier.ledger.forget import Person

    if not addresses and not keys:
        raise UsageError(
            _("Nobody is named."), where="notifier forget", next_step="notifier forget ADDRESS"
        )
    where = _("the command line")
    return Person(tuple(parse_one(it, where) for it in addresses), tuple(keys))


def _tell(session: Session, found: Dossier, files: Sequence[Path]) -> None:
    if found.is_empty and not files:
        say(_("The ledger holds nothing about them."))
    facts(
        [
            (_("addresses"), ", ".join(found.addresses)),
            (_("deliveries"), len(found.deliveries) or None),
            (_("attempts"), sum(it.attempts for it in found.deliveries) or None),
            (_("in others' rows"), len(found.mentions) or None),
            (_("rejected rows"), len(found.rejections) or None),
            (_("replies and notes"), len(found.notes) or None),
            (_("suppressions"), len(found.suppressions) or None),
            (_("own attachments"), len(found.files) or None),
        ]
    )
    if found.deliveries:
        table(
            (
                _("run"),
                _("campaign"),
                _("line"),
                _("key"),
                _("name"),
                _("address"),
                _("state"),
                _("since"),
            ),
            [
                (
                    it.run_id,
                    f"{it.campaign}@{it.occurrence}",
                    it.line or None,
                    it.key,
                    it.name,
                    it.address,
                    state_word(it.state),
                    spell_moment(datetime.fromtimestamp(it.at, UTC), session.zone),
                )
                for it in found.deliveries[:_LISTED]
            ],
            right=(0, 2),
        )
    if len(found.deliveries) > _LISTED:
        say(_("... and {count} more.").format(count=len(found.deliveries) - _LISTED))
    for it in found.named_in:
        say(
            _("{role} {name} of run {run} names them, and stays.").format(
                role=_(it.role), name=it.name, run=it.run_id
            )
        )
    if found.near:
        say(
            _("Their keys also have these addresses, which stay: {addresses}").format(
                addresses=", ".join(found.near)
            )
        )
    _tell_files(session, files)


def _tell_files(session: Session, files: Sequence[Path]) -> None:
    if not files:
        return
    say(
        ngettext(
            "{count} file names them, and is not touched:",
            "{count} files name them, and are not touched:",
            len(files),
        ).format(count=len(files)),
        style="bold",
    )
    for path in files:
        say(f"  {session.shown(path)}")


def _tell_done(shrunk: int | None, files: Sequence[Path], *, is_mailable: bool) -> None:
    say(_("All of it is gone from the ledger; the counts stay."), style="bold")
    if not is_mailable:
        say(_("They are not mailed any more; notifier suppress remove ADDRESS lifts that."))
    if shrunk is None:
        say(
            _(
                "The file was not written anew, because the ledger is in use or the disk is full:"
                " the last traces go with the next purge or forget."
            )
        )
    if files:
        say(_("Take them out of the files above too, and out of copies kept elsewhere."))
    suggest("notifier audit")


def _as_dict(found: Dossier, files: Sequence[Path]) -> dict[str, Any]:
    def moment(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")

    return {
        "addresses": list(found.addresses),
        "deliveries": [
            {**it._asdict(), "state": it.state.value, "at": moment(it.at)}
            for it in found.deliveries
        ],
        "mentions": [it._asdict() for it in found.mentions],
        "rejections": [it._asdict() for it in found.rejections],
        "notes": [it._asdict() for it in found.notes],
        "suppressions": [
            {"address": it.address, "reason": it.reason, "source": it.source, "at": moment(it.at)}
            for it in found.suppressions
        ],
        "attachments": [it._asdict() for it in found.files],
        "named_in": [it._asdict() for it in found.named_in],
        "near": list(found.near),
        "files": [str(it) for it in files],
    }
