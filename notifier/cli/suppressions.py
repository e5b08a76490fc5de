"""`notifier suppress`: addresses that must not be mailed, with the reason why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads annotations when it builds
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.addresses import parse_one
from notifier.cli.console import print_json, say, suggest, table
from notifier.cli.group import add_command, group
from notifier.cli.session import Session, session_of
from notifier.cli.words import spell_moment
from notifier.errors import UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import Recipient
from notifier.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifier.ledger.records import Suppression
    from notifier.recipients.roster import Roster

app = group(N_("Addresses that must not be mailed; each run records them as suppressed."))

ADD_HELP = N_("Never mail these addresses from now on.")
REMOVE_HELP = N_("Mail these addresses again.")
LIST_HELP = N_("List the addresses that are not mailed.")
IMPORT_HELP = N_(
    "Suppress every address in a file: one a line, or a spreadsheet with a column of addresses."
)

#: Where a suppression is from that somebody typed.
_COMMAND = "command"
_ADDRESSES: Any = typer.Argument(..., metavar="ADDRESS...", help=N_("One or more addresses."))
_REASON: Any = typer.Option(
    "", "--reason", metavar="TEXT", help=N_("Why, for whoever reads the list later.")
)


def add(
    ctx: typer.Context,
    addresses: list[str] = _ADDRESSES,
    reason: str = _REASON,
    as_json: bool = options.JSON,
) -> None:
    """Suppress addresses."""
    session = session_of(ctx)
    checked = [parse_one(address, _("the command line")) for address in addresses]
    _suppress(session, checked, reason, source=_COMMAND)
    _tell_added(checked, as_json=as_json)


def remove(
    ctx: typer.Context, addresses: list[str] = _ADDRESSES, as_json: bool = options.JSON
) -> None:
    """Lift the suppression of addresses; UsageError for one that isn't suppressed."""
    session = session_of(ctx)
    with session.ledger() as ledger:
        known = {it.address.lower(): it.address for it in ledger.suppressions()}
        for address in addresses:
            if not ledger.keeping.is_suppressed(address):
                close = nearest(address, known)
                raise UsageError(
                    _("{address} is not suppressed.").format(address=address),
                    next_step=_("Did you mean {option}?").format(option=close)
                    if close
                    else "notifier suppress list",
                )
        for address in addresses:
            ledger.unsuppress(address)
    if as_json:
        print_json({"removed": addresses})
    else:
        say(
            ngettext(
                "{count} address may be mailed again.",
                "{count} addresses may be mailed again.",
                len(addresses),
            ).format(count=len(addresses))
        )


def show(ctx: typer.Context, as_json: bool = options.JSON) -> None:
    """List the suppressions."""
    session = session_of(ctx)
    found, forgotten = [], 0
    if session.has_ledger():
        with session.ledger() as ledger:
            found = list(ledger.suppressions())
            forgotten = ledger.keeping.count_forgotten()
    if as_json:
        print_json(
            [
                {
                    "address": it.address,
                    "reason": it.reason,
                    "source": it.source,
                    "at": _moment(it).isoformat(timespec="seconds"),
                }
                for it in found
            ]
        )
        return
    if found:
        table(
            (_("address"), _("reason"), _("source"), _("since")),
            [
                (it.address, it.reason, _source(it), spell_moment(_moment(it), session.zone))
                for it in found
            ],
        )
    elif not forgotten:
        say(_("No address is suppressed."))
    if forgotten:
        say(
            ngettext(
                "{count} more is not mailed: it was forgotten, and is known by a hash alone.",
                "{count} more are not mailed: they were forgotten, and are known by hashes alone.",
                forgotten,
            ).format(count=forgotten)
        )


def _source(found: Suppression) -> str:
    return _("the command line") if found.source == _COMMAND else found.source


def _moment(found: Suppression) -> datetime:
    return datetime.fromtimestamp(found.at, UTC)


def import_file(
    ctx: typer.Context,
    file: Path = typer.Argument(..., metavar="FILE", help=N_("A text file or a spreadsheet.")),
    reason: str = _REASON,
    as_json: bool = options.JSON,
) -> None:
    """Suppress every address in a file; UsageError where a line isn't one."""
    session = session_of(ctx)
    if not file.is_file():
        raise UsageError(
            _("There is no file {path}.").format(path=file),
            where=str(file),
            next_step=_("Check the name and the folder."),
        )
    addresses = list(dict.fromkeys(_addresses_in(file)))
    if not addresses:
        raise UsageError(
            _("There is no address in {path}.").format(path=file),
            where=str(file),
            next_step=_("Look whether it is the file that you meant."),
        )
    _suppress(session, addresses, reason, source=file.name)
    _tell_added(addresses, as_json=as_json)


def _addresses_in(file: Path) -> Iterator[str]:
    if file.suffix.lower() in (".txt", ".lst", ""):
        for number, line in enumerate(_lines_of(file), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield parse_one(
                    line.strip(), _("{file}, line {line}").format(file=file, line=number)
                )
        return
    from notifier.recipients.address import plain_address

    for item in _roster(file):
        if isinstance(item, Recipient):
            yield item.address
        elif address := plain_address(item.value):  # rejected because it stands there twice
            yield address
        else:
            raise UsageError(
                item.reason,
                where=_("{file}, line {line}").format(file=file, line=item.line),
                next_step=_("Mend the line, or take it out; nothing was imported."),
            )


def _lines_of(file: Path) -> list[str]:
    """The lines of a text in any encoding that sheets come in; SheetError for what is no text."""
    from notifier.recipients.encoding import detect_encoding

    return file.read_text(encoding=detect_encoding(file)).splitlines()


def _roster(file: Path) -> Roster:
    from notifier.campaign import RecipientsSpec
    from notifier.recipients.roster import open_roster
    from notifier.settings import LimitSettings

    return open_roster(
        RecipientsSpec(file=file.name), root=file.resolve().parent, limits=LimitSettings()
    )


def _suppress(session: Session, addresses: list[str], reason: str, *, source: str) -> None:
    with session.ledger() as ledger:
        ledger.suppress_all(addresses, reason, source)


def _tell_added(addresses: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"suppressed": addresses})
        return
    say(
        ngettext(
            "{count} address will not be mailed any more.",
            "{count} addresses will not be mailed any more.",
            len(addresses),
        ).format(count=len(addresses))
    )
    suggest("notifier suppress list")


add_command(app, "add", add, ADD_HELP)
add_command(app, "remove", remove, REMOVE_HELP)
add_command(app, "list", show, LIST_HELP)
add_command(app, "import", import_file, IMPORT_HELP)
