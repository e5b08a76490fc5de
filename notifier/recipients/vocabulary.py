"""What columns are called in Vietnamese and English sheets, without accents and case."""

from __future__ import annotations

import re

#: Part of an address column's name.
EMAIL = re.compile(
    r"\b(?:e ?mails?|g ?mail|mail|thu dien tu|dia chi thu|hop thu|d c thu|outlook)\b|email"
)
#: An address column's name needs nothing more than this.
EMAIL_EXACT = (
    "email", "e mail", "mail", "gmail", "dia chi email", "dia chi e mail", "dia chi thu",
    "dia chi thu dien tu", "thu dien tu", "dia chi mail", "email address", "e mail address",
    "mail address", "hop thu", "emails",
)  # fmt: skip
#: Names of persons, the likeliest first.
NAME = (
    "ho va ten", "ho ten", "ho va ten hoc sinh", "ho ten hoc sinh", "ho va ten hs", "ho ten hs",
    "ten hoc sinh", "ho va ten sinh vien", "ho ten sinh vien", "ho va ten sv", "ho ten sv",
    "ten sinh vien", "ho va ten nhan vien", "ho ten nhan vien", "ten nhan vien",
    "ho va ten nv", "ho ten nv", "full name", "fullname", "student name", "employee name",
    "display name", "recipient name", "name", "hoc sinh", "sinh vien", "nhan vien", "student",
    "employee", "nguoi nhan", "recipient", "ho va ten phu huynh", "ho ten phu huynh",
    "ten phu huynh", "phu huynh", "ho va ten can bo", "ho va ten giao vien", "ho ten giao vien",
    "ten giao vien", "giao vien", "parent name", "teacher name", "contact name",
)  # fmt: skip
#: A given name, where nothing better is there.
GIVEN = ("ten", "first name", "given name", "firstname")
#: Family (and middle) name in a column of its own, beside GIVEN.
FAMILY = (
    "ho dem", "ho va dem", "ho va ten dem", "ho ten dem", "ho lot", "ho va chu lot",
    "ho va ten lot", "ho", "last name", "lastname", "surname", "family name",
)  # fmt: skip
#: What identifies a person, the likeliest first.
KEY = (
    "ma hs", "mahs", "ma hoc sinh", "mshs", "ma so hs", "ma so hoc sinh", "ma sv", "masv",
    "ma sinh vien", "mssv", "ma so sv", "ma so sinh vien", "ma nv", "manv", "ma nhan vien", "msnv",
    "ma so nv", "ma so nhan vien", "ma can bo", "ma cb", "mscb", "ma gv", "ma giao vien", "msgv",
    "student id", "studentid", "student code", "student no", "student number", "employee id",
    "employee code", "employee no", "employee number", "staff id", "staff no", "personnel number",
    "ma dinh danh", "ma dinh danh bo gd dt", "so bao danh", "sbd", "ma so", "ma", "id", "code",
)  # fmt: skip
#: Other words that head columns; they only help to find the header's row.
OTHER = frozenset(
    {
        "stt", "tt", "so tt", "no", "lop", "class", "group", "nhom", "khoa", "khoi", "nganh",
        "ngay sinh", "date of birth", "dob", "birthday", "gioi tinh", "gender", "sex", "noi sinh",
        "toan", "ngu van", "van", "vat li", "vat ly", "ly", "li", "hoa hoc", "hoa", "sinh hoc",
        "sinh", "lich su", "su", "dia li", "dia ly", "dia", "tieng anh", "anh", "ngoai ngu",
        "tin hoc", "tin", "gdcd", "cong nghe", "the duc", "diem", "diem tb", "dtb", "diem tb mon",
        "mon", "mon hoc", "ten mon hoc", "hoc luc", "hanh kiem", "xep loai", "ghi chu", "notes",
        "note", "remarks", "thu", "tiet", "phong", "ngay", "date", "thoi gian", "time", "room",
        "subject", "mark", "marks", "score", "grade", "total", "tong diem", "dia chi", "address",
        "dien thoai", "so dien thoai", "sdt", "phone", "mobile", "phong ban", "don vi",
        "department", "chuc vu", "position", "luong", "salary", "so tien", "amount", "thuc linh",
        "lich hoc", "tin chi", "so tin chi", "nam hoc", "hoc ky", "hoc ki", "thang", "month",
        "company", "cong ty", "city", "title",
    }
)  # fmt: skip
_KNOWN = frozenset({*EMAIL_EXACT, *NAME, *GIVEN, *FAMILY, *KEY, *OTHER})


def is_known_word(name: str) -> bool:
    """Whether sheets call columns so; `name` is plain text."""
    return name in _KNOWN or EMAIL.search(name) is not None
