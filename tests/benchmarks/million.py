"""A run of a million, from a sheet of a million rows to the last outcome, beside a small one.

The whole route: `notifier send --live` reads a csv of MILLION_RECIPIENTS rows (1,000,000),
enrols and sends into smtp-sink. Then `status` and `report` of it against a run of 1,000. On two
cores of 2026 it takes a quarter of an hour and 3 GB of disk; MILLION_RECIPIENTS=100000 tells most
of it in two minutes.

Memory is the sending process' own peak (the workers that make messages have theirs each). The last
rows show what grows with a run and what doesn't: the log beside the ledger must not.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import ledger
import sinks
import workspace

from notifier.ledger.ledger import Ledger
from notifier.ledger.reports import Reader

RECIPIENTS = int(os.environ.get("MILLION_RECIPIENTS", "1000000"))
SMALL = 10_000
FEW = 1000
#: Messages of further runs, and how many such runs.
FURTHER, ROUNDS = 4000, 3
EXPORTS = ("csv", "json", "xlsx", "html")


def run(root, *arguments):
    """Seconds and peak MB of a command in the workspace, which must succeed."""
    command = [sys.executable, "-m", "notifier", "--workspace", str(root), *arguments]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (arguments, process.returncode)
    return time.perf_counter() - began, usage.ru_maxrss / 1024


@contextlib.contextmanager
def watched_log(root):
    """The largest size in bytes that the ledger's log comes to, in a list."""
    sizes, is_over = [0], threading.Event()

    def watch():
        while not is_over.wait(0.2):
            with contextlib.suppress(OSError):
                sizes[0] = max(sizes[0], (root / "data/ledger.sqlite-wal").stat().st_size)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield sizes
    finally:
        is_over.set()
        thread.join()


def sent(root, port, recipients):
    """Send to so many; when it began (Unix time), seconds, peak MB, the log's largest size."""
    workspace.make(root, port=port, recipients=recipients)
    began = time.time()
    with watched_log(root) as log:
        seconds, peak = run(root, "send", "marks", "--live", "--json")
    return began, seconds, peak, log[0]


def rates(db):
    """Messages a second over the first and the last tenth of a run."""
    ticks = db.execute("SELECT second, count FROM tick WHERE outcome = 'accepted' ORDER BY 1")
    seconds = [count for _second, count in ticks.fetchall()][1:-1]  # the outer ones are not whole
    part = max(1, len(seconds) // 10)
    return sum(seconds[:part]) / part, sum(seconds[-part:]) / part


def totals(root):
    """Seconds of what `status` and the head of a report read, the best of several."""
    best = float("inf")
    with Reader.open(root / "data/ledger.sqlite") as reader:
        for _ in range(20):
            began = time.perf_counter()
            for _ in range(20):
                reader.summary(1)
                reader.causes(1)
            best = min(best, (time.perf_counter() - began) / 20)
    return best


def upkeep(root):
    """Seconds of CPU a message that a further run in the same ledger costs: claim, intent, outcome.

    The best of several, without the waiting for the disk.
    """
    with Ledger.open(root / "data/ledger.sqlite") as opened:
        best = float("inf")
        for number in range(ROUNDS):
            run_id, _seconds = ledger.enrolled(opened, FURTHER, f"further {number}")
            worker = opened.register_worker("here", os.getpid(), run_id)
            *_rest, used = ledger.deliver(opened, run_id, worker, 64)
            best = min(best, used / FURTHER)
    return best


def status(root):
    """Seconds of `notifier status`, the best of three."""
    return min(run(root, "status", "latest", "--json")[0] for _ in range(3))


def measure():
    """Rows: what, figure, ratio."""
    with tempfile.TemporaryDirectory() as name, sinks.smtp_sink() as port:
        few, small, large = (Path(name) / it for it in ("few", "small", "large"))
        sent(few, port, FEW)
        _began, _seconds, usual, _log = sent(small, port, SMALL)
        began, seconds, peak, log = sent(large, port, RECIPIENTS)
        path = large / "data/ledger.sqlite"
        db = sqlite3.connect(path)
        created, enrolled, first, end = db.execute(
            "SELECT created_at, enrolled_at, started_at, finished_at FROM run"
        ).fetchone()
        assert db.execute("SELECT count FROM counter WHERE state = 'accepted'").fetchone() == (
            RECIPIENTS,
        )
        early, late = rates(db)
        db.close()
        one, many = totals(few), totals(large)
        brief, long = status(few), status(large)
        rows = [
            ("the whole run", f"{seconds:.0f} s", f"{RECIPIENTS / seconds:.0f} messages/s"),
            ("before: every row read, every message tried", f"{created - began:.0f} s", ""),
            (
                "enrolment, the second reading included",
                f"{enrolled - created:.0f} s",
                f"{RECIPIENTS / (enrolled - created):.0f} recipients/s",
            ),
            ("sending", f"{end - first:.0f} s", f"{RECIPIENTS / (end - first):.0f} messages/s"),
            (
                "messages a second: last tenth against first",
                f"{early:.0f}, then {late:.0f}",
                f"{late / early:.2f}",
            ),
            (f"peak memory (ratio to {SMALL:,})", f"{peak:.0f} MB", f"{peak / usual:.2f}"),
            ("the ledger", f"{path.stat().st_size / RECIPIENTS:.0f} bytes a delivery", ""),
            ("the log beside it, at most", f"{log / 1e6:.0f} MB", ""),
            (f"totals (ratio to {FEW:,})", f"{many * 1e6:.0f} us", f"{many / one:.2f}"),
            (f"notifier status (ratio to {FEW:,})", f"{long:.2f} s", f"{long / brief:.2f}"),
        ]
        for kind in EXPORTS:
            file = str(Path(name) / f"report.{kind}")
            took, memory = run(large, "report", "latest", "-o", file)
            rows.append((f"report as {kind}", f"{took:.0f} s", f"{memory:.0f} MB"))
        light, heavy = upkeep(few), upkeep(large)
        what = f"the ledger's CPU a message, of a further run (ratio to after {FEW:,})"
        rows.append((what, f"{heavy * 1e6:.1f} us", f"{heavy / light:.2f}"))
        return rows


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
