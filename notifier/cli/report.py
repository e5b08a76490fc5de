"""`notifier report`: what became of every row."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path  # noqa: TC003 - typer reads annotations when it builds
from typing import TYPE_CHECKING, TextIO

import typer

from notifier.cli import options
from notifier.cli.across import tell_relays
from notifier.cli.console import heading, raw_output, say, suggest, table, tell_written
from notifier.cli.deliver import tell_causes
from notifier.cli.runs import next_steps, tell_summary
from notifier.cli.session import Session, session_of
from notifier.cli.written import written_whole
from notifier.errors import NotifierError, UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import State
from notifier.report.words import reply_line, state_word

if TYPE_CHECKING:
    from notifier.ledger.reports import Reader, RunSummary

HELP = N_(
    "Account for every row of a run: accepted, refused and why, rejected and why.\n\n"
    "As a table on the screen, as JSON or CSV, as an Excel sheet, or as a page that reads well on "
    "a phone and prints on A4. Without --format, the ending of -o decides.\n\n"
    "With --by, figures instead: by run, campaign, domain, cause, relay, day, hour, or by a column "
    "of the sheet such as Class; of one run, of a --campaign, or of all. With --compare, two runs "
    "side by side."
)

FORMATS = ("table", "json", "csv", "xlsx", "html")
#: Deliveries that `table` lists; the other formats have them all.
_LISTED = 200


def report(  # noqa: PLR0917 - each is an option
    ctx: typer.Context,
    runs: list[str] | None = typer.Argument(
        None,
        metavar="RUN",
        help=N_(
            "A run's number, `latest`, a campaign's name (its latest run) or CAMPAIGN@OCCURRENCE."
        ),
    ),
    by: str | None = typer.Option(
        None,
        "--by",
        metavar="WHAT",
        help=N_("Figures by run, campaign, domain, cause, relay, day, hour or a sheet's column."),
    ),
    compare: bool = typer.Option(
        False,
        "--compare",
        help=N_("Two runs side by side: the one named, and another or its campaign's one before."),
    ),
    campaign: str | None = typer.Option(
        None, "--campaign", metavar="NAME", help=N_("Only runs of this campaign.")
    ),
    since: str | None = typer.Option(
        None, "--since", metavar="DAY", help=N_("Only runs since this day, such as 2026-09-01.")
    ),
    until: str | None = typer.Option(
        None, "--until", metavar="DAY", help=N_("Only runs before this day.")
    ),
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
    named = list(runs or ())
    is_narrowed = any(it is not None for it in (campaign, since, until))
    _check_arguments(named, by, compare=compare, is_narrowed=is_narrowed)
    session.require_ledger()
    if compare:
        from notifier.cli.comparison import tell_comparison

        tell_comparison(session, named, kind, output, as_json=as_json)
    elif by is not None or not named:
        from notifier.cli.across import scope_of, tell_grouped

        scope = scope_of(session, named[0] if named else None, campaign, since, until)
        tell_grouped(session, scope, by or "run", kind, output, as_json=as_json)
    else:
        _report_run(session, named[0], kind, output, as_json=as_json)


def _check_arguments(named: list[str], by: str | None, *, compare: bool, is_narrowed: bool) -> None:
    """UsageError for what can't be asked for at once."""
    trouble = step = ""
    if compare and (by is not None or is_narrowed):
        trouble = _("--compare takes runs alone, neither --by nor --campaign, --since, --until.")
    elif len(named) > (2 if compare else 1):
        trouble = _("There is one argument too many: {argument}").format(argument=named[-1])
        step = "" if compare else _("--compare sets two runs side by side.")
    elif named and is_narrowed:
        trouble = _("A run is named already: --campaign, --since and --until choose among many.")
    elif not named and compare:
        trouble = _("{argument} is missing.").format(argument="RUN")
    elif not named and by is None and not is_narrowed:
        trouble = _("{argument} is missing.").format(argument="RUN")
        step = _("Name a run (notifier runs), or say --by run, campaign, domain, cause, day.")
    if trouble:
        raise UsageError(
            trouble,
            where="notifier report",
            next_step=step
            or _("{command} shows how to use it.").format(command="notifier report --help"),
        )


def _report_run(
    session: Session, run: str, kind: str, output: Path | None, *, as_json: bool
) -> None:
    run_id = session.find_run_id(run)
    with session.reader() as reader:
        summary = reader.summary(run_id)
        if kind == "table":
            _tell_report(session, reader, summary)
            return
        written = write_report(session, reader, summary, kind, output)
    if written is not None:
        tell_written(session.shown(written), as_json=as_json)


def _choose_format(format_: str | None, output: Path | None, *, as_json: bool) -> str:
    ending = output.suffix.lower().lstrip(".") if output is not None else ""
    usual = "json" if as_json else "table"
    wanted = format_ or {"htm": "html", "": usual}.get(ending, ending)
    if wanted == "table" and output is not None:
        raise UsageError(
            _("The table is for the screen; it is not written to a file."),
            where="--format",
            next_step=_("It takes one of: {choices}.").format(choices=", ".join(FORMATS[1:])),
        )
    if wanted not in FORMATS:
        raise UsageError(
            _("There is no report in the format {format}.").format(format=wanted),
            where="--format",
            next_step=_("It takes one of: {choices}.").format(choices=", ".join(FORMATS)),
        )
    return wanted


def write_report(
    session: Session, reader: Reader, summary: RunSummary, kind: str, output: Path | None
) -> Path | None:
    """Write a report; its path, or None where it went to standard output.

    A page or workbook that nobody named a file for goes into the workspace's reports folder.
    """
    if output is None and kind in ("csv", "json"):
        with raw_output() as stream:
            _write_text(session, reader, summary, kind, stream)
        return None
    path = output or session.workspace.reports_path / f"{summary.campaign}-{summary.id}.{kind}"
    with written_whole(path) as draft:
        _write_file(session, reader, summary, kind, draft)
    return path


def _write_file(
    session: Session, reader: Reader, summary: RunSummary, kind: str, path: Path
) -> None:
    if kind == "xlsx":
        from notifier.report.workbook import write_xlsx

        write_xlsx(reader, summary.id, path, zone=session.zone)
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        _write_text(session, reader, summary, kind, stream)


def _write_text(
    session: Session, reader: Reader, summary: RunSummary, kind: str, stream: TextIO
) -> None:
    if kind == "html":
        from notifier.report.page import write_page

        now = datetime.now(UTC)
        sender = _sender(session, summary.campaign)
        write_page(reader, summary.id, stream, zone=session.zone, now=now, sender=sender)
        return
    from notifier.report import export

    write = export.write_csv if kind == "csv" else export.write_json
    write(reader, summary.id, stream, zone=session.zone)


def _sender(session: Session, campaign: str) -> str:
    """Whom the campaign is from, where its file is still there to say so."""
    try:
        return session.campaign(campaign).sender_name
    except NotifierError:
        return ""


def _tell_report(session: Session, reader: Reader, summary: RunSummary) -> None:
    """Print the lists first and the figures last, where a terminal still shows them."""
    if summary.purged_at is None:
        _tell_deliveries(reader, summary)
        tell_rejections(reader, summary)
    else:
        from notifier.report.head import gone_note

        say(gone_note(summary, session.zone))
    say("")
    tell_summary(summary, session.zone)
    tell_causes(reader, summary.id)
    tell_relays(reader, summary, session.zone)
    here = f"notifier report {summary.id}"
    suggest(*(it for it in next_steps(summary) if it != here), f"{here} --format html")


def tell_rejections(reader: Reader, summary: RunSummary) -> None:
    """Print the rows that could not be used, with their reasons."""
    if not summary.rejections:
        return
    heading(_("Rejected rows"))
    table(
        (_("line"), _("column"), _("value"), _("reason")),
        [
            (it.line, it.column, it.value, it.reason)
            for it in islice(reader.rejections(summary.id), _LISTED)
        ],
        right=(0,),
    )


def _tell_deliveries(reader: Reader, summary: RunSummary) -> None:
    """All of them where they fit on a screen or two; else those that were not accepted."""
    is_long = summary.deliveries > _LISTED
    states = [state for state in State if state is not State.ACCEPTED] if is_long else None
    heading(_("Deliveries that were not accepted") if is_long else _("Deliveries"))
    rows = [
        (it.id, it.line, it.key, it.address, state_word(it.state), it.attempts, reply_line(it))
        for it in reader.deliveries(summary.id, states=states, limit=_LISTED)
    ]
    table(
        (_("delivery"), _("line"), _("key"), _("address"), _("state"), _("tries"), _("reply")),
        rows,
        right=(0, 1, 5),
    )
    if is_long:
        left = summary.deliveries - len(rows)
        say(
            ngettext(
                "... and {count} more: --format csv, xlsx or json has them all.",
                "... and {count} more: --format csv, xlsx or json has them all.",
                left,
            ).format(count=left)
        )
