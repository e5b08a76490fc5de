"""Ctrl-C in the middle of a run, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest


@pytest.fixture
def slow(office, tmp_path):
    """The relay admits so few a second that the run is under way for a while."""
    settings = tmp_path / "notifier.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("[relays.local]\n", '[relays.local]\nrate = "20/second"\n')
    settings.write_text(text, encoding="utf-8")
    return office


def _start(tmp_path):
    return subprocess.Popen(
        [sys.executable, "-m", "notifier", "send", "notice", "--live"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "NOTIFIER_LOCALE": "en"},
    )


def _wait_for_mail(server, count):
    deadline = time.monotonic() + 30
    while server.counts["kept"] < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # another process is watched: there is no clock to inject


def test_ctrl_c_gives_the_rest_back_and_resume_sends_it(slow, sheet, notifier, tmp_path):
    """After one Ctrl-C and `resume`, everybody has exactly one message and nothing is in doubt."""
    sheet(*((f"{number:04}", f"p{number}@home.example") for number in range(45)))
    process = _start(tmp_path)
    _wait_for_mail(slow, 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert "Ctrl-C again stops at once" in err
    assert "notifier resume 1" in out
    left = notifier("status", "1", "--json").data["counts"]
    assert left["pending"] > 0
    assert "unknown" not in left
    assert notifier("resume", "1", "--json").data["counts"] == {"accepted": 45}
    addresses = Counter(it.recipients[0] for it in slow.messages())
    assert len(addresses) == 45
    assert set(addresses.values()) == {1}
