from __future__ import annotations

import io

import openpyxl
import pytest

from notifier.recipients.traps import Scanner, spell_rows

HEAD = ["Mã HS", "Họ tên", "Email"]


def workbook(rows, *, hidden=(), links=None, left=0, sheets=("HK1",)):
    """A workbook of one list in its last sheet, `left` columns from the left."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in sheets:
        sheet = book.create_sheet(name)
    for number, row in enumerate(rows, 1):
        for at, value in enumerate(row, 1 + left):
            sheet.cell(number, at, value)
    for number in hidden:
        sheet.row_dimensions[number].hidden = True
    for place, target in (links or {}).items():
        sheet[place].hyperlink = target
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rows_of(count):
    """A header and so many people."""
    return [HEAD, *([f"K{n}", f"N{n}", f"p{n}@x.example"] for n in range(1, count + 1))]


def told(found):
    """The notes, without their sentences."""
    return [(it.line, it.column, it.value) for it in found.notes]


def test_hidden_rows_are_read_and_told_in_one_note(write, read):
    """A filtered sheet: everybody is on it, and the office is told which rows it doesn't see."""
    write("a.xlsx", workbook(rows_of(9), hidden=[3, 5, 6, 7]))
    found = read("a.xlsx")
    assert len(found.recipients) == 9
    assert told(found) == [(3, "", "3, 5-7")]
    assert "hidden" in found.messages[0]


def test_hidden_rows_outside_the_table_are_nobodys_concern(write, read):
    """A hidden letterhead, and hidden rows without anybody in them, are not told."""
    rows = [["Trường THPT", None, None], *rows_of(3), [None] * 3, [None] * 3]
    write("a.xlsx", workbook(rows, hidden=[1, 6, 7]))
    found = read("a.xlsx")
    assert len(found.recipients) == 3
    assert found.notes == []


@pytest.mark.parametrize("left", [0, 2])
def test_a_link_that_mails_somebody_else_is_told(write, read, left):
    """Excel makes a link of an address that is typed, and keeps it when the text is corrected."""
    column = openpyxl.utils.get_column_letter(3 + left)
    links = {
        f"{column}2": "mailto:P1@x.example",
        f"{column}3": "mailto:old@x.example?subject=a",
        f"{column}4": "https://x.example/",
    }
    write("a.xlsx", workbook(rows_of(3), links=links, left=left))
    found = read("a.xlsx")
    assert told(found) == [(3, "Email", "p2@x.example")]
    assert "old@x.example" in found.messages[0]
    assert found.addresses == ["p1@x.example", "p2@x.example", "p3@x.example"]


def test_formulas_without_a_result_are_told_beside_the_rejection(write, read):
    """A file that a program made and nobody opened: its cells are blank for whoever reads them."""
    rows = rows_of(2)
    rows[2][2] = '=A3&"@x.example"'
    write("a.xlsx", workbook(rows))
    found = read("a.xlsx")
    assert told(found) == [(3, "Email", "")]
    assert "no result" in found.messages[0]
    assert [it.line for it in found.rejections] == [3]


def test_only_the_sheet_that_is_read_counts(write, read):
    """Other sheets of the file may hide what they like."""
    write("a.xlsx", workbook(rows_of(3), hidden=[3], sheets=("Bìa", "HK1")))
    assert told(read("a.xlsx", sheet="HK1")) == [(3, "", "3")]
    data = workbook(rows_of(3), sheets=("HK1",))
    write("b.xlsx", data)
    assert read("b.xlsx").notes == []


def test_every_reading_tells_the_same(write, read):
    """The sheet is read twice in a run: once to look, once to enrol."""
    write("a.xlsx", workbook(rows_of(3), hidden=[2]))
    found = read("a.xlsx")
    list(found.roster)
    assert [it.value for it in found.roster.notes] == ["2"]


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_pieces_of_any_size_give_the_same(size):
    """The XML comes as it is inflated: a row may be cut anywhere."""
    xml = (
        b'<worksheet><cols><col min="1" hidden="1"/></cols><sheetData>'
        b'<row r="1"><c r="A1"><f>B1</f><v>3</v></c></row>'
        b'<row r="2" hidden="1"><c r="A2"><f t="shared" si="0"/></c>'
        b'<c r="B2" t="str"><f>""</f><v></v></c></row>'
        b'<row r="3" spans="1:2" hidden="true"><c r="AB3" s="4"><f>SUM(A1:A2)</f><v/></c></row>'
        b'</sheetData><hyperlinks><hyperlink ref="B3" r:id="rId1"/></hyperlinks></worksheet>'
    )
    scanner = Scanner()
    for at in range(0, len(xml), size):
        scanner.feed(xml[at : at + size])
    scanner.finish()
    assert scanner.traps.hidden == [2, 3]
    assert scanner.traps.formulas == [(2, 0), (3, 27)]
    assert scanner.link_ids == {(3, 1): "rId1"}


@pytest.mark.parametrize(
    ("rows", "text"), [([], ""), ([4], "4"), ([4, 5], "4-5"), ([2, 4, 5, 6, 9], "2, 4-6, 9")]
)
def test_rows_are_spelt_as_people_write_them(rows, text):
    """Neighbours together."""
    assert spell_rows(rows) == text
