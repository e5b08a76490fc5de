"""`notifier report --by ...`: figures of one run, of a campaign's, or of all of them, grouped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from notifier.cli.console import heading, raw_output, say, suggest, table, tell_written
from notifier.cli.written import written_whole
from notifier.errors import UsageError
from notifier.locale import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from notifier.cli.session import Session
    from notifier.ledger.reports import Reader, RunSummary
    from notifier.ledger.scope import Scope
    from notifier.report.tables import Paper, Table

#: Rows of a table on the screen; the other formats have them all.
LISTED = 50
#: Columns of the screen between those of a table.
_GAP = 3


def scope_of(
    session: Session, run: str | None, campaign: str | None, since: str | None, until: str | None
) -> Scope:
    """The runs that were asked for; UsageError for a day that is none, or an unknown campaign."""
    from notifier.ledger.scope import Scope

    zone = session.zone
    run_id = session.find_run_id(run) if run else None
    if campaign is not None:
        _check_campaign(session, campaign)
    return Scope(
        run_id=run_id,
        campaign=campaign,
        since=_instant(since, zone, "--since"),
        until=_instant(until, zone, "--until"),
    )


def _check_campaign(session: Session, campaign: str) -> None:
    from notifier.nearest import did_you_mean

    with session.reader() as reader:
        known = [name for (name,) in reader.query("SELECT DISTINCT campaign FROM run ORDER BY 1")]
    if campaign not in known:
        raise UsageError(
            _("Nothing was sent by a campaign {campaign} yet.").format(campaign=campaign),
            where="--campaign",
            next_step=did_you_mean(campaign, known) or "notifier campaign list",
        )


def _instant(text: str | None, zone: ZoneInfo, option: str) -> float | None:
    """The beginning of a day, or a moment, in the zone, as Unix seconds."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as exc:
        raise UsageError(
            _("{text} is not a day.").format(text=text),
            where=option,
            next_step=_("Write it like 2026-09-01 or 2026-09-01T07:00."),
        ) from exc
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def check_grouping(reader: Reader, scope: Scope, by: str) -> str:
    """One of the known groupings, or a column of the sheet; UsageError, with the nearest, else."""
    from notifier.ledger.totals import columns
    from notifier.nearest import nearest
    from notifier.report.overview import GROUPINGS

    if by in GROUPINGS:
        return by
    named = {" ".join(name.split()).casefold(): name for name in columns(reader, scope)}
    column = named.get(" ".join(by.split()).casefold())
    if column is not None:
        return column
    close = nearest(by, [*GROUPINGS, *named.values()])
    told = ", ".join([*GROUPINGS, *(" ".join(name.split()) for name in named.values())])
    raise UsageError(
        _("Nothing can be grouped by {name}.").format(name=by),
        where="--by",
        next_step=_("Did you mean {name}?").format(name=close)
        if close
        else _("It takes one of: {choices}.").format(choices=told),
    )


def tell_grouped(
    session: Session, scope: Scope, by: str, kind: str, output: Path | None, *, as_json: bool
) -> None:
    """Print or write the figures."""
    from notifier.report.overview import paper

    with session.reader() as reader:
        built = paper(reader, scope, check_grouping(reader, scope, by), session.zone)
        name = f"by-{by}" if by.isascii() and by.isalnum() else "by-column"
        deliver_paper(session, built, name, kind, output, as_json=as_json)
    if kind == "table" and scope.run_id is not None and by not in {"run", "campaign"}:
        suggest(f"notifier report {scope.run_id}")


def deliver_paper(
    session: Session, built: Paper, name: str, kind: str, output: Path | None, *, as_json: bool
) -> None:
    """Print the paper, or write it to a file; a page or workbook into the reports folder."""
    if kind == "table":
        tell_paper(built, session.zone)
        return
    if output is None and kind in {"csv", "json"}:
        with raw_output() as stream:
            _write_text(session, built, kind, stream)
        return
    path = output or session.workspace.reports_path / f"{name}.{kind}"
    with written_whole(path) as draft:
        _write_file(session, built, kind, draft)
    tell_written(session.shown(path), as_json=as_json)


def _write_file(session: Session, built: Paper, kind: str, path: Path) -> None:
    if kind == "xlsx":
        from notifier.report.papers import write_xlsx

        write_xlsx(built, path, zone=session.zone)
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        _write_text(session, built, kind, stream)


def _write_text(session: Session, built: Paper, kind: str, stream: TextIO) -> None:
    from notifier.report import papers

    if kind == "html":
        papers.write_page(built, stream, zone=session.zone, now=datetime.now(UTC))
    elif kind == "csv":
        papers.write_csv(built, stream, zone=session.zone)
    else:
        papers.write_json(built, stream, zone=session.zone)


def tell_paper(built: Paper, zone: ZoneInfo) -> None:
    """Print the paper's tables, columns without any count left out."""
    say(built.title, style="bold")
    say(built.lead)
    told = [it for it in built.tables if not it.is_only_drawn]
    for it in told:
        if len(told) > 1:
            say("")
            say(it.title, style="bold")
        tell_table(it, zone)


def tell_relays(reader: Reader, summary: RunSummary, zone: ZoneInfo) -> None:
    """Print what each relay of a run came to, where it had several; reads each of its attempts."""
    if ", " not in summary.relay:
        return
    from notifier.ledger.scope import Scope
    from notifier.ledger.totals import by_relay
    from notifier.report.overview import relay_table

    heading(_("By relay"))
    tell_table(relay_table(by_relay(reader, Scope(run_id=summary.id))), zone)


def tell_table(shown: Table, zone: ZoneInfo) -> None:
    """Print one table, its first rows and its notes."""
    from notifier.report.tables import FIGURES, for_people, spell

    places, rows = for_people(shown)
    asides = [at for at in places if shown.columns[at].about]
    places = [at for at in places if at not in asides]
    if not rows:
        say(_("Nothing to show."))
    else:
        columns = [shown.columns[at] for at in places]
        cells = [
            [spell(column.kind, row[at], zone) for at, column in zip(places, columns, strict=True)]
            for row in rows[:LISTED]
        ]
        figures = [at for at, column in enumerate(columns) if column.kind in FIGURES]
        _tell_cells([column.label for column in columns], cells, figures)
    if left := len(rows) - LISTED if len(rows) > LISTED else 0:
        say(
            ngettext(
                "... and {count} more: --format csv, xlsx or json has them all.",
                "... and {count} more: --format csv, xlsx or json has them all.",
                left,
            ).format(count=left)
        )
    for at in asides:
        _tell_aside(shown, at, rows[:LISTED])
    for note in shown.notes:
        say(note)


def _tell_cells(heads: list[str], cells: list[list[str]], figures: list[int]) -> None:
    """As a table where the screen is wide enough, else a paragraph for each row."""
    from notifier.cli.console import console

    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    screen = console()
    if not screen.is_terminal or sum(widths) + _GAP * len(widths) <= screen.width:
        table(heads, cells, right=figures)
        return
    for first, *others in cells:
        told = [
            f"{head}: {cell}"
            for head, cell in zip(heads[1:], others, strict=True)
            if cell not in {"", "0"}
        ]
        say(f"{heads[0]} {first}", style="bold")
        say(f"  {'; '.join(told)}")


def _tell_aside(shown: Table, at: int, rows: Sequence[Sequence[object]]) -> None:
    """What explains another column's cells, once for each of them."""
    names = [column.name for column in shown.columns]
    about = names.index(shown.columns[at].about)
    for head, text in dict.fromkeys((row[about], row[at]) for row in rows):
        if text:
            say(f"  {head}: {text}")
