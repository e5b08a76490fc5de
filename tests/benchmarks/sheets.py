"""Reading a workbook of 100,000 rows into recipients, against python-calamine reading it alone.

Each in a process of its own, so that neither profits from the other's warm memory.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import workspace
import xlsxwriter

ROWS = 100_000

ALONE = """
import sys, python_calamine
book = python_calamine.CalamineWorkbook.from_path(sys.argv[1])
print(len(book.get_sheet_by_index(0).to_python()))
"""

ROSTER = """
import sys
from pathlib import Path
from notifier.campaign import RecipientsSpec
from notifier.recipients.roster import open_roster
from notifier.settings import LimitSettings
path = Path(sys.argv[1])
spec = RecipientsSpec(file=path.name, key="Mã HS")
print(sum(1 for it in open_roster(spec, root=path.parent, limits=LimitSettings())))
"""


def make(path):
    """Write the workbook: names, addresses, eight marks."""
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet("HK1")
    sheet.write_row(0, 0, ("Mã HS", "Họ và tên", "Lớp", "Email phụ huynh", *workspace.SUBJECTS))
    for number in range(ROWS):
        key, name, group, address, *marks = workspace.row(number)
        sheet.write_row(number + 1, 0, (key, name, group, address, *map(float, marks)))
    book.close()


def seconds(script, path):
    """How long a process takes for it, the least of two."""
    times = []
    for _round in range(2):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


def measure():
    """Rows: what, seconds, ratio to calamine alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "marks.xlsx"
        make(path)
        alone, roster = seconds(ALONE, path), seconds(ROSTER, path)
    return [
        ("python-calamine, cells only", f"{alone:.1f} s", "1.00"),
        ("recipients, checked and counted", f"{roster:.1f} s", f"{roster / alone:.2f}"),
    ]
