"""Looking before and after: sheets, previews, tests, reports, single deliveries."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
from pathlib import Path

import pytest


def test_a_sheet_is_shown_as_it_is_understood(notifier, office, sheet):
    """`recipients check` tells how a sheet was read, and its problems by line and column."""
    sheet(("0001", "an@home.example"), ("0002", "nobody"), ("0003", "c@home.example"))
    result = notifier("recipients", "check", "notice", "-o", "rejected.csv")
    assert result.code == 1
    assert "an@home.example" in result.out
    assert "Parent's email" in result.out
    assert "rejected.csv" in result.out
    data = notifier("recipients", "check", "data/people.csv", "--json").data
    assert (data["rows"], data["recipients"], data["folded"]) == (3, 2, 0)
    assert data["header_row"] == 1
    (rejection,) = data["rejections"]
    assert (rejection["line"], rejection["column"], rejection["value"]) == (
        3,
        "Parent's email",
        "nobody",
    )
    assert {"encoding", "delimiter", "sheet", "columns"} <= set(data)


def test_a_file_that_is_not_there_is_told(notifier, office):
    """A file by its ending, a campaign otherwise: both with the nearest that is there."""
    missing = notifier("recipients", "check", "data/peopel.csv")
    assert missing.code == 2
    assert "There is no file peopel.csv" in missing.err
    assert "Did you mean people.csv?" in missing.err
    lost = notifier("recipients", "check", "nowhere/people.csv")
    assert lost.code == 2
    assert "Check the name and the folder." in lost.err
    assert "notice" in notifier("recipients", "check", "notise").err


def test_campaign_check_says_that_all_is_well(notifier, office):
    """A campaign without problems is ready, and the next command follows."""
    result = notifier("campaign", "check", "notice")
    assert result.code == 0
    assert "ready to be sent" in result.out
    assert "notifier send notice" in result.out


def test_campaign_check_tells_what_in_the_sheet_is_worth_a_look(notifier, office, sheet):
    """A domain that is probably misspelt, by line and column; it is ready all the same."""
    sheet(("S1", "an@gmial.com"), ("S2", "b@x.example"))
    found = notifier("campaign", "check", "notice")
    assert found.code == 0
    assert "Worth a look" in found.out
    assert "an@gmial.com" in found.out
    (note,) = notifier("campaign", "check", "notice", "--json").data["notes"]
    assert (note["line"], note["column"]) == (2, "Parent's email")


def test_campaign_check_counts_messages_and_names_every_missing_name(notifier, office, tmp_path):
    """Two names in one line are two problems, of as many messages as there are people."""
    body = tmp_path / "templates" / "notice" / "body.md"
    body.write_text("{{ chidl }} {{ gruop }}", encoding="utf-8")
    found = notifier("campaign", "check", "notice")
    assert found.code == 1
    assert "`chidl`" in found.out
    assert "`gruop`" in found.out
    people = notifier("recipients", "check", "notice", "--json").data["recipients"]
    refused = notifier("send", "notice", "--live", "--yes")
    assert f"{people} messages can't be made" in refused.err


@pytest.mark.parametrize("email", ["{{ nope }}@x.example", "{{ row['Id' }}@x.example"])
def test_an_expression_that_fails_is_told_with_its_file(notifier, office, tmp_path, email):
    """The campaign's file and the expression, not only the latter."""
    path = tmp_path / "campaigns" / "notice.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("email: Parent's email", f'email: "{email}"'), encoding="utf-8")
    found = notifier("campaign", "check", "notice")
    assert found.code == 2
    assert f"campaigns/notice.yaml: {email}" in found.err


def test_a_preview_in_vietnamese_has_no_english_labels(notifier, office, monkeypatch):
    """People read labels; `--json` keeps the names of fields."""
    monkeypatch.setenv("NOTIFIER_LOCALE", "vi")
    shown = notifier("campaign", "preview", "notice").out
    assert "Chủ đề" in shown
    assert "Subject" not in shown
    assert "Subject" in notifier("campaign", "preview", "notice", "--json").data["headers"]


def test_a_schedule_and_a_window_are_told_with_what_they_mean(notifier, office, tmp_path):
    """Whoever wrote a schedule must not think that `--live` waits for it."""
    path = tmp_path / "campaigns" / "notice.yaml"
    assert "It has a" not in notifier("send", "notice").out
    text = path.read_text(encoding="utf-8")
    text += "window: {days: mon-fri}\nschedule: {cron: 0 7 * * *}\n"
    path.write_text(text, encoding="utf-8")
    told = notifier("send", "notice").out
    assert "`notifier schedule notice` has it sent then" in told
    assert "outside of it nothing leaves" in told


def test_preview_shows_headers_and_text(notifier, office):
    """One recipient's message in the terminal, found by key or address."""
    result = notifier("campaign", "preview", "notice", "--recipient", "0002")
    assert result.code == 0
    assert "helen.le@parents.example" in result.out
    assert "Peter Tran" in result.out
    by_address = notifier("campaign", "preview", "notice", "-r", "helen.le@parents.example")
    assert by_address.out == result.out
    assert "0002" in notifier("campaign", "preview", "notice", "-r", "0002x").err


def test_preview_writes_files_by_their_ending(notifier, office, tmp_path):
    """.html for a browser, .eml for a mail program, anything else is told."""
    assert notifier("campaign", "preview", "notice", "-o", "a.html").code == 0
    assert "Alice Nguyen" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert notifier("campaign", "preview", "notice", "-o", "a.eml").code == 0
    message = email.message_from_bytes(
        (tmp_path / "a.eml").read_bytes(), policy=email.policy.default
    )
    assert message["Subject"] == "Parents' evening of class 10A: Alice Nguyen"
    assert notifier("campaign", "preview", "notice", "-o", "a.pdf").code == 2


def test_a_test_goes_to_oneself_and_is_marked(notifier, office):
    """`campaign test` sends real rows to one address; the ledger knows nothing of it."""
    result = notifier("campaign", "test", "notice", "--to", "me@school.example", "--count", "2")
    assert result.code == 0
    kept = list(office.messages())
    assert [it.recipients for it in kept] == [("me@school.example",)] * 2
    subject = email.message_from_bytes(kept[0].data, policy=email.policy.default)["Subject"]
    assert subject.lower().startswith("[test]")
    assert notifier("runs", "--json").data == []


def test_a_test_to_nonsense_is_refused(notifier, office):
    """The address is checked before anything is rendered."""
    result = notifier("campaign", "test", "notice", "--to", "me")
    assert result.code == 2
    assert "--to" in result.err


def test_the_report_is_there_in_every_format(notifier, office, sheet, tmp_path):
    """table, json, csv, xlsx and html account for the same rows."""
    sheet(("0001", "an@home.example"), ("0002", "refused@home.example"), ("0003", "nobody"))
    assert notifier("send", "notice", "--live").code == 1
    shown = notifier("report", "latest")
    assert shown.code == 0
    for word in ("an@home.example", "550 5.1.1 No such user here", "nobody"):
        assert word in shown.out
    data = notifier("report", "latest", "--json").data
    assert (data["rows"], data["deliveries"], data["rejections"]) == (3, 2, 1)
    text = notifier("report", "latest", "--format", "csv").out
    assert len(list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))) == 4
    for ending in ("html", "xlsx", "json", "csv"):
        assert notifier("report", "latest", "-o", f"out/report.{ending}").code == 0
        assert (tmp_path / "out" / f"report.{ending}").stat().st_size > 100
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["rows"] == 3
    html = notifier("report", "latest", "--format", "html")
    assert "notice-1.html" in html.out
    assert (tmp_path / "data" / "reports" / "notice-1.html").is_file()
    assert notifier("report", "latest", "--format", "pdf").code == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
@pytest.mark.parametrize("kind", ["html", "xlsx", "csv", "json"])
def test_a_report_that_does_not_fit_on_the_disk_is_told(notifier, office, tmp_path, kind):
    """One sentence with the file's name; nothing half-written is left, and what was there stays."""
    assert notifier("send", "notice", "--live").code == 0
    (tmp_path / f"r.{kind}").write_text("as it was", encoding="utf-8")
    (tmp_path / f".r.{kind}.part").symlink_to("/dev/full")
    result = notifier("report", "latest", "-o", f"r.{kind}")
    assert result.code == 2
    assert result.err.startswith(f"Error: r.{kind} can't be written: No space left on device.\n")
    assert "next:" in result.err
    assert not (tmp_path / f".r.{kind}.part").is_symlink()
    assert (tmp_path / f"r.{kind}").read_text(encoding="utf-8") == "as it was"


def test_a_delivery_is_shown_with_its_row_and_attempts(notifier, office):
    """`show` has the row it was made from, each reply, and the exact bytes of the message."""
    assert notifier("send", "notice", "--live").code == 0
    number = notifier("report", "latest", "--json").data["recipients"][0]
    shown = notifier("show", "1")
    assert shown.code == 0
    assert number["address"] in shown.out
    assert "Alice Nguyen" in shown.out
    data = notifier("show", "1", "--json").data
    assert data["row"]["Student"] == "Alice Nguyen"
    (attempt,) = data["attempts"]
    assert attempt["code"] == 250
    assert attempt["outcome"] == "accepted"
    assert {"at", "relay", "stage", "code", "enhanced", "text", "outcome"} <= set(attempt)
    kept = next(it for it in office.messages() if it.recipients == (number["address"],))
    assert notifier("show", "1", "--eml").out.encode() == kept.data.replace(b"\r\n", b"\n") or (
        notifier("show", "1", "--eml").out.encode() == kept.data
    )
    assert notifier("show", "99").code == 2


def test_a_relay_can_be_tried(notifier, office):
    """`relay check` shows the conversation; a relay that isn't there is exit code 3."""
    result = notifier("relay", "check", "local")
    assert result.code == 0
    assert "EHLO" in result.out
    assert notifier("relay", "check", "locl").code == 2
    office.stop()
    office._thread.join()
    assert notifier("relay", "check", "local").code == 3
