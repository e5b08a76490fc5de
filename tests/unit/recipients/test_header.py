from __future__ import annotations

import pytest

from notifier.errors import SheetError
from notifier.locale import use

LETTERHEAD = [
    ["SỞ GIÁO DỤC VÀ ĐÀO TẠO HÀ NỘI", None, None, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"],
    ["TRƯỜNG THPT NGUYỄN DU", None, None, "Độc lập - Tự do - Hạnh phúc"],
    [],
    ["BẢNG ĐIỂM HỌC KỲ I NĂM HỌC 2026-2027"],
    ["Lớp: 10A1"],
]
TABLE = [
    ["STT", "Mã HS", "Họ và tên", "Email phụ huynh", "Toán", "Ngữ văn"],
    [1, "HS01", "Nguyễn An", "an@x.example", 8.5, 7],
    [2, "HS02", "Trần Bình", "binh@x.example", 9, 6.5],
    [3, "HS03", "Lê Chi", "chi@x.example", 10, 8],
]


def test_the_header_is_found_below_a_letterhead_of_five_lines(write, read):
    """Office, country, title and class are not rows of anybody."""
    write("s.xlsx", LETTERHEAD + TABLE, merge=["A1:C1", "D1:F1", "A4:F4"])
    found = read("s.xlsx")
    assert found.reading.header_row == 6
    assert found.reading.columns == tuple(TABLE[0])
    assert [it.line for it in found.recipients] == [7, 8, 9]
    assert found.recipients[0].row["Toán"] == 8.5
    assert found.recipients[0].name == "Nguyễn An"


def test_the_header_is_found_below_a_letterhead_in_csv(write, read):
    """The same without merged cells, as Excel saves it."""
    lines = [";".join("" if it is None else str(it) for it in row) for row in LETTERHEAD + TABLE]
    write("s.csv", "\r\n".join(lines), encoding="utf-8-sig")
    found = read("s.csv")
    assert found.reading.header_row == 6
    assert found.addresses == ["an@x.example", "binh@x.example", "chi@x.example"]


def test_the_header_is_found_below_nineteen_lines(write, read):
    """A form's preamble may be long."""
    write("s.xlsx", [[f"Điều {number}: ..."] for number in range(19)] + TABLE)
    assert read("s.xlsx").reading.header_row == 20


def test_a_header_row_that_the_campaign_names_is_taken_as_it_is(write, read):
    """The person knows better."""
    write("s.xlsx", [["Email", "Tên"], ["Email 2", "Họ tên"], ["an@x.example", "An"]])
    found = read("s.xlsx", header_row=2)
    assert found.reading.columns == ("Email 2", "Họ tên")
    assert found.tally.rows == 1


@pytest.mark.parametrize("row", [4, 999, 10**30])
def test_a_header_row_below_the_sheets_end_is_told(write, read, row):
    """With the sheet's number of rows; blank rows at its end are none of them."""
    write("s.csv", "Mã,Email\nHS1,a@x.example\nHS2,b@x.example\n\n,\n")
    with pytest.raises(SheetError, match=f"Row {row} can't be the header.*ends at row 3") as caught:
        read("s.csv", header_row=row)
    assert "from 1 to 3" in caught.value.next_step


def test_a_blank_row_is_no_header(write, read):
    """A number that is off by one would make a person of the header."""
    write("s.csv", "DANH SÁCH\n\nMã,Email\nHS1,a@x.example\n")
    with pytest.raises(SheetError, match="Row 2 can't be the header: it is blank") as caught:
        read("s.csv", header_row=2)
    assert "from 1 to 4" in caught.value.next_step


def test_a_header_row_below_the_end_of_a_joined_sheet_is_told(write, read):
    """Of the other file, by its name."""
    write("s.csv", "Mã\nHS1\n")
    write("j.xlsx", [["Mã", "Email"], ["HS1", "a@x.example"]])
    with pytest.raises(SheetError, match="ends at row 2") as caught:
        read("s.csv", join={"file": "j.xlsx", "on": "Mã", "header_row": 3})
    assert caught.value.where.startswith("j.xlsx")


def test_names_on_two_rows_below_a_merged_title_are_joined(write, read):
    """Lịch học over Thứ, Tiết, Phòng."""
    rows = [
        ["Mã SV", "Họ tên", "Email", "Lịch học", None, None],
        [None, None, None, "Thứ", "Tiết", "Phòng"],
        ["SV1", "An", "an@x.example", "Hai", "1-3", "A101"],
    ]
    write("s.xlsx", rows, merge=["A1:A2", "B1:B2", "C1:C2", "D1:F1"])
    found = read("s.xlsx", columns={"phong": "Phòng", "thu": "Lịch học: Thứ"})
    assert found.reading.columns == (
        "Mã SV", "Họ tên", "Email", "Lịch học: Thứ", "Lịch học: Tiết", "Lịch học: Phòng"
    )  # fmt: skip
    (only,) = found.recipients
    assert only.line == 3
    assert dict(only.columns) == {"phong": "A101", "thu": "Hai"}


def test_names_on_two_rows_are_joined_in_csv_too(write, read):
    """Blanks behind the upper name are all that is left of a merged cell."""
    write("s.csv", "Mã SV,Email,Lịch học,,\n,,Thứ,Tiết,Phòng\nSV1,an@x.example,Hai,1-3,A101\n")
    found = read("s.csv")
    assert found.reading.columns[2:] == ("Lịch học: Thứ", "Lịch học: Tiết", "Lịch học: Phòng")
    assert found.tally.rows == 1


def test_a_name_merged_over_two_columns_names_both(write, read):
    """Họ và tên over family and given name makes one name again."""
    rows = [["Mã HS", "Họ và tên", None, "Email"], ["HS1", "Nguyễn Văn", "An", "an@x.example"]]
    write("s.xlsx", rows, merge=["B1:C1"])
    found = read("s.xlsx")
    assert found.reading.columns == ("Mã HS", "Họ và tên", "Họ và tên (2)", "Email")
    assert found.recipients[0].name == "Nguyễn Văn An"


def test_duplicate_headers_are_told_apart(write, read):
    """Điểm, Điểm (2), Điểm (3)."""
    write("s.csv", "Email,Điểm,Điểm,Điểm\nan@x.example,8,9,10\n")
    found = read("s.csv")
    assert found.reading.columns == ("Email", "Điểm", "Điểm (2)", "Điểm (3)")
    assert dict(found.recipients[0].row)["Điểm (3)"] == 10


def test_a_sheet_without_header_gets_made_up_names_and_a_note(write, read):
    """The addresses are recognised by what they are."""
    write("s.csv", "HS01,An,an@x.example,8\nHS02,Bình,binh@x.example,9\n")
    found = read("s.csv")
    assert found.reading.header_row is None
    assert found.reading.columns == ("Column 1", "Column 2", "Column 3", "Column 4")
    assert found.addresses == ["an@x.example", "binh@x.example"]
    assert any("no header row" in message for message in found.messages)
    use("vi")
    assert found.tally.rows == 2


def test_a_column_cannot_be_named_where_there_is_no_header(write, read):
    """The error says what the columns are called instead."""
    write("s.csv", "HS01,An,an@x.example,8\nHS02,Bình,binh@x.example,9\n")
    with pytest.raises(SheetError, match="no header row") as caught:
        read("s.csv", email="Email")
    assert "Column 3" in caught.value.next_step


def test_made_up_names_can_be_used(write, read):
    """Column 3 is as good a name as any."""
    write("s.csv", "HS01,An,an@x.example,8\nHS02,Bình,binh@x.example,9\n")
    assert read("s.csv", email="Column 3", key="Column 1").tally.recipients == 2


def test_line_breaks_in_headers_are_spaces(write, read):
    """Ngày<line break>sinh is Ngày sinh."""
    write("s.xlsx", [["Email", "Ngày\nsinh"], ["an@x.example", "x"]])
    assert read("s.xlsx", columns={"ns": "Ngày sinh"}).reading.columns == ("Email", "Ngày sinh")


def test_a_row_that_only_numbers_the_columns_is_no_person(write, read):
    """(1) (2) (3), as on official forms."""
    write("s.csv", "Mã HS,Họ tên,Email\n(1),(2),(3)\nHS1,An,an@x.example\n")
    found = read("s.csv")
    assert found.tally.rows == 1
    assert found.recipients[0].line == 3


def test_a_blank_first_column_is_no_column(write, read):
    """Tables that begin at B."""
    write("s.csv", ",Mã HS,Email\n,HS1,an@x.example\n")
    assert read("s.csv").reading.columns == ("Mã HS", "Email")


def test_a_cell_merged_over_rows_counts_for_each_of_them(write, read):
    """A pupil's name merged beside three subjects."""
    rows = [["Mã HS", "Email", "Môn", "Điểm"], ["HS1", "an@x.example", "Toán", 8],
            [None, None, "Văn", 7], ["HS2", "binh@x.example", "Toán", 9]]  # fmt: skip
    write("s.xlsx", rows, merge=["A2:A3", "B2:B3"])
    found = read("s.xlsx", fold="key")
    assert [len(it.rows) for it in found.recipients] == [2, 1]
    assert found.tally.folded == 1
