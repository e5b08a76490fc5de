from __future__ import annotations

import pytest

from notifier.errors import SheetError


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(write, read, delimiter):
    """Also beside decimal commas and a title line."""
    rows = [["DANH SÁCH"], ["Mã HS", "Email", "Toán", "Văn"]]
    rows += [[f"HS{at}", f"a{at}@x.example", '"8,5"' if delimiter == "," else "8,5", "7"]
             for at in range(5)]  # fmt: skip
    write("s.csv", "\n".join(delimiter.join(row) for row in rows))
    found = read("s.csv")
    assert found.reading.delimiter == delimiter
    assert found.tally.recipients == 5
    assert found.recipients[0].row["Toán"] == 8.5


def test_a_stated_delimiter_is_believed(write, read):
    """`sep=;` is Excel's own first line."""
    write("s.csv", "sep=;\nEmail;Lớp\na@x.example;1\n")
    found = read("s.csv")
    assert (found.reading.delimiter, found.reading.header_row) == (";", 2)


def test_a_stated_delimiter_that_is_no_ascii_is_passed_over(write, read):
    """For such signs pandas has another parser, which warns, and raises errors of its own."""
    write("s.csv", 'sep=€\nEmail;Lớp\na@x.example;"1" a\n')
    found = read("s.csv")
    assert (found.reading.delimiter, found.addresses) == (";", ["a@x.example"])


def test_a_single_column_is_a_sheet_too(write, read):
    """A bare list of addresses."""
    write("s.csv", "Email\na@x.example\nb@x.example\n")
    assert read("s.csv").tally.recipients == 2
    write("t.csv", "a@x.example\nb@x.example\n")
    assert read("t.csv").addresses == ["a@x.example", "b@x.example"]


def test_rows_of_unequal_length_are_read(write, read):
    """Short rows are filled up."""
    write("s.csv", "Mã,Email,Lớp,Ghi chú\nHS1,a@x.example\nHS2,b@x.example,10A1,x\n")
    found = read("s.csv")
    assert found.recipients[0].row["Lớp"] is None


def test_line_numbers_are_rows_as_excel_shows_them(write, read):
    """A cell with a line break is still one row."""
    write("s.csv", 'Mã,Email,Ghi chú\nHS1,a@x.example,"một\nhai\nba"\nHS2,b@x.example,\n')
    assert [it.line for it in read("s.csv").recipients] == [2, 3]


def test_an_unclosed_quote_is_an_error_not_a_swallowed_sheet(write, read):
    """Everything below the quote would be one cell."""
    rows = "".join(f"HS{at},a{at}@x.example,ghi chú dài\n" for at in range(6000))
    write("s.csv", 'Mã,Email,Ghi chú\nHS,b@x.example,"mở\n' + rows)
    with pytest.raises(SheetError) as caught:
        read("s.csv")
    assert "quote" in caught.value.message
    assert "row 2" in caught.value.where


def test_a_row_without_end_is_refused(write, read):
    """More cells than any sheet has."""
    write("s.csv", "Email," + "x," * 20_000 + "\n")
    with pytest.raises(SheetError, match="more than 16384 cells"):
        read("s.csv")


def test_an_empty_table_is_an_error(write, read):
    """Nothing but separators and blanks."""
    write("s.csv", ";;;\n ; ;\n\n")
    with pytest.raises(SheetError, match="nothing in the sheet"):
        read("s.csv")
