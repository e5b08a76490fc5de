from __future__ import annotations

import io

import openpyxl
import pytest

from notifier.ledger.ledger import Ledger
from notifier.ledger.records import NewRun
from notifier.ledger.reports import Reader
from notifier.model import Recipient, Rejection
from notifier.report.export import write_csv, write_json
from notifier.report.page import html
from notifier.report.workbook import write_xlsx


@pytest.fixture
def reader(tmp_path):
    """A ledger with a run of two recipients and one rejected row, nothing sent yet."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    try:
        ledger.suppress("b@hopthu.example", "asked", "office")
        run = ledger.start_run(NewRun("grades", "2027-01-15", "Kết quả", "sandbox"))
        people = [
            Recipient(line, key, f"{key}@hopthu.example", "Bố Mẹ", {"Mã HS": key})
            for line, key in ((8, "a"), (9, "b"))
        ]
        rejected = Rejection(10, "Email", "c@@x", "It has more than one @.", {"Mã HS": "c"})
        ledger.enrol(run.id, people, [rejected])
        ledger.finish_enrolment(run.id, rows=3, folded=0, extra_addresses=0, blank=0, totals=1)
    finally:
        ledger.close()
    with Reader.open(tmp_path / "ledger.sqlite") as found:
        yield found


def test_the_page_reads_the_ledger(reader, zone, now):
    """Waiting, suppressed and rejected alike stand in the page, and the sums meet."""
    page = html(reader, 1, zone=zone, now=now)
    assert "0 of 2 messages were delivered to the relay; 1 suppressed; 1 not sent yet" in page
    assert "Both sums are equal" in page
    assert "c@@x" in page
    assert "On the list of addresses not to mail" in page


def test_the_exports_read_the_ledger(reader, zone, tmp_path):
    """Every format has both recipients and the rejected row."""
    for write in (write_csv, write_json):
        stream = io.StringIO(newline="")
        write(reader, 1, stream, zone=zone)
        assert all(it in stream.getvalue() for it in ("a@hopthu", "b@hopthu", "c@@x"))
    write_xlsx(reader, 1, tmp_path / "report.xlsx", zone=zone)
    book = openpyxl.load_workbook(tmp_path / "report.xlsx")
    assert [sheet.max_row for sheet in book][1:] == [3, 2, 2]
