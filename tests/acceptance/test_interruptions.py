from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter

#: What may be in doubt after a kill: `max_connections` times `pipeline_depth`, as they are unless
#: settings say otherwise.
MOST_IN_DOUBT = 8 * 2
#: Enough that a signal finds the run in the middle, few enough to be quick.
PUPILS = 400


def assert_each_once(mailbox, summary, count):
    """Everybody has one message, except who is in doubt, who has one or none."""
    received = Counter(mailbox.received())
    assert set(received.values()) == {1}
    assert summary["counts"]["accepted"] + summary["counts"].get("unknown", 0) == count
    assert len(received) >= summary["counts"]["accepted"]


def test_killed_in_the_middle_it_goes_on_and_doubles_nobody(make_school, mailbox):
    """Kill -9 during the run; `send` again finishes it, and nobody gets a second message."""
    school = make_school(mailbox.port, pupils=PUPILS)
    process = school.start("send", "marks", "--live")
    mailbox.wait_for(30)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    _code, summary = school.json("send", "marks", "--live")
    assert summary["counts"].get("unknown", 0) <= MOST_IN_DOUBT
    assert_each_once(mailbox, summary, PUPILS)


def test_interrupted_it_finishes_what_is_on_the_wire(make_school, mailbox):
    """SIGINT: nothing is in doubt, the rest is given back, and it says how to go on."""
    school = make_school(mailbox.port, pupils=PUPILS)
    process = school.start("send", "marks", "--live")
    mailbox.wait_for(30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert b"notifier resume" in out + err
    _code, status = school.json("status", "latest")
    assert set(status["counts"]) == {"accepted", "pending"}
    assert status["counts"]["accepted"] == len(mailbox.received())
    _code, summary = school.json("send", "marks", "--live")
    assert summary["counts"] == {"accepted": PUPILS}
    assert_each_once(mailbox, summary, PUPILS)


def test_two_at_once_mail_everybody_once(make_school, mailbox):
    """A second `send` of the same campaign helps with the run; nobody is mailed twice."""
    school = make_school(mailbox.port, pupils=PUPILS)
    both = [school.start("send", "marks", "--live", "--json") for _number in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    _code, summary = school.json("status", "latest")
    assert summary["counts"] == {"accepted": PUPILS}
    assert_each_once(mailbox, summary, PUPILS)


def test_two_campaigns_at_once_share_a_relays_connections(make_school, small_relay):
    """Two processes, one relay of two connections: it never has more, and both runs finish."""
    school = make_school(small_relay.port, pupils=80, relay="max_connections = 2")
    text = (school.root / "campaigns/marks.yaml").read_text(encoding="utf-8")
    school.write("campaigns/again.yaml", text)
    both = [school.start("send", name, "--live", "--json") for name in ("marks", "again")]
    assert [process.wait(60) for process in both] == [0, 0]
    assert small_relay.most_open == 2
    for name in ("marks", "again"):
        _code, summary = school.json("status", name)
        assert summary["counts"] == {"accepted": 80}
    assert set(Counter(small_relay.received).values()) == {2}


def test_paused_from_elsewhere_it_stops(make_school, make_mailbox):
    """`pause` in another window ends the sending; `resume` finishes the run."""
    mailbox = make_mailbox({"match": "*", "action": "delay", "seconds": 0.02})
    school = make_school(mailbox.port, pupils=PUPILS, relay="max_connections = 2")
    process = school.start("send", "marks", "--live")
    mailbox.wait_for(5)
    assert school.run("pause", "latest")[0] == 0
    process.communicate(timeout=30)
    assert process.returncode == 1
    _code, status = school.json("status", "latest")
    assert status["state"] == "paused"
    assert status["counts"]["pending"] > 0
    _code, resumed = school.json("resume", "latest")
    assert resumed["state"] in {"active", "finished"}


def test_a_ledger_that_somebody_else_holds_is_told(make_school, mailbox, monkeypatch):
    """A locked ledger: exit code 3 and one sentence, nothing mailed."""
    school = make_school(mailbox.port, pupils=3)
    school.run("send", "marks", "--live")
    held = sqlite3.connect(school.root / "data/ledger.sqlite", isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("notifier.ledger.connection.BUSY_SECONDS", 0.05)
    code, _out, err = school.run("send", "marks", "--live", "--again")
    held.close()
    assert code == 3
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 3  # what, where, next
    assert len(mailbox.received()) == 3


def test_deferred_mail_comes_when_due_and_refused_mail_does_not(make_school, make_mailbox):
    """Greylisted twice, then taken; refused once is refused; both told with the relay's words."""
    mailbox = make_mailbox(
        {"match": "p1@*", "action": "defer", "times": 2, "reply": "451 4.7.1 try later"},
        {"match": "p2@*", "action": "refuse", "reply": "550 5.1.1 no such user"},
    )
    school = make_school(mailbox.port, pupils=4)
    code, summary = school.json("send", "marks", "--live", "--watch")
    assert code == 1
    assert summary["counts"] == {"accepted": 3, "refused": 1}
    _code, report = school.json("report", "latest")
    refused = [it for it in report["recipients"] if it["state"] == "refused"]
    assert [(it["address"], it["code"], it["enhanced"]) for it in refused] == [
        ("p2@parents.example", 550, "5.1.1")
    ]


def test_the_password_is_nowhere_but_on_the_wire(make_school, mailbox, monkeypatch):
    """A canary password appears in no output, no error, no file of the workspace."""
    canary = "c4nary-passw0rd"
    school = make_school(mailbox.port, pupils=2, relay='username = "office"')
    monkeypatch.setenv("NOTIFIER_RELAYS__MAIN__PASSWORD", canary)
    said = []
    for arguments in (
        ("send", "marks", "--live"),
        ("relay", "check", "main"),
        ("--debug", "send", "marks", "--live"),
        ("status", "latest"),
        ("report", "latest", "--format", "html", "-o", str(school.root / "report.html")),
    ):
        said += school.run(*arguments)[1:]
    assert canary not in "".join(said)
    for path in school.root.rglob("*"):
        if path.is_file():
            assert canary.encode() not in path.read_bytes(), path
