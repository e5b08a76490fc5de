"""The HTML of a template as one text, with everything of Jinja taken out.

After flattening, a template is a tree whose leaves are pieces of HTML. `Skeleton` strings them
together in the order of the file, a private character standing for each expression and each border
of a control block, so that tags and attributes can be found even where Jinja stands within them.
Changes are made in the pieces themselves: no template source is ever written or parsed again, so
`{% if a > b %}` can't be mistaken for a tag.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from jinja2 import nodes

from notifier.errors import TemplateError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Stand-ins (Unicode noncharacters, which no text may hold): an expression, a control border.
EXPRESSION = "\ufdd0"
CONTROL = "\ufdd1"
STAND_INS = re.compile("[\ufdd0\ufdd1]")

#: An attribute that tells a preflight which line a tag was written in; never sent.
LINE_MARK = "data-notifier-line"

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[.*?\]>"
    r"|<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:-]*)(?P<rest>(?:[^\"'>]|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"(?P<name>[^\s\"'<>/=\ufdd0\ufdd1]+)"
    r"(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'=<>`]+)))?"
)
#: Elements whose content is text, whatever it looks like (HTML standard, 13.1.2).
_RAW = frozenset({"style", "script", "title", "textarea", "xmp", "noscript"})


@dataclass(slots=True)
class Attribute:
    """An attribute of a start tag; positions are in the skeleton's text."""

    name: str
    value: str
    #: Of the whole attribute, name and quotes included.
    start: int
    end: int
    #: Of the value, without quotes; both -1 where the attribute has none.
    value_start: int
    value_end: int
    is_quoted: bool = False

    @property
    def is_dynamic(self) -> bool:
        """Whether Jinja stands in the value."""
        return STAND_INS.search(self.value) is not None


@dataclass(slots=True)
class Tag:
    """A start or end tag; positions are in the skeleton's text."""

    name: str
    is_end: bool
    start: int
    end: int
    #: Behind the tag's name: where an attribute can be put in.
    name_end: int
    #: What stands behind the name; empty for an end tag.
    rest: str = ""
    #: For an element with raw text: where its content ends.
    content_end: int = 0

    @property
    def attributes(self) -> dict[str, Attribute]:
        """By name, with their places."""
        return _attributes(self.rest, self.name_end)

    def value(self, name: str) -> str:
        """An attribute's value without entities; empty where there is none."""
        return _values(self.rest).get(name, "") if self.rest else ""


def scan_tags(text: str) -> Iterator[Tag]:
    """The tags of an HTML text, comments left out, raw text elements skipped over."""
    position = 0
    while found := _TAG.search(text, position):
        position = found.end()
        name = found["name"]
        if name is None:
            continue
        tag = Tag(name.lower(), bool(found["close"]), found.start(), found.end(), found.end("name"))
        if not tag.is_end:
            tag.rest = found["rest"]
            if tag.name in _RAW:
                position = tag.content_end = _raw_end(text, tag)
        yield tag


def _raw_end(text: str, tag: Tag) -> int:
    close = re.compile(rf"</{tag.name}(?=[\s/>])", re.IGNORECASE).search(text, tag.end)
    return close.start() if close else len(text)


@lru_cache(maxsize=4096)
def _values(rest: str) -> dict[str, str]:
    """Most tags of a mail come again and again, with the same attributes."""
    return {name: html.unescape(found.value) for name, found in _attributes(rest, 0).items()}


def _attributes(text: str, offset: int) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for match in _ATTRIBUTE.finditer(text):
        group = match.lastgroup or "name"
        has_value = group != "name"
        start, end = match.span(group) if has_value else (-1 - offset, -1 - offset)
        name = match["name"].lower()
        if name not in found:
            found[name] = Attribute(
                name=name,
                value=match[group] if has_value else "",
                start=offset + match.start(),
                end=offset + match.end(),
                value_start=offset + start,
                value_end=offset + end,
                is_quoted=group in {"double", "single"},
            )
    return found


@dataclass(slots=True)
class _Piece:
    """A leaf of HTML, where it stands in the text, and its edits."""

    node: nodes.TemplateData
    body: list[nodes.Node]
    output: nodes.Output
    start: int
    end: int
    edits: list[tuple[int, int, str]] = field(default_factory=list)


class Skeleton:
    """A flattened template's HTML, to look at and to change."""

    def __init__(self, tree: nodes.Template) -> None:
        self._pieces: list[_Piece] = []
        self._parts: list[str] = []
        self._length = 0
        #: Lines of the stand-ins and pieces, for messages: (position, node's lineno).
        self.lines: list[tuple[int, int]] = []
        self._walk(tree.body)
        self.text = "".join(self._parts)

    def _walk(self, body: list[nodes.Node]) -> None:
        separate(body)
        for node in body:
            if isinstance(node, nodes.Output):
                self._add_output(node, body)
            else:
                self._add(CONTROL)
                for inner in bodies(node):
                    self._walk(inner)
                    self._add(CONTROL)

    def _add_output(self, node: nodes.Output, body: list[nodes.Node]) -> None:
        (leaf,) = node.nodes
        self.lines.append((self._length, leaf.lineno))
        if isinstance(leaf, nodes.TemplateData):
            if STAND_INS.search(leaf.data):
                raise TemplateError(
                    _("The template holds a character that no text may hold (U+FDD0 or U+FDD1)."),
                    next_step=_("Remove it; it is invisible, so retype the line."),
                )
            end = self._length + len(leaf.data)
            self._pieces.append(_Piece(leaf, body, node, self._length, end))
            self._add(leaf.data)
        else:
            self._add(EXPRESSION)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def line_at(self, position: int) -> int:
        """The `lineno` (file and line) of a position in the text."""
        before = [(start, lineno) for start, lineno in self.lines if start <= position]
        if not before:
            return 1
        start, lineno = before[-1]
        return lineno + self.text.count("\n", start, position)

    def replace(self, start: int, end: int, text: str) -> bool:
        """Put `text` in place of `start:end`; False where Jinja stands in between."""
        if STAND_INS.search(self.text, start, end):
            return False
        for piece in self._pieces:
            if piece.start <= end and start <= piece.end and piece.start < max(end, start + 1):
                first, last = max(start, piece.start), min(end, piece.end)
                piece.edits.append((first - piece.start, last - piece.start, text))
                text = ""
        return True

    def wrap(self, start: int, end: int, name: str, option: str) -> bool:
        """Pass what `start:end` renders to through the filter `name(option)`.

        False where the two ends are not in the same block. Takes effect at once: wrap the last
        place of a text first, and have no edits waiting.
        """
        first = self._piece_at(start)
        last = self._piece_at(end)
        if first is None or last is None or first.body is not last.body:
            return False
        _wrap(first, last, start, end, (name, option))
        return True

    def _piece_at(self, position: int) -> _Piece | None:
        for piece in self._pieces:
            if piece.start <= position <= piece.end:
                return piece
        return None

    def apply(self) -> None:
        """Carry out the edits in the tree."""
        for piece in self._pieces:
            for start, end, text in sorted(piece.edits, reverse=True):
                piece.node.data = piece.node.data[:start] + text + piece.node.data[end:]
            piece.edits.clear()


def _wrap(first: _Piece, last: _Piece, start: int, end: int, call: tuple[str, str]) -> None:
    """Split the two pieces; what is before `start` stays in place, so that earlier wraps may come.

    The pieces before `start` stay valid, those after it do not.
    """
    body = first.body
    lineno = first.node.lineno
    low, high = _index(body, first.output), _index(body, last.output)
    after = _data(last.node.data[end - last.start :], last.node.lineno)
    opening = first.node.data[start - first.start : end - first.start if first is last else None]
    inside: list[nodes.Node] = [_data(opening, lineno)]
    if first is not last:
        closing = last.node.data[: end - last.start]
        inside += [*body[low + 1 : high], _data(closing, last.node.lineno)]
    first.node.data = first.node.data[: start - first.start]
    first.end = start
    option = nodes.Const(call[1], lineno=lineno)
    wrapper = nodes.Filter(None, call[0], [option], [], None, None, lineno=lineno)
    block = nodes.FilterBlock(inside, wrapper, lineno=lineno)
    body[low : high + 1] = [first.output, block, after]


def _index(body: list[nodes.Node], node: nodes.Node) -> int:
    return next(number for number, item in enumerate(body) if item is node)


def _data(text: str, lineno: int) -> nodes.Output:
    leaf = nodes.TemplateData(text, lineno=lineno)
    return nodes.Output([leaf], lineno=lineno)


def mark_lines(tree: nodes.Template, names: frozenset[str]) -> bool:
    """Write its line into each of these tags; whether there were any."""
    skeleton = Skeleton(tree)
    found = False
    for tag in scan_tags(skeleton.text):
        if tag.name in names and not tag.is_end:
            lineno = skeleton.line_at(tag.start)
            found |= skeleton.replace(tag.name_end, tag.name_end, f' {LINE_MARK}="{lineno}"')
    skeleton.apply()
    return found


def separate(body: list[nodes.Node]) -> None:
    """Make every output of the list print one thing."""
    parted: list[nodes.Node] = []
    for node in body:
        if isinstance(node, nodes.Output):
            parted.extend(nodes.Output([leaf], lineno=leaf.lineno) for leaf in node.nodes)
        else:
            parted.append(node)
    body[:] = parted


def bodies(node: nodes.Node) -> Iterator[list[nodes.Node]]:
    """The lists of nodes within a control block, in the order of the file."""
    for name in ("body", "elif_", "else_"):
        value = getattr(node, name, None)
        if isinstance(value, list):
            yield value
