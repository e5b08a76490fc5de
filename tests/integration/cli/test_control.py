"""What a person decides about a run, and what they read of it."""

from __future__ import annotations

import pytest


@pytest.fixture
def stuck(office, notifier):
    """A run that is paused because its relay is down; (server, start it again)."""
    office.stop()
    office._thread.join()
    assert notifier("send", "notice", "--live").code == 3
    return office


def test_a_run_is_read_by_people(notifier, office, sheet):
    """`runs` and `status` in words, with the sum and what to type."""
    sheet(("1", "a@home.example; b@home.example"), ("2", "nobody"), ("3", "c@home.example"))
    assert "Nothing has been sent" in notifier("runs").out
    assert notifier("status", "latest").code == 2
    assert notifier("send", "notice", "--live").code == 1
    listed = notifier("runs").out
    assert "finished" in listed
    assert "notice" in listed
    status = notifier("status", "latest").out
    assert "3 + 1 further address = 3 deliveries + 1 rejected" in status
    assert "notifier report 1" in status


def test_a_paused_run_says_why_and_how_to_go_on(notifier, stuck):
    """The reason of a pause and the command that ends it stand together."""
    out = notifier("status", "latest").out
    assert "paused (" in out
    assert "notifier resume 1" in out


def test_a_dry_run_of_an_unfinished_run_tells_what_is_left(notifier, stuck):
    """`send` without --live, in the middle: so far, and still to come."""
    data = notifier("send", "notice", "--json").data
    assert (data["run"], data["left"], data["counts"]) == (1, 3, {"pending": 3})
    assert "3 waiting" in notifier("send", "notice").out


def test_cancelling_is_told_in_words(notifier, stuck):
    """After `cancel` nothing is left to resume, and the next command is another."""
    out = notifier("cancel", "latest", "--yes").out
    assert "3 cancelled" in out
    again = notifier("resume", "latest")
    assert again.code == 2
    assert notifier("pause", "latest").code == 2


def test_cancelled_messages_can_be_retried_by_name(notifier, stuck):
    """A person may change their mind, for one address or for a state; but not by a slip."""
    assert notifier("cancel", "latest", "-y").code == 0
    slip = notifier("retry", "latest", "--address", "Helen.Le@parents.example")
    assert slip.code == 2
    assert "--yes" in slip.err
    assert notifier("status", "latest", "--json").data["state"] == "cancelled"
    one = notifier("retry", "latest", "--address", "Helen.Le@parents.example", "--json", "--yes")
    assert one.data == {"run": 1, "retried": 1}
    rest = notifier("retry", "latest", "--state", "cancelled", "--json")
    assert rest.data == {"run": 1, "retried": 2}
    assert "notifier report 1" in notifier("retry", "latest", "--state", "refused").out
    assert "unknown" in notifier("retry", "latest", "--state", "lost").err


def test_nothing_is_cancelled_where_nobody_can_be_asked(notifier, stuck):
    """Without a terminal `cancel` takes --yes: a slip in a script gives no run up."""
    for words in (["cancel", "latest"], ["cancel", "latest", "--json"]):
        result = notifier(*words)
        assert result.code == 2
        assert "notifier cancel 1 --yes" in result.err
        assert "Traceback" not in result.err
    assert notifier("status", "latest", "--json").data["state"] == "paused"


def test_an_address_that_the_run_does_not_have_is_a_slip(notifier, stuck):
    """`retry --address` names the nearest of the run, or where all stand, and moves nothing."""
    near = notifier(
        "retry",
        "1",
        "--address",
        "helen.le@parents.example",
        "--address",
        "helen.li@parent.example",
    )
    assert near.code == 2
    assert "no delivery to helen.li@parent.example" in near.err
    assert "Did you mean helen.le@parents.example?" in near.err
    far = notifier("retry", "1", "--address", "xyz")
    assert far.code == 2
    assert "notifier report 1" in far.err


def test_a_changed_template_does_not_go_into_a_run_that_has_begun(notifier, stuck, tmp_path):
    """The run was made with another template: `resume` says so and sends nothing."""
    template = tmp_path / "templates" / "notice" / "subject.txt"
    template.write_text("Something else for {{ child }}", encoding="utf-8")
    result = notifier("resume", "latest")
    assert result.code == 2
    assert "changed" in result.err


def test_a_finished_run_is_not_begun_again_by_accident(notifier, office):
    """`send` and `send --live` both say that it is over; a correction is named before --again."""
    assert notifier("send", "notice", "--live").code == 0
    for told in (notifier("send", "notice").out, notifier("send", "notice", "--live").out):
        assert "This run is over" in told
        assert told.index("--only changed") < told.index("--again")
    over = notifier("send", "notice", "--live", "--json")
    assert over.code == 0
    assert over.data["state"] == "finished"
    again = notifier("send", "notice", "--again").out
    assert "--occurrence" in again
    assert "-2 --live" in again


def test_a_dry_run_says_that_it_is_too_late(notifier, office, tmp_path):
    """Before somebody types --live: with the command that sends it all the same."""
    path = tmp_path / "campaigns" / "notice.yaml"
    kept = path.read_text(encoding="utf-8")
    path.write_text(f"{kept}\nnot_after: 2020-01-15 18:00\n", encoding="utf-8")
    late = notifier("send", "notice")
    assert late.code == 1
    assert "It is too late" in late.out
    assert "notifier send notice --live --anytime" in late.out
    assert "too late" in notifier("send", "notice", "--json").data["too_late"]
    assert notifier("send", "notice", "--anytime").code == 0


def test_campaigns_are_listed_with_their_mistakes(notifier, office, tmp_path):
    """A broken campaign doesn't hide the others, and its place is named."""
    (tmp_path / "campaigns" / "broken.yaml").write_text("titel: x\n", encoding="utf-8")
    result = notifier("campaign", "list")
    assert result.code == 1
    assert "broken.yaml, line 1" in result.out
    assert "Parents' evening" in result.out
    names = {it["campaign"]: it["error"] for it in notifier("campaign", "list", "--json").data}
    assert names["notice"] == ""
    assert names["broken"]


def test_the_schema_is_json(notifier, office):
    """`campaign schema` prints what editors want."""
    assert "recipients" in notifier("campaign", "schema").data["properties"]


def test_previews_are_there_for_programs(notifier, office):
    """`preview --json` has headers, text and HTML; with -o it says what was written."""
    data = notifier("campaign", "preview", "notice", "--json").data
    assert data["address"] == "brian.nguyen@parents.example"
    assert data["headers"]["Subject"] == data["subject"]
    assert "Alice Nguyen" in data["text"]
    written = notifier("campaign", "preview", "notice", "--json", "-o", "p.html")
    assert written.data == {"written": "p.html"}


def test_a_preview_in_a_browser_has_its_pictures(notifier, tmp_path):
    """The .html carries inline pictures itself: nothing in it points into the mail."""
    assert notifier("init", "samples", "--sample").code == 0
    done = notifier("campaign", "preview", "announcement", "-o", "a.html", "--workspace", "samples")
    assert done.code == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "cid:" not in page
    assert "data:image/" in page
