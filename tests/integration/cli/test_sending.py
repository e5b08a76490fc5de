"""A campaign from the sheet to the report, as somebody types it."""

from __future__ import annotations

import re

import pytest

PEOPLE = (
    ("0001", "an@home.example"),
    ("0002", "refused@home.example"),
    ("0003", "deferred@home.example"),
    ("0004", "not an address"),
)


def test_a_dry_run_sends_nothing_and_says_what_to_type(notifier, office):
    """Without --live nothing leaves and nothing is written; the next command stands there."""
    result = notifier("send", "notice")
    assert result.code == 0
    assert "a dry run, nothing is sent" in result.out
    assert "notifier send notice --live" in result.out
    assert "Parents' evening of class 10A: Alice Nguyen" in result.out
    assert list(office.messages()) == []
    assert notifier("runs", "--json").data == []


def test_a_dry_run_says_how_many_through_which_relay_and_for_how_long(notifier, office, tmp_path):
    """Under the relay's limit and the campaign's own, whichever is the tighter."""
    settings = tmp_path / "notifier.toml"
    settings.write_text(f'{settings.read_text(encoding="utf-8")}rate = "1/minute"\n', "utf-8")
    out = notifier("send", "notice").out
    assert re.search(r"will be mailed +3\n", out)
    assert re.search(rf"through +local \(127\.0\.0\.1:{office.port}\)\n", out)
    assert re.search(r"limits +1/minute\n", out)
    assert re.search(r"takes at least +2 min 0 s\n", out)
    assert notifier("send", "notice", "--json").data["estimated_seconds"] == 120
    campaign = tmp_path / "campaigns" / "notice.yaml"
    campaign.write_text(f"{campaign.read_text(encoding='utf-8')}rate: 1/hour\n", "utf-8")
    assert notifier("send", "notice", "--json").data["estimated_seconds"] == 7200


def test_a_dry_run_tells_programs_the_same(notifier, office):
    """With --json the keys of a run are there, and the estimate."""
    data = notifier("send", "notice", "--json").data
    assert data["run"] is None
    assert data["state"] == "dry_run"
    assert (data["rows"], data["deliveries"], data["rejections"]) == (3, 3, 0)
    assert data["left"] == 3


def test_live_sends_and_accounts_for_every_row(notifier, office, sheet):
    """Accepted, refused, deferred and rejected rows add up; the exit code says: look at it."""
    sheet(*PEOPLE)
    result = notifier("send", "notice", "--live", "--watch", "--json")
    assert result.code == 1
    data = result.data
    assert data["state"] == "finished"
    assert data["counts"] == {"accepted": 2, "refused": 1}
    assert data["rows"] == data["deliveries"] + data["rejections"] == 4
    assert {it.recipients[0] for it in office.messages()} == {
        "an@home.example",
        "deferred@home.example",
    }
    status = notifier("status", "latest", "--json")
    assert status.code == 1
    assert status.data["run"] == data["run"]


def test_live_ends_with_the_failures_and_the_next_command(notifier, office, sheet):
    """The summary groups failures by cause, says what to do, and names the report."""
    sheet(*PEOPLE)
    result = notifier("send", "notice", "--live", "--watch")
    assert result.code == 1
    assert "No such mailbox" in result.out
    assert "notifier report 1" in result.out
    assert "550 5.1.1 No such user here" in result.out


def test_without_watch_the_deferred_ones_are_left_for_later(notifier, office, sheet, tmp_path):
    """The command ends once nothing is due and says when the next try is; a person may hurry it."""
    settings = tmp_path / "notifier.toml"
    text = settings.read_text(encoding="utf-8").replace('first = "0.2s"', 'first = "30m"')
    settings.write_text(text, encoding="utf-8")
    sheet(("0003", "deferred@home.example"))
    first = notifier("send", "notice", "--live")
    assert first.code == 1
    assert "1 message was put off by the relay; its next try is due at" in first.out
    assert "notifier resume 1" in first.out
    assert notifier("retry", "latest", "--state", "deferred").code == 0
    done = notifier("resume", "latest", "--json")
    assert done.code == 0
    assert done.data["counts"] == {"accepted": 1}


def test_sending_again_sends_nobody_twice(notifier, office):
    """A second `send --live` on the same day finds the run finished and sends nothing."""
    assert notifier("send", "notice", "--live").code == 0
    again = notifier("send", "notice", "--live")
    assert again.code == 0
    assert "nothing was sent" in again.out
    assert "notifier send notice --again" in again.out
    assert len(list(office.messages())) == 3


def test_another_occurrence_is_another_run(notifier, office):
    """The campaign is sent again on purpose only: under another name."""
    assert notifier("send", "notice", "--live").code == 0
    assert notifier("send", "notice", "--live", "--occurrence", "second").code == 0
    assert len(list(office.messages())) == 6
    assert notifier("runs", "--json").data[0]["occurrence"] == "second"


def test_a_suppressed_address_is_not_mailed(notifier, office):
    """Suppressions are recorded as such in the run, and come back out of the list."""
    assert notifier("suppress", "add", "helen.le@parents.example", "--reason", "asked").code == 0
    data = notifier("send", "notice", "--live", "--json").data
    assert data["counts"] == {"accepted": 2, "suppressed": 1}
    (found,) = notifier("suppress", "list", "--json").data
    assert (found["address"], found["reason"]) == ("helen.le@parents.example", "asked")
    assert notifier("suppress", "remove", "helen.le@parents.example").code == 0
    assert notifier("suppress", "list", "--json").data == []
    missing = notifier("suppress", "remove", "helen.li@parents.example")
    assert missing.code == 2


def test_a_list_of_addresses_is_imported_whole_or_not_at_all(notifier, office, tmp_path):
    """A text file or a sheet can be imported; one bad line leaves the list as it was."""
    (tmp_path / "stop.txt").write_text("# asked\na@x.example\n\nb@x.example\n", encoding="utf-8")
    assert notifier("suppress", "import", "stop.txt", "--json").data == {
        "suppressed": ["a@x.example", "b@x.example"]
    }
    (tmp_path / "more.csv").write_text("Name,Email\nC,c@x.example\n", encoding="utf-8")
    assert notifier("suppress", "import", "more.csv").code == 0
    (tmp_path / "bad.txt").write_text("d@x.example\nnobody\n", encoding="utf-8")
    result = notifier("suppress", "import", "bad.txt")
    assert result.code == 2
    assert "bad.txt, line 2" in result.err
    assert len(notifier("suppress", "list", "--json").data) == 3


def test_a_list_of_addresses_may_be_in_any_encoding_and_name_one_twice(notifier, office, tmp_path):
    """Notepad's UTF-16 is read; an address that stands there twice is suppressed once."""
    (tmp_path / "stop.txt").write_text("a@x.example\na@x.example\n", encoding="utf-16")
    (tmp_path / "more.csv").write_text("Email\nb@x.example\nb@x.example\n", encoding="utf-8")
    for name in ("stop.txt", "more.csv"):
        assert notifier("suppress", "import", name).code == 0
    found = notifier("suppress", "list", "--json").data
    assert [it["address"] for it in found] == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "no address"), (b"# none\n\n", "no address"), (bytes(range(256)), "not text")],
)
def test_a_file_without_addresses_is_not_imported_as_nothing(
    notifier, office, tmp_path, data, said
):
    """Empty, comments alone, or binary: probably the wrong file, so it is said."""
    (tmp_path / "stop.txt").write_bytes(data)
    result = notifier("suppress", "import", "stop.txt")
    assert result.code == 2
    assert said in result.err
    assert "stop.txt" in result.err.partition("where: ")[2]
    assert "next: " in result.err


def test_failed_deliveries_are_retried_by_a_person(notifier, office, sheet):
    """`retry` puts refused ones back, `resume` sends them, and both say what is next."""
    sheet(("0002", "refused@home.example"))
    assert notifier("send", "notice", "--live").code == 1
    office.rules = type(office.rules)(())
    result = notifier("retry", "latest")
    assert "1 delivery is in the queue again" in result.out
    assert "notifier resume 1" in result.out
    assert notifier("status", "1", "--json").data["state"] == "active"


def test_retry_knows_which_states_may_be_retried(notifier, office):
    """An accepted message is never sent again, whoever asks."""
    assert notifier("send", "notice", "--live").code == 0
    result = notifier("retry", "latest", "--state", "accepted")
    assert result.code == 2
    assert "refused" in result.err


def test_a_relay_that_is_down_pauses_the_run(notifier, office):
    """Exit code 3, a sentence with the place, and nobody's attempt is burnt."""
    office.stop()
    office._thread.join()
    result = notifier("send", "notice", "--live")
    assert result.code == 3
    assert "127.0.0.1" in result.err
    status = notifier("status", "latest", "--json").data
    assert status["state"] == "paused"
    assert status["reason"]
    assert status["counts"] == {"pending": 3}


def test_a_paused_run_goes_on_where_it_was(notifier, office):
    """`send --live` after trouble is the same run, and everybody gets one message."""
    port = office.port
    office.stop()
    office._thread.join()
    assert notifier("send", "notice", "--live").code == 3
    office.port = port
    with office:
        assert notifier("send", "notice", "--live").code == 0
        assert len(list(office.messages())) == 3
    assert len(notifier("runs", "--json").data) == 1


def test_cancel_and_pause_are_told(notifier, office):
    """Control commands answer with the run as it is then."""
    office.stop()
    office._thread.join()
    notifier("send", "notice", "--live")
    assert notifier("pause", "latest", "--json").data["state"] == "paused"
    assert notifier("cancel", "latest", "--yes", "--json").data["counts"] == {"cancelled": 3}


def test_an_unknown_run_names_the_nearest(notifier, office):
    """RUN may be a campaign; a slip of the pen is told."""
    assert notifier("send", "notice", "--live").code == 0
    result = notifier("status", "notise")
    assert result.code == 2
    assert "notice" in result.err


def test_a_template_that_does_not_render_stops_the_run(notifier, office, tmp_path):
    """An undefined variable is found before the first message leaves, with its line."""
    template = tmp_path / "templates" / "notice" / "body.md"
    template.write_text(template.read_text(encoding="utf-8") + "\n{{ chid }}\n", encoding="utf-8")
    check = notifier("campaign", "check", "notice")
    assert check.code == 1
    assert "chid" in check.out
    result = notifier("send", "notice", "--live")
    assert result.code == 2
    assert "notifier campaign check notice" in result.err
    assert list(office.messages()) == []


def test_an_unexpected_count_stops_the_run(notifier, office, tmp_path):
    """`expect` outside of its range: nothing leaves."""
    campaign = tmp_path / "campaigns" / "notice.yaml"
    text = campaign.read_text(encoding="utf-8") + "expect: {recipients: 10..20}\n"
    campaign.write_text(text, encoding="utf-8")
    result = notifier("send", "notice", "--live")
    assert result.code == 2
    assert "10 to 20" in result.err
    assert list(office.messages()) == []


def test_a_run_keeps_the_relay_it_was_begun_through(notifier, office, tmp_path):
    """`--relay` on an unfinished run is refused: a rehearsal must never go out for real."""
    toml = tmp_path / "notifier.toml"
    toml.write_text(
        toml.read_text() + '\n[relays.gone]\nhost = "127.0.0.1"\nport = 1\n'
        'tls = "none"\nconnect_attempts = 1\n'
    )
    assert notifier("send", "notice", "--live", "--relay", "gone").code == 3
    result = notifier("send", "notice", "--live", "--relay", "sandbox")
    assert result.code == 2
    assert "gone" in result.err
    assert list(office.messages()) == []


def test_rejected_rows_never_take_the_sheets_place(notifier, office, sheet, tmp_path):
    """`recipients check FILE -o FILE` is refused, and the sheet stays as it was."""
    sheet(*PEOPLE)
    path = tmp_path / "data" / "people.csv"
    before = path.read_bytes()
    result = notifier("recipients", "check", str(path), "-o", str(path))
    assert result.code == 2
    assert path.read_bytes() == before
