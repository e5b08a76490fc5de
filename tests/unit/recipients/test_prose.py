from __future__ import annotations

import pytest

from notifier.errors import SheetError

README = """# A mailer
A program that mails everybody in a sheet their own message.

Ask by mail where something is unclear: the pages of the project tell more.
"""
LOG = "Nov 24 10:01:07 host kernel: something happened\n" * 5


@pytest.mark.parametrize(
    ("name", "text"), [("README.md", README), ("s.csv", LOG), ("one.txt", "just a line\n")]
)
def test_text_that_is_no_table_is_told_what_it_is(write, read, name, text):
    """One plain sentence instead of a rejection for every line of a README."""
    write(name, text)
    with pytest.raises(SheetError, match="doesn't look like a table") as caught:
        read(name)
    assert name in caught.value.where
    assert "addresses" in caught.value.next_step


@pytest.mark.parametrize("head", ["", "Email\n", "Những người đã ghi tên ở bàn số 2\n"])
def test_a_list_of_addresses_is_a_table(write, read, head):
    """With a name above it, any other line, or nothing."""
    write("s.csv", f"{head}a@x.example\nb@x.example\n")
    assert read("s.csv").addresses == ["a@x.example", "b@x.example"]


def test_a_named_column_is_a_table_whatever_stands_in_it(write, read):
    """Its rows are told one by one, for mending."""
    write("s.csv", "Email phụ huynh\nnobody\nsomebody\n")
    assert len(read("s.csv").rejections) == 2


def test_ids_that_addresses_are_made_from_are_a_table(write, read):
    """One column is enough where the campaign says how an address comes of it."""
    write("s.csv", "Mã số thẻ bạn đọc\nSV1\nSV2\n")
    found = read(
        "s.csv",
        email="{{ row['Mã số thẻ bạn đọc'] }}@sv.example",
        evaluate=lambda _text, values: f"{values['row']['Mã số thẻ bạn đọc']}@sv.example",
    )
    assert found.tally.recipients == 2


def test_ids_beside_a_joined_sheet_are_a_table(write, read):
    """The addresses stand in the other one."""
    write("s.csv", "Thẻ\nSV1\n")
    write("j.csv", "Thẻ,Email\nSV1,a@x.example\n")
    assert read("s.csv", join={"file": "j.csv", "on": "Thẻ"}).addresses == ["a@x.example"]
