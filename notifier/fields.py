"""What the values of a campaign's keys look like: texts, columns, files, sheets, senders."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any
from unicodedata import normalize

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from notifier.locale import _
from notifier.mailbox import Mailbox, parse_mailbox
from notifier.measures import parse_rates, single_line
from notifier.model import Rate, Value

#: Names that a template sees already, or that mean something in an expression.
RESERVED_NAMES = frozenset(
    """
    row rows key name email campaign values changes
    loop self super caller varargs kwargs range dict lipsum cycler joiner namespace
    true false none True False None and or not in is if else elif for set block extends include
    import from macro call filter with
    """.split()  # noqa: SIM905 - a word a line would fill a page
)


def _text(value: object) -> object:
    """A number or date where text belongs is that text: a column may be called 2026."""
    if isinstance(value, (int, date)) and not isinstance(value, (bool, datetime)):
        return str(value)
    if isinstance(value, (bool, float, datetime)):
        raise ValueError(_("put it in quotes, so that it is text."))  # noqa: TRY004 - pydantic's contract
    return value


def _sheet(value: object) -> object:
    if value is None or (isinstance(value, str) and value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError(_("a sheet's name, or its number counted from 1, is expected."))


def _header_row(value: object) -> object:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(_("rows are counted from 1, as the spreadsheet shows them."))


def word(value: str) -> str:
    """A name of one word; ValueError otherwise."""
    if not value.isidentifier():
        raise ValueError(_("a short name is one word of letters, digits and _."))
    return value


def identifier(value: str) -> str:
    """A word that templates have no other use for; ValueError otherwise."""
    if word(value) in RESERVED_NAMES:
        raise ValueError(_("this name is taken in templates: choose another."))
    return value


def _inside(value: str) -> str:
    """A file's name below the workspace's root (links are resolved when it is opened)."""
    fixed = re.sub(r"\{\{.*?\}\}", "x", value)
    if "\\" in fixed:
        raise ValueError(_("write folders with / and not with a backslash."))
    if PurePosixPath(fixed).is_absolute() or PureWindowsPath(fixed).drive or fixed[:1] == "~":
        raise ValueError(_("a path below the workspace's folder is expected."))
    if ".." in PurePosixPath(fixed).parts:
        raise ValueError(_("a path must not lead out of the workspace (..)."))
    return single_line(value)


def one_or_many(value: object) -> object:
    """A list, where one text may stand for a list of one."""
    return [value] if isinstance(value, str) else [] if value is None else value


def scalar(value: object) -> Value:
    """What a cell may hold; ValueError otherwise."""
    if value is None or isinstance(value, (str, int, float, bool, date, time)):
        return value
    raise ValueError(_("text, a number, a date, true or false is expected."))


def read_sender(value: object) -> Mailbox:
    """Whom `from:` names; ValueError otherwise."""
    return value if isinstance(value, Mailbox) else parse_mailbox(str(_text(value)))


def key_names(value: object) -> object:
    """true, false, or the names of tables in notifier.toml."""
    if value is None or isinstance(value, bool):
        return value
    names = [value] if isinstance(value, str) else value
    if isinstance(names, (list, tuple)) and names and all(isinstance(it, str) for it in names):
        return tuple(names)
    raise ValueError(_("true, false, or the names of keys in notifier.toml are expected."))


def schema(kind: Any, **more: Any) -> WithJsonSchema:
    """What editors are told of a value that a function here reads."""
    return WithJsonSchema({"type": kind, **more})


Line = Annotated[str, BeforeValidator(_text), Field(strict=True, min_length=1)]
Text = Annotated[Line, AfterValidator(single_line), AfterValidator(lambda s: normalize("NFC", s))]
#: A header may hold line breaks, as the sheet's cell does.
Column = Annotated[Line, AfterValidator(lambda s: normalize("NFC", s))]
FileName = Annotated[Line, AfterValidator(single_line)]
InsidePath = Annotated[FileName, AfterValidator(_inside)]
Sheet = Annotated[
    str | int | None, BeforeValidator(_sheet), schema(["string", "integer"], minimum=1)
]
HeaderRow = Annotated[int | None, BeforeValidator(_header_row), schema("integer", minimum=1)]
Rates = Annotated[
    tuple[Rate, ...],
    BeforeValidator(parse_rates),
    schema(["string", "array"], items={"type": "string"}, examples=["600/hour"]),
]
CLOSED = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
