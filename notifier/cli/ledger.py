"""`notifier ledger`: is it whole, how large, what is kept; copies of it, and its rows elsewhere."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads annotations when it builds
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options, purging
from notifier.cli.asking import ask_first
from notifier.cli.console import facts, print_json, say, suggest, table
from notifier.cli.group import add_command, group
from notifier.cli.session import session_of
from notifier.cli.words import spell_size
from notifier.errors import UsageError
from notifier.locale import N_, _, ngettext

if TYPE_CHECKING:
    from notifier.ledger.backup import Restored
    from notifier.ledger.check import Health

app = group(N_("The ledger's file: check it, copy it, put a copy back, take old content out."))

CHECK_HELP = N_(
    "Look whether the ledger is whole and its sums agree; a run may go on meanwhile.\n\n"
    "Ends with 1 where something is wrong, with 3 where the file is damaged."
)
SIZE_HELP = N_("Show how large the ledger is, and what is kept in it.")
BACKUP_HELP = N_(
    "Copy the ledger, while runs go on, to a file (or into a folder, named after the instant).\n\n"
    "Its runs are paused in the copy: put back, it mails nobody by itself."
)
RESTORE_HELP = N_(
    "Put a copy in the ledger's place; the ledger that is there is kept beside it.\n\n"
    "What was sent after the copy was made is not known any more: it is listed."
)
EXPORT_HELP = N_("Write the ledger's rows, or one run's, for other programs: JSON lines or CSV.")

_FILE: Any = typer.Argument(..., metavar="FILE", help=N_("The copy's file."))
_FORMATS = ("jsonl", "csv")


def check(
    ctx: typer.Context,
    quick: bool = typer.Option(
        False, "--quick", help=N_("Leave out what reads the whole file: sums and states alone.")
    ),
    file: Path | None = typer.Option(
        None, "--file", metavar="FILE", help=N_("Look at this copy instead.")
    ),
    as_json: bool = options.JSON,
) -> int:
    """Check the ledger; 1 where something is wrong, 3 where the file is damaged."""
    from notifier.ledger.check import check as examine

    session = session_of(ctx)
    health = examine(file or session.workspace.ledger_path, quick=quick)
    if as_json:
        print_json(_health(health))
    else:
        _tell_health(health)
    return 3 if health.is_damaged else 0 if health.is_sound else 1


def _health(health: Health) -> dict[str, object]:
    return {
        "sound": health.is_sound,
        "checks": list(health.checks),
        "findings": [
            {
                "check": it.check,
                "level": it.level.value,
                "text": it.text,
                "count": it.count,
                "examples": list(it.examples),
                "next": it.next_step,
            }
            for it in health.findings
        ],
        "schema": health.schema,
        "journal_mode": health.journal_mode,
        "bytes": health.size,
        "log_bytes": health.log_size,
        "free_bytes": health.free,
        "runs": health.runs,
        "deliveries": health.deliveries,
    }


def _tell_health(health: Health) -> None:
    for it in health.findings:
        style = "yellow" if it.level == "notice" else "bold red"
        say(_("{text} ({count})").format(text=it.text, count=it.count), style=style)
        say(f"  {', '.join(it.examples)}{', ...' if it.count > len(it.examples) else ''}")
        say(_("  next: {step}").format(step=it.next_step))
    made = ngettext("{count} check", "{count} checks", len(health.checks)).format(
        count=len(health.checks)
    )
    if health.is_sound:
        say(
            _(
                "The ledger is whole: {checks}, {runs} runs, {deliveries} deliveries, {size}."
            ).format(
                checks=made,
                runs=health.runs,
                deliveries=health.deliveries,
                size=spell_size(health.size),
            )
        )


def size(ctx: typer.Context, as_json: bool = options.JSON) -> None:
    """Show what takes the space."""
    from notifier.ledger.sizes import measure

    session = session_of(ctx)
    session.require_ledger()
    found = measure(session.workspace.ledger_path)
    keep = session.workspace.settings.workspace.keep_recipients
    if as_json:
        print_json({**found.as_dict(), "keep_recipients": keep})
        return
    facts(
        [
            (_("file"), spell_size(found.size)),
            (_("log"), spell_size(found.log_size)),
            (_("free inside"), spell_size(found.free)),
            (_("runs"), found.runs),
            (_("of these purged"), found.purged),
            (_("deliveries"), found.deliveries),
            (
                _("per delivery"),
                spell_size(found.size // found.deliveries) if found.deliveries else "",
            ),
            (_("forgotten addresses"), found.forgotten),
            (_("recipients are kept"), purging.spell_keep(keep)),
        ]
    )
    table(
        (_("table"), _("size")),
        [(name, spell_size(count)) for name, count in found.tables[:8]],
        right=(1,),
    )
    for copy in found.copies:
        say(_("Beside it is an older copy: {path}. Delete it when all is well.").format(path=copy))


def backup(
    ctx: typer.Context,
    file: Path = _FILE,
    force: bool = typer.Option(False, "--force", help=N_("Replace a file that is there.")),
    as_json: bool = options.JSON,
) -> None:
    """Copy the ledger."""
    session = session_of(ctx)
    session.require_ledger()
    with session.ledger() as ledger:
        copied = ledger.keeping.back_up(file, replace=force)
    if as_json:
        print_json(
            {
                "written": str(copied.path),
                "bytes": copied.size,
                "runs": copied.runs,
                "paused": list(copied.paused),
            }
        )
        return
    say(
        _("Copied to {path} ({size}), and looked through: it is whole.").format(
            path=session.shown(copied.path), size=spell_size(copied.size)
        )
    )
    say(_("It holds personal data: keep it as safe as the ledger, and no longer than you must."))
    suggest(f"notifier ledger restore {session.shown(copied.path)}")


def restore(
    ctx: typer.Context, file: Path = _FILE, yes: bool = options.YES, as_json: bool = options.JSON
) -> None:
    """Put a copy in the ledger's place, after asking."""
    from notifier.ledger.backup import restore as put_back
    from notifier.workspace import find_actor

    session = session_of(ctx)
    path = session.workspace.ledger_path
    ask_first(
        _("Put {file} in the ledger's place?").format(file=file),
        is_agreed=yes,
        step=f"notifier ledger restore {file} --yes",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    found = put_back(path, file, now=time.time(), actor=find_actor())
    if as_json:
        print_json(
            {
                "restored": str(path),
                "aside": str(found.aside) if found.aside else None,
                "lost": [it._asdict() for it in found.lost],
                "paused": list(found.paused),
                "kept_back": found.kept_back,
                "forgotten_since": found.forgotten,
            }
        )
        return
    say(_("{file} is the ledger now.").format(file=file))
    _tell_restored(found)
    suggest("notifier runs")


def _tell_restored(found: Restored) -> None:
    if found.aside:
        say(_("The one that stood there is kept as {path}.").format(path=found.aside.name))
    if found.lost:
        say(
            _("These runs were sent, or went on, after the copy was made. Don't send them again:"),
            style="bold yellow",
        )
        table(
            (_("campaign"), _("occurrence"), _("accepted since")),
            [(it.campaign, it.occurrence, it.accepted) for it in found.lost],
            right=(2,),
        )
    elif not found.was_readable:
        say(
            _(
                "What was sent after the copy was made can't be told. Before you resume a run or"
                " send a campaign again, look at the relay's log: who got it already?"
            ),
            style="bold yellow",
        )
    _tell_kept_back(found)
    say(_("Runs that were being sent are paused, and schedules too, until you say otherwise."))


def _tell_kept_back(found: Restored) -> None:
    if found.kept_back:
        say(
            ngettext(
                "{count} address that must not be mailed was not known to the copy: it is now.",
                "{count} addresses that must not be mailed were not known to the copy: they are"
                " now.",
                found.kept_back,
            ).format(count=found.kept_back)
        )
    if found.forgotten:
        say(
            _(
                "After the copy was made somebody was forgotten ({count} times): what it holds"
                " about them is in the ledger again. Forget them once more: notifier forget"
                " ADDRESS."
            ).format(count=found.forgotten),
            style="bold yellow",
        )


def export(
    ctx: typer.Context,
    run: str | None = typer.Argument(None, metavar="[RUN]", help=N_("One run; else everything.")),
    form: str = typer.Option(
        "jsonl", "--format", "-f", metavar="jsonl|csv", help=N_("JSON lines, or a CSV each table.")
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", metavar="FILE", help=N_("For CSV a folder.")
    ),
) -> None:
    """Write the rows out."""
    from notifier.cli.exporting import write_csv, write_lines

    session = session_of(ctx)
    session.require_ledger()
    run_id = session.find_run_id(run) if run else None
    if form not in _FORMATS:
        raise UsageError(
            _("There is no format {name}.").format(name=form),
            where="--format",
            next_step=_("It takes one of: {choices}.").format(choices=", ".join(_FORMATS)),
        )
    path = session.workspace.ledger_path
    if form == "jsonl":
        write_lines(path, run_id, output)
    elif output is None:
        raise UsageError(
            _("CSV is one file for each table: name a folder."),
            where="--output",
            next_step=_("Add -o FOLDER, or take --format jsonl."),
        )
    else:
        write_csv(path, run_id, output)
    if output:
        say(_("Wrote {path}.").format(path=session.shown(output)))


add_command(app, "check", check, CHECK_HELP)
add_command(app, "size", size, SIZE_HELP)
add_command(app, "backup", backup, BACKUP_HELP)
add_command(app, "restore", restore, RESTORE_HELP)
add_command(app, "export", export, EXPORT_HELP)
add_command(app, "purge", purging.purge, purging.HELP)
