"""Questions across runs, as a school's office asks them on the command line."""

from __future__ import annotations

import csv
import io

import pytest


@pytest.fixture
def two_runs(notifier, office, sheet):
    """The same notice twice: one parent refused both times, one only the first time."""
    sheet(
        ("0001", "an@home.example"),
        ("0002", "refused@home.example"),
        ("0003", "refused2@a.example"),
    )
    assert notifier("send", "notice", "--live", "--occurrence", "first").code == 1
    sheet(("0001", "an@home.example"), ("0002", "refused@home.example"), ("0003", "chi@a.example"))
    assert notifier("send", "notice", "--live", "--occurrence", "second").code == 1


def test_did_class_10a_get_it(notifier, two_runs):
    """By a column of the sheet, which is found whatever its case; by the known groupings."""
    data = notifier("report", "latest", "--by", "class", "--json").data
    assert [(it["value"], it["accepted"], it["refused"]) for it in data["groups"]] == [
        ("10A", 2, 1)
    ]
    shown = notifier("report", "latest", "--by", "Class")
    assert shown.code == 0
    assert "66%" in shown.out
    assert "refused@home.example" in shown.out
    assert "chi@a.example" not in shown.out
    for by in ("run", "campaign", "domain", "cause", "relay", "day", "hour"):
        assert notifier("report", "--by", by).code == 0
    worst = notifier("report", "--by", "domain", "--json").data["groups"][0]
    assert (worst["domain"], worst["refused"]) == ("home.example", 2)
    assert "Ask the person for the right address" in notifier("report", "--by", "cause").out


def test_a_campaigns_runs_over_time(notifier, two_runs):
    """`--campaign` alone lists its runs, the latest first; a day narrows them."""
    rows = notifier("report", "--campaign", "notice", "--json").data["groups"]
    assert [(it["occurrence"], it["accepted"]) for it in rows] == [("second", 2), ("first", 1)]
    assert (
        notifier("report", "--campaign", "notice", "--since", "2100-01-01", "--json").data["groups"]
        == []
    )
    assert "Nothing to show" in notifier("report", "--by", "run", "--until", "2001-01-01").out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["report"], "RUN is missing"),
        (["report", "1", "2"], "--compare sets two runs side by side"),
        (["report", "1", "2", "3", "--compare"], "one argument too many"),
        (["report", "1", "--campaign", "notice"], "A run is named already"),
        (["report", "--compare", "1", "--by", "domain"], "--compare takes runs alone"),
        (["report", "--compare"], "RUN is missing"),
        (["report", "1", "--compare"], "first of its campaign"),
        (["report", "--by", "domian"], "Did you mean domain?"),
        (["report", "--by", "Clas"], "Did you mean Class?"),
        (["report", "--campaign", "notise"], "Did you mean notice?"),
        (["report", "--by", "day", "--since", "yesterday"], "Write it like 2026-09-01"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_what_can(notifier, two_runs, argv, said):
    """Bad usage is 2, with a next step."""
    result = notifier(*argv)
    assert result.code == 2
    assert said in result.err


def test_two_runs_are_compared(notifier, two_runs, tmp_path):
    """Named, or by themselves: the run before of the same campaign; in any order and format."""
    data = notifier("report", "latest", "--compare", "--json").data
    assert (data["before"]["occurrence"], data["after"]["occurrence"]) == ("first", "second")
    assert {it["key"]: it["change"] for it in data["changes"]} == {
        "0002": "still_failing",
        "0003": "arrived_now",
    }
    assert notifier("report", "2", "1", "--compare", "--json").data == data
    shown = notifier("report", "--compare", "latest")
    assert "failed then, arrived now" in shown.out
    assert "chi@a.example" in shown.out
    text = notifier("report", "--compare", "1", "2", "--format", "csv").out
    assert [row["change"] for row in csv.DictReader(io.StringIO(text.lstrip("\ufeff")))] == [
        "still_failing",
        "arrived_now",
    ]
    for ending in ("html", "xlsx", "json"):
        assert notifier("report", "1", "2", "--compare", "-o", f"out/c.{ending}").code == 0
        assert (tmp_path / "out" / f"c.{ending}").stat().st_size > 100


def test_what_did_we_ever_send_this_person(notifier, two_runs):
    """By address or key; the code says whether the last message arrived."""
    refused = notifier("history", "Refused@home.example")
    assert refused.code == 1
    assert refused.out.count("No such mailbox: 550 5.1.1 No such user here") == 2
    assert "Ask the person for the right address" in refused.out
    found = notifier("history", "0003", "--json")
    assert found.code == 0
    assert [(it["address"], it["state"]) for it in found.data["messages"]] == [
        ("chi@a.example", "accepted"),
        ("refused2@a.example", "refused"),
    ]
    assert notifier("history", "an@home.example", "--campaign", "notice").code == 0


@pytest.mark.parametrize(
    ("person", "said"),
    [
        ("an@hom.example", "notifier history an@home.example"),
        ("parent 0002", "notifier history 0002 (Parent 0002)"),
        ("nobody@elsewhere.test", "notifier report RUN lists"),
    ],
)
def test_who_was_never_written_to_is_told_with_who_was_meant(notifier, two_runs, person, said):
    """A slip in an address, or a name instead of a key."""
    result = notifier("history", person)
    assert result.code == 2
    assert said in result.err


def test_a_purge_and_a_forgotten_person_are_told(notifier, two_runs):
    """What can't be known any more is said, and is no slip."""
    assert notifier("forget", "refused@home.example", "--yes").code == 0
    forgotten = notifier("history", "refused@home.example")
    assert forgotten.code == 0
    assert "is not mailed any more" in forgotten.out
    assert notifier("ledger", "purge", "--older-than", "0d", "--yes").code == 0
    gone = notifier("history", "an@home.example")
    assert gone.code == 2
    assert "Runs 1, 2 were purged" in gone.err
    assert "Who they were was purged" in notifier("report", "1").out
    assert "were purged: runs 1, 2" in notifier("report", "--by", "domain").out
    assert notifier("report", "--by", "run", "--json").data["groups"][0]["accepted"] == 2


def test_a_suppressed_address_is_told_even_if_nothing_was_sent(notifier, two_runs):
    """That is why nothing was."""
    notifier("suppress", "add", "left@home.example", "--reason", "left the school")
    result = notifier("history", "left@home.example")
    assert result.code == 0
    assert "left the school" in result.out
    assert notifier("history", "left@home.example", "--json").data["standings"][0]["suppressed"]
