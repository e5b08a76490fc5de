from __future__ import annotations

import gc
import tempfile
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from notifier.errors import LedgerError
from notifier.model import Cause, Rejection, State
from notifier.report.workbook import write_xlsx


def _book(ledger, zone, tmp_path, **more):
    path = tmp_path / "report.xlsx"
    write_xlsx(ledger, 12, path, zone=zone, **more)
    return openpyxl.load_workbook(path)


def test_the_workbook_has_a_sheet_for_each_question(ledger, zone, tmp_path):
    """Summary, recipients, rejected rows, causes; headers stay in view."""
    book = _book(ledger, zone, tmp_path)
    assert book.sheetnames == ["Summary", "Recipients", "Rejected rows", "Causes"]
    assert all(sheet.freeze_panes == "A2" for sheet in book)
    assert book["Recipients"].max_row == 43
    assert book["Rejected rows"].max_row == 3


def test_numbers_are_numbers_and_times_are_the_zones(ledger, zone, tmp_path):
    """Excel can sort and add them up."""
    row = next(_book(ledger, zone, tmp_path)["Recipients"].iter_rows(min_row=2, values_only=True))
    assert row[0] == 8
    assert row[1] == "0026101"
    assert row[7] == 250
    assert row[10] == datetime(2027, 1, 15, 7, 0, 0)  # noqa: DTZ001 - Excel knows no zones


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@A1", "\tx", "http://evil.example"])
def test_no_cell_is_a_formula_or_a_link(make_ledger, make_delivery, zone, tmp_path, evil):
    """Texts are written as texts."""
    row = make_delivery(
        1, 2, evil, evil, "a@x.example", State.REFUSED, 1, Cause.OTHER, 550, "", evil
    )
    book = _book(make_ledger([row], [Rejection(3, evil, evil, evil)]), zone, tmp_path)
    for sheet in book:
        for cells in sheet.iter_rows():
            for cell in cells:
                assert cell.data_type != "f"
                assert cell.hyperlink is None
                assert not str(cell.value or "").startswith(("=", "+", "-", "@"))


def test_a_run_longer_than_a_sheet_goes_on_in_the_next(ledger, zone, tmp_path):
    """Excel ends at 1,048,576 rows; no recipient is left out."""
    book = _book(ledger, zone, tmp_path, most_rows=21)
    assert [name for name in book.sheetnames if "Recipients" in name] == [
        "Recipients",
        "Recipients 2",
        "Recipients 3",
    ]
    assert sum(book[name].max_row - 1 for name in book.sheetnames if "Recipients" in name) == 42


def test_a_folder_that_is_not_there_is_an_os_error(ledger, zone, tmp_path):
    """The command line names the file and what to do."""
    with pytest.raises(OSError, match="nowhere"):
        write_xlsx(ledger, 12, tmp_path / "nowhere" / "x.xlsx", zone=zone)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
def test_a_full_disk_is_an_os_error_told_once(ledger, zone):
    """The zip file that was cut off does not complain again when it is forgotten."""
    with pytest.raises(OSError, match="No space left"):
        write_xlsx(ledger, 12, Path("/dev/full"), zone=zone)
    gc.collect()  # a complaint would be a warning, and warnings are errors


def test_a_ledger_that_fails_midway_leaves_nothing_open(ledger, zone, tmp_path, monkeypatch):
    """The error comes out, and the rows on disk are let go of."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fail(_run_id):
        raise LedgerError("gone")

    ledger.rejections = fail
    with pytest.raises(LedgerError):
        write_xlsx(ledger, 12, tmp_path / "report.xlsx", zone=zone)
    assert [it.name for it in tmp_path.iterdir()] == ["report.xlsx"]
