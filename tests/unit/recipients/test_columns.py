from __future__ import annotations

import pytest

from notifier.errors import SheetError


@pytest.mark.parametrize(
    "header",
    [
        "Email",
        "E-mail phụ huynh",
        "Địa chỉ thư",
        "ĐỊA CHỈ EMAIL",
        "Thư điện tử",
        "Gmail",
        "email_ph",
        "Mail liên hệ",
        "EmailAddress",
        "Hộp thư",
    ],
)
def test_the_address_column_is_found_by_its_name(write, read, header):
    """In Vietnamese and English, accents, case and punctuation aside."""
    write("s.csv", f"Mã,{header}\nHS1,a@x.example\n")
    assert read("s.csv").reading.roles["email"] == header


@pytest.mark.parametrize(
    ("header", "role"),
    [
        ("Họ và tên", "name"),
        ("HỌ TÊN", "name"),
        ("Full name", "name"),
        ("Tên học sinh", "name"),
        ("Mã học sinh", "key"),
        ("MSSV", "key"),
        ("Mã NV", "key"),
        ("Student ID", "key"),
        ("Số báo danh", "key"),
    ],
)
def test_names_and_keys_are_found_by_their_names(write, read, header, role):
    """What the campaign doesn't name is found where sheets call it as sheets do."""
    write("s.csv", f"{header},Email\nX1,a@x.example\n")
    assert read("s.csv").reading.roles[role] == header


def test_family_and_given_name_make_a_name(write, read):
    """Họ đệm + Tên, in the sheet's order."""
    write("s.csv", "Họ đệm,Tên,Email\nNguyễn Văn,An,a@x.example\n")
    found = read("s.csv")
    assert found.recipients[0].name == "Nguyễn Văn An"
    assert found.reading.roles["name"] == "Họ đệm + Tên"


def test_a_column_of_addresses_is_found_by_what_it_holds(write, read):
    """Whatever it is called; with a note."""
    write("s.csv", "Mã,Liên hệ\nHS1,a@x.example\nHS2,b@x.example\n")
    found = read("s.csv")
    assert found.reading.roles["email"] == "Liên hệ"
    assert found.messages == ["Addresses are read from Liên hệ."]


def test_two_possible_address_columns_are_an_error_that_names_them(write, read):
    """The pupil's or the parents'? A guess would mail somebody else's marks."""
    write("s.csv", "Mã,Email học sinh,Email phụ huynh\nHS1,a@x.example,b@x.example\n")
    with pytest.raises(SheetError, match="Several columns") as caught:
        read("s.csv")
    assert "Email học sinh, Email phụ huynh" in caught.value.next_step
    assert read("s.csv", email="email PHU huynh").addresses == ["b@x.example"]


def test_a_column_called_plainly_email_wins_with_a_note(write, read):
    """And the note says what was passed over."""
    write("s.csv", "Mã,Email,Email phụ huynh\nHS1,a@x.example,b@x.example\n")
    found = read("s.csv")
    assert found.addresses == ["a@x.example"]
    assert "not from Email phụ huynh" in found.messages[0]


def test_no_address_column_is_an_error_that_lists_the_columns(write, read):
    """And says which key of the campaign to write."""
    write("s.csv", "Mã,Lớp\nHS1,10A1\n")
    with pytest.raises(SheetError, match="No column with addresses") as caught:
        read("s.csv")
    assert "email:" in caught.value.next_step
    assert "Mã, Lớp" in caught.value.next_step


def test_columns_that_differ_only_by_accents_must_be_named_exactly(write, read):
    """Ma and Má are two columns."""
    write("s.csv", "Email,Toán,Toan\na@x.example,8,9\n")
    assert read("s.csv", columns={"t": "Toan"}).recipients[0].columns == {"t": 9}
    with pytest.raises(SheetError, match="Several columns could be TOÀN"):
        read("s.csv", columns={"t": "TOÀN"})
