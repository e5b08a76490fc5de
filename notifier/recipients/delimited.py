"""csv and tsv: delimiter and width found first, then rows in chunks by pandas.

This is the only module that imports pandas. Memory is bounded by a chunk, whatever the file's
length: a roster of 1,000,000 rows of 8 columns peaks at 167 MB, pandas' own 90 MB included.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import pandas as pd

from notifier.errors import SheetError
from notifier.locale import _
from notifier.recipients.cells import from_cells

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from notifier.model import Value

#: In this order where two fit equally well.
_DELIMITERS = (",", ";", "\t", "|")
#: Excel's own first line. ASCII only: for other signs pandas has another parser, with other errors.
_STATED = re.compile(r"sep=[\x01-\x7e]", re.IGNORECASE)
_SAMPLE_ROWS = 200
#: Cells of one chunk in memory.
_CHUNK_CELLS = 160_000
#: Excel has no more columns (16,384); a row that does has lost its line ends or a quote.
_MAX_WIDTH = 16_384


@dataclass(frozen=True, slots=True)
class Layout:
    """How a csv is written."""

    encoding: str
    delimiter: str
    #: The most cells of any row.
    width: int


def lay_out(path: Path, encoding: str, *, prefer_tab: bool = False) -> Layout:
    """Find the delimiter, and check the whole file once: quotes, zero bytes, width.

    Raises:
        SheetError: it is not a table of text; names the row.
    """
    delimiter = _find_delimiter(path, encoding, prefer_tab=prefer_tab)
    return Layout(encoding, delimiter, _measure(path, encoding, delimiter))


def _find_delimiter(path: Path, encoding: str, *, prefer_tab: bool) -> str:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines = list(islice(file, _SAMPLE_ROWS))
    stated = lines[0].strip().strip('"') if lines else ""
    if _STATED.fullmatch(stated):
        return stated[4]
    order = ("\t", *_DELIMITERS) if prefer_tab else _DELIMITERS
    return max(order, key=lambda delimiter: _fit(lines, delimiter))


def _fit(lines: list[str], delimiter: str) -> tuple[float, int]:
    """(share of rows that have the usual number of cells, that number); more is better."""
    try:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if any(row)]
    except csv.Error:
        return 0.0, 0
    several = Counter(count for count in counts if count > 1)
    if not several:
        return 0.0, 0
    width, rows = max(several.items(), key=lambda it: (it[1], it[0]))
    return rows / len(counts), width


def _measure(path: Path, encoding: str, delimiter: str) -> int:
    width, row = 1, 0
    try:
        with path.open(encoding=encoding, newline="") as file:
            for row, cells in enumerate(csv.reader(file, delimiter=delimiter), 1):
                if len(cells) > width:
                    width = len(cells)
                    if width > _MAX_WIDTH:
                        raise _too_wide(path, row)
    except csv.Error as exc:
        raise _unclosed(path, row + 1) from exc
    except UnicodeError as exc:
        raise _not_text(path, encoding, row + 1) from exc
    return width


def _place(path: Path, row: int) -> str:
    return _("{file}, row {row}").format(file=path.name, row=row)


def _too_wide(path: Path, row: int) -> SheetError:
    return SheetError(
        _("A row has more than {count} cells.").format(count=_MAX_WIDTH),
        where=_place(path, row),
        next_step=_("Look for a missing line end or quote there, or save the sheet as .xlsx."),
    )


def _unclosed(path: Path, row: int) -> SheetError:
    return SheetError(
        _("A cell never ends: a quote is opened and not closed, or the file is not a table."),
        where=_place(path, row),
        next_step=_("Close the quote in that row, or save the sheet as .xlsx."),
    )


def _not_text(path: Path, encoding: str, row: int) -> SheetError:
    return SheetError(
        _("The text can't be read as {encoding}.").format(encoding=encoding),
        where=_place(path, row),
        next_step=_("Export the sheet again as CSV UTF-8, or save it as .xlsx."),
    )


def read_rows(path: Path, layout: Layout) -> Iterator[list[Value]]:
    """Rows as values, the first being row 1; short rows are filled up with empty cells.

    Raises:
        SheetError: the file changed since it was laid out, or can't be read.
    """
    rows = max(1, _CHUNK_CELLS // layout.width)
    try:
        with pd.read_csv(
            path, sep=layout.delimiter, encoding=layout.encoding, header=None,
            names=range(layout.width), dtype=object, na_filter=False, index_col=False,
            skip_blank_lines=False, chunksize=rows,
        ) as chunks:  # fmt: skip
            for chunk in chunks:
                columns = [chunk[at].tolist() for at in range(layout.width)]
                yield from map(from_cells, zip(*columns, strict=True))
    except pd.errors.EmptyDataError:
        return
    except (pd.errors.ParserError, UnicodeError, OSError) as exc:
        raise SheetError(
            _("{file} can't be read as a table: {reason}").format(file=path.name, reason=exc),
            where=str(path),
            next_step=_("Export the sheet again as CSV UTF-8, or save it as .xlsx."),
        ) from exc
