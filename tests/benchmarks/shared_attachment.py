"""Peak memory while many messages share an attachment of 3 MB, over the idle program.

All of `notifier send --live` counts: the process that owns the wire and its workers, by the peak
of each (VmHWM), added up. The idle program is the same command with one recipient and no
attachment: what it takes to be there at all. 20,000 such messages are 80 GB, which the loopback
interface and smtp-sink take minutes for; the peak is reached as soon as all connections are at
work, so by default fewer are sent, at two sizes, which shows that it does not grow.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sinks
import workspace

#: Messages; the last one is the row that counts.
COUNTS = [int(it) for it in os.environ.get("SHARED_MESSAGES", "200,800").split(",")]
ATTACHMENT = 3_000_000
CONNECTIONS = 32
#: MB over the idle program.
MUST = 120
#: Seconds between two looks at the processes.
LOOK = 0.05
#: How the messages leave.
MODES = {
    "pipelined": "chunking = false\n",
    "chunked, depth 8": "chunking = true\npipeline_depth = 8\n",
}


def children(pid):
    """Processes that this one has started."""
    try:
        return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def high_water(pid):
    """The most memory that a process has had, in MB; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def peak(root):
    """MB of the command and its workers at their peaks; its seconds."""
    command = [sys.executable, "-m", "notifier", "--workspace", str(root), "send", "marks"]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--live", "--json"], stdout=subprocess.DEVNULL)
    seen = {}
    while process.poll() is None:
        for pid in (process.pid, *children(process.pid)):
            seen[pid] = max(seen.get(pid, 0.0), high_water(pid))
        time.sleep(LOOK)
    assert process.returncode == 0, process.returncode
    return sum(seen.values()), time.perf_counter() - began


def prepare(root, port, *, recipients, mode=""):
    """The workspace; with the attachment where there is a mode."""
    workspace.make(root, port=port, recipients=recipients, connections=CONNECTIONS)
    with (root / "notifier.toml").open("a") as settings:
        settings.write(mode)
    if mode:
        (root / "data/rules.pdf").write_bytes(random.Random(3).randbytes(ATTACHMENT))
        with (root / "campaigns/marks.yaml").open("a") as campaign:
            campaign.write("attachments: [data/rules.pdf]\n")


def measure():
    """Rows: what, MB at the peak, MB over the idle program."""
    rows = []
    with sinks.smtp_sink() as port:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), port, recipients=1)
            idle, _seconds = peak(Path(folder))
        rows.append(("the idle program", f"{idle:.0f} MB", ""))
        for name, mode in MODES.items():
            for count in COUNTS:
                with tempfile.TemporaryDirectory() as folder:
                    prepare(Path(folder), port, recipients=count, mode=mode)
                    most, seconds = peak(Path(folder))
                told = f"{most:.0f} MB ({count / seconds:.0f}/s)"
                over = f"{most - idle:.0f} MB more (must: {MUST})"
                rows.append((f"{count:,} messages of 4.1 MB, {name}", told, over))
    return rows


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
