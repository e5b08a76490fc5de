"""Jinja's errors as ours: which file and line, which name, which name was meant."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING, Any

from jinja2.exceptions import SecurityError

from notifier.errors import TemplateError
from notifier.locale import _
from notifier.render.limits import OutOfBoundsError
from notifier.render.sandbox import Sandbox, UnknownNameError
from notifier.render.sources import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import TemplateSyntaxError

#: Names offered where none is near.
_SHOWN_NAMES = 12


def explain(exc: Exception, sandbox: Sandbox, context: Mapping[str, Any]) -> TemplateError:
    """What went wrong while a template was filled in, for the one who wrote it."""
    file, line = _locate(exc, sandbox)
    problem, message, next_step = _describe(exc, context)
    return TemplateError(
        message,
        where=where_of(file, line),
        next_step=next_step,
        problem=problem,
        file=shown_file(file),
        line=line,
    )


def shown_file(name: str) -> str:
    """A template's path from the workspace's root; other names are as they are."""
    return place(name) if name.endswith((".html", ".txt", ".md")) else name


def where_of(name: str, line: int) -> str:
    """`templates/grades/body.html, line 7`; of a text in the campaign's file just the file."""
    return place(name, line) if shown_file(name) != name else name


def explain_syntax(exc: TemplateSyntaxError, name: str) -> TemplateError:
    """What is wrong with a template's text."""
    file = exc.name or name
    return TemplateError(
        _("The template can't be read: {reason}.").format(reason=(exc.message or "").rstrip(".")),
        where=where_of(file, exc.lineno),
        next_step=_("Correct the line; every {opening} needs its {closing}.").format(
            opening="{% for %}, {% if %}", closing="{% endfor %}, {% endif %}"
        ),
        problem="syntax",
        file=shown_file(file),
        line=exc.lineno,
    )


def _locate(exc: Exception, sandbox: Sandbox) -> tuple[str, int]:
    """The innermost place in a template, from the traceback of its compiled code."""
    found = ("", 0)
    trace = exc.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = sandbox.locate(template.get_corresponding_lineno(trace.tb_lineno))
        trace = trace.tb_next
    return found


def _describe(exc: Exception, context: Mapping[str, Any]) -> tuple[str, str, str]:
    if isinstance(exc, UnknownNameError):
        return _describe_unknown(exc, context)
    if isinstance(exc, OutOfBoundsError):
        return (
            "limit",
            _("The template asks for too much: {reason}.").format(reason=exc),
            _("Make it simpler; limits are set in notifier.toml under [limits]."),
        )
    if isinstance(exc, SecurityError):
        return (
            "forbidden",
            _("The template asks for what it may not: {reason}.").format(reason=exc),
            _("Use the columns, filters and plain text methods only."),
        )
    if isinstance(exc, RecursionError):
        return (
            "limit",
            _("A macro of the template calls itself without end."),
            _("Give the macro a condition under which it stops."),
        )
    return (
        "render",
        _("The template can't be filled in: {reason}.").format(reason=exc),
        _("Look at this line of the template and at this row's values."),
    )


def _describe_unknown(exc: UnknownNameError, context: Mapping[str, Any]) -> tuple[str, str, str]:
    name = str(exc.name)
    if exc.owner is None:
        known = [key for key, value in context.items() if not callable(value)]
        message = _("`{name}` is not known in the template.").format(name=name)
    elif isinstance(exc.owner, dict):
        known = [str(key) for key in exc.owner]
        message = _("There is no column or value named `{name}`.").format(name=name)
    else:
        known = []
        message = _("`{name}` can't be asked of this value.").format(name=name)
    return "undefined", message, suggest(name, known)


def suggest(name: str, known: Iterable[str]) -> str:
    """The nearest known name, by letters without their marks: "toan" finds "Toán"."""
    by_letters = {_letters(candidate): candidate for candidate in known}
    near = difflib.get_close_matches(_letters(name), list(by_letters), n=1, cutoff=0.6)
    if near:
        return _("Did you mean `{name}`?").format(name=by_letters[near[0]])
    names = list(by_letters.values())[:_SHOWN_NAMES]
    if not names:
        return _("Remove it, or give it a value with {example}.").format(example="| default('')")
    return _("Known here: {names}.").format(names=", ".join(names))


def _letters(text: str) -> str:
    spread = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(sign for sign in spread if sign.isalnum() and not unicodedata.combining(sign))
