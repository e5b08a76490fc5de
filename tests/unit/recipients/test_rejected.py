from __future__ import annotations

import gc
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from notifier.errors import SheetError, UsageError
from notifier.locale import use
from notifier.model import Rejection
from notifier.recipients.rejected import write_rejected

ROW = {"Mã HS": "007", "Email": "a@x.example; b@x", "Sinh": date(2010, 9, 5), "Ghi chú": "=1+1",
       "Toán": 8.5}  # fmt: skip
ITEM = Rejection(5, "Email", "b@x", "It has no dot.", ROW)


@pytest.mark.parametrize("name", ["r.xlsx", "r.csv"])
def test_rejections_come_back_mended(tmp_path, read, name):
    """Written out, corrected by hand (here: b@x is mended by a replacement), imported again."""
    mended = Rejection(5, "Email", "b@x.example", "It has no dot.", ROW)
    write_rejected(tmp_path / name, [mended], list(ROW))
    (only,) = read(name).recipients
    assert only.address == "b@x.example"
    assert only.key == "007"
    assert only.row["Sinh"] == date(2010, 9, 5)
    assert only.row["Toán"] == 8.5
    assert only.row["Ghi chú"] == "=1+1"
    assert only.row["Reason"] == "It has no dot."


def test_only_the_bad_one_of_several_addresses_is_written(tmp_path):
    """The good one was mailed already."""
    write_rejected(tmp_path / "r.xlsx", [ITEM], list(ROW))
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    header, row = list(sheet.values)
    assert header[-3:] == ("Row in the sheet", "Column to mend", "Reason")
    assert row[1] == "b@x"
    assert row[-3:] == (5, "Email", "It has no dot.")


def test_no_cell_becomes_a_formula(tmp_path):
    """In xlsx it is text; in csv an apostrophe stands before it."""
    bad = Rejection(2, "Email", "@x", "-", {"Email": "@x", "a": "=HYPERLINK()", "b": "-2", "c": -2})
    write_rejected(tmp_path / "r.xlsx", [bad], ["Email", "a", "b", "c"])
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    assert {cell.data_type for cell in sheet[2][:3]} == {"s"}
    write_rejected(tmp_path / "r.csv", [bad], ["Email", "a", "b", "c"])
    text = (tmp_path / "r.csv").read_text("utf-8-sig").splitlines()[1]
    assert text.startswith("'@x,'=HYPERLINK(),'-2,-2,")


def test_csv_is_written_as_the_languages_excel_reads_it(tmp_path):
    """Semicolons in Vietnamese, where the comma is the decimal sign."""
    use("vi")
    write_rejected(tmp_path / "r.csv", [ITEM], list(ROW))
    assert (tmp_path / "r.csv").read_text("utf-8-sig").startswith("Mã HS;Email;")


def test_other_kinds_and_unwritable_places_are_told(tmp_path):
    """And nothing half-written is left."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"\.xlsx or \.csv"):
        write_rejected(tmp_path / "r.pdf", [ITEM], list(ROW))
    for name in ("r.xlsx", "r.csv"):
        with pytest.raises(SheetError, match="can't be written"):
            write_rejected(tmp_path / "file" / name, [ITEM], list(ROW))
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_full_disk_is_told_and_keeps_what_was_there(tmp_path, kind):
    """In one sentence; the file of last time stays whole."""
    (tmp_path / f"r.{kind}").write_text("as it was")
    (tmp_path / f".r.unfinished.{kind}").symlink_to("/dev/full")
    with pytest.raises(SheetError, match=r"can't be written: No space left on device\.$"):
        write_rejected(tmp_path / f"r.{kind}", [ITEM], list(ROW))
    gc.collect()  # a zip file that complains again would be a warning, and warnings are errors
    assert [it.name for it in tmp_path.iterdir()] == [f"r.{kind}"]
    assert (tmp_path / f"r.{kind}").read_text() == "as it was"


def test_a_folder_that_is_not_there_yet_is_made(tmp_path):
    """As for reports: -o new/folder/rejected.xlsx is enough."""
    write_rejected(tmp_path / "new" / "folder" / "r.csv", [ITEM], list(ROW))
    assert (tmp_path / "new" / "folder" / "r.csv").is_file()
