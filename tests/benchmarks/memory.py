"""Peak memory of a whole `notifier send --live`: 100,000 recipients against 10,000."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import sinks
import workspace


def peak(recipients):
    """Peak resident memory in MB of one run, from the sheet to the last outcome."""
    with tempfile.TemporaryDirectory() as folder, sinks.smtp_sink() as port:
        root = Path(folder)
        workspace.make(root, port=port, recipients=recipients)
        command = [sys.executable, "-m", "notifier", "--workspace", str(root), "send", "marks"]
        process = subprocess.Popen([*command, "--live", "--json"], stdout=subprocess.DEVNULL)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, process.returncode
        return usage.ru_maxrss / 1024


def measure():
    """Rows: recipients, peak MB, ratio."""
    small, large = peak(10_000), peak(100_000)
    return [
        ("10,000 recipients", f"{small:.0f} MB", "1.00"),
        ("100,000 recipients", f"{large:.0f} MB", f"{large / small:.2f}"),
    ]
