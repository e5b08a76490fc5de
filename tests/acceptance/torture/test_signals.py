"""Stopping a real run, with a relay that answers and with one that hangs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest

PUPILS = 300
#: The command with a grace that a test can wait for.
HASTY = """\
import sys
import notifier.cli.interrupt
notifier.cli.interrupt.GRACE = 0.5
from notifier.cli import run
sys.exit(run(sys.argv[1:]))
"""


def start(school, *, hasty=False):
    """A run in a process of its own."""
    way = ["-c", HASTY] if hasty else ["-m", "notifier"]
    process = subprocess.Popen(
        [sys.executable, *way, "--workspace", str(school.root), "send", "marks", "--live"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    school.processes.append(process)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_stop_it_finishes_what_is_on_the_wire(make_school, mailbox, number):
    """Nothing is in doubt, the rest waits, and it says how to go on."""
    school = make_school(mailbox.port, pupils=PUPILS, relay='rate = "100/second"')
    process = start(school)
    mailbox.wait_for(20)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert "what was on the wire was finished" in out
    assert "notifier resume 1" in out
    _code, status = school.json("status", "latest")
    assert set(status["counts"]) == {"accepted", "pending"}
    assert status["counts"]["accepted"] == len(mailbox.received())


@pytest.fixture
def hanging(counting_relay, make_school):
    """A run whose relay takes some messages in the middle, and never answers them."""
    school = make_school(counting_relay.port, pupils=PUPILS, relay="max_connections = 4")
    path = school.root / "data/marks.csv"
    path.write_text(re.sub(r"p(1\d\d@)", r"mute\1", path.read_text()))
    return counting_relay, school


def assert_cut(school, relay, process):
    """It ended soon, and tells what is in doubt: what had left, and no more."""
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert "notifier resume 1" in out
    _code, status = school.json("status", "latest")
    assert set(status["counts"]) == {"accepted", "pending", "unknown"}
    doubts = status["counts"]["unknown"]
    assert 1 <= doubts <= 4 * 2
    assert f"{doubts} message{'s' if doubts > 1 else ''} may have arrived" in out
    taken, _refused = relay.taken()
    assert taken.total() == len(taken) <= status["counts"]["accepted"] + doubts


def wait_until_it_hangs(relay):
    """Until the relay has taken messages that it doesn't answer, and no more come."""
    deadline = time.monotonic() + 30
    before = -1
    while sum(address.startswith("mute") for _token, address in relay.taken()[0]) < 1 or (
        before != relay.taken()[0].total()
    ):
        assert time.monotonic() < deadline
        before = relay.taken()[0].total()
        time.sleep(0.2)  # another process is sending


def test_a_second_signal_cuts_a_relay_that_hangs(hanging):
    """It ends at once, with the doubts counted and the command to go on with."""
    relay, school = hanging
    process = start(school)
    wait_until_it_hangs(relay)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGINT)
    assert_cut(school, relay, process)


def test_a_relay_that_hangs_is_cut_when_the_grace_is_over(hanging):
    """One SIGTERM is enough: a service manager sends no second one."""
    relay, school = hanging
    process = start(school, hasty=True)
    wait_until_it_hangs(relay)
    process.send_signal(signal.SIGTERM)
    assert_cut(school, relay, process)
