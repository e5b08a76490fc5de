"""The disk fills up under a real run, or another program locks the ledger; then that passes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from sqlite3 import connect

import pytest

PUPILS = 600
#: Bytes of the disk that fills up: the ledger of so many pupils, its log included, wants more.
DISK = 3_000_000
#: Stands for a small disk where none can be mounted: nobody may write a longer file (EFBIG).
CONFINED = """\
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
from notifier.cli import run
sys.exit(run(sys.argv[2:]))
"""
#: The command with an SQLite that waits no longer for a lock than a test can.
HASTY = """\
import sys
import notifier.ledger.connection
notifier.ledger.connection.BUSY_SECONDS = 0.3
from notifier.cli import run
sys.exit(run(sys.argv[1:]))
"""


def start(school, *way):
    """`send` in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, *(way or ["-m", "notifier"]), "--workspace", str(school.root), "send",
         "marks", "--live"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )  # fmt: skip
    school.processes.append(process)
    return process


def wait_for(relay, count):
    """Until the relay has taken so many messages."""
    deadline = time.monotonic() + 60
    while relay.taken()[0].total() < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # another process is sending


def assert_each_once(school, relay, *, in_doubt):
    """The run is over, everybody has one message, or is in doubt and has one or none."""
    _code, status = school.json("status", "latest")
    counts = status["counts"]
    assert set(counts) <= {"accepted", "unknown"}
    assert sum(counts.values()) == PUPILS
    assert counts.get("unknown", 0) <= in_doubt
    taken = relay.taken()[0]
    assert set(taken.values()) == {1}
    assert counts["accepted"] <= len(taken)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of `DISK` bytes; skipped where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_in_mid_run_is_told_and_with_space_again_the_run_goes_on(
    counting_relay, make_school, small_disk
):
    """One sentence and what to do; nothing lost, nobody twice; freed, the same command goes on."""
    school = make_school(counting_relay.port, pupils=PUPILS)
    toml = (school.root / "notifier.toml").read_text()
    ledger = f'[workspace]\nledger = "{small_disk}/ledger.sqlite"\n'
    school.write("notifier.toml", toml.replace("[workspace]\n", ledger))
    process = start(school)
    wait_for(counting_relay, 100)
    filler = small_disk / "somebody-elses"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert_told_of_the_full_disk(err)
    filler.unlink()
    grown = ["mount", "-o", "remount,size=100000000", str(small_disk)]
    subprocess.run(grown, check=True)
    assert start(school).wait(60) in (0, 1)
    assert_each_once(school, counting_relay, in_doubt=8 * 2)


def assert_told_of_the_full_disk(err):
    """What, where, what to do."""
    assert "Traceback" not in err
    assert "Error: The disk is full: the ledger can't be written." in err
    assert "next: Free some space" in err


@pytest.mark.parametrize("most", [450_000, 1_200_000], ids=["enrolling", "sending"])
def test_a_file_that_may_not_grow_is_told_and_when_it_may_the_run_goes_on(
    counting_relay, make_school, most
):
    """A quota, say (EFBIG): the program ends in order, and later goes on."""
    school = make_school(counting_relay.port, pupils=PUPILS)
    process = start(school, "-c", CONFINED, str(most))
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    assert re.search(r"^Error: The disk", err, re.MULTILINE), err
    assert start(school).wait(60) in (0, 1)
    assert_each_once(school, counting_relay, in_doubt=8 * 2)


def test_a_ledger_that_another_program_locks_in_mid_run_is_waited_for(counting_relay, make_school):
    """Longer than SQLite waits by itself: the run finishes all the same, with nothing in doubt."""
    school = make_school(counting_relay.port, pupils=PUPILS)
    process = start(school, "-c", HASTY)
    wait_for(counting_relay, 100)
    held = connect(school.root / "data/ledger.sqlite", isolation_level=None, timeout=10)
    held.execute("BEGIN IMMEDIATE")
    time.sleep(1.2)  # another process waits for it
    quiet = counting_relay.taken()[0].total()
    assert quiet < PUPILS
    held.execute("ROLLBACK")
    held.close()
    assert process.wait(60) == 0
    assert_each_once(school, counting_relay, in_doubt=0)


def test_stopped_while_another_program_locks_the_ledger_it_ends_all_the_same(
    counting_relay, make_school
):
    """Ctrl-C twice: it doesn't wait for the lock; what couldn't be written is in doubt later."""
    school = make_school(counting_relay.port, pupils=PUPILS)
    process = start(school, "-c", HASTY)
    wait_for(counting_relay, 100)
    held = connect(school.root / "data/ledger.sqlite", isolation_level=None, timeout=10)
    held.execute("BEGIN IMMEDIATE")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline()  # it was heard: two signals at once are one
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode in (1, 3, 130)
    held.execute("ROLLBACK")
    held.close()
    assert start(school).wait(60) in (0, 1)
    assert_each_once(school, counting_relay, in_doubt=8 * 2)
