"""Where a sheet's header is, and what its columns are called.

A school's sheet begins with a letterhead (office, country, title, class) and often a header on
two rows, the upper one merged over several columns. The header is the row that best looks like
names of columns: words that the campaign asks for, words that sheets use, as wide as the table,
text above numbers, dates and addresses.

    Lịch học (merged over three)         ->  Lịch học: Thứ, Lịch học: Tiết, Lịch học: Phòng
      Thứ | Tiết | Phòng
    Họ và tên (merged over two)          ->  Họ và tên, Họ và tên (2)
    Điểm | Điểm                          ->  Điểm, Điểm (2)
    (nothing above cells that are used)  ->  Cột 7 / Column 7
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.model import Value
from notifier.recipients.plain_text import plain
from notifier.recipients.vocabulary import is_known_word

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from notifier.recipients.workbook import Merged

#: Rows looked at; a letterhead has five, the longest met had nineteen.
HEAD_ROWS = 60
_SEARCHED = 30
_LONGEST_NAME = 100
_ADDRESS = re.compile(r"\S+@\S+\.\S+")
_NUMBERING = re.compile(r"\(?\s*(?:\d{1,3}|[A-Z])\s*\)?")

Line = list[Value]


@dataclass(frozen=True, slots=True)
class Header:
    """The columns, and where the rows below them begin."""

    #: 1-based; None: the sheet has none, names are made up.
    row: int | None
    #: The first row of data, 1-based.
    first_line: int
    #: 0-based place of each column.
    places: tuple[int, ...]
    names: tuple[str, ...]
    #: The lower name alone -> the whole name, where headers stand on two rows.
    short: dict[str, str] = field(default_factory=dict)
    #: First name -> all names of columns below one merged cell without names of their own.
    spans: dict[str, tuple[str, ...]] = field(default_factory=dict)


def find_header(
    head: Sequence[Line], merged: Sequence[Merged], wanted: Collection[str], given: int | None
) -> Header:
    """The header among the sheet's first rows; `wanted` are columns that the campaign names."""
    if given is not None:
        at = given - 1 if given <= len(head) else None
    else:
        at = _search(head, {plain(name) for name in wanted})
    if at is None:
        return _without_header(head)
    if given is None and at and _sub_cells(head, merged, at - 1):
        at -= 1
    return _with_header(head, merged, at)


def _filled(line: Line) -> list[Value]:
    return [value for value in line if value is not None]


def _is_address(value: Value) -> bool:
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def _search(head: Sequence[Line], wanted: set[str]) -> int | None:
    best, best_score = None, 0.0
    for at, line in enumerate(head[:_SEARCHED]):
        if any(map(_is_address, line)):
            break
        score = _score(head, at, wanted)
        if score > best_score:
            best, best_score = at, score
    return best


def _score(head: Sequence[Line], at: int, wanted: set[str]) -> float:
    """How much a row looks like names of columns; 0: not at all."""
    filled = _filled(head[at])
    below = [line for line in head[at + 1 : at + 20] if _filled(line)]
    width = max((len(_filled(line)) for line in below), default=len(filled))
    texts = [value for value in filled if isinstance(value, str) and len(value) <= _LONGEST_NAME]
    if not filled or len(texts) * 2 < len(filled) or (len(filled) == 1 and width > 1):
        return 0
    names = {plain(text) for text in texts}
    asked = len(names & wanted)
    known = sum(map(is_known_word, names))
    differs = any(_differs(head[at], line) for line in below[:3])
    if not (asked or known or differs) and len(texts) < len(filled):
        return 0
    same_kind = below and not (asked or known or differs) and len(below) > 1 and len(filled) < width
    if same_kind:
        return 0
    fill = min(1.0, len(filled) / width)
    return 10 * asked + 2 * known + 4 * fill + differs + len(names) / len(filled) - 0.05 * at


def _differs(line: Line, below: Line) -> bool:
    """Text above a number, a date or an address: a name above what it names."""
    pairs = zip(line, below, strict=False)
    return any(
        isinstance(name, str)
        and value is not None
        and (not isinstance(value, str) or _is_address(value))
        for name, value in pairs
    )


def _used_width(lines: Sequence[Line]) -> int:
    """Columns in use: those that the last filled cell of most rows reaches."""
    ends = [max(at for at, value in enumerate(line, 1) if value is not None)
            for line in lines if _filled(line)]  # fmt: skip
    if not ends:
        return 0
    counts = Counter(ends)
    enough = max(2, len(ends) // 3)
    return max((end for end, count in counts.items() if count >= enough), default=max(ends))


def generated_name(place: int) -> str:
    """The name of a column that has none: `Cột 3`, `Column 3`."""
    return _("Column {number}").format(number=place + 1)


def _without_header(head: Sequence[Line]) -> Header:
    start = next((at for at, line in enumerate(head) if len(_filled(line)) > 1), 0)
    width = max((len(line) for line in head[start:]), default=0)
    places = tuple(at for at in range(width) if _in_use(head[start:], at))
    return Header(None, start + 1, places, tuple(map(generated_name, places)))


def _in_use(lines: Sequence[Line], at: int) -> bool:
    return any(at < len(line) and line[at] is not None for line in lines)


def _with_header(head: Sequence[Line], merged: Sequence[Merged], at: int) -> Header:
    subs = _sub_cells(head, merged, at)
    first = at + (2 if subs else 1)
    groups = _groups(head, merged, at, subs)
    width = max(
        max((place for place, value in enumerate(head[at], 1) if value is not None), default=0),
        _used_width(head[first:]),
        max(subs, default=-1) + 1,
    )
    top = head[at] + [None] * width
    raw: dict[int, tuple[str, str]] = {}
    for place in range(width):
        upper = top[groups.get(place, place)]
        lower = subs.get(place, "")
        if upper is not None or lower or _in_use(head[first:], place):
            raw[place] = _name(upper), lower
    while first < len(head) and _is_numbering(head[first]):
        first += 1
    return _named(at + 1, first + 1, raw, groups)


def _name(value: Value) -> str:
    return "" if value is None else " ".join(str(value).split())


def _named(row: int, first: int, raw: dict[int, tuple[str, str]], groups: dict[int, int]) -> Header:
    names: list[str] = []
    short: dict[str, str] = {}
    spans: dict[str, tuple[str, ...]] = {}
    last = -1, ""
    for place, (upper, lower) in raw.items():
        whole = f"{upper}: {lower}" if upper and lower else upper or lower or generated_name(place)
        name = _apart(whole, names)
        names.append(name)
        if upper and lower:
            short[lower] = "" if lower in short else name
        start = groups.get(place, place)
        if start == last[0] and not lower:
            spans[last[1]] = (*spans.get(last[1], (last[1],)), name)
        else:
            last = start, name
    short = {lower: name for lower, name in short.items() if name and lower not in names}
    return Header(row, first, tuple(raw), tuple(names), short, spans)


def _apart(name: str, taken: Sequence[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name} ({number})" in taken:
        number += 1
    return f"{name} ({number})"


def _merged_at(merged: Sequence[Merged], at: int) -> dict[int, int]:
    """Place -> first place of the cell merged over it, for cells merged across in row `at`."""
    return {
        place: cell.first
        for cell in merged
        if cell.top == at and cell.last > cell.first
        for place in range(cell.first, cell.last + 1)
    }


def _groups(
    head: Sequence[Line], merged: Sequence[Merged], at: int, subs: dict[int, str]
) -> dict[int, int]:
    """Place -> place of the upper name that also stands for it."""
    groups = _merged_at(merged, at)
    if groups or not subs:
        return groups
    start = None
    for place in sorted(subs):
        if place < len(head[at]) and head[at][place] is not None:
            start = place
        if start is not None:
            groups[place] = start
    return groups


def _sub_cells(head: Sequence[Line], merged: Sequence[Merged], at: int) -> dict[int, str]:
    """Place -> lower name, where the row below `at` names parts of it; else empty."""
    if at + 1 >= len(head) or not _filled(head[at]):
        return {}
    below = head[at + 1]
    subs = {place: _name(value) for place, value in enumerate(below) if value is not None}
    if not subs or any(map(_is_address, below)):
        return {}
    across = _merged_at(merged, at)
    if across:
        return subs if _fits_below(head, at, subs, set(across)) else {}
    return subs if _looks_grouped(head[at], below, subs) else {}


def _fits_below(head: Sequence[Line], at: int, subs: dict[int, str], across: set[int]) -> bool:
    others = {place for place, value in enumerate(head[at]) if value is not None} - across
    is_title = not others and len({*across}) >= len(head[at]) - 1 and len(_filled(head[at])) == 1
    return set(subs) <= across and not is_title


def _looks_grouped(top: Line, below: Line, subs: dict[int, str]) -> bool:
    """Without merged cells to go by: lower names only under a name followed by blanks."""

    def is_blank(place: int) -> bool:
        return place >= len(top) or top[place] is None

    if not all(isinstance(below[place], str) for place in subs):
        return False
    for place in subs:
        starts = not is_blank(place) and is_blank(place + 1) and place + 1 in subs
        goes_on = is_blank(place) and place - 1 in subs
        if not (starts or goes_on):
            return False
    alone = [place for place, value in enumerate(top) if value is not None and place not in subs]
    return len(alone) > 0 and any(is_blank(place) for place in subs)


def _is_numbering(line: Line) -> bool:
    """A row that only numbers the columns: (1) (2) (3), or A B 1 2 3, as on official forms."""
    texts = [str(value) for value in _filled(line)]
    if len(texts) < 3 or not all(map(_NUMBERING.fullmatch, texts)):  # noqa: PLR2004 - fewer may be marks
        return False
    numbers = [int(found) for text in texts if (found := text.strip("() ")).isdecimal()]
    is_marked = all(text.startswith("(") for text in texts)
    in_turn = numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False
    return in_turn and (is_marked or (len(texts) > 5 and numbers[0] == 1))  # noqa: PLR2004 - as above
