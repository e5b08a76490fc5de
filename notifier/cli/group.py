"""Typer's groups and commands, taught our languages: every help text, heading and usage line.

Help texts are written in English and marked with `N_` where commands are defined; `translate`
looks them up when the application is built, so that one process can speak either language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from notifier.cli.help import print_help
from notifier.cli.usage import ClickUsageError
from notifier.errors import UsageError
from notifier.locale import N_, _
from notifier.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMON = N_("Also, before or after any command: --workspace DIR, --debug (see notifier --help).")


class Command(TyperCommand):
    """A command whose help and complaints are in the reader's language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Print our own help."""
        print_help(self, ctx)

    def get_help_option(self, ctx: Any) -> Any:
        """The `--help` option, described in the language in use."""
        return _speak_help(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; every complaint knows the command that it is about."""
        try:
            return super().parse_args(ctx, args)
        except ClickUsageError as exc:
            exc.ctx = exc.ctx or ctx
            raise


class Group(TyperGroup):
    """A group of commands that names the nearest one when it doesn't know a word."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Print our own help."""
        print_help(self, ctx)

    def get_help_option(self, ctx: Any) -> Any:
        """The `--help` option, described in the language in use."""
        return _speak_help(super().get_help_option(ctx))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order in which they were added: that of a day's work."""
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; UsageError, with the nearest, where there is none."""
        word = args[0]
        if word in self.commands or word.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        path = ctx.command_path
        close = nearest(word, self.commands)
        step = (
            _("Did you mean {command}?").format(command=f"{path} {close}")
            if close
            else _("{command} lists the commands.").format(command=f"{path} --help")
        )
        raise UsageError(
            _("There is no command {command}.").format(command=f"{path} {word}"), next_step=step
        )


def _speak_help(option: Any) -> Any:
    if option is not None:
        option.help = _("Show this help and exit.")
    return option


def group(help_text: str, cls: type[Group] = Group) -> typer.Typer:
    """A group of commands (`campaign`, `suppress`, ...); `help_text` is marked with `N_`."""
    return typer.Typer(
        cls=cls,
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )


def translate(command: Any, *, is_root: bool = True) -> None:
    """Put every help text below `command` into the language in use."""
    command.help = _(command.help or "")
    command.options_metavar = _("[OPTIONS]")
    for param in command.params:
        param.help = _(getattr(param, "help", None) or "")
        if getattr(param, "rich_help_panel", None):
            param.rich_help_panel = _(param.rich_help_panel)
    if getattr(command, "rich_help_panel", None):
        command.rich_help_panel = _(command.rich_help_panel)
    if isinstance(command, TyperGroup):
        command.subcommand_metavar = _("COMMAND [ARGS]...")
        for child in command.commands.values():
            translate(child, is_root=False)
    elif not is_root:
        command.epilog = _(_COMMON)


def add_command(
    app: typer.Typer, name: str, function: Callable[..., Any], help_text: str, panel: str = ""
) -> None:
    """Add a command; `help_text` and `panel` (its heading in the list) are marked with `N_`."""
    app.command(name, cls=Command, help=help_text, rich_help_panel=panel or None)(function)
