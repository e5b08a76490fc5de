"""`notifier --help` against `python -c "import typer"`: the least of several starts of each."""

from __future__ import annotations

import subprocess
import sys
import time


def seconds(*arguments, rounds=9):
    """The quickest of some starts."""
    times = []
    for _round in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times)


def measure():
    """Rows: what, milliseconds, ratio."""
    typer = seconds("-c", "import typer")
    ours = seconds("-m", "notifier", "--help")
    return [
        ('python -c "import typer"', f"{typer * 1e3:.0f} ms", "1.00"),
        ("notifier --help", f"{ours * 1e3:.0f} ms", f"{ours / typer:.2f}"),
    ]
