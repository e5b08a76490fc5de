"""TOML read with places: tomllib gives values without lines, and mistakes in its own words."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notifier.errors import SettingsError
from notifier.locale import N_, _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: What tomllib says -> what to do about it.
_ADVICE = (
    ("Invalid value", N_('After "=" stands text in quotes, a number, true or false.')),
    ("Expected '='", N_('A line is written like: key = "value".')),
    ("Invalid statement", N_('A line is written like: key = "value".')),
    ("Expected newline", N_("One key a line: something stands after the value.")),
    (
        "Illegal character",
        N_("A quote is not closed on its line, or a stray character stands here."),
    ),
    ("Unterminated string", N_("A quote is not closed.")),
    ("Unescaped", N_("Write a backslash twice, or put the text in single quotes.")),
    ("Unclosed array", N_("A bracket [ is not closed.")),
    ("Unclosed inline table", N_("A brace { is not closed.")),
    ("Cannot overwrite", N_("The same key stands twice: take one away.")),
    ("Duplicate inline table key", N_("The same key stands twice: take one away.")),
    ("Cannot declare", N_("The same table stands twice: join them under one heading.")),
    ("Expected ']'", N_("A heading is written like [workspace] or [relays.main].")),
    (
        "Invalid initial character",
        N_("A key holds only letters a-z, digits, _ and -, else quotes."),
    ),
)
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")


def read_toml(path: Path) -> str:
    """The file's text.

    Raises:
        SettingsError: it can't be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")  # Notepad begins with a BOM
    except OSError as exc:
        raise SettingsError(
            _("The file can't be read: {reason}.").format(reason=exc.strerror),
            where=str(path),
            next_step=_("Check that it is there and that you may read it."),
        ) from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(
            _("The file is not text in UTF-8."),
            where=str(path),
            next_step=_("Save it again with the encoding UTF-8."),
        ) from exc


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The file's tables.

    Raises:
        SettingsError: it is not TOML; names line and column and what is expected there.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise _not_toml(str(exc), text, name) from exc


def _not_toml(problem: str, text: str, name: str) -> SettingsError:
    found = _AT.search(problem)
    line, column = (found[1], found[2]) if found else (str(text.count("\n") + 1), "1")
    unclosed = N_("A quote, bracket or brace is not closed.")
    hints = (hint for start, hint in _ADVICE if problem.startswith(start))
    advice = next(hints, N_('A line is written like: key = "value".')) if found else unclosed
    return SettingsError(
        _("The file is not TOML from here on."),
        where=_("{file}, line {line}, column {column}").format(file=name, line=line, column=column),
        next_step=_(advice),
    )


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]*")


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line (1-based) where `path` is given in `text`, or its nearest table above; else None.

    `text` has passed tomllib; where it has not, what could be read up to the mistake counts.
    """
    places = _Scan(text).run()
    way = tuple(path)
    while way:
        if way in places:
            return text.count("\n", 0, places[way]) + 1
        way = way[:-1]
    return None


def has_key(text: str, path: Sequence[str | int]) -> bool:
    """Whether `path` is given in `text`, as a key or as a table."""
    return tuple(path) in _Scan(text).run()


@dataclass(slots=True)
class _Scan:
    """One pass over the text that notes where each key begins."""

    text: str
    at: int = 0
    places: dict[tuple[str | int, ...], int] = field(default_factory=dict)
    #: How many `[[tables]]` of a name there have been.
    arrays: dict[tuple[str | int, ...], int] = field(default_factory=dict)

    def run(self) -> dict[tuple[str | int, ...], int]:
        table: tuple[str | int, ...] = ()
        while self.skip() < len(self.text):
            before = self.at
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            if self.at == before:  # not TOML from here on: tomllib has said so
                break
        return self.places

    def skip(self) -> int:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def header(self) -> tuple[str | int, ...]:
        start = self.at
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self.keys()
        self.at += 2 if is_array else 1
        path = self.resolve(keys[:-1])
        path = (*path, *keys[-1:])
        if is_array:
            index = self.arrays[path] = self.arrays.get(path, -1) + 1
            self.places.setdefault(path, start)
            path = (*path, index)
        else:
            path = self.resolve(keys)
        for depth in range(1, len(path) + 1):
            self.note(path[:depth], start)
        return path

    def resolve(self, keys: Sequence[str]) -> tuple[str | int, ...]:
        """The path of a table's name: inside `[[a]]`, `a.b` means the last `a`."""
        path: tuple[str | int, ...] = ()
        for key in keys:
            path = (*path, key)
            if path in self.arrays:
                path = (*path, self.arrays[path])
        return path

    def keys(self) -> list[str]:
        keys: list[str] = []
        while found := _KEY.match(self.text, self.at):
            keys.append(_unquote(found[1]))
            self.at = found.end()
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        return keys

    def pair(self, table: tuple[str | int, ...]) -> None:
        start = self.at
        keys = self.keys()
        if not keys or not self.text.startswith("=", self.at):
            return
        self.at += 1
        path = (*table, *keys)
        for depth in range(len(table) + 1, len(path)):
            self.places.setdefault(path[:depth], start)
        self.note(path, start)
        self.value(path)

    def note(self, path: tuple[str | int, ...], start: int) -> None:
        self.places.setdefault(path, start)

    def value(self, path: tuple[str | int, ...]) -> None:
        self.skip()
        if found := _STRING.match(self.text, self.at):
            self.at = found.end()
        elif self.text.startswith("[", self.at):
            self.array(path)
        elif self.text.startswith("{", self.at):
            self.inline_table(path)
        elif found := _BARE.match(self.text, self.at):
            self.at = found.end()

    def array(self, path: tuple[str | int, ...]) -> None:
        self.at += 1
        index = 0
        while self.skip() < len(self.text) and self.text[self.at] != "]":
            before = self.at
            self.note((*path, index), self.at)
            self.value((*path, index))
            index += 1
            self.comma()
            if self.at == before:  # not TOML from here on
                return
        self.at += 1

    def inline_table(self, path: tuple[str | int, ...]) -> None:
        self.at += 1
        while self.skip() < len(self.text) and self.text[self.at] != "}":
            before = self.at
            self.pair(path)
            self.comma()
            if self.at == before:
                return
        self.at += 1

    def comma(self) -> None:
        if self.skip() < len(self.text) and self.text[self.at] not in "]}":
            self.at += 1


def _unquote(key: str) -> str:
    if key.startswith("'"):
        return key[1:-1]
    if key.startswith('"'):
        return re.sub(r"\\u([0-9A-Fa-f]{4})|\\(.)", _unescape, key[1:-1])
    return key


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else str(found[2])
