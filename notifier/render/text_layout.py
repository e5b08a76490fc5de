"""White space and tables of a text version, settled once all values are known.

The converter (`plaintext.py`) leaves signs where only the finished text can tell: where a line
ends, and how wide a table's columns are.
"""

from __future__ import annotations

import re
from unicodedata import east_asian_width

# Signs in the converted text that `finish` resolves; C0 separators, which no mail shows.
# KEEP is a space that stays, LINE the end of a line that is not there yet.
TABLE, TABLE_END, ROW, CELL, HEAD, KEEP, LINE = "\x02\x03\x1e\x1f\x05\x1d\x1c"
_SIGNS = re.compile("[\x02\x03\x05\x1c-\x1f]")
_BLANKS = " \n\t" + LINE
_INNERMOST = re.compile("\x02([^\x02\x03]*)\x03")
#: Columns of an aligned table; a wider one is written as `label: value` lines.
MAX_WIDTH = 76


def finish(text: str) -> str:
    """The text with its signs resolved: tables laid out, white space in order."""
    while TABLE in text:
        laid_out = _INNERMOST.sub(_lay_out, text)
        if laid_out == text:
            break
        text = laid_out
    text = "\n".join([_settled(line) for line in text.split("\n")])
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return _SIGNS.sub("", text.replace(KEEP, " ")).strip() + "\n"


def _settled(line: str) -> str:
    if LINE in line:
        return "\n".join([part for item in line.split(LINE) if (part := _single_spaced(item))])
    return _single_spaced(line)


def _single_spaced(line: str) -> str:
    line = line.strip(" ")
    return " ".join([word for word in line.split(" ") if word]) if "  " in line else line


def _lay_out(found: re.Match[str]) -> str:
    caption, *parts = found[1].split(ROW)
    rows = [row for part in parts if any(row := _cells(part))]
    if not rows:
        return f"\n\n{caption}\n\n"
    columns = max(map(len, rows))
    if columns == 1 or any("\n" in cell or LINE in cell for row in rows for cell in row):
        lines = ["\n".join(row) for row in rows]  # a table that only places things
    elif columns == 2:  # noqa: PLR2004 - a label and its value
        lines = [_pair(row) for row in rows]
    else:
        lines = _aligned(rows, has_header=parts[0].count(HEAD) == parts[0].count(CELL))
    return "\n\n" + "\n".join([line for line in (caption.strip(), *lines) if line]) + "\n\n"


def _cells(row: str) -> list[str]:
    """The cells' texts; without a cell the row's own."""
    found = [cell.strip(_BLANKS) for cell in row.replace(HEAD, "").split(CELL)]
    return found[1:] or found


def _pair(cells: list[str]) -> str:
    label = cells[0].rstrip(": ")
    if len(cells) < 2 or not cells[1]:  # noqa: PLR2004 - a label and its value
        return cells[0]
    return f"{label}: {cells[1]}" if label else cells[1]


def _aligned(rows: list[list[str]], *, has_header: bool) -> list[str]:
    count = max(map(len, rows))
    filled = [[_single_spaced(cell) for cell in row] + [""] * (count - len(row)) for row in rows]
    widths = [max(map(_width, column)) for column in zip(*filled, strict=True)]
    if has_header and sum(widths) + 2 * (count - 1) > MAX_WIDTH:
        return _labelled(filled)
    return [
        (KEEP * 2)
        .join(
            [
                cell.replace(" ", KEEP) + KEEP * (width - _width(cell))
                for cell, width in zip(row, widths, strict=True)
            ]
        )
        .rstrip(KEEP)
        for row in filled
    ]


def _labelled(table: list[list[str]]) -> list[str]:
    """Each row as a block of `label: value` lines, for tables too wide for a phone."""
    labels, *rows = table
    lines: list[str] = []
    for row in rows:
        lines.extend(_pair([label, cell]) for label, cell in zip(labels, row, strict=True) if cell)
        lines.append(KEEP)
    return lines


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)
