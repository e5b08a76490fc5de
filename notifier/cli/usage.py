"""Typer's complaints about a command line, told in our words and the reader's language."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from notifier.errors import UsageError
from notifier.locale import _
from notifier.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

#: Click's exceptions, wherever this Typer keeps them (its own copy since 0.26, before that click).
_click: Any = sys.modules[typer.BadParameter.__module__]
ClickException: Any = _click.ClickException
ClickUsageError: Any = _click.UsageError
NoArgsIsHelp: Any = getattr(_click, "NoArgsIsHelpError", ())

#: Options that are understood before and after every command.
EVERYWHERE = ("--workspace", "--debug", "--help")


def explain(error: Any) -> UsageError:
    """The complaint as our own error: a sentence, the command as its place, a next step."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "notifier"
    for kind, tell in _TELLERS:
        if isinstance(error, kind):
            message, step = tell(error, ctx)
            break
    else:
        message, step = error.format_message(), ""
    return UsageError(
        message,
        where=path,
        next_step=step or _("{command} shows how to use it.").format(command=f"{path} --help"),
    )


def _no_such_option(error: Any, ctx: Any) -> tuple[str, str]:
    known = list(EVERYWHERE)
    for param in ctx.command.params if ctx is not None else ():
        known += [name for name in param.opts if name.startswith("--")]
    name = str(error.option_name)
    close = nearest(name, known)
    message = _("There is no option {option}.").format(option=name)
    return message, _("Did you mean {option}?").format(option=close) if close else ""


def _missing(error: Any, ctx: Any) -> tuple[str, str]:  # noqa: ARG001 - a row of the table below
    param = error.param
    name = _param_name(param) if param is not None else str(error.param_hint or "")
    if param is not None and param.param_type_name == "argument":
        return _("{argument} is missing.").format(argument=name), ""
    return _("The option {option} is missing.").format(option=name), ""


def _bad_value(error: Any, ctx: Any) -> tuple[str, str]:  # noqa: ARG001 - a row of the table below
    param = error.param
    name = _param_name(param) if param is not None else str(error.param_hint or "")
    low, high = _bounds(param)
    # by its bounds: what Typer says about a wrong number is worded differently in each version
    is_number = low is not None or high is not None or "integer" in error.message
    return (
        _("That is not a value for {option}.").format(option=name),
        _whole_number(low, high) if is_number else "",
    )


def _bounds(param: Any) -> tuple[int | None, int | None]:
    """The lowest and the highest number that an option takes."""
    kind = getattr(param, "type", None)
    return (
        getattr(param, "min", getattr(kind, "min", None)),
        getattr(param, "max", getattr(kind, "max", None)),
    )


def _whole_number(low: int | None, high: int | None) -> str:
    """The hint for an option that takes a number, with its bounds where it has some."""
    if low is not None and high is not None:
        return _("It takes a whole number from {low} to {high}.").format(low=low, high=high)
    if low is not None:
        return _("It takes a whole number of {low} or more.").format(low=low)
    return _("It takes a whole number.")


def _bad_option(error: Any, ctx: Any) -> tuple[str, str]:  # noqa: ARG001 - a row of the table below
    name = str(error.option_name)
    if "not take a value" in error.message:
        return _("The option {option} takes no value.").format(option=name), ""
    return _("The option {option} needs a value.").format(option=name), ""


def _general(error: Any, ctx: Any) -> tuple[str, str]:
    text = error.format_message()
    if "unexpected extra argument" in text and ctx is not None:
        extra = text.rpartition("(")[2].rstrip(").")
        return _("There is one argument too many: {argument}").format(argument=extra), ""
    if "Missing command" in text:
        return _("A command is missing."), ""
    return text, ""


def _param_name(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.metavar or param.name).upper()
    return str(max(param.opts, key=len))


#: Most specific first.
_TELLERS: tuple[tuple[Any, Callable[[Any, Any], tuple[str, str]]], ...] = (
    (_click.NoSuchOption, _no_such_option),
    (_click.MissingParameter, _missing),
    (_click.BadParameter, _bad_value),
    (_click.BadOptionUsage, _bad_option),
    (ClickUsageError, _general),
)
