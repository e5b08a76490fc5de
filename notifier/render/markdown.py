"""`body.md` to HTML, once, when the campaign is compiled.

Markdown is made into HTML *before* any value is filled in: Jinja's tags travel through the
Markdown parser as plain words and are put back into the HTML. So a value is never Markdown,
whatever stars and angles it holds, and is escaped like any other value in HTML.

A control tag on a line of its own (`{% for %}` around list items or table rows) is taken out of the
text and put back between the blocks that it stood between; a tag within a line stays in the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from jinja2 import TemplateSyntaxError
from markdown_it import MarkdownIt
from markdown_it.token import Token

from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Environment

_OPENERS = frozenset({"for", "if", "block", "macro", "call", "filter", "with", "autoescape"})
_BETWEEN = frozenset({"else", "elif"})
_CONTAINERS = frozenset({"bullet_list", "ordered_list", "tbody", "list_item", "blockquote"})
#: Containers that a control block may surround the first child of, without surrounding them.
_OPEN_CONTAINERS = frozenset({"bullet_list", "ordered_list", "tbody"})
_KINDS = (
    ("list", re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|\Z)")),
    ("table", re.compile(r"\s*\|")),
    ("quote", re.compile(r"\s*>")),
    ("heading", re.compile(r"\s*#{1,6}(?:\s|\Z)")),
)


@dataclass(slots=True)
class _Mark:
    """A Jinja tag that was taken out."""

    word: str
    source: str
    #: In the file, 1-based.
    line: int
    #: `for`, `endfor`, `set`, ...; empty for an expression.
    keyword: str
    #: It stands alone in its line (perhaps beside other control tags).
    is_alone: bool = False
    #: Alone: how many content lines stand before it.
    position: int = 0


_Group: TypeAlias = list[_Mark]


@dataclass(slots=True)
class _Block:
    """A block of the parsed Markdown: its tokens and its content lines."""

    kind: str
    first: int  # index of its opening token
    last: int  # index of its closing token
    start: int  # content lines start:end
    end: int
    children: list[_Block] = field(default_factory=list)


def to_html(source: str, environment: Environment, name: str) -> tuple[str, Mapping[int, int]]:
    """The HTML template of a Markdown template, and for each of its lines the line in `source`.

    Raises jinja2.TemplateSyntaxError where a tag is not closed.
    """
    return _Converter(source, environment, name).convert()


class _Converter:
    def __init__(self, source: str, environment: Environment, name: str) -> None:
        self._name = name
        self._salt = _unused_word(source)
        self._marks: list[_Mark] = []
        self._by_word: dict[str, _Mark] = {}
        self._word = re.compile(rf"{self._salt}(\d+)x")
        self._text = "".join(self._take_out(source, environment, name))
        self._markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    def convert(self) -> tuple[str, Mapping[int, int]]:
        text = re.sub(rf"<({self._salt}\d+x)>", r"[\1](\1)", self._text)
        lines = self._lift_control_lines(text)
        groups = list(self._groups())
        page = self._render(lines, groups, [])
        if not self._is_in_order(page):
            # Something swallowed a tag's place (a code block, a table's row): keep to the lines.
            page = self._render(self._lift_control_lines(text), [], groups)
        if not self._is_in_order(page):
            raise TemplateSyntaxError(
                _("a tag stands where Markdown has no place for it"),
                self._marks[0].line,
                self._name,
            )
        return self._put_back(page)

    def _render(self, lines: list[str], groups: list[_Group], joined: list[_Group]) -> str:
        self._join_lines(lines, joined)
        tokens, inserts, left = self._place(lines, groups)
        root = _outline(tokens, lines)
        apart = [group for group in left if not _is_within_paragraph(root, group)]
        if apart:
            self._open_gaps(lines, apart)
            tokens, inserts, left = self._place(lines, groups)
        if left:
            self._join_lines(lines, left)
            groups = [group for group in groups if group not in left]
            tokens, inserts, _left = self._place(lines, groups)
        return str(
            self._markdown.renderer.render(
                list(_merged(tokens, inserts)), self._markdown.options, {}
            )
        )

    def _is_in_order(self, page: str) -> bool:
        """Whether the control tags are all there, once, in the order of the file."""
        words = [word.group() for word in self._word.finditer(page)]
        found = [word for word in words if self._by_word[word].keyword]
        return found == [mark.word for mark in self._marks if mark.keyword]

    def _open_gaps(self, lines: list[str], groups: Sequence[_Group]) -> None:
        """Part blocks that grew together once the tags between them were taken out."""
        for position in sorted({m.position for group in groups for m in group}, reverse=True):
            lines.insert(position, "")
            for mark in self._marks:
                mark.position += mark.is_alone and mark.position > position

    # --- out of the text ---------------------------------------------------------------------

    def _take_out(self, source: str, environment: Environment, name: str) -> Iterator[str]:
        held: list[str] = []
        keyword, begun = "", 0
        for line, kind, text in environment.lex(source, name):
            if kind.endswith("_begin") and kind != "raw_begin":
                held, keyword, begun = [text], "", line
            elif kind.endswith("_end") and kind != "raw_end":
                tag = "".join([*held, text]).strip()
                held = []
                if kind != "comment_end":
                    yield self._mark(tag, begun, keyword if kind == "block_end" else "")
                yield text[len(text.rstrip()) :].rpartition("\n")[1]
            elif held:
                held.append(text)
                keyword = keyword or (text if kind == "name" else "")
            elif kind == "data":
                yield text if "{" not in text else self._protect(text, line)
            # raw_begin and raw_end: what is between them arrived as data

    def _protect(self, text: str, line: int) -> str:
        """Braces that a raw block made plain text stay plain text."""
        return re.sub(
            r"\{[{%#]", lambda found: self._mark(f"{{{{ '{found[0]}' }}}}", line, ""), text
        )

    def _mark(self, source: str, line: int, keyword: str) -> str:
        mark = _Mark(f"{self._salt}{len(self._marks)}x", source, line, keyword)
        self._marks.append(mark)
        self._by_word[mark.word] = mark
        return mark.word

    # --- lines of their own ------------------------------------------------------------------

    def _lift_control_lines(self, text: str) -> list[str]:
        lines: list[str] = []
        gap = False
        for line in text.split("\n"):
            marks = [self._by_word[word.group()] for word in self._word.finditer(line)]
            is_control = bool(marks) and all(mark.keyword for mark in marks)
            if is_control and not self._word.sub("", line).strip():
                gap = True
                for mark in marks:
                    mark.is_alone, mark.position = True, len(lines)
                continue
            if gap and _needs_gap(lines, line):
                lines.append("")
            gap = False
            lines.append(line)
        return lines

    def _groups(self) -> Iterator[_Group]:
        """Control tags that belong together, `for` with its `endfor`, where all stand alone."""
        stack: list[_Group] = []
        for mark in self._marks:
            word = mark.keyword
            if word in _OPENERS or (word == "set" and "=" not in mark.source):
                stack.append([mark])
            elif word in _BETWEEN and stack:
                stack[-1].append(mark)
            elif word.startswith("end") and stack:
                group = [*stack.pop(), mark]
                if all(part.is_alone for part in group):
                    yield group
                else:
                    yield from ([part] for part in group if part.is_alone)
            elif word and mark.is_alone:
                yield [mark]
        yield from (group for group in stack if all(part.is_alone for part in group))

    def _join_lines(self, lines: list[str], groups: Sequence[_Group]) -> None:
        marks = sorted((mark for group in groups for mark in group), key=_order)
        first = "".join(mark.word for mark in marks if mark.position == 0)
        if lines:
            lines[0] = first + lines[0]
        for mark in marks:
            if mark.position > 0:
                lines[mark.position - 1] += mark.word

    # --- between blocks ----------------------------------------------------------------------

    def _place(
        self, lines: list[str], groups: list[_Group]
    ) -> tuple[list[Token], dict[int, list[_Mark]], list[_Group]]:
        tokens = self._markdown.parse("\n".join(lines))
        root = _outline(tokens, lines)
        inserts: dict[int, list[_Mark]] = {}
        left: list[_Group] = []
        singles = [group[0] for group in groups if len(group) == 1]
        for group in groups:
            if len(group) == 1:
                continue
            places = _find_places(root, _tightened(group, lines))
            if places is None:
                left.append(group)
                continue
            for mark, index in zip(group, places, strict=True):
                inserts.setdefault(index, []).append(mark)
        for mark in singles:
            beside = _index_beside(mark, inserts)
            found = _find_places(root, [mark.position]) if beside is None else [beside]
            if found is None:
                left.append([mark])
            else:
                inserts.setdefault(found[0], []).append(mark)
        for marks in inserts.values():
            marks.sort(key=_order)
        return tokens, inserts, left

    # --- back into the HTML ------------------------------------------------------------------

    def _put_back(self, page: str) -> tuple[str, Mapping[int, int]]:
        lines: list[str] = []
        origin: dict[int, int] = {}
        current, number = 1, 1
        for line in page.split("\n"):
            marks = [self._by_word[word.group()] for word in self._word.finditer(line)]
            if marks:
                current = marks[0].line
            filled = self._word.sub(lambda word: self._by_word[word.group()].source, line)
            for offset in range(filled.count("\n") + 1):
                origin[number + offset] = current + offset
            number += filled.count("\n") + 1
            lines.append(filled)
        return "\n".join(lines), origin


def _order(mark: _Mark) -> int:
    return int(re.findall(r"\d+", mark.word)[-1])


def _unused_word(source: str) -> str:
    word = "zqx"
    while word in source.lower():
        word += "q"
    return word


def _needs_gap(lines: list[str], line: str) -> bool:
    """Whether blocks of two kinds would grow together once the tag between them is gone."""
    before = lines[-1] if lines else ""
    if not before.strip() or not line.strip():
        return False
    body = next((text for text in reversed(lines) if not text[:1].isspace()), before)
    kind = _kind(body)
    if kind == "list" and line[:1].isspace():
        return False
    return kind != _kind(line)


def _kind(line: str) -> str:
    return next((name for name, pattern in _KINDS if pattern.match(line)), "text")


def _outline(tokens: list[Token], lines: list[str]) -> _Block:
    root = _Block("root", 0, len(tokens), 0, len(lines))
    stack = [root]
    for index, token in enumerate(tokens):
        if token.nesting < 0:
            closed = stack.pop()
            closed.last = index
        elif token.type != "inline" and (token.map or token.nesting > 0):
            start, end = token.map or (stack[-1].start, stack[-1].end)
            while end > start and not "".join(lines[end - 1 : end]).strip():
                end -= 1
            block = _Block(token.type.removesuffix("_open"), index, index, start, end)
            stack[-1].children.append(block)
            if token.nesting > 0:
                stack.append(block)
    return root


def _tightened(group: _Group, lines: list[str]) -> list[int]:
    """The content lines of a group's tags, without the blank lines inside its borders."""
    first, *others = (mark.position for mark in group)
    while first < len(lines) and not lines[first].strip():
        first += 1
    positions = [first]
    for given in others:
        position = given
        while position > first and not lines[position - 1].strip():
            position -= 1
        positions.append(max(position, positions[-1]))
    return positions


def _index_beside(mark: _Mark, inserts: Mapping[int, list[_Mark]]) -> int | None:
    """The place of the nearest tag that stands between the same two content lines."""
    beside = [
        (abs(_order(other) - _order(mark)), _order(other) > _order(mark), index)
        for index, others in inserts.items()
        for other in others
        if other.position == mark.position
    ]
    return min(beside)[2] if beside else None


def _is_within_paragraph(root: _Block, group: _Group) -> bool:
    """Whether the tags stand between the lines of one paragraph, not before its first."""
    first, last = group[0].position, group[-1].position
    for block in root.children:
        if block.start < first and last <= block.end:
            return block.kind == "paragraph" or _is_within_paragraph(block, group)
    return False


def _find_places(root: _Block, positions: list[int]) -> list[int] | None:
    """The token indexes for control tags at these content lines: the deepest blocks that fit."""
    best: list[int] | None = None
    parent: _Block | None = root
    while parent is not None:
        found = [_gap_index(parent, position) for position in positions]
        if all(index is not None for index in found):
            best = [index for index in found if index is not None]
        parent = next((child for child in _containers(parent) if _fits(child, positions)), None)
    return best


def _containers(block: _Block) -> Iterator[_Block]:
    for child in block.children:
        if child.kind in _CONTAINERS:
            yield child
        elif child.kind == "table":
            yield from (part for part in child.children if part.kind == "tbody")


def _fits(block: _Block, positions: list[int]) -> bool:
    first, last = positions[0], positions[-1]
    if block.kind in _OPEN_CONTAINERS:
        # An empty block at the border belongs outside.
        return block.start <= first and last <= block.end and (first < last or block.start < first)
    return block.start < first and last <= block.end and first < block.end


def _gap_index(parent: _Block, position: int) -> int | None:
    """The token index before the first child that starts at or after `position`."""
    for child in parent.children:
        if child.start >= position:
            return child.first
        if position < child.end:
            return None
    return parent.last


def _merged(tokens: list[Token], inserts: Mapping[int, list[_Mark]]) -> Iterator[Token]:
    for index in range(len(tokens) + 1):
        for mark in inserts.get(index, ()):
            yield Token("html_block", "", 0, content=mark.word + "\n")
        if index < len(tokens):
            yield tokens[index]
