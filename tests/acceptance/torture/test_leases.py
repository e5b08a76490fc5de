"""Several who send one run: a worker that sleeps past its lease, and workers that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from sqlite3 import OperationalError, connect

import pytest

PUPILS = 600
#: The command with a lease that a test can wait for. Both are set before anything reads them.
SHORT = """\
import sys
import notifier.delivery.line
notifier.delivery.line.LEASE = 1.5
from notifier.cli import run
sys.exit(run(sys.argv[1:]))
"""


def start(school, *, is_short=True):
    """`send` in a process of its own."""
    way = ["-c", SHORT] if is_short else ["-m", "notifier"]
    process = subprocess.Popen(
        [sys.executable, *way, "--workspace", str(school.root), "send", "marks", "--live"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    school.processes.append(process)
    return process


def wait_for(relay, count):
    """Until the relay has taken so many messages."""
    deadline = time.monotonic() + 30
    while relay.taken()[0].total() < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # another process is sending


def ask(school, sql):
    """Rows of the ledger."""
    with closing(connect(school.root / "data/ledger.sqlite")) as db:
        return db.execute(sql).fetchall()


def set_policy(school, on_doubt):
    """What the campaign says about doubts."""
    path = school.root / "campaigns/marks.yaml"
    path.write_text(path.read_text() + f"on_doubt: {on_doubt}\n")


def stop_between_transactions(school, process):
    """SIGSTOP. A process that is stopped while it writes keeps the ledger locked for all others."""
    while True:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        with closing(connect(school.root / "data/ledger.sqlite", timeout=0)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except OperationalError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.003)  # until it has written, perhaps
            else:
                db.execute("ROLLBACK")
                return


@pytest.mark.parametrize("on_doubt", ["hold", "resend"])
def test_a_worker_that_was_stopped_past_its_lease_writes_nothing_over_the_new_owners_outcomes(
    counting_relay, make_school, on_doubt
):
    """SIGSTOP, another takes over and finishes, SIGCONT: each message once, unless it is listed.

    What the sleeper had handed to the kernel before, or is past its durable intent with, can't be
    called back: at most its connections times their depth. Its late replies settle what was held
    in doubt; with `resend` such a message may arrive twice, and each that does is on the list.
    """
    connections, depth = 4, 2
    school = make_school(
        counting_relay.port,
        pupils=PUPILS,
        relay=f'max_connections = {connections}\nrate = "250/second"',
    )
    set_policy(school, on_doubt)
    sleeper = start(school)
    wait_for(counting_relay, 60)
    stop_between_transactions(school, sleeper)
    heir = start(school)
    try:
        assert heir.wait(40) in (0, 1)
        states = dict(ask(school, "SELECT state, count(*) FROM delivery GROUP BY state"))
        assert set(states) <= {"accepted", "unknown"}
    finally:
        sleeper.send_signal(signal.SIGCONT)
    _out, err = sleeper.communicate(timeout=40)
    assert b"Traceback" not in err
    assert sleeper.returncode in (0, 1)

    taken = Counter({token: n for (token, _to), n in counting_relay.taken()[0].items()})
    doubted = {
        token
        for (token,) in ask(
            school,
            "SELECT token FROM recipient JOIN attempt USING (delivery_id)"
            " WHERE attempt.note = 'worker_gone'",
        )
    }
    assert len(doubted) <= connections * depth
    assert all(count == 1 or token in doubted for token, count in taken.items())
    if on_doubt == "hold":
        assert set(taken.values()) == {1}
    accepted = {
        token
        for (token,) in ask(
            school,
            "SELECT token FROM recipient JOIN delivery ON id = delivery_id"
            " WHERE state = 'accepted'",
        )
    }
    assert accepted <= set(taken)
    assert len(accepted | doubted) == PUPILS
    owners = ask(
        school,
        "SELECT count(DISTINCT worker_id) FROM attempt WHERE note = '' AND outcome = 'accepted'"
        " GROUP BY delivery_id HAVING count(*) > 1",
    )
    assert owners == []


def test_of_three_senders_two_are_killed_and_each_message_goes_out_once(
    counting_relay, make_school
):
    """The last one takes over at once what the dead held: no lease is waited for."""
    school = make_school(counting_relay.port, pupils=PUPILS, relay="max_connections = 3")
    processes = [start(school, is_short=False) for _number in range(3)]
    for process, count in zip(processes, (30, 200), strict=False):
        wait_for(counting_relay, count)
        os.killpg(process.pid, signal.SIGKILL)
    assert processes[2].wait(40) in (0, 1)
    counts = school.json("status", "latest")[1]["counts"]
    assert set(counts) <= {"accepted", "unknown"}
    assert sum(counts.values()) == PUPILS
    assert counts.get("unknown", 0) <= 2 * 3 * 2
    taken = counting_relay.taken()[0]
    assert set(taken.values()) == {1}
    assert counts["accepted"] <= len(taken)
    code, out, _err = school.run("report", "latest", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["rows"] == told["deliveries"] == PUPILS
