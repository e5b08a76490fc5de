"""YAML read with places: plain data, and for each key the line and column where it stands.

Scalars are read as people mean them and not as YAML 1.1 does: `on`, `no` and `07` stay text, so
that a column may be called so; only `true`, `false`, `null`, plain numbers and ISO dates are
more than text. Tags and aliases are refused: nothing is built but text, numbers, dates, lists
and mappings, and no file grows when it is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import yaml

from notifier.errors import CampaignError
from notifier.locale import N_, _

if TYPE_CHECKING:
    from pathlib import Path

KeyPath: TypeAlias = tuple[str | int, ...]

#: A campaign is a page or two: what is larger is another kind of file.
_MAX_BYTES = 256_000
_MAX_DEPTH = 20

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?[ ]*(Z|[+-]\d{2}:?\d{2})?")
_PLAIN_TAGS = frozenset(
    {"null", "bool", "int", "float", "str", "timestamp", "merge", "value", "map", "seq"}
)
_TAG_PREFIX = "tag:yaml.org,2002:"

#: What PyYAML says (a part of it) -> what to do about it.
_ADVICE = (
    ("'\\t' that cannot start", N_("Indent with spaces: YAML takes no tab.")),
    ("'@' that cannot start", N_("Put the value in quotes: it begins with a sign of YAML's own.")),
    ("'`' that cannot start", N_("Put the value in quotes: it begins with a sign of YAML's own.")),
    ("'%' that cannot start", N_("Put the value in quotes: it begins with a sign of YAML's own.")),
    (
        "mapping values are not allowed",
        N_("Check the indentation, and put text with a colon in quotes."),
    ),
    (
        "could not find expected ':'",
        N_('A line is written like "key: value", with a space after the colon.'),
    ),
    (
        "expected <block end>",
        N_("Keys that belong together begin in the same column: check the indentation."),
    ),
    ("unexpected end of stream", N_("A quote or bracket is not closed.")),
    ("expected ',' or", N_("A bracket or brace is not closed, or a comma is missing.")),
    (
        "unknown escape character",
        N_("In double quotes a backslash is written twice; single quotes take it as it is."),
    ),
    ("chomping or indentation", N_('Put a value that begins with ">" or "|" in quotes.')),
    ("another document", N_("One file holds one campaign: take away the line with ---.")),
    (
        "alphabetic or numeric character",
        N_("Put the value in quotes: it begins with a sign of YAML's own."),
    ),
    ("undefined alias", N_("Put the value in quotes: it begins with a sign of YAML's own.")),
)
_ADVICE_ELSE = N_(
    'A line is written like "key: value"; what belongs to a key is indented below it.'
)
_EXPRESSION = N_('Put an expression in quotes: "{{ ... }}".')


@dataclass(slots=True)
class Document:
    """A YAML file's data and places."""

    name: str
    data: Any = None
    #: Path -> (line, column) of its key, 1-based; list items stand for themselves.
    keys: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    #: Path -> (line, column) of its value.
    values: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: KeyPath, *, of_key: bool = False) -> tuple[int, int]:
        """Line and column of the value (or the key) at `path`, or of what holds it."""
        places = self.keys if of_key else self.values
        while path and path not in places:
            path, places = path[:-1], self.keys
        return places.get(path, (1, 1))

    def where(self, line: int, column: int) -> str:
        """The place as it is told: `campaigns/grades.yaml, line 7, column 3`."""
        return _("{file}, line {line}, column {column}").format(
            file=self.name, line=line, column=column
        )


def read_text(path: Path, name: str) -> tuple[bytes, str]:
    """The file's bytes and text; UTF-8 or, with its mark, UTF-16.

    Raises:
        CampaignError: it can't be read, is too large, or is not text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        raise CampaignError(
            _("The file can't be read: {reason}.").format(reason=exc.strerror),
            where=name,
            next_step=_("Check that it is there and that you may read it."),
        ) from exc
    if len(raw) > _MAX_BYTES:
        raise CampaignError(
            _("The file is too large for a campaign."),
            where=name,
            next_step=_(
                "A campaign is a page of YAML; a spreadsheet is named by recipients: file."
            ),
        )
    try:
        is_utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = raw.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _not_text(name) from exc
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        raise _not_text(name)
    return raw, text


def _not_text(name: str) -> CampaignError:
    return CampaignError(
        _("The file is not text in UTF-8."),
        where=name,
        next_step=_(
            "Save it again with the encoding UTF-8; a spreadsheet is named by recipients: file."
        ),
    )


def parse_yaml(text: str, name: str) -> Document:
    """`text` as a mapping with places.

    Raises:
        CampaignError: it is not YAML, is no mapping, gives a key twice, or asks for more than
            plain data; names line and column.
    """
    document = Document(name)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        raise _not_yaml(document, text, exc) from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        raise _not_text(name) from exc
    if not isinstance(root, yaml.MappingNode):
        raise CampaignError(
            _("The file is empty.") if root is None else _("The file is not a mapping of keys."),
            where=document.where(1, 1),
            next_step=_('It begins with lines such as "title: ..." and "from: ...".'),
        )
    _Reader(document).read(root)
    return document


def _not_yaml(document: Document, text: str, exc: yaml.MarkedYAMLError) -> CampaignError:
    mark = exc.problem_mark or exc.context_mark
    problem = exc.problem or ""
    if "anchor" in problem or "alias" in problem or "tag" in problem:
        problem = "undefined alias"
    advice = next((hint for part, hint in _ADVICE if part in problem), _ADVICE_ELSE)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if "{{" in "".join(text.splitlines()[line - 1 : line]):
        advice = _EXPRESSION
    return CampaignError(
        _("The file is not YAML from here on."),
        where=document.where(line, column),
        next_step=_(advice),
    )


class _Reader:
    """Turns nodes into plain data and notes their places."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()

    def read(self, root: yaml.Node) -> None:
        self._document.data = self._value(root, ())

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._document.values[path] = _mark(node)
        self._refuse_tricks(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return _scalar(node)

    def _item(self, node: yaml.Node, path: KeyPath) -> Any:
        self._document.keys[path] = _mark(node)
        return self._value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(
                    key_node,
                    _("A key must be a word."),
                    _(_EXPRESSION),
                )
            key = str(key_node.value)
            if key in found:
                line = self._document.keys[(*path, key)][0]
                self._refuse(
                    key_node,
                    _("The key {key} stands twice.").format(key=key),
                    _("Take one away; the first is in line {line}.").format(line=line),
                )
            self._document.keys[(*path, key)] = _mark(key_node)
            found[key] = self._value(value_node, (*path, key))
        return found

    def _refuse_tricks(self, node: yaml.Node, path: KeyPath) -> None:
        tag = str(node.tag).removeprefix(_TAG_PREFIX)
        if tag not in _PLAIN_TAGS:
            self._refuse(
                node,
                _("A tag ({tag}) is not allowed here.").format(tag=node.tag[:40]),
                _('Put the value in quotes if it really begins with "!".'),
            )
        if id(node) in self._seen or len(path) > _MAX_DEPTH:
            self._refuse(
                node,
                _("An alias (*name) or such deep nesting is not allowed here."),
                _('Write the value out, or put it in quotes if it really begins with "*".'),
            )
        self._seen.add(id(node))

    def _refuse(self, node: yaml.Node, message: str, next_step: str) -> NoReturn:
        raise CampaignError(message, where=self._document.where(*_mark(node)), next_step=next_step)


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    if node.style is not None:  # quoted, or a block: text
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return _moment(text)


def _moment(text: str) -> str | date | datetime:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _DATETIME.fullmatch(text):
            return datetime.fromisoformat(re.sub(r"\s+(?=Z|[+-]\d{2}:?\d{2}$)", "", text))
    except ValueError:  # 2027-02-30: told where a date is expected
        pass
    return text
