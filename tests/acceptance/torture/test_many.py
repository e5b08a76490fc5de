"""Two that serve and two that send, on one ledger, for one campaign."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

PUPILS = 600


def wait_until(is_so, seconds=60):
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # other processes are at work


def plan_soon(school, seconds):
    """Plan the campaign for so many seconds from now."""
    at = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")) + timedelta(seconds=seconds)
    moment = f"{at:%Y-%m-%d %H:%M:%S}"
    command = ("schedule", "set", "marks", "--at", moment, "--missed", "run")
    code, _out, err = school.run(*command)
    assert code == 0, err


def state_of(school):
    """The newest run, or nothing."""
    _code, runs = school.json("runs")
    return runs[0] if runs else {"state": "", "occurrence": "", "counts": {}}


def assert_each_once(school, relay, *, in_doubt):
    """One run, each delivery once, sums in order."""
    _code, runs = school.json("runs")
    (run,) = runs
    counts = run["counts"]
    assert run["rows"] == run["deliveries"] == PUPILS
    assert sum(counts.values()) == PUPILS
    assert set(counts) <= {"accepted", "unknown"}
    assert counts.get("unknown", 0) <= in_doubt
    taken = relay.taken()[0]
    assert set(taken.values()) == {1}
    assert counts["accepted"] <= len(taken)
    assert school.run("ledger", "check")[0] == 0


def test_two_that_serve_and_two_that_send_deliver_each_message_once(counting_relay, make_school):
    """One occurrence fires on both, and two people send it as well: one run, nobody twice."""
    school = make_school(
        counting_relay.port, pupils=PUPILS, relay='max_connections = 3\nrate = "150/second"'
    )
    plan_soon(school, 6)
    servers = [school.start("serve") for _number in range(2)]
    wait_until(lambda: counting_relay.taken()[0])
    name = state_of(school)["occurrence"]
    senders = [
        school.start("send", "marks", "--live", "--occurrence", name) for _number in range(2)
    ]
    assert [it.wait(60) for it in senders] == [0, 0]
    wait_until(lambda: state_of(school)["state"] == "finished")
    for server in servers:
        server.send_signal(signal.SIGTERM)
    for server in servers:
        _out, err = server.communicate(timeout=30)
        assert b"Traceback" not in err
        assert server.returncode == 0
    assert_each_once(school, counting_relay, in_doubt=0)


def test_one_of_each_is_killed_and_the_others_finish(counting_relay, make_school):
    """What the dead held goes out all the same; in doubt is what was on their wires at most."""
    school = make_school(
        counting_relay.port, pupils=PUPILS, relay='max_connections = 3\nrate = "150/second"'
    )
    plan_soon(school, 6)
    servers = [school.start("serve") for _number in range(2)]
    wait_until(lambda: counting_relay.taken()[0])
    name = state_of(school)["occurrence"]
    senders = [
        school.start("send", "marks", "--live", "--occurrence", name) for _number in range(2)
    ]
    wait_until(lambda: counting_relay.taken()[0].total() > PUPILS // 2)
    for dead in (servers[0], senders[0]):
        os.killpg(dead.pid, signal.SIGKILL)
    wait_until(lambda: state_of(school)["state"] in ("finished", "held"))
    servers[1].send_signal(signal.SIGTERM)
    assert servers[1].wait(30) == 0
    assert senders[1].wait(30) in (0, 1)
    assert_each_once(school, counting_relay, in_doubt=2 * 3 * 2)
