from __future__ import annotations

import json
from collections import Counter


def total(summary):
    """What became of the rows: the right side of the ledger's sum."""
    return summary["deliveries"] + summary["rejections"] + summary["folded"]


def test_a_sheet_becomes_mail_and_an_account_of_every_row(make_school, mailbox):
    """Each row of the sheet is a message in its recipient's mailbox or a rejection with reason."""
    school = make_school(mailbox.port, pupils=12)
    with (school.root / "data/marks.csv").open("a") as sheet:
        sheet.write("HS90001,Broken,not-an-address,5\nHS90002,Nobody,,5\n")
    code, summary = school.json("send", "marks", "--live")
    assert code == 1
    assert summary["counts"] == {"accepted": 12}
    assert summary["state"] == "finished"
    assert summary["rows"] == 14 == total(summary)
    assert Counter(mailbox.received()) == {f"p{n}@parents.example": 1 for n in range(12)}
    code, report = school.json("report", str(summary["run"]))
    assert {it["line"] for it in report["rejected_rows"]} == {14, 15}


def test_without_live_nothing_is_sent(make_school, mailbox):
    """A dry run says how many would be mailed, and sends and writes nothing."""
    school = make_school(mailbox.port)
    code, out, _err = school.run("send", "marks")
    assert code == 0
    assert "12" in out
    assert "--live" in out
    assert mailbox.received() == []
    assert not (school.root / "data/ledger.sqlite").exists()


def test_sending_again_sends_nothing_twice(make_school, mailbox):
    """`send` of a finished occurrence mails nobody again."""
    school = make_school(mailbox.port)
    school.json("send", "marks", "--live")
    code, again = school.json("send", "marks", "--live")
    assert code == 0
    assert again["counts"] == {"accepted": 12}
    assert len(mailbox.received()) == 12


def test_a_dead_relay_pauses_the_run_and_burns_nobody(make_school, mailbox):
    """Nothing listens: exit code 3, one sentence; later the run goes on as if nothing had been."""
    port = mailbox.port
    school = make_school(1, pupils=5)
    code, _out, err = school.run("send", "marks", "--live", "--json")
    assert code == 3
    assert json.loads(err)["error"] == "relay_unreachable"
    _code, status = school.json("status", "latest")
    assert status["state"] == "paused"
    assert status["reason"]
    assert status["counts"] == {"pending": 5}
    toml = (school.root / "notifier.toml").read_text()
    school.write("notifier.toml", toml.replace("port = 1\n", f"port = {port}\n"))
    code, summary = school.json("send", "marks", "--live")
    assert (code, summary["counts"]) == (0, {"accepted": 5})
    _code, shown = school.json("show", "1")
    assert [it["code"] for it in shown["attempts"]] == [250]


def test_an_undefined_variable_stops_the_run_before_its_first_message(make_school, mailbox):
    """A template that asks for what one sheet doesn't have mails nobody, and says where."""
    school = make_school(mailbox.port)
    school.write("templates/marks/body.html", "<p>{{ nmae }}</p>\n")
    code, _out, err = school.run("send", "marks", "--live")
    assert code == 2
    assert "nmae" in err
    assert mailbox.received() == []


def test_an_unexpected_count_stops_the_run(make_school, mailbox):
    """`expect` outside its range stops the run before its first message."""
    school = make_school(mailbox.port)
    path = school.root / "campaigns/marks.yaml"
    path.write_text(path.read_text() + "expect: {recipients: 30..60}\n")
    code, _out, err = school.run("send", "marks", "--live")
    assert code == 2
    assert "12" in err
    assert mailbox.received() == []


def test_a_suppressed_address_is_never_mailed(make_school, mailbox):
    """Suppressed before the run: recorded as such, and no message."""
    school = make_school(mailbox.port, pupils=3)
    assert school.run("suppress", "add", "P1@parents.example")[0] == 0
    _code, summary = school.json("send", "marks", "--live")
    assert summary["counts"] == {"accepted": 2, "suppressed": 1}
    assert sorted(mailbox.received()) == ["p0@parents.example", "p2@parents.example"]


def test_what_the_ledger_shows_is_what_was_mailed(make_school, mailbox):
    """`show --eml` gives the very bytes that the mailbox holds below its envelope lines."""
    school = make_school(mailbox.port, pupils=1)
    school.json("send", "marks", "--live")
    code, out, err = school.run("show", "1", "--eml")
    assert code == 0, err
    (message,) = mailbox.sandbox.messages()
    assert message.data.decode() == out
