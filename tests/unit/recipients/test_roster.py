from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.campaign import JoinSpec, RecipientsSpec
from notifier.errors import SheetError, TemplateError
from notifier.model import Recipient, Rejection
from notifier.recipients.roster import open_roster
from notifier.recipients.sieve import Sieve
from notifier.settings import LimitSettings


def test_ids_keep_their_zeros_and_marks_are_as_shown(write, read):
    """007 stays 007; 153590.0 and 10.0 are what people see: 153590 and 10."""
    write("s.csv", "Mã HS;Email;Toán;Mã số\n007;a@x.example;8,5;153590.0\n008;b@x.example;10.0;1\n")
    found = read("s.csv")
    assert [it.key for it in found.recipients] == ["007", "008"]
    assert [it.row["Toán"] for it in found.recipients] == [8.5, 10]
    assert found.recipients[0].row["Mã số"] == 153590


def test_several_addresses_in_a_cell_are_several_recipients(write, read):
    """Each has its own outcome; the row counts once."""
    write("s.csv", 'Mã HS,Email\nHS1,"a@x.example; b@x.example"\nHS2,"c@x.example; d@x"\n')
    found = read("s.csv")
    assert found.addresses == ["a@x.example", "b@x.example", "c@x.example"]
    assert [(it.line, it.column, it.value) for it in found.rejections] == [(3, "Email", "d@x")]
    assert (found.tally.rows, found.tally.extra_addresses) == (2, 2)


def test_a_row_without_address_is_a_rejection_that_keeps_the_row(write, read):
    """Line, column, value, reason and the whole row."""
    write("s.csv", "Mã HS,Họ tên,Email\nHS1,An,\nHS2,Bình,không có\n")
    first, second = read("s.csv").rejections
    assert (first.line, first.column, first.value) == (2, "Email", "")
    assert "no address" in first.reason
    assert (second.line, second.value) == (3, "không có")
    assert dict(second.row) == {"Mã HS": "HS2", "Họ tên": "Bình", "Email": "không có"}


def test_blank_and_total_rows_are_skipped_and_counted(write, read):
    """Nobody is called Tổng cộng or signs as a pupil; blank rows are only counted."""
    write(
        "s.csv",
        "STT,Mã HS,Họ tên,Email,Toán\n1,HS1,An,an@x.example,8\n,,,,\n"
        "2,HS2,Bình,binh@x.example,9\nTổng cộng,,,,17\n,,Trung bình lớp,,8.5\nTotal:,,,,17\n"
        ',,,,\n,,,"Hà Nội, ngày 12 tháng 1 năm 2027",\n,Người lập biểu,,Hiệu trưởng,\n'
        ",Nguyễn Văn A,,Trần Thị B,\n",
    )
    found = read("s.csv")
    assert found.addresses == ["an@x.example", "binh@x.example"]
    assert found.rejections == []
    assert (found.tally.rows, found.tally.blank, found.tally.totals) == (2, 2, 6)


@pytest.mark.parametrize(
    "footer",
    ["Tổng cộng: 2 học sinh", "Tổng số: 35", "Tổng: 2 em", "Hà Nội, ngày 1 tháng 1 năm 2026"],
)
def test_a_total_with_words_behind_it_is_no_pupil(write, read, footer):
    """Whatever follows the number; a pupil of that name who has no address is not passed over."""
    write("s.csv", f"Mã HS,Họ tên,Email\nHS1,An,a@x.example\nHS2,Tống Công Minh,\n{footer},,\n")
    found = read("s.csv")
    assert (found.tally.recipients, found.tally.rejections, found.tally.totals) == (1, 1, 1)


def test_a_person_is_never_taken_for_a_total(write, read):
    """With an address a row is about somebody, and without one it is told."""
    write("s.csv", "Mã HS,Họ tên,Email\nTổng,Tổng Cộng,tong@x.example\nHS2,Cộng Văn An,\n")
    found = read("s.csv")
    assert found.addresses == ["tong@x.example"]
    assert len(found.rejections) == 1


def test_a_header_printed_again_on_each_page_is_no_person(write, read):
    """Some programs repeat it."""
    write("s.csv", "Mã HS,Email\nHS1,a@x.example\nMã HS,Email\nHS2,b@x.example\n")
    found = read("s.csv")
    assert (found.tally.recipients, found.tally.rejections, found.tally.totals) == (2, 0, 1)


def test_the_same_key_twice_is_a_rejection_that_names_the_first(write, read):
    """Unless the campaign folds."""
    write("s.csv", "Mã HS,Email\nHS1,a@x.example\nHS1,b@x.example\n")
    (only,) = read("s.csv").rejections
    assert (only.line, only.column, only.value) == (3, "Mã HS", "HS1")
    assert "Row 2" in only.reason
    assert "fold: key" in only.reason


def test_the_same_address_under_other_keys_is_only_noted(write, read):
    """Two children of one parent each get their message."""
    write("s.csv", "Mã HS,Email\nHS1,a@x.example\nHS2,A@x.example\n")
    found = read("s.csv")
    assert found.tally.recipients == 2
    assert [(it.line, it.message) for it in found.notes] == [(3, "Row 2 has the same address.")]


def test_without_a_key_the_address_is_the_key(write, read):
    """So the same address twice is one too many."""
    write("s.csv", "Email,Lớp\na@x.example,1\nA@x.example,2\n")
    found = read("s.csv")
    assert [it.key for it in found.recipients] == ["a@x.example"]
    assert "Row 2" in found.reasons[0]


def test_long_form_rows_fold_into_one_message_per_key(write, read):
    """One row per pupil and subject; the template sees them all."""
    write(
        "s.csv",
        "Mã HS,Email,Môn,Điểm\nHS1,a@x.example,Toán,8\nHS2,b@x.example,Toán,9\n"
        "HS1,a@x.example,Văn,7\nHS1,,Sử,6\n",
    )
    found = read("s.csv", fold="key", key="Mã HS")
    first, second = found.recipients
    assert (first.line, first.key, first.address) == (2, "HS1", "a@x.example")
    assert [row["Môn"] for row in first.rows] == ["Toán", "Văn", "Sử"]
    assert len(second.rows) == 1
    assert (found.tally.rows, found.tally.folded, found.tally.rejections) == (4, 2, 0)


def test_rows_of_a_key_without_any_address_are_all_rejected(write, read):
    """There is no message to fold into, so each row is told and can be mended."""
    write("s.csv", "Mã HS,Email,Môn\nHS1,a@x,Toán\nHS1,a@x,Văn\n")
    found = read("s.csv", fold="key")
    assert [it.line for it in found.rejections] == [2, 3]


def test_addresses_kept_in_another_file_are_joined(write, read):
    """Unmatched rows of either side are told; numbers and texts of the same id match."""
    write("diem.xlsx", [["Mã HS", "Toán"], [153590, 8.5], [153591, 9], [153592, 7]])
    write(
        "ph.csv",
        "Mã HS,Họ tên,Email\n153590.0,An,a@x.example\n153591,Bình,b@x.example\n"
        "153599,Chi,c@x.example\n",
    )
    found = read("diem.xlsx", join={"file": "ph.csv", "on": "Mã HS"})
    assert found.addresses == ["a@x.example", "b@x.example"]
    assert dict(found.recipients[0].row) == {
        "Mã HS": 153590,
        "Toán": 8.5,
        "Họ tên": "An",
        "Email": "a@x.example",
    }
    (only,) = found.rejections
    assert (only.line, only.column, only.value) == (4, "Mã HS", "153592")
    assert "ph.csv" in only.reason
    assert found.tally.unmatched == 1
    assert [(it.line, it.value) for it in found.notes] == [(4, "153599")]
    assert found.reading.joined.file.name == "ph.csv"


def test_both_parents_rows_in_the_joined_file_are_mailed(write, read):
    """Two rows of one key there are two addresses of one row here."""
    write("diem.csv", "Mã HS,Toán\nHS1,8\n")
    write("ph.csv", "Mã HS,Họ tên,Email\nHS1,Bố,bo@x.example\nHS1,Mẹ,me@x.example\n")
    found = read("diem.csv", join={"file": "ph.csv", "on": "Mã HS"})
    assert found.addresses == ["bo@x.example", "me@x.example"]
    assert found.tally.extra_addresses == 1


def test_a_column_of_both_files_is_told_apart(write, read):
    """The joined one gets (2)."""
    write("diem.csv", "Mã HS,Lớp\nHS1,10A1\n")
    write("ph.csv", "Mã HS,Lớp,Email\nHS1,10A2,a@x.example\n")
    found = read("diem.csv", join={"file": "ph.csv", "on": "Mã HS"})
    assert found.reading.columns == ("Mã HS", "Lớp", "Lớp (2)", "Email")


def evaluate(expression, context):
    """A stand-in for the template room."""
    if "nowhere" in expression:
        raise TemplateError("There is no column nowhere.", next_step="Name another.")
    value = context["row"]["Mã SV"]
    if value == "bad":
        raise TemplateError("It can't be lowered.", next_step="Mend it.")
    return f"{str(value or '').lower()}@sv.school.example"


EXPRESSION = "{{ row['Mã SV'] | lower }}@sv.school.example"


def test_an_address_may_be_an_expression_over_the_row(write, read):
    """Where the sheet has no address column at all."""
    write("s.csv", "Mã SV,Họ tên\nSV01,An\nbad,Bình\n,Chi\nTổng cộng,3\n")
    found = read("s.csv", email=EXPRESSION, evaluate=evaluate)
    assert found.addresses == ["sv01@sv.school.example"]
    assert [it.line for it in found.rejections] == [3, 4]
    assert "can't be lowered" in found.reasons[0]
    assert found.rejections[1].value == "@sv.school.example"
    assert found.tally.totals == 1
    assert found.reading.roles["email"] == EXPRESSION


def test_an_expression_that_fails_on_the_first_row_is_the_campaigns_mistake(write, read):
    """Not a hundred thousand rejections of the same text."""
    write("s.csv", "Mã SV,Họ tên\nSV01,An\n")
    with pytest.raises(TemplateError):
        read("s.csv", email="{{ nowhere }}", evaluate=evaluate)


def test_a_named_key_that_is_missing_is_a_rejection(write, read):
    """A found one only falls back to the address."""
    write("s.csv", "Mã HS,Email\n,a@x.example\nHS2,b@x.example\n")
    assert read("s.csv").recipients[0].key == "a@x.example"
    (only,) = read("s.csv", key="Mã HS").rejections
    assert (only.line, only.column) == (2, "Mã HS")


def test_failed_formulas_are_told(write, read):
    """A parent must not read #N/A without the office knowing."""
    write("s.csv", "Mã HS,Email,Toán\nHS1,a@x.example,#N/A\nHS2,#REF!,8\n")
    found = read("s.csv")
    assert [(it.line, it.column, it.value) for it in found.notes] == [
        (2, "Toán", "#N/A"),
        (3, "Email", "#REF!"),
    ]
    assert [it.line for it in found.rejections] == [3]


def test_a_csv_row_that_slipped_is_rejected(write, read):
    """An unquoted separator moves every later cell: nobody gets a neighbour's mark."""
    write(
        "s.csv",
        "Mã HS,Họ tên,Email,Toán\nHS1,An,a@x.example,8\n"
        "HS2,Bình,b@x.example,9\nHS3,Chi,c@x.example,7\nHS4,Lê, Dung,d@x.example,8\n",
    )
    found = read("s.csv")
    assert [it.line for it in found.rejections] == [5]
    assert "more cells" in found.reasons[0]


def test_a_name_never_has_a_line_break(write, read):
    """It travels in a header."""
    write("s.csv", 'Mã HS,Họ tên,Email\nHS1,"Nguyễn\r\nBcc: x",a@x.example\n')
    assert read("s.csv").recipients[0].name == "Nguyễn Bcc: x"


def test_line_breaks_in_other_cells_are_kept(write, read):
    """Notes on several lines stay so."""
    write("s.xlsx", [["Email", "Ghi chú"], ["a@x.example", "dòng 1\ndòng 2"]])
    assert read("s.xlsx").recipients[0].row["Ghi chú"] == "dòng 1\ndòng 2"


def test_each_iteration_reads_afresh(write, read):
    """The same twice, from csv and from a workbook."""
    write("s.csv", "Email\na@x.example\nb@x\n")
    write("s.xlsx", [["Email"], ["a@x.example"], ["b@x"]])
    for name in ("s.csv", "s.xlsx"):
        found = read(name)
        assert list(found.roster) == found.items
        assert list(found.roster) == found.items
        assert found.roster.tally.adds_up()


def test_a_missing_column_is_told_with_the_nearest(write, read):
    """Where, what, and what it could have been."""
    write("s.csv", "Mã HS,Email phụ huynh\nHS1,a@x.example\n")
    with pytest.raises(SheetError, match="no column Email phu hinh") as caught:
        read("s.csv", email="Email phu hinh")
    assert "Email phụ huynh" in caught.value.next_step
    assert "s.csv" in caught.value.where


def test_a_missing_file_is_told_with_the_nearest(write, read):
    """A letter too few."""
    write("danh_sach.csv", "Email\na@x.example\n")
    with pytest.raises(SheetError) as caught:
        read("danhsach.csv")
    assert "danh_sach.csv" in caught.value.next_step


_ADDRESS = st.sampled_from(
    [
        "a@x.example",
        "A@x.example",
        "b@x.example",
        "bad",
        "c@x.example; d@x.example",
        "a@x.example; bad",
        "bad; worse",
        "a@x.example, a@x.example",
        "",
        " ",
    ]
)
_KEY = st.sampled_from(["HS1", "HS2", "HS3", "", "Tổng cộng", "1", "1.0"])
_ROWS = st.lists(
    st.tuples(_KEY, st.sampled_from(["An", "", "Bình  B", "Người lập biểu"]), _ADDRESS), max_size=12
)


def _csv(rows):
    lines = ["Mã HS;Họ tên;Email"]
    lines += [f'{key};{name};"{address}"' for key, name, address in rows]
    return "\n".join(lines) + "\n"


@settings(max_examples=150, deadline=None)
@given(rows=_ROWS, folds=st.booleans(), names_key=st.booleans(), joins=st.booleans())
def test_the_sums_hold_and_nothing_is_lost(rows, folds, names_key, joins):
    """Rows + extra addresses = recipients + rejections + folded; every line ends somewhere."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "s.csv").write_text(_csv([("HS9", "Chi", "z@x.example"), *rows]), "utf-8")
        (root / "j.csv").write_text("Mã HS;Tổ\nHS9;1\nHS1;1\nHS1;2\n1;3\n", "utf-8")
        spec = RecipientsSpec(
            file="s.csv",
            fold="key" if folds else None,
            key="Mã HS" if names_key else None,
            join=JoinSpec(file="j.csv", on="Mã HS") if joins else None,
        )
        roster = open_roster(spec, root=root, limits=LimitSettings())
        items = list(roster)
        tally = roster.tally
        assert tally.adds_up(), tally
        assert tally.recipients == sum(isinstance(it, Recipient) for it in items)
        assert tally.rejections == sum(isinstance(it, Rejection) for it in items)
        assert tally.rows + tally.blank + tally.totals == len(rows) + 1
        sent = [(it.key, it.address.lower()) for it in items if isinstance(it, Recipient)]
        assert len(sent) == len(set(sent))
        if not folds:
            assert len({it.line for it in items}) == tally.rows
        assert list(roster) == items


@settings(max_examples=60, deadline=None)
@given(rows=_ROWS)
def test_the_short_way_gives_what_the_long_way_gives(rows):
    """Most rows take `_swift`; it must never decide otherwise than a close look."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "s.csv").write_text(_csv([("HS9", "Chi", "z@x.example"), *rows]), "utf-8")
        roster = open_roster(RecipientsSpec(file="s.csv"), root=root, limits=LimitSettings())
        short, notes, tally = list(roster), roster.notes, roster.tally
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Sieve, "_swift", lambda *_: None)
            assert list(roster) == short
        assert roster.notes == notes
        assert roster.tally == tally
