"""The application: every command by name, and the way from arguments to an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path  # noqa: TC003 - typer reads annotations when it builds
from typing import TYPE_CHECKING, Any

import typer

from notifier import __version__
from notifier.cli import (
    alerts,
    approve,
    audit,
    campaigns,
    control,
    demo,
    dkim,
    doubt,
    forget,
    history,
    init,
    ledger,
    plan,
    recipients,
    relays,
    report,
    runs,
    sandbox,
    schedule,
    send,
    serve,
    show,
    suppressions,
)
from notifier.cli.console import print_error, say
from notifier.cli.group import add_command, group, translate
from notifier.cli.session import Session
from notifier.cli.usage import ClickException, NoArgsIsHelp, explain
from notifier.errors import NotifierError, UsageError
from notifier.locale import N_, _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The exit codes, as scripts may rely on them.
DONE, FAILURES, BAD_INPUT, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130

_START = N_("Getting started")
_MAIL = N_("Preparing and sending")
_RUNS = N_("Following runs")
_AROUND = N_("Addresses, relays, rehearsals")

_COMMANDS: tuple[tuple[str, Callable[..., Any], str, str], ...] = (
    ("init", init.init, init.HELP, _START),
    ("demo", demo.demo, demo.HELP, _START),
    ("send", send.send, send.HELP, _MAIL),
    ("runs", runs.runs, runs.RUNS_HELP, _RUNS),
    ("status", runs.status, runs.STATUS_HELP, _RUNS),
    ("report", report.report, report.HELP, _RUNS),
    ("show", show.show, show.HELP, _RUNS),
    ("history", history.history, history.HELP, _RUNS),
    ("doubt", doubt.doubt, doubt.HELP, _RUNS),
    ("approve", approve.approve, approve.HELP, _RUNS),
    ("pause", control.pause, control.PAUSE_HELP, _RUNS),
    ("resume", control.resume, control.RESUME_HELP, _RUNS),
    ("retry", control.retry, control.RETRY_HELP, _RUNS),
    ("cancel", control.cancel, control.CANCEL_HELP, _RUNS),
    ("audit", audit.audit, audit.HELP, _RUNS),
    ("forget", forget.forget, forget.HELP, _AROUND),
    ("plan", plan.plan, plan.HELP, _MAIL),
    ("serve", serve.serve, serve.HELP, _MAIL),
    ("sandbox", sandbox.sandbox, sandbox.HELP, _AROUND),
)
_GROUPS: tuple[tuple[str, typer.Typer, str], ...] = (
    ("campaign", campaigns.app, _MAIL),
    ("recipients", recipients.app, _MAIL),
    ("schedule", schedule.app, _MAIL),
    ("suppress", suppressions.app, _AROUND),
    ("ledger", ledger.app, _AROUND),
    ("relay", relays.app, _AROUND),
    ("dkim", dkim.app, _AROUND),
    ("alerts", alerts.app, _AROUND),
)


def build() -> Any:
    """The click command that the arguments are given to, in the language in use."""
    app = group(N_("Mail every person in a spreadsheet their own message, and account for each."))
    app.callback()(_remember)
    for name, sub, panel in _GROUPS:
        app.add_typer(sub, name=name, rich_help_panel=panel)
    for name, function, help_text, panel in _COMMANDS:
        add_command(app, name, function, help_text, panel)
    command = typer.main.get_command(app)
    translate(command)
    return command


def _remember(
    ctx: typer.Context,
    workspace: Path | None = typer.Option(
        None,
        "--workspace",
        metavar="DIR",
        help=N_("The workspace; else the nearest folder with a notifier.toml, from here upwards."),
    ),
    debug: bool = typer.Option(False, "--debug", help=N_("Show where in the program it failed.")),
    version: bool = typer.Option(  # noqa: ARG001 - its callback answers
        False,
        "--version",
        is_eager=True,
        callback=lambda value: _tell_version() if value else None,
        help=N_("Show the version and exit."),
    ),
) -> None:
    ctx.obj = Session(root=workspace, is_debugging=debug)


def _tell_version() -> None:
    say(f"notifier {__version__}")
    raise typer.Exit


def execute(argv: list[str]) -> int:
    """Run the arguments and tell any error; the exit code. Never raises."""
    words = argv[: argv.index("--")] if "--" in argv else argv
    try:
        return _invoke(argv)
    except (SystemExit, BrokenPipeError):  # whoever read our pipe went away
        return _hush()
    except (KeyboardInterrupt, typer.Abort):
        say(_("Stopped."), stderr=True)
        return INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - the user is told; --debug shows the rest
        return _fail(_as_ours(exc), as_json="--json" in words, is_debugging="--debug" in words)


def _invoke(argv: Sequence[str]) -> int:
    command = build()
    try:
        code = command.main(args=hoist(argv), prog_name="notifier", standalone_mode=False)
        sys.stdout.flush()
    except NoArgsIsHelp as exc:
        exc.ctx.command.format_help(exc.ctx, None)
        return BAD_INPUT
    except ClickException as exc:
        raise explain(exc) from exc
    if code == INTERRUPTED:  # what Typer makes of Ctrl-C
        raise KeyboardInterrupt
    return code if isinstance(code, int) else DONE


def hoist(argv: Sequence[str]) -> list[str]:
    """The arguments with --workspace and --debug in front, where the program's options belong."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            return [*front, *rest, word, *words]
        if word == "--debug" or word.startswith("--workspace="):
            front.append(word)
        elif word == "--workspace":
            value = next(words, None)
            if value is None:
                raise UsageError(
                    _("The option {option} needs a value.").format(option=word),
                    where="notifier",
                    next_step=_("Name the workspace's folder after it."),
                )
            front += [word, value]
        else:
            rest.append(word)
    return [*front, *rest]


def _fail(error: NotifierError, *, as_json: bool, is_debugging: bool) -> int:
    if is_debugging:
        import traceback

        traceback.print_exception(error)
    with contextlib.suppress(BrokenPipeError):
        print_error(error, as_json=as_json)
    return error.exit_code


def _hush() -> int:
    """Let nothing more be written to a pipe that nobody reads."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _as_ours(exc: Exception) -> NotifierError:
    """The error as one of ours; anything unforeseen is told as what it is: a bug."""
    if isinstance(exc, NotifierError):
        return exc
    if isinstance(exc, OSError):
        error = NotifierError(
            _("A file can't be read or written: {reason}").format(reason=exc.strerror or exc),
            where=str(exc.filename or ""),
            next_step=_("Check that it exists, that you may use it, and that the disk isn't full."),
        )
    else:
        error = NotifierError(
            _("Something went wrong inside notifier ({kind}: {detail}).").format(
                kind=type(exc).__name__, detail=exc
            ),
            next_step=_("Run the same command with --debug and send us what it prints."),
        )
    error.__cause__ = exc
    return error
