"""Cells that a spreadsheet program can't take for formulas.

A value from a sheet or a relay's reply may begin with `=`; opened in Excel it would be run
(formula injection; phpList CVE-2021-3188). OWASP's counsel is a leading apostrophe, for the
characters = + - @ tab and carriage return; the full-width forms count, since Excel reads them
alike in East Asian settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

#: First characters that make a spreadsheet program read a text as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Excel's limit for the text of one cell.
LONGEST_CELL = 32_767


def neutralised(value: T) -> T | str:
    """The value, harmless in a spreadsheet; only text changes, numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return text[:LONGEST_CELL]


def neutralised_row(values: Iterable[object]) -> list[object]:
    """A whole row of cells, each harmless."""
    return [neutralised(value) for value in values]
