"""Cells that want to be more than data, from the sheet to the mailbox and into the exports."""

from __future__ import annotations

import csv
import email
import email.policy

import openpyxl
import pytest

EVIL = "evil@wicked.example"
CELLS = [
    f"Child\r\nBcc: {EVIL}",
    f"Child\nBcc: {EVIL}\n\nbody",
    "=?utf-8?q?hi=0D=0ABcc:_evil=40wicked.example?=",
    "{{ 7 * 7 }} {% for x in range(9) %}",
    "=HYPERLINK(1)",
    "\x1b[31m\u202ered",
    "<script>alert(1)</script>",
]
ADDRESSES = [
    "B.O'Neil+tag@X.Example",
    "thủy@bücher.example",
    "a=b/c@x.example",
    "CamelCase@x.example",
    "dấu.chấm@x.example",
    "x@x.example",
    "{{7}}@x.example",
]


@pytest.fixture
def mailed(notifier, office, tmp_path):
    """The sheet with these cells in name and subject, sent; what the sandbox kept."""
    with (tmp_path / "data" / "people.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Student ID", "Student", "Class", "Parent", "Parent's email"])
        for number, (cell, address) in enumerate(zip(CELLS, ADDRESSES, strict=True)):
            writer.writerow([f"K{number}", cell, "10A", cell, address])
    result = notifier("send", "notice", "--live", "--json")
    assert result.code == 0, result.err
    return list(office.messages())


def test_no_cell_becomes_a_header_or_a_recipient(mailed):
    """Each message has the fields that were meant, and went to its own recipient alone."""
    assert len(mailed) == len(CELLS)
    for kept in mailed:
        message = email.message_from_bytes(kept.data, policy=email.policy.compat32)
        assert "Bcc" not in message
        assert len(message.get_all("To")) == len(message.get_all("Subject")) == 1
        assert len(kept.recipients) == 1
        assert EVIL not in kept.recipients
        head = kept.data.partition(b"\r\n\r\n")[0]
        assert b"\r\nbcc:" not in head.lower()


def test_the_envelopes_address_is_the_ledgers_byte_for_byte(notifier, mailed):
    """What the relay was told is what the report says, whatever stands in the address."""
    report = notifier("report", "latest", "--json").data
    told = sorted(it["address"] for it in report["recipients"])
    assert told == sorted(it.recipients[0] for it in mailed)  # connections overtake each other
    assert "B.O'Neil+tag@x.example" in told


def test_a_cell_is_neither_template_nor_markup(mailed):
    """Braces and brackets of a cell are letters."""
    text = "".join(
        part.get_content()
        for kept in mailed
        for part in email.message_from_bytes(kept.data, policy=email.policy.default).walk()
        if part.get_content_type() == "text/html"
    )
    assert "{{ 7 * 7 }} {% for x in range(9) %}" in text
    assert "49" not in text.partition("{{ 7 * 7 }}")[2][:40]
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_no_cell_is_a_formula_in_the_exports(notifier, mailed, tmp_path):
    """The report as csv and as a workbook opens in Excel without doing anything."""
    for kind in ("csv", "xlsx"):
        assert notifier("report", "latest", "-o", f"r.{kind}").code == 0
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert not any(cell.startswith(("=", "@", "\t", "\r")) for row in rows for cell in row)
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not any(cell.data_type == "f" or cell.hyperlink for cell in cells)
