"""`notifier schedule`, `serve` and `plan`, as whole programs."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
#: Longer than anything here takes.
LIMIT = 60.0


@pytest.fixture
def serve():
    """Start `notifier serve` for a school; ends with the school."""

    def start(school):
        return school.start("serve")

    return start


def soon(seconds=0.5):
    """A moment that comes at once, in the campaign's zone."""
    return (datetime.now(HANOI) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def wait_until(is_so, what):
    """Until something is so."""
    deadline = time.monotonic() + LIMIT
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # another process is at work


def is_over(school):
    """Whether the latest run has ended."""
    with contextlib.suppress(AssertionError):
        return school.json("runs")[1][0]["state"] == "finished"
    return False


def plan(school, *options):
    """Schedule the school's campaign."""
    code, _out, err = school.run("schedule", "marks", *options)
    assert code == 0, err


def test_two_that_serve_send_a_scheduled_campaign_once_and_stop_when_told(
    make_school, mailbox, serve
):
    """One run, everybody once, exit code 0 after SIGTERM; the log says it in plain lines."""
    school = make_school(mailbox.port, pupils=60)
    both = [serve(school) for _number in range(2)]
    wait_until(lambda: school.json("schedule", "list")[1]["served_by"] == 2, "nobody serves")
    plan(school, "--at", soon(2))
    mailbox.wait_for(60)
    wait_until(lambda: is_over(school), "the run did not end")
    for process in both:
        process.send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=LIMIT) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert set(Counter(mailbox.received()).values()) == {1}
    _code, runs = school.json("runs")
    assert len(runs) == 1
    assert runs[0]["counts"] == {"accepted": 60}
    log = b"".join(out for out, _err in outputs).decode()
    assert log.count("has begun: 60 messages") == 1
    assert not any(b"Traceback" in err for _out, err in outputs)


def test_killed_in_the_middle_it_goes_on_with_the_next_start(make_school, make_mailbox, serve):
    """Kill -9; the next `serve` finishes the run, nobody is mailed twice."""
    mailbox = make_mailbox({"match": "*", "action": "delay", "seconds": 0.02})
    school = make_school(mailbox.port, pupils=150, relay="max_connections = 2")
    first = serve(school)
    plan_when_served(school)
    mailbox.wait_for(20)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=LIMIT)
    again = serve(school)
    wait_until(
        lambda: (
            sum(school.json("runs")[1][0]["counts"].get(it, 0) for it in ("accepted", "unknown"))
            == 150
        ),
        "the run did not go on",
    )
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=LIMIT)
    assert again.returncode == 0
    assert set(Counter(mailbox.received()).values()) == {1}


def plan_when_served(school):
    """Schedule as soon as somebody serves."""
    wait_until(
        lambda: (
            (school.root / "data/ledger.sqlite").exists()
            and school.json("schedule", "list")[1]["served_by"]
        ),
        "nobody serves",
    )
    plan(school, "--at", soon(1))


def test_two_that_serve_and_two_that_send_deliver_each_message_once(make_school, mailbox, serve):
    """One campaign, one occurrence, four processes."""
    school = make_school(mailbox.port, pupils=200)
    serving = [serve(school) for _number in range(2)]
    sending = [school.start("send", "marks", "--live", "--json") for _number in range(2)]
    assert [process.wait(LIMIT) for process in sending] == [0, 0]
    mailbox.wait_for(200)
    for process in serving:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT)
    assert [process.returncode for process in serving] == [0, 0]
    assert set(Counter(mailbox.received()).values()) == {1}
    assert len(school.json("runs")[1]) == 1


def test_a_run_that_waits_for_its_window_is_told_and_a_person_may_send_it_anyway(
    make_school, mailbox
):
    """Plain `send` says when the window opens; `--anytime` sends now."""
    school = make_school(mailbox.port, pupils=3)
    now = datetime.now(HANOI)
    opens, closes = now + timedelta(hours=2), now + timedelta(hours=3)
    add(school, f'window: {{hours: "{opens:%H:%M}-{closes:%H:%M}"}}\n')
    code, out, _err = school.run("send", "marks", "--live")
    assert code == 1
    assert f"opens at {opens:%Y-%m-%d %H:%M}" in out
    assert mailbox.received() == []
    _code, foretold = school.json("plan", "marks")
    assert foretold["starts_at"][:16] == f"{opens:%Y-%m-%dT%H:%M}"
    code, _out, err = school.run("resume", "latest", "--anytime")
    assert code == 0, err
    assert len(mailbox.received()) == 3


def add(school, text):
    """Add keys to the school's campaign."""
    path = school.root / "campaigns/marks.yaml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_too_late_is_refused_before_anything_is_written(make_school, mailbox):
    """An invitation after the event mails nobody; `--anytime` does all the same."""
    school = make_school(mailbox.port, pupils=3)
    add(school, "not_after: 2020-01-15 07:00\n")
    code, _out, err = school.run("send", "marks", "--live")
    assert code == 2
    assert "too late" in err
    assert school.run("send", "marks", "--live", "--anytime")[0] == 0
    assert len(mailbox.received()) == 3


def missed(school, *options):
    """A schedule whose time came while nobody served: its row says it was made before."""
    plan(school, "--at", soon(3600), *options)
    with sqlite3.connect(school.root / "data/ledger.sqlite") as db:
        past = (datetime.now(HANOI) - timedelta(hours=2)).replace(microsecond=0, second=0)
        db.execute(
            "UPDATE schedule SET at = at - 86400, spec = json_set(spec, '$.at', ?, '$.begun', 0)",
            (past.replace(tzinfo=None).isoformat(),),
        )
    return f"{past:%Y-%m-%dT%H:%M}"


def test_what_was_missed_waits_for_an_answer_and_is_sent_then(make_school, mailbox, serve):
    """It is in the list, which ends with 1; `schedule run` has it sent."""
    school = make_school(mailbox.port, pupils=3)
    occurrence = missed(school)
    serving = serve(school)
    wait_until(lambda: school.json("schedule", "list")[1]["occurrences"], "nothing was noted")
    code, found = school.json("schedule", "list")
    assert code == 1
    assert [(it["occurrence"], it["state"]) for it in found["occurrences"]] == [
        (occurrence, "asked")
    ]
    assert "notifier schedule run marks" in school.run("schedule", "list")[1]
    assert school.run("schedule", "run", "marks", "nonsense")[0] == 2
    assert school.run("schedule", "run", "marks", occurrence)[0] == 0
    mailbox.wait_for(3)
    wait_until(lambda: school.json("schedule", "list")[0] == 0, "it is still asked about")
    serving.terminate()
    serving.communicate(timeout=LIMIT)
    assert school.json("runs")[1][0]["occurrence"] == occurrence


@pytest.mark.parametrize(
    ("option", "trouble", "state"),
    [
        ("--missing=fail", "missing", "failed"),
        ("--missing=skip", "missing", "skipped"),
        ("--unchanged=skip", "unchanged", "skipped"),
        ("--unchanged=send", "unchanged", "begun"),
    ],
)
def test_a_sheet_that_is_missing_or_unchanged_is_refused_when_told_to(  # noqa: PLR0917 - fixtures
    make_school, mailbox, serve, option, trouble, state
):
    """Each refusal is in the list with its reason; nobody is mailed by it."""
    school = make_school(mailbox.port, pupils=3)
    if trouble == "unchanged":
        assert school.run("send", "marks", "--live")[0] == 0
    sent = len(mailbox.received())
    missed(school, option, "--missed=run")
    if trouble == "missing":
        (school.root / "data/marks.csv").unlink()
    serving = serve(school)

    def settled():
        found = school.json("schedule", "list")[1]["occurrences"]
        return found and found[0]["state"] != "due"

    wait_until(settled, "nothing became of it")
    (found,) = school.json("schedule", "list")[1]["occurrences"]
    assert found["state"] == state
    assert found["note"]
    if state == "begun":
        mailbox.wait_for(sent + 3)
    serving.terminate()
    serving.communicate(timeout=LIMIT)
    assert len(mailbox.received()) == sent + (3 if state == "begun" else 0)


def test_planning_pausing_and_removing(make_school):
    """Each is told, as text and as JSON, and mistakes say what to do."""
    school = make_school(9, pupils=3)
    code, out, _err = school.run("schedule", "list")
    assert (code, "Nothing is planned" in out) == (0, True)
    assert school.run("schedule", "marks")[0] == 2
    assert "no schedule of its own" in school.run("schedule", "marks")[2]
    code, _out, err = school.run("schedule", "marks", "--at", "2020-01-15 07:00")
    assert (code, "is over" in err) == (2, True)
    code, _out, err = school.run("schedule", "marks", "--cron", "0 7 * *")
    assert (code, "five fields" in err, "--cron" in err) == (2, True, True)
    add(school, "schedule: {cron: 0 7 * * mon-fri, missed: skip}\n")
    _code, planned = school.json("schedule", "marks")
    assert (planned["cron"], planned["missed"], len(planned["next"])) == (
        "0 7 * * mon-fri",
        "skip",
        3,
    )
    assert planned["next"][0].endswith("07:00:00+07:00")
    plan(school, "--every", "2w", "--at", "2099-01-15 07:00")
    _code, found = school.json("schedule", "list")
    assert found["schedules"][0]["next"][:2] == [
        "2099-01-15T07:00:00+07:00",
        "2099-01-29T07:00:00+07:00",
    ]
    assert "its file says otherwise" in school.run("schedule", "list")[1]
    assert school.run("schedule", "pause", "marks")[0] == 0
    assert "paused" in school.run("schedule", "list")[1]
    assert school.run("schedule", "resume", "marks")[0] == 0
    assert school.json("schedule", "remove", "marks")[1]["state"] == "removed"
    assert school.run("schedule", "remove", "marks")[0] == 2


def test_the_forecast_is_what_a_real_run_takes(make_school, mailbox):
    """40 messages at 20 a second: foretold and measured differ by less than half a second.

    Of three runs the quickest counts: a machine that does other work delays some of them.
    """
    school = make_school(mailbox.port, pupils=40, relay='rate = "20/second"')
    _code, foretold = school.json("plan", "marks")
    assert foretold["deliveries"] == 40
    assert foretold["limited_by"] == "20/second"
    assert foretold["seconds"] == pytest.approx(1.0, abs=0.1)
    _code, dry = school.json("send", "marks")
    assert dry["estimated_seconds"] == pytest.approx(1.0, abs=0.1)
    taken = []
    while len(taken) < 3 and min(taken, default=9.0) > foretold["seconds"] + 0.5:
        assert school.run("send", "marks", "--live", "--again")[0] == 0
        taken.append(sending_time(school))
    assert all(seconds >= foretold["seconds"] - 0.1 for seconds in taken)
    assert min(taken) <= foretold["seconds"] + 0.5


def sending_time(school):
    """Seconds from the first attempt of the latest run to the last."""
    with sqlite3.connect(school.root / "data/ledger.sqlite") as db:
        first, last = db.execute(
            "SELECT min(a.started_at), max(a.at) FROM attempt a JOIN delivery d"
            " ON d.id = a.delivery_id WHERE d.run_id = (SELECT max(id) FROM run)"
        ).fetchone()
    return last - first


def test_what_needs_approval_is_enrolled_when_due_and_sent_once_somebody_approves(
    make_school, mailbox, serve, monkeypatch
):
    """The schedule asks; somebody else answers; whoever serves sends."""
    monkeypatch.setenv("NOTIFIER_ACTOR", "lan@office")
    school = make_school(mailbox.port, pupils=3)
    add(school, "approval: required\n")
    serving = serve(school)
    plan_when_served(school)
    wait_until(
        lambda: [it["state"] for it in school.json("runs")[1]] == ["awaiting"],
        "the run does not wait for approval",
    )
    assert "waits for approval" in school.run("schedule", "list")[1]
    assert mailbox.received() == []
    monkeypatch.setenv("NOTIFIER_ACTOR", "hieu_pho@office")
    code, _out, err = school.run("approve", "latest", "--yes")
    assert code == 0, err
    mailbox.wait_for(3)
    wait_until(lambda: is_over(school), "the run did not end")
    serving.terminate()
    serving.communicate(timeout=LIMIT)


def test_the_forecast_knows_domains_pauses_and_what_comes_too_late(make_school):
    """A domain's own limit may take longer than all the rest; a script learns it by exit code 1."""
    domain = '[relays.main.domains."parents.example"]\nrate = "10/minute"'
    school = make_school(9, pupils=40, relay=domain)
    code, foretold = school.json("plan", "marks", "--at", "2027-01-15 16:58")
    assert code == 0
    assert foretold["slowest_domain"] == "parents.example"
    assert foretold["seconds"] == pytest.approx(180, abs=1)
    assert [it["why"] for it in foretold["pauses"]] == ["10/minute"] * 3
    add(school, 'window: {hours: "07:00-17:00", days: mon-fri}\nnot_after: 3d\n')
    code, foretold = school.json("plan", "marks", "--at", "2027-01-15 16:58")
    assert (code, foretold["too_late"]) == (0, 0)
    assert foretold["ends_at"] == "2027-01-18T07:01:00+07:00"
    assert foretold["pauses"][-2]["until"] == "2027-01-18T07:00:00+07:00"
    path = school.root / "campaigns/marks.yaml"
    path.write_text(path.read_text("utf-8").replace("3d", "1h"), encoding="utf-8")
    code, foretold = school.json("plan", "marks", "--at", "2027-01-15 16:58")
    assert (code, foretold["too_late"]) == (1, 20)
    assert (
        "20 would come after 2027-01-15 17:58"
        in school.run("plan", "marks", "--at", "2027-01-15 16:58")[1]
    )
