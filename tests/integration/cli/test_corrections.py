"""A marks sheet is corrected after it was sent: those concerned are mailed, and nobody else."""

from __future__ import annotations

import pytest

from notifier.cli import planning

HEADER = "Student ID,Student,Class,Parent,Parent's email,Note"
PEOPLE = {
    "1": ["1", "Child An", "10A", "Parent 1", "an@home.example", ""],
    "2": ["2", "Child Binh", "10A", "Parent 2", "binh@home.example", ""],
    "3": ["3", "Child Chi", "10A", "Parent 3", "refused@home.example", ""],
}


@pytest.fixture
def marks(office, tmp_path):
    """Write the sheet; `change` replaces cells of a key: {column number: value}."""
    people = {key: list(row) for key, row in PEOPLE.items()}

    def write(change=None, *, add=(), drop=()):
        for key, cells in (change or {}).items():
            for number, value in cells.items():
                people[key][number] = value
        for row in add:
            people[row[0]] = list(row)
        for key in drop:
            del people[key]
        lines = [HEADER, *(",".join(row) for row in people.values())]
        (tmp_path / "data" / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    write()
    return write


@pytest.fixture
def sent(notifier, marks):
    """The first run: two accepted, one refused."""
    assert notifier("send", "notice", "--live").code == 1
    return marks


def slow(tmp_path):
    """What is deferred is due in an hour, and not before the command ends."""
    settings = tmp_path / "notifier.toml"
    text = settings.read_text(encoding="utf-8").replace('first = "0.2s"', 'first = "1h"')
    settings.write_text(text, encoding="utf-8")


def _mailed(office, before=0):
    return sorted(it.recipients[0] for it in list(office.messages())[before:])


def _only(notifier, what, *more):
    return notifier("send", "notice", "--only", what, *more, "--json")


def test_nothing_changed_is_nothing_to_send(notifier, office, sent):
    """Exit code 0, no run, no message, live or not."""
    result = notifier("send", "notice", "--only", "changed", "--live")
    assert result.code == 0
    assert "nothing to send" in result.out
    assert len(_mailed(office)) == 2
    assert len(notifier("runs", "--json").data) == 1


def test_a_dry_run_says_which_fields_changed(notifier, sent):
    """Who, field, before, after, and how many of each kind."""
    sent(
        {"2": {1: "Child Bình"}}, add=[["4", "Child Dung", "10A", "Parent 4", "d@home.example", ""]]
    )
    result = notifier("send", "notice", "--only", "changed")
    assert result.code == 0
    line = next(it for it in result.out.splitlines() if "binh@home.example" in it)
    assert line.split("  ")[-1].strip() == "Child Bình"
    assert "Child Binh" in line
    assert "Student" in line
    data = _only(notifier, "changed").data
    assert data["only"]["counts"] == {"unchanged": 1, "changed": 1, "failed": 1, "new": 1}
    assert (data["deliveries"], data["left_out"], data["left"]) == (2, 2, 2)
    assert data["only"]["recipients"][0]["changes"] == [
        {"field": "Student", "before": "Child Binh", "after": "Child Bình"}
    ]
    assert data["only"]["recipients"][1]["why"] == "new"


def test_a_correction_goes_to_those_concerned_alone(notifier, office, sent):
    """A run of its own, and its sum accounts for those who were left out."""
    sent({"2": {1: "Child Bình"}})
    result = _only(notifier, "changed", "--live")
    assert result.code == 0
    assert result.data["occurrence"].endswith("-changed")
    assert (result.data["rows"], result.data["deliveries"], result.data["left_out"]) == (3, 1, 2)
    assert _mailed(office, 2) == ["binh@home.example"]
    assert "3 = 1 delivery + 2 left out" in notifier("status", "latest").out
    assert _only(notifier, "changed", "--live").data["deliveries"] == 0
    assert len(_mailed(office)) == 3


def test_a_second_correction_on_the_same_day_is_another_run(notifier, office, sent):
    """It goes to whoever doesn't have it yet; nobody gets the first one again."""
    sent({"2": {1: "Child Bình"}})
    _only(notifier, "changed", "--live")
    sent({"1": {1: "Child Ân"}})
    result = _only(notifier, "changed", "--live")
    assert result.data["occurrence"].endswith("-changed-2")
    assert _mailed(office, 3) == ["an@home.example"]


def test_two_who_correct_at_once_mail_nobody_twice(notifier, office, sent, monkeypatch):
    """One is done while the other still reads the sheet: that one is told, and nothing is sent."""
    sent({"2": {1: "Child Bình"}})
    examine, others = planning.examine, [("send", "notice", "--only", "changed", "--live")]

    def slowly(*args, **more):
        found = examine(*args, **more)
        if others:
            assert notifier(*others.pop()).code == 0
        return found

    monkeypatch.setattr(planning, "examine", slowly)
    result = _only(notifier, "changed", "--live")
    assert result.code == 2
    assert "was begun meanwhile" in result.err
    assert _mailed(office, 2) == ["binh@home.example"]


def test_a_column_that_the_message_does_not_show_mails_nobody(notifier, sent):
    """A note for the office is no correction."""
    sent({"1": {5: "called on Monday"}})
    assert _only(notifier, "changed").data["only"]["counts"]["unchanged"] == 2


def test_a_correction_that_failed_is_still_due(notifier, office, sent):
    """Compared is what arrived: a refused correction has not."""
    sent({"2": {4: "refused.2@home.example"}})
    assert _only(notifier, "changed", "--live").data["counts"] == {"refused": 1}
    sent({"2": {4: "binh@home.example", 1: "Child Bình"}})
    data = _only(notifier, "changed").data
    assert [it["key"] for it in data["only"]["recipients"]] == ["2"]
    assert [it["field"] for it in data["only"]["recipients"][0]["changes"]] == ["Student"]


def test_what_was_put_right_before_anybody_was_told_is_no_change(notifier, sent):
    """What arrived is what stands there again."""
    sent({"2": {1: "Child Bình"}})
    sent({"2": {1: "Child Binh"}})
    assert _only(notifier, "changed").data["deliveries"] == 0


def test_a_new_address_counts(notifier, office, sent):
    """Whoever has moved gets it there, and the table says from where."""
    sent({"1": {4: "an.moi@home.example"}})
    data = _only(notifier, "changed").data
    assert data["only"]["recipients"][0]["changes"] == [
        {"field": "email", "before": "an@home.example", "after": "an.moi@home.example"}
    ]
    sent({"3": {4: "chi@home.example"}})
    assert _only(notifier, "changed", "--live").code == 0
    assert _mailed(office, 2) == ["an.moi@home.example", "chi@home.example"]


def test_a_changed_template_makes_nobody_changed(notifier, sent, tmp_path):
    """Rows are compared under the present template: it concerns everybody, and is a new run."""
    body = tmp_path / "templates" / "notice" / "body.md"
    body.write_text(body.read_text(encoding="utf-8") + "\nAnother line.\n", encoding="utf-8")
    assert _only(notifier, "changed").data["deliveries"] == 0


def test_those_who_are_gone_are_told(notifier, sent):
    """They were mailed last time, and are not in the sheet now."""
    sent(drop=["1"])
    data = _only(notifier, "changed").data
    assert data["only"]["gone"] == 1
    assert data["only"]["gone_recipients"][0]["key"] == "1"
    assert "gone: 1 Parent 1" in notifier("send", "notice", "--only", "changed").out


def test_failures_are_sent_again_and_said_why(notifier, office, sent):
    """The last try was in vain: the cause and the reply stand beside each."""
    result = notifier("send", "notice", "--only", "failed")
    assert result.code == 0
    assert "No such mailbox (550 5.1.1 No such user here)" in result.out
    sent({"3": {4: "chi@home.example"}})
    assert _only(notifier, "failed", "--live").code == 0
    assert _mailed(office, 2) == ["chi@home.example"]
    assert _only(notifier, "failed").data["deliveries"] == 0


def test_only_new_ones(notifier, office, sent):
    """Keys never mailed: neither those that failed nor those that changed."""
    sent(
        {"2": {1: "Child Bình"}}, add=[["4", "Child Dung", "10A", "Parent 4", "d@home.example", ""]]
    )
    assert _only(notifier, "new", "--live").code == 0
    assert _mailed(office, 2) == ["d@home.example"]
    assert _only(notifier, "new").data["deliveries"] == 0


def test_a_file_of_keys_names_those_who_are_mailed(notifier, office, sent, tmp_path):
    """Whatever they have; the same file is not sent twice on a day unasked."""
    (tmp_path / "late.txt").write_text("\ufeff2\n\n", encoding="utf-8")
    result = _only(notifier, "late.txt", "--live")
    assert result.data["occurrence"].endswith("-late")
    assert _mailed(office, 2) == ["binh@home.example"]
    assert "This run is over" in notifier("send", "notice", "--only", "late.txt", "--live").out
    assert len(_mailed(office)) == 3
    assert _only(notifier, "late.txt", "--live", "--again").code == 0
    assert len(_mailed(office)) == 4


def test_unknown_keys_are_named_and_nothing_is_sent(notifier, office, sent, tmp_path):
    """Nothing is skipped in silence."""
    (tmp_path / "keys.txt").write_text("2\n99\n98\n", encoding="utf-8")
    result = notifier("send", "notice", "--only", "keys.txt", "--live")
    assert result.code == 2
    assert "2 keys are not in the sheet: 99, 98" in result.err
    assert len(_mailed(office)) == 2


@pytest.mark.parametrize(
    ("what", "hint"), [("chnaged", "Did you mean changed?"), ("nobody.txt", "a file of keys")]
)
def test_a_slip_is_told(notifier, sent, what, hint):
    """A word or a file that isn't there."""
    result = notifier("send", "notice", "--only", what)
    assert result.code == 2
    assert hint in result.err


def test_without_a_first_run_there_is_nothing_to_correct(notifier, marks):
    """Said before anything is read."""
    result = notifier("send", "notice", "--only", "changed")
    assert result.code == 2
    assert "was never sent" in result.err


def test_an_unfinished_run_comes_first(notifier, office, sent, tmp_path):
    """What it has not sent yet would arrive after the correction."""
    slow(tmp_path)
    sent({"1": {4: "deferred@home.example"}})
    assert _only(notifier, "changed", "--live").code == 1
    sent({"2": {1: "Child Bình"}})
    result = notifier("send", "notice", "--only", "changed", "--live")
    assert result.code == 2
    assert "notifier resume 2" in result.err
    assert notifier("cancel", "2", "--yes").code == 0
    assert _only(notifier, "changed").data["deliveries"] == 2


def test_a_correction_that_was_cut_off_goes_on_as_it_was(notifier, office, sent, tmp_path):
    """The same command finds the same people again, although some have it already."""
    slow(tmp_path)
    sent({"1": {4: "deferred@home.example"}, "2": {1: "Child Bình"}})
    assert _only(notifier, "changed", "--live").code == 1
    result = _only(notifier, "changed", "--live")
    assert result.data["run"] == 2
    assert result.data["counts"] == {"accepted": 1, "deferred": 1}
    assert _mailed(office, 2) == ["binh@home.example"]


def test_what_the_sheet_must_hold_is_about_the_sheet(notifier, sent, tmp_path):
    """`expect` counts all of it, not those alone who are mailed."""
    campaign = tmp_path / "campaigns" / "notice.yaml"
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text + "expect: {recipients: 3..5}\n", encoding="utf-8")
    sent({"2": {1: "Child Bình"}})
    assert _only(notifier, "changed", "--live").code == 0
    sent(drop=["1"])
    assert notifier("send", "notice", "--only", "changed").code == 1


def test_a_slip_that_was_made_anew_is_a_correction(notifier, office, sent, tmp_path):
    """The row is the same, and the file under its name isn't: whoever has the old one gets it."""
    slips = tmp_path / "data" / "slips"
    slips.mkdir()
    for key in PEOPLE:
        (slips / f"{key}.pdf").write_bytes(b"%PDF of " + key.encode())
    campaign = tmp_path / "campaigns" / "notice.yaml"
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text + 'attachments: ["data/slips/{{ key }}.pdf"]\n', encoding="utf-8")
    assert notifier("send", "notice", "--live", "--again").code == 1
    assert _only(notifier, "changed").data["deliveries"] == 0
    (slips / "2.pdf").write_bytes(b"%PDF mended")
    result = _only(notifier, "changed")
    (one,) = result.data["only"]["recipients"]
    assert one["key"] == "2"
    assert [it["field"] for it in one["changes"]] == ["data/slips/2.pdf"]
    assert _only(notifier, "changed", "--live").code == 0
    assert _only(notifier, "changed").data["deliveries"] == 0
