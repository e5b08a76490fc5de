"""`notifier sandbox`: the capture server on its own, until Ctrl-C."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from notifier.cli.console import facts, say
from notifier.cli.session import Session, session_of
from notifier.locale import N_, _

if TYPE_CHECKING:
    from notifier.sandbox import Event
    from notifier.settings import SandboxSettings

HELP = N_(
    "Run the sandbox: a real mail server that keeps every message as a file instead of passing "
    "it on.\n\n"
    "It refuses, defers, drops or delays as [sandbox] in notifier.toml says. Ctrl-C ends it."
)


def sandbox(
    ctx: typer.Context,
    port: int | None = typer.Option(
        None,
        "--port",
        metavar="N",
        min=0,
        max=65535,
        help=N_("Listen here instead of where notifier.toml says; 0 takes a free port."),
    ),
    maildir: Path | None = typer.Option(
        None, "--maildir", metavar="DIR", help=N_("Keep the messages in this folder.")
    ),
) -> None:
    """Serve until interrupted; UsageError where it can't listen."""
    from notifier.sandbox import Sandbox

    settings, kept_in = _settings(session_of(ctx))
    server = Sandbox(settings, maildir or kept_in, port=port, on_event=_tell)

    def tell_place() -> None:
        say(_("The sandbox is listening; Ctrl-C ends it."), style="bold")
        facts(
            [
                (_("address"), f"{server.host}:{server.port}"),
                (_("messages in"), server.maildir.path),
            ]
        )

    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever(tell_place)
    say(_("The sandbox has ended."))


def _settings(session: Session) -> tuple[SandboxSettings, Path]:
    """The workspace's settings; outside of one the built-in ones, in the current folder."""
    from notifier.settings import SandboxSettings
    from notifier.workspace import find_root

    if session.root is None and find_root(Path.cwd()) is None:
        return SandboxSettings(), Path("sandbox")
    workspace = session.workspace
    return workspace.settings.sandbox, workspace.path(workspace.settings.sandbox.maildir)


def _tell(event: Event) -> None:
    say(
        _("{kind}: {address} ({reply})").format(
            kind=_kind(event.kind), address=event.address, reply=event.reply
        )
    )


def _kind(kind: str) -> str:
    return {
        "kept": _("kept"),
        "refused": _("refused"),
        "deferred": _("deferred"),
        "dropped": _("dropped"),
    }.get(kind, kind)
