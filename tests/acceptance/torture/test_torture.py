"""A short version of `make torture`, with every run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TORTURE = Path(__file__).with_name("run.py")


def test_killed_at_random_instants_nothing_is_lost_and_nobody_gets_two(tmp_path):
    """A few rounds of kills: lost 0, doubled 0, falsely accepted 0, in doubt within the bound."""
    command = [sys.executable, TORTURE, "--rounds", "3", "--people", "250", "--folder", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
