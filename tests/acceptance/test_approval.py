"""A teacher prepares, the vice-principal approves: as programs of their own, and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest

PUPILS = 3000


@pytest.fixture
def sit(monkeypatch):
    """Sit down at the desk as somebody."""

    def sit(name):
        monkeypatch.setenv("NOTIFIER_ACTOR", name)

    sit("lan@office")
    return sit


@pytest.fixture
def school(make_school, mailbox):
    """A school whose marks need approval."""
    made = make_school(mailbox.port, pupils=40)
    path = made.root / "campaigns" / "marks.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "approval: required\n", encoding="utf-8")
    return made


def _kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)


def _wait_for(school, sql, value, seconds=30.0):
    """Until the ledger says so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(sqlite3.Error):
            db = sqlite3.connect(f"file:{school.root}/data/ledger.sqlite?mode=ro", uri=True)
            with contextlib.closing(db):
                if db.execute(sql).fetchone()[0] >= value:
                    return
        time.sleep(0.01)  # another process is at work
    raise AssertionError(sql)


@pytest.mark.parametrize("enrolled", [1, PUPILS])
def test_killed_while_it_is_asked_for_nothing_ever_leaves(school, mailbox, sit, enrolled):
    """However far enrolment was: begun again it waits whole, and only an approval lets it go."""
    school.sheet(PUPILS)
    process = school.start("send", "marks", "--live")
    _wait_for(school, "SELECT count(*) FROM recipient", enrolled)
    _kill(process)
    assert mailbox.received() == []
    code, asked = school.json("send", "marks", "--live")
    assert code == 0
    assert (asked["state"], asked["deliveries"]) == ("awaiting", PUPILS)
    assert school.run("resume", "1")[0] == 2
    assert mailbox.received() == []


def test_whoever_serves_sends_what_was_approved_and_nothing_before(school, mailbox, sit):
    """`serve` leaves it alone until then; then everybody has one message."""
    server = school.start("serve")
    assert school.run("send", "marks", "--live")[0] == 0
    _wait_for(school, "SELECT count(*) FROM worker", 1)  # it serves
    assert mailbox.received() == []
    sit("hieu_pho@office")
    code, _out, err = school.run("approve", "1", "--yes")
    assert code == 0, err
    mailbox.wait_for(40)
    os.killpg(server.pid, signal.SIGTERM)
    server.communicate(timeout=20)
    received = mailbox.received()
    assert len(received) == len(set(received)) == 40
    status = school.json("status", "1")[1]
    assert status["state"] == "finished"
    assert status["approval"]["asked_by"] == "lan@office"
    assert status["approval"]["approved_by"] == "hieu_pho@office"


def test_a_sheet_that_is_changed_half_way_stops_the_rest(school, mailbox, sit):
    """What was approved and sent stays sent; what is left waits for another look."""
    school.write(
        "campaigns/marks.yaml",
        (school.root / "campaigns/marks.yaml").read_text(encoding="utf-8") + "rate: 20/second\n",
    )
    school.run("send", "marks", "--live")
    sit("hieu_pho@office")
    school.run("approve", "1", "--yes")
    process = school.start("resume", "1")
    mailbox.wait_for(5)
    _kill(process)
    school.sheet(41)
    code, _out, err = school.run("resume", "1")
    assert code == 2
    assert "marks.csv" in err
    begun = len(mailbox.received())
    assert begun < 40
    assert school.json("status", "1")[1]["state"] == "awaiting"
    school.sheet(40)
    school.run("approve", "1", "--yes", "--send")
    received = mailbox.received()
    doubts = school.json("status", "1")[1]["counts"].get("unknown", 0)
    assert len(received) == len(set(received))
    assert 40 - doubts <= len(received) <= 40


def _pupils(mailbox):
    return [it for it in mailbox.received() if it.endswith("@parents.example")]


def test_a_planned_occurrence_waits_and_somebody_is_told(school, mailbox, sit):
    """By `serve` itself: the operator has a mail, and only an approval sends the others."""
    settings = school.root / "notifier.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}[alerts]\nmail = "it@school.example"\n', encoding="utf-8")
    school.start("serve")
    soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat(timespec="milliseconds")
    code, _out, err = school.run("schedule", "marks", "--at", soon)
    assert code == 0, err
    mailbox.wait_for(1, seconds=60.0)
    assert mailbox.received() == ["it@school.example"]
    (waiting,) = school.json("runs")[1]
    assert waiting["state"] == "awaiting"
    sit("hieu_pho@office")
    assert school.run("approve", str(waiting["run"]), "--yes")[0] == 0
    mailbox.wait_for(41, seconds=60.0)
    assert len(set(_pupils(mailbox))) == len(_pupils(mailbox)) == 40


def test_a_planned_occurrence_with_far_more_recipients_is_refused_and_told(
    make_school, mailbox, sit
):
    """Nobody is there to be asked: nothing leaves, and a person may still send it."""
    school = make_school(mailbox.port, pupils=10)
    settings = school.root / "notifier.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}[alerts]\nmail = "it@school.example"\n', encoding="utf-8")
    assert school.run("send", "marks", "--live")[0] == 0
    school.sheet(60)
    school.start("serve")
    soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat(timespec="milliseconds")
    assert school.run("schedule", "marks", "--at", soon)[0] == 0
    mailbox.wait_for(11, seconds=60.0)
    assert mailbox.received().count("it@school.example") == 1
    assert len(_pupils(mailbox)) == 10
    (told,) = school.json("alerts", "list")[1]
    assert told["kind"] == "schedule"
    assert "6 times the usual 10" in told["text"]
    named = told["text"].split("the occurrence ")[1].split(" was not")[0]
    code, _out, err = school.run("send", "marks", "--live", "--occurrence", named, "--yes-many")
    assert code == 0, err
    assert len(_pupils(mailbox)) == 70
