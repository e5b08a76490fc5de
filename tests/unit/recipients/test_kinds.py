from __future__ import annotations

import io
import os
import zipfile

import pytest

from notifier.errors import SheetError
from notifier.recipients.kinds import Kind, look


def archive(*names):
    """A zip with these entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        for name in names:
            book.writestr(name, "x")
    return out.getvalue()


def test_a_file_is_what_it_holds_not_what_it_is_called(write, read):
    """A csv named .xlsx, an xlsx named .csv: both are read."""
    write("a.xlsx", "Email;Lớp\na@x.example;1\n")
    write("b.csv", [["Email", "Lớp"], ["b@x.example", "1"]])
    (write("c.csv", "x")).write_bytes(write("d.xlsx", [["Email"], ["c@x.example"]]).read_bytes())
    assert read("a.xlsx").reading.format == "csv"
    found = read("c.csv")
    assert (found.reading.format, found.addresses) == ("xlsx", ["c@x.example"])


@pytest.mark.parametrize(
    ("name", "data", "part"),
    [
        ("~$bang_diem.xlsx", b"\x06An", "lock file"),
        (".~lock.bang_diem.ods#", b",An", "lock file"),
        ("s.xlsx", b"", "empty"),
        ("s.xlsx", b"%PDF-1.7\n", "PDF"),
        ("s.csv", b"\x1f\x8b\x08\x00", "gzip"),
        ("s.png", b"\x89PNG\r\n", "picture"),
        ("s.numbers", archive("Index/Document.iwa"), "Numbers"),
        ("s.docx", archive("word/document.xml"), "Word"),
        ("s.zip", archive("a.csv"), "zip archive"),
        ("s.xlsx", b"PK\x03\x04 cut off", "damaged"),
        ("s.xls", b'<?xml version="1.0"?><Workbook xmlns="urn:x"/>', "XML"),
    ],
)
def test_what_is_no_sheet_is_told_what_it_is(write, name, data, part):
    """One plain sentence, and what to do next."""
    with pytest.raises(SheetError, match=part) as caught:
        look(write(name, data))
    assert caught.value.next_step


def test_a_lock_file_names_the_real_one(write):
    """~$x.xlsx stands beside x.xlsx while Excel has it open."""
    with pytest.raises(SheetError) as caught:
        look(write("~$bang_diem.xlsx", b"x"))
    assert "bang_diem.xlsx" in caught.value.next_step


def test_a_folder_and_a_pipe_are_refused(tmp_path):
    """Neither hangs nor crashes."""
    with pytest.raises(SheetError, match="folder"):
        look(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SheetError, match="ordinary file"):
        look(tmp_path / "pipe.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(write):
    """The system's reason, and what to check."""
    path = write("s.csv", "Email\n")
    path.chmod(0)
    with pytest.raises(SheetError, match="can't be read"):
        look(path)


def test_an_encrypted_xlsx_is_told(write):
    """It is an OLE file with a stream of that name."""
    data = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(SheetError, match="password"):
        look(write("s.xlsx", data))


def test_text_is_csv_or_tsv(write):
    """The name decides only which separator is tried first."""
    assert look(write("s.txt", "a\tb\n")) is Kind.CSV
    assert look(write("s.tsv", "a\tb\n")) is Kind.TSV
