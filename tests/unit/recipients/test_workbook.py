from __future__ import annotations

import io
import struct
import zipfile
from datetime import date, datetime, time

import openpyxl
import pytest
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from notifier.errors import SheetError
from notifier.recipients.spreadsheet import open_sheet
from notifier.recipients.workbook import Reader
from notifier.settings import LimitSettings

ROWS = [
    ["Mã HS", "Họ tên", "Email", "Toán", "Ngày sinh"],
    ["007", "Nguyễn Ánh", "a@x.example", 8.5, date(2010, 9, 5)],
    [153590, "Trần Bình", "b@x.example", 10, date(2010, 1, 2)],
]


def xls(rows):
    """An xls of one sheet."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("HK1")
    style = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    for number, row in enumerate(rows):
        for at, value in enumerate(row):
            args = (style,) if isinstance(value, date) else ()
            sheet.write(number, at, value, *args)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods(rows):
    """An ods of one sheet."""
    document = OpenDocumentSpreadsheet()
    table = Table(name="HK1")
    for row in rows:
        line = TableRow()
        for value in row:
            if isinstance(value, date):
                cell = TableCell(valuetype="date", datevalue=value.isoformat())
            elif isinstance(value, int | float):
                cell = TableCell(valuetype="float", value=value)
            else:
                cell = TableCell(valuetype="string")
                cell.addElement(P(text=value))
            line.addElement(cell)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_a_workbook_of_any_kind_becomes_the_same_recipients(write, read, kind):
    """Zeros kept, whole numbers whole, dates dates."""
    write(
        f"s.{kind}",
        {"xlsx": ROWS, "xls": None, "ods": None}[kind] or {"xls": xls, "ods": ods}[kind](ROWS),
    )
    found = read(f"s.{kind}")
    assert found.reading.format == kind
    assert [it.key for it in found.recipients] == ["007", "153590"]
    assert [it.row["Toán"] for it in found.recipients] == [8.5, 10]
    assert type(found.recipients[1].row["Toán"]) is int
    assert [it.row["Ngày sinh"] for it in found.recipients] == [date(2010, 9, 5), date(2010, 1, 2)]


def test_cells_are_as_the_sheet_shows_them(write, read):
    """Number formats are part of what people see: padded ids, rounded marks, percents."""
    rows = [
        ["Mã HS", "Email", "TB", "Chuyên cần", "SĐT", "Mã", "Giờ", "Lúc"],
        [
            7,
            "a@x.example",
            8.466666,
            0.95,
            912345678,
            12,
            time(7, 30),
            datetime.fromisoformat("2027-01-02T07:00:00"),
        ],
        [8, "b@x.example", 8.45, 0.5, 1, 3, time(8), datetime.fromisoformat("2027-01-02T00:00:00")],
    ]
    formats = {
        "A2": "000",
        "A3": "000",
        "C2": "0.0",
        "C3": "0.0",
        "D2": "0%",
        "D3": "0%",
        "E2": "0000 000 000",
        "F2": '"HS"000',
        "H2": "dd/mm/yyyy hh:mm",
    }
    write("s.xlsx", rows, formats=formats)
    first, second = (dict(it.row) for it in read("s.xlsx").recipients)
    assert first == {
        "Mã HS": "007",
        "Email": "a@x.example",
        "TB": 8.5,
        "Chuyên cần": "95%",
        "SĐT": "0912 345 678",
        "Mã": "HS012",
        "Giờ": time(7, 30),
        "Lúc": datetime.fromisoformat("2027-01-02T07:00:00"),
    }
    assert (second["TB"], second["Lúc"]) == (8.5, date(2027, 1, 2))


def test_failed_formulas_are_seen_in_xlsx(write, read):
    """The reader passes them as blanks; the sheet's XML tells."""
    data = io.BytesIO(write("t.xlsx", [["Email", "Toán"], ["a@x.example", 7]]).read_bytes())
    out = io.BytesIO()
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            text = old.read(info)
            if info.filename.endswith("sheet1.xml"):
                text = text.replace(b'<c r="B2" t="n"><v>7</v>', b'<c r="B2" t="e"><v>#N/A</v>')
                assert b"#N/A" in text
            new.writestr(info, text)
    write("s.xlsx", out.getvalue())
    assert [(it.line, it.value) for it in read("s.xlsx").notes] == [(2, "#N/A")]


def book_of(*titles, hidden=()):
    """An xlsx with sheets of one address each, named for the sheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title in titles:
        sheet = book.create_sheet(title)
        sheet.append(["Email"])
        sheet.append([f"{title.lower()}@x.example"])
        if title in hidden:
            sheet.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_sheet_is_chosen_by_name_or_number(write, read):
    """Numbers count what people see; hidden sheets are found by name only."""
    write("s.xlsx", book_of("An", "HK1", "HK2", hidden=["An"]))
    assert read("s.xlsx").addresses == ["hk1@x.example"]
    assert read("s.xlsx").reading.sheets == ("HK1", "HK2")
    assert read("s.xlsx", sheet=2).addresses == ["hk2@x.example"]
    assert read("s.xlsx", sheet="hk2").addresses == ["hk2@x.example"]
    assert read("s.xlsx", sheet="An").addresses == ["an@x.example"]


def test_a_wrong_sheet_is_told_with_the_nearest(write, read):
    """By name and by number."""
    write("s.xlsx", book_of("Học kỳ 1", "Danh sách"))
    with pytest.raises(SheetError, match="no sheet Hoc ky I") as caught:
        read("s.xlsx", sheet="Hoc ky I")
    assert "Did you mean Học kỳ 1?" in caught.value.next_step
    with pytest.raises(SheetError, match="no sheet number 3"):
        read("s.xlsx", sheet=3)


def test_the_first_sheet_with_cells_is_the_default(write, read):
    """An empty cover sheet is passed over; a book without cells is told."""
    book = openpyxl.Workbook()
    book.create_sheet("HK1").append(["Email"])
    book["HK1"].append(["a@x.example"])
    out = io.BytesIO()
    book.save(out)
    write("s.xlsx", out.getvalue())
    assert read("s.xlsx").reading.sheet == "HK1"
    write("e.xlsx", [])
    with pytest.raises(SheetError, match="nothing in the sheet"):
        read("e.xlsx")


def test_a_truncated_workbook_is_damaged(write, read):
    """Cut anywhere, in each format."""
    for kind, data in (
        ("xls", xls(ROWS)),
        ("ods", ods(ROWS)),
        ("xlsx", write("t.xlsx", ROWS).read_bytes()),
    ):
        for share in (0.1, 0.5, 0.9):
            write(f"s.{kind}", data[: int(len(data) * share)])
            with pytest.raises(SheetError):
                read(f"s.{kind}")


def sheet_xml(write, name, xml):
    """A workbook whose sheet is this XML."""
    data = io.BytesIO(write("t.xlsx", ROWS).read_bytes())
    out = io.BytesIO()
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            is_sheet = info.filename.endswith("sheet1.xml")
            new.writestr(info.filename, xml if is_sheet else old.read(info))
    return write(name, out.getvalue())


_HEAD = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def test_cells_far_apart_do_not_allocate_what_lies_between(write, read):
    """Two cells, A1 and XFD1048576, span 17 billion: an error, and this process lives."""
    first, last = (
        f'<row r="{row}"><c r="{column}{row}"><v>1</v></c></row>'
        for column, row in (("A", 1), ("XFD", 1_048_576))
    )
    cells = first + last
    sheet_xml(write, "s.xlsx", f"{_HEAD}<sheetData>{cells}</sheetData></worksheet>")
    with pytest.raises(SheetError) as caught:
        read("s.xlsx")
    assert "memory" in caught.value.message or "cells" in caught.value.message


def test_a_dimension_that_claims_billions_is_not_believed(write, read):
    """The ref is only a hint."""
    cells = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>Email</t></is></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>a@x.example</t></is></c></row>'
    )
    xml = f'{_HEAD}<dimension ref="A1:XFD1048576"/><sheetData>{cells}</sheetData></worksheet>'
    sheet_xml(write, "s.xlsx", xml)
    assert read("s.xlsx").addresses == ["a@x.example"]


def test_more_cells_than_the_cap_are_refused(write, read):
    """With the key to raise or what to delete."""
    write("s.xlsx", [["Email", "x"]] + [["a@x.example", 1]] * 600)
    with pytest.raises(SheetError, match="claims 1,202 cells"):
        read("s.xlsx", limits=LimitSettings(max_sheet_cells=1000))


def test_a_bomb_is_refused_before_it_is_opened(write, read):
    """500 kB that inflate to 500 MB."""
    sheet_xml(write, "s.xlsx", _HEAD + " " * 30_000_000)
    with pytest.raises(SheetError, match="unpacks to more than"):
        read("s.xlsx", limits=LimitSettings(max_sheet_bytes=20_000_000))


def test_a_bomb_that_lies_about_its_size_is_refused(write, read):
    """Entries are really inflated: what they declare is not believed."""
    path = sheet_xml(write, "s.xlsx", _HEAD + " " * 30_000_000)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 30_000_000 + len(_HEAD)), struct.pack("<I", 9)))
    with pytest.raises(SheetError, match="unpacks to more than"):
        read("s.xlsx", limits=LimitSettings(max_sheet_bytes=20_000_000))


def test_too_many_parts_are_refused(write, read):
    """No office's workbook has ten thousand."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        for number in range(10_001):
            book.writestr(f"xl/p{number}.xml", "")
    write("s.xlsx", out.getvalue())
    with pytest.raises(SheetError):
        read("s.xlsx")


def test_external_entities_are_not_followed(write, read, tmp_path):
    """No file is read and nothing is fetched through a workbook's XML."""
    (tmp_path / "secret.txt").write_text("canary@secret.example")
    xml = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret.txt">]>{_HEAD}<sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>Email</t></is></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>&e;</t></is></c></row>'
        "</sheetData></worksheet>"
    )
    sheet_xml(write, "s.xlsx", xml)
    try:
        found = read("s.xlsx")
    except SheetError:
        return
    assert "canary" not in str(found.items)


def test_an_abandoned_reading_leaves_no_process_behind(write):
    """A reader that nobody reads from is ended, not left."""
    path = write("s.xlsx", [["Email"]] + [["a@x.example"]] * 5000)
    sheet = open_sheet(path, sheet=None, limits=LimitSettings())
    process = sheet._reader._process
    rows = sheet.rows()
    next(rows)
    rows.close()
    assert process.poll() is not None
    other = open_sheet(path, sheet=None, limits=LimitSettings())
    process = other._reader._process
    del other
    assert process.poll() is not None


def test_a_reader_that_dies_is_an_error_not_a_short_sheet(write):
    """Killed half-way (memory, a fault in it): never taken for the end of the sheet."""
    path = write("s.xlsx", [[f"a{at}@x.example" * 20] * 20 for at in range(3000)])
    sheet = open_sheet(path, sheet=None, limits=LimitSettings())
    assert isinstance(sheet._reader, Reader)
    process, rows = sheet._reader._process, sheet.rows()
    next(rows)
    process.kill()
    with pytest.raises(SheetError):
        list(rows)
