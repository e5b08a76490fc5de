"""`notifier report` and `notifier show`: what became of every row, and of one delivery."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it builds
from typing import TYPE_CHECKING

import typer

from notifier.cli import options
from notifier.cli.console import say
from notifier.cli.runs import tell_summary
from notifier.cli.session import Session, session_of
from notifier.errors import UsageError
from notifier.locale import N_, _

if TYPE_CHECKING:
    from notifier.ledger.reports import Reader, RunSummary

REPORT_HELP = N_(
    "Account for every row of a run: accepted, refused and why, rejected and why.\n\n"
    "As a table on the screen, as JSON or CSV, as an Excel sheet, or as a page that reads well on "
    "a phone and prints on A4. Without --format, the ending of -o decides."
)
SHOW_HELP = N_("Show one delivery: its row, every attempt with the relay's reply, the message.")

FORMATS = ("table", "json", "csv", "xlsx", "html")
#: Deliveries that `table` lists; the other formats have them all.
_LISTED = 200


def report(
    ctx: typer.Context,
    run: str = options.RUN,
    format_: str | None = typer.Option(
        None, "--format", "-f", metavar="FORMAT", help=N_("table, json, csv, xlsx or html.")
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", metavar="FILE", help=N_("Write it to this file.")
    ),
    as_json: bool = options.JSON,
) -> None:
    """Print or write the report."""
    session = session_of(ctx)
    kind = _choose_format(format_, output, as_json=as_json)
    run_id = session.find_run_id(run)
    with session.reader() as reader:
        summary = reader.summary(run_id)
        if kind == "table":
            _tell_report(session, reader, summary)
            return
        written = write_report(session, reader, summary, kind, output)
    if written is not None:
        say(_("Wrote {path}.").format(path=session.shown(written)))


def _choose_format(format_: str | None, output: Path | None, *, as_json: bool) -> str:
    if as_json:
        return "json"
    ending = output.suffix.lower().lstrip(".") if output is not None else ""
    wanted = format_ or {"htm": "html", "": "table"}.get(ending, ending)
    if wanted not in FORMATS or (wanted == "table" and output is not None):
        raise UsageError(
            _("There is no report in the format {format}.").format(format=wanted),
            where="--format",
            next_step=_("It takes one of: {choices}.").format(choices=", ".join(FORMATS)),
        )
    return wanted


def write_report(
    session: Session, reader: Reader, summary: RunSummary, kind: str, output: Path | None
) -> Path | None:
    """Write a report; its path, or None where it went to standard output."""
    return None


def _tell_report(session: Session, reader: Reader, summary: RunSummary) -> None:
    tell_summary(summary, session.zone)


def show(
    ctx: typer.Context,
    delivery: str = typer.Argument(
        ..., metavar="DELIVERY", help=N_("A delivery's number, as the report lists it.")
    ),
    eml: bool = typer.Option(False, "--eml", help=N_("Print the exact message (.eml).")),
    as_json: bool = options.JSON,
) -> None:
    """Show a delivery."""
