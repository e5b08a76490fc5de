from __future__ import annotations

import csv
import io
import json

import pytest

from notifier.model import Cause, Rejection, State
from notifier.report.export import write_csv, write_json


def _csv(ledger, zone):
    stream = io.StringIO(newline="")
    write_csv(ledger, 12, stream, zone=zone)
    return stream.getvalue()


def test_excel_finds_out_that_the_csv_is_utf_8(ledger, zone):
    """A byte order mark is what Excel goes by."""
    assert _csv(ledger, zone).encode().startswith(b"\xef\xbb\xbf")


def test_the_csv_accounts_for_every_row(ledger, zone):
    """Deliveries, then the rows that could not be used."""
    rows = list(csv.DictReader(io.StringIO(_csv(ledger, zone).removeprefix("\ufeff"))))
    assert len(rows) == 44
    assert rows[0] == {
        "line": "8",
        "key": "0026101",
        "name": "Phụ huynh 1",
        "address": "ph1@hopthu.example",
        "state": "accepted",
        "attempts": "1",
        "cause": "accepted",
        "code": "250",
        "enhanced": "2.0.0",
        "text": "OK queued",
        "at": "2027-01-15T07:00:00+07:00",
        "relay": "main",
        "column": "",
        "value": "",
        "reason": "",
    }
    assert rows[-2]["state"] == "rejected"
    assert rows[-2]["value"] == "nghia@@hopthu.example"


@pytest.mark.parametrize("evil", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_of_the_csv_is_a_formula(make_ledger, make_delivery, zone, evil):
    """Names from the sheet, texts from the relay and rejected values alike."""
    row = make_delivery(
        1, 2, evil, evil, "a@x.example", State.REFUSED, 1, Cause.OTHER, 550, "", evil
    )
    ledger = make_ledger([row], [Rejection(3, evil, evil, "Why")])
    for cells in csv.reader(io.StringIO(_csv(ledger, zone).removeprefix("\ufeff"), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_the_json_has_the_summary_and_every_row(ledger, zone):
    """The keys that scripts rely on, and the lists beside them."""
    stream = io.StringIO()
    write_json(ledger, 12, stream, zone=zone)
    found = json.loads(stream.getvalue())
    assert found["run"] == 12
    assert found["counts"]["accepted"] == 38
    assert found["deliveries"] == len(found["recipients"]) == 42
    assert found["rejections"] == len(found["rejected_rows"]) == 2
    assert found["causes"][0]["advice"]
    assert found["recipients"][40]["code"] is None


def test_the_json_of_an_empty_run_is_json(make_ledger, zone):
    """Empty lists, and no comma too many."""
    stream = io.StringIO()
    write_json(make_ledger([]), 12, stream, zone=zone)
    found = json.loads(stream.getvalue())
    assert found["recipients"] == found["rejected_rows"] == found["causes"] == []
