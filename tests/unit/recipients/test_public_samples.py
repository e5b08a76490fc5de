"""Odd, damaged and protected workbooks collected by other projects, read where they are at hand."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from notifier.errors import SheetError
from notifier.recipients.cells import spell
from notifier.recipients.note import Notebook
from notifier.recipients.spreadsheet import open_sheet
from notifier.recipients.table import Table
from notifier.settings import LimitSettings

SHEETS = Path(__file__).parents[4] / "shared" / "data" / "sheets"
MISSING = "the shared test data (sheets) is not beside the repository"
FILES = sorted(it for it in SHEETS.glob("*/*") if it.suffix != ".json") if SHEETS.exists() else []
SPECTRUM = sorted((SHEETS / "csv-spectrum").glob("*__csvs_*.csv")) if SHEETS.exists() else []

pytestmark = pytest.mark.skipif(not FILES, reason=MISSING)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_sample_is_read_or_told_within_bounds(path):
    """A table or a SheetError with place and next step; no file takes the machine down."""
    error = None
    try:
        sheet = open_sheet(path, sheet=None, limits=LimitSettings())
        for name in sheet.names or (None,):
            is_open = name in {None, sheet.name}  # each opening starts a process
            found = sheet if is_open else open_sheet(path, sheet=name, limits=LimitSettings())
            for row in found.rows():
                assert isinstance(row, list)
    except SheetError as exc:
        error = exc
    assert error is None or (error.where and error.next_step)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600_000  # kB


@pytest.mark.parametrize("path", SPECTRUM, ids=lambda path: path.name)
def test_csv_spectrum_reads_as_published(path):
    """Each csv equals its published JSON, as text."""
    name = path.name.replace("__csvs_", "__json_").replace(".csv", ".json")
    expected = json.loads((path.parent / name).read_text("utf-8"))
    table = Table(path, sheet=None, header_row=None, wanted=(), limits=LimitSettings())
    rows = [
        dict(zip(table.header.names, map(spell, line.values), strict=True))
        for line in table.lines(Notebook())
    ]
    # One file of the set has lost its CRs on the way here; cells are told with LF anyway.
    expected = [{key: it.replace("\r\n", "\n") for key, it in row.items()} for row in expected]
    assert rows == expected


def test_protected_samples_are_told_as_such():
    """Files with a password, as Excel 2002 wrote them."""
    for path in SHEETS.glob("sheetjs/*password*"):
        with pytest.raises(SheetError, match="password"):
            open_sheet(path, sheet=None, limits=LimitSettings())
