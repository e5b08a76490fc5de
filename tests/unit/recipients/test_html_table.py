from __future__ import annotations

import pytest

from notifier.errors import SheetError
from notifier.recipients.html_table import read_table
from notifier.settings import LimitSettings

PAGE = """<html><head><meta charset="utf-8"><style>td {color: red}</style></head><body>
<table><tr><td>menu</td></tr></table>
<table border=1>
<tr><th colspan=4>DANH SÁCH HỌC SINH</th></tr>
<tr><th rowspan=2>Mã HS<th rowspan=2>Email<th colspan=2>Điểm</tr>
<tr><th>Toán</th><th>Văn</th></tr>
<tr><td>007</td><td>a@x.example</td><td>8,5</td><td>7<br>(giỏi)</td></tr>
<tr><td>008</td><td><b>b@x.example</b></td><td>9&amp;</td><td></td></tr>
</table><script>var x = "<td>no</td>"</script></body></html>"""


def test_an_html_table_named_xls_is_read(write, read):
    """What school software exports as Excel."""
    write("s.xls", PAGE)
    found = read("s.xls")
    assert (found.reading.format, found.reading.encoding) == ("html", "utf-8")
    assert found.reading.columns == ("Mã HS", "Email", "Điểm: Toán", "Điểm: Văn")
    first, second = (dict(it.row) for it in found.recipients)
    assert first == {"Mã HS": "007", "Email": "a@x.example", "Điểm: Toán": 8.5,
                     "Điểm: Văn": "7\n(giỏi)"}  # fmt: skip
    assert second["Điểm: Toán"] == "9&"


def test_a_page_without_a_table_is_refused(write, read):
    """With what to do instead."""
    write("s.xls", "<html><body>Hết phiên, vui lòng đăng nhập</body></html>")
    with pytest.raises(SheetError, match="without a table"):
        read("s.xls")


def test_hostile_spans_are_bounded(write, read):
    """colspan=999999999 doesn't allocate a row of that length, nor do a million of them."""
    cell = "<td colspan=999999999 rowspan=999999999>x</td>"
    table, _encoding = read_table(write("s.xls", f"<table><tr>{cell}</table>"), LimitSettings())
    assert len(table.rows[0]) == 1000
    assert len(table.taken) < 10_000
    write("t.xls", f"<table><tr>{cell * 1000}</table>")
    with pytest.raises(SheetError, match="too large"):
        read("t.xls", limits=LimitSettings(max_sheet_cells=100_000))
