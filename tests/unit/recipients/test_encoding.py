from __future__ import annotations

import codecs
import unicodedata

import pytest

from notifier.errors import SheetError
from notifier.recipients.encoding import detect_encoding

TEXT = (
    "Mã HS;Họ và tên;Email phụ huynh;Lớp\r\n"
    "HS01;Nguyễn Thị Ánh Tuyết;anh@x.example;10A1\r\n"
    "HS02;Trần Đức Thắng;thang@x.example;10A1\r\n"
    "HS03;Phạm Quỳnh Hương;huong@x.example;10A1\r\n"
)


def cp1258(text):
    """Windows-1258 writes tones as combining marks behind the letter."""
    out = []
    for char in unicodedata.normalize("NFC", text):
        try:
            out.append(char.encode("cp1258"))
        except UnicodeEncodeError:
            bare = unicodedata.normalize("NFD", char)
            tone = next(it for it in bare if it in "\u0300\u0301\u0303\u0309\u0323")
            letter = unicodedata.normalize("NFC", bare.replace(tone, ""))
            out.append((letter + tone).encode("cp1258"))
    return b"".join(out)


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (cp1258(TEXT), "cp1258"),
        (unicodedata.normalize("NFD", TEXT).encode(), "utf-8"),
        ("Nom;Prénom;Email\nHélène;François;a@x.example\nZoë;Noël;b@x.example\n".encode("cp1252"),
         "cp1252"),
        ("Nome;Email\nJoão;a@x.example\nConceição;b@x.example\nIñigo;c@x.example\n".encode("cp1252"),
         "cp1252"),
        (b"a,b\n1,2\n", "utf-8"),
    ],
)  # fmt: skip
def test_the_encoding_is_found_and_no_name_is_garbled(write, read, data, codec):
    """Every encoding that Excel, old and new, writes a csv in."""
    assert detect_encoding(write("s.csv", data)) == codec


@pytest.mark.parametrize(
    "data",
    [TEXT.encode(), TEXT.encode("utf-8-sig"), TEXT.encode("utf-16"), TEXT.encode("utf-16-le"),
     TEXT.encode("utf-16-be"), cp1258(TEXT), unicodedata.normalize("NFD", TEXT).encode()],
)  # fmt: skip
def test_the_same_sheet_in_any_encoding_becomes_the_same_recipients(write, read, data):
    """Names arrive composed (NFC), whatever the bytes were."""
    write("s.csv", data)
    found = read("s.csv")
    assert [it.name for it in found.recipients] == [
        "Nguyễn Thị Ánh Tuyết", "Trần Đức Thắng", "Phạm Quỳnh Hương"
    ]  # fmt: skip
    assert found.reading.delimiter == ";"
    assert found.reading.roles == {"email": "Email phụ huynh", "name": "Họ và tên", "key": "Mã HS"}


@pytest.mark.parametrize("data", [bytes(range(256)) * 40, b"a,b\n1,\x002\n", b"\x7fELF\x01\x01\0"])
def test_binary_passed_as_csv_is_refused(write, data):
    """Zero bytes and control characters are not a table."""
    with pytest.raises(SheetError, match="not text") as caught:
        detect_encoding(write("s.csv", data))
    assert "CSV UTF-8" in caught.value.next_step


def test_a_spoiled_letter_is_named_by_its_line_instead_of_garbling_all_names(write):
    """One bad byte does not turn UTF-8 into mojibake."""
    data = TEXT.encode().replace("Trần".encode(), "Tr\xff".encode("latin-1") + "ần".encode())
    with pytest.raises(SheetError) as caught:
        detect_encoding(write("s.csv", data))
    assert caught.value.where == "s.csv, line 3"


def test_a_late_letter_beyond_ascii_is_still_seen(write):
    """The whole file is looked at before UTF-8 is believed."""
    data = b"name;email\n" + b"An;an@x.example\n" * 40_000 + cp1258("Trần;tran@x.example\n")
    assert detect_encoding(write("s.csv", data)) in {"cp1258", "cp1252"}
