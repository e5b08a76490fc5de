"""`notifier recipients check`: what a sheet becomes, before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, heading, print_json, say, table
from notifier.cli.examination import note_dict, tell_notes
from notifier.cli.group import add_command, group
from notifier.cli.session import Session, session_of
from notifier.errors import SheetError, UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import Recipient, Rejection

if TYPE_CHECKING:
    from notifier.recipients.roster import Reading, Roster

app = group(N_("What spreadsheets become: recipients, and rows that can't become one."))

CHECK_HELP = N_(
    "Show what a sheet becomes: how it was read, the first recipients, and every problem by "
    "line and column.\n\n"
    "Give a campaign to read its sheet as the campaign says, or a file to see what is found in it."
)

#: Recipients shown as examples, and rejections shown before `-o` is recommended for the rest.
_EXAMPLES, _SHOWN = 5, 20
_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods")


@dataclass(slots=True)
class Findings:
    """What one reading of a sheet found."""

    roster: Roster
    examples: list[Recipient] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    @classmethod
    def read(cls, roster: Roster) -> Findings:
        """Read the whole sheet, keeping its rejections and the first recipients."""
        findings = cls(roster)
        for item in roster:
            if isinstance(item, Rejection):
                findings.rejections.append(item)
            elif len(findings.examples) < _EXAMPLES:
                findings.examples.append(item)
        return findings

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        reading, tally = self.roster.reading, self.roster.tally
        return {
            "file": str(reading.file),
            "format": reading.format,
            "encoding": reading.encoding,
            "delimiter": reading.delimiter,
            "sheet": reading.sheet,
            "sheets": list(reading.sheets),
            "header_row": reading.header_row,
            "columns": list(reading.columns),
            "roles": dict(reading.roles),
            "rows": tally.rows,
            "recipients": tally.recipients,
            "folded": tally.folded,
            "extra_addresses": tally.extra_addresses,
            "blank": tally.blank,
            "totals": tally.totals,
            "unmatched": tally.unmatched,
            "rejections": [
                {"line": it.line, "column": it.column, "value": it.value, "reason": it.reason}
                for it in self.rejections
            ],
            "notes": [note_dict(it) for it in self.roster.notes],
        }


def check(
    ctx: typer.Context,
    *,
    source: str = typer.Argument(
        ..., metavar="FILE|CAMPAIGN", help=N_("A spreadsheet, or a campaign's name.")
    ),
    output: Path | None = typer.Option(
        None,
        "--output",
        "-o",
        metavar="FILE",
        help=N_("Write the rejected rows here (.xlsx or .csv), the reason beside each."),
    ),
    sheet: str | None = typer.Option(
        None, "--sheet", metavar="NAME", help=N_("For a file: the sheet's name or number.")
    ),
    header_row: int | None = typer.Option(
        None, "--header-row", metavar="N", min=1, help=N_("For a file: the row with the headers.")
    ),
    email: str | None = typer.Option(
        None, "--email", metavar="COLUMN", help=N_("For a file: the column with the addresses.")
    ),
    key: str | None = typer.Option(
        None, "--key", metavar="COLUMN", help=N_("For a file: the column that identifies a row.")
    ),
    as_json: bool = options.JSON,
) -> int:
    """Read the sheet, tell what was found; 1 where rows were rejected."""
    session = session_of(ctx)
    picks = {"sheet": _number(sheet), "header_row": header_row, "email": email, "key": key}
    findings = Findings.read(_open(session, source, picks))
    if output is not None:
        from notifier.recipients.rejected import write_rejected

        _check_apart(output, findings.roster.reading)
        write_rejected(output, findings.rejections, findings.roster.reading.columns)
    if as_json:
        print_json(findings.as_dict())
    else:
        _tell(session, findings, output)
    return 1 if findings.rejections else 0


def _check_apart(output: Path, reading: Reading | None) -> None:
    """The sheet that was read must not be written over by what was rejected of it."""
    while reading is not None:
        if output.exists() and output.samefile(reading.file):
            raise UsageError(
                _("{path} is the sheet itself: the rejected rows would take its place.").format(
                    path=output
                ),
                where="-o",
                next_step=_("Name another file, such as -o rejected.xlsx."),
            )
        reading = reading.joined


def _number(sheet: str | None) -> str | int | None:
    return int(sheet) if sheet is not None and sheet.isdecimal() else sheet


def _open(session: Session, source: str, picks: dict[str, Any]) -> Roster:
    path = Path(source)
    if path.suffix.lower() in _SUFFIXES or path.is_file():
        return _open_file(path, picks)
    if any(value is not None for value in picks.values()):
        raise UsageError(
            _("--sheet, --header-row, --email and --key are for a file."),
            where="notifier recipients check",
            next_step=_(
                "A campaign's own file says how its sheet is read: campaigns/{name}.yaml"
            ).format(name=source),
        )
    return session.roster(session.campaign(source))


def _open_file(path: Path, picks: dict[str, Any]) -> Roster:
    from notifier.campaign import RecipientsSpec
    from notifier.recipients.roster import open_roster
    from notifier.settings import LimitSettings

    spec = RecipientsSpec(file=path.name, **picks)
    try:
        return open_roster(spec, root=path.resolve().parent, limits=LimitSettings())
    except SheetError as exc:
        if picks["email"] is None and "email:" in exc.next_step:
            exc.next_step = _("Say which column has the addresses: --email COLUMN. {step}").format(
                step=exc.next_step
            )
        raise


def _tell(session: Session, findings: Findings, output: Path | None) -> None:
    reading = findings.roster.reading
    say(session.shown(reading.file), style="bold")
    facts(
        [
            (_("format"), reading.format),
            (_("encoding"), reading.encoding),
            (_("delimiter"), _spell_delimiter(reading.delimiter)),
            (_("sheet"), reading.sheet),
            (_("header row"), reading.header_row),
            (_("columns"), ", ".join(column.replace("\n", " ") for column in reading.columns)),
            *((_ROLES[role](), found) for role, found in reading.roles.items() if role in _ROLES),
        ]
    )
    _tell_tally(findings)
    _tell_examples(findings.examples)
    _tell_problems(findings, output)


_ROLES = {
    "email": lambda: _("addresses from"),
    "name": lambda: _("names from"),
    "key": lambda: _("identified by"),
}


def _spell_delimiter(delimiter: str | None) -> str:
    names = {"\t": _("tab"), ";": _("semicolon"), ",": _("comma")}
    return names.get(delimiter or "", delimiter or "")


def _tell_tally(findings: Findings) -> None:
    tally = findings.roster.tally
    heading(_("What it becomes"))
    facts(
        [
            (_("rows"), tally.rows),
            (_("recipients"), tally.recipients),
            (_("rejected"), tally.rejections),
            (_("folded into another row"), tally.folded or None),
            (_("further addresses in a cell"), tally.extra_addresses or None),
            (_("blank rows skipped"), tally.blank or None),
            (_("total rows skipped"), tally.totals or None),
        ]
    )


def _tell_examples(examples: list[Recipient]) -> None:
    if not examples:
        return
    heading(_("The first recipients"))
    table(
        (_("line"), _("key"), _("name"), _("address")),
        [(it.line, it.key, it.name, it.address) for it in examples],
        right=(0,),
    )


def _tell_problems(findings: Findings, output: Path | None) -> None:
    tell_notes(findings.roster.notes)
    rejections = findings.rejections
    if not rejections:
        return
    heading(_("Rejected"))
    table(
        (_("line"), _("column"), _("value"), _("reason")),
        [(it.line, it.column, it.value, it.reason) for it in rejections[:_SHOWN]],
        right=(0,),
    )
    _tell_rest(len(rejections), output)


def _tell_rest(count: int, output: Path | None) -> None:
    if output is not None:
        say(
            ngettext(
                "{count} rejected row is in {path}, with its reason: mend it in your sheet.",
                "{count} rejected rows are in {path}, with their reasons: mend them in your sheet.",
                count,
            ).format(count=count, path=output)
        )
        return
    if count > _SHOWN:
        say(
            ngettext("... and {count} more.", "... and {count} more.", count - _SHOWN).format(
                count=count - _SHOWN
            )
        )
    say(_("With -o rejected.xlsx they are written out, the reason beside each, ready to mend."))


add_command(app, "check", check, CHECK_HELP)
