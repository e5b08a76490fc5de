from __future__ import annotations

import pytest

PEOPLE = (("K1", "a@parents.example"), ("K2", "b@parents.example"), ("K3", "c@parents.example"))


@pytest.fixture
def who(monkeypatch):
    """Sit down at the desk as somebody."""

    def sit(name):
        monkeypatch.setenv("NOTIFIER_ACTOR", name)

    sit("lan@office")
    return sit


@pytest.fixture
def campaign(office, sheet, tmp_path, who):
    """A campaign that needs approval, for three; the function changes its file."""
    sheet(*PEOPLE)
    path = tmp_path / "campaigns" / "notice.yaml"

    def change(old="", new="", more=""):
        text = (
            path.read_text(encoding="utf-8").replace(old, new) if old else path.read_text("utf-8")
        )
        path.write_text(text + more, encoding="utf-8")

    change(more="\napproval: required\n")
    return change


def test_a_teacher_prepares_and_the_vice_principal_approves(notifier, office, campaign, who):
    """Nothing leaves before; the view has figures, who asked and a message; then it goes out."""
    asked = notifier("send", "notice", "--live")
    assert asked.code == 0
    assert "waiting for approval" in asked.out
    assert "notifier approve 1" in asked.out
    assert notifier("resume", "1").code == 2
    assert not list(office.messages())
    assert "waiting for approval" in notifier("runs").out
    status = notifier("status", "1")
    assert "notifier approve 1" in status.out
    assert "lan@office" in status.out

    who("hieu_pho@office")
    looked = notifier("approve", "1")
    assert looked.code == 2
    assert "--yes" in looked.err
    for told in ("lan@office", "a@parents.example", "c@parents.example", "first run"):
        assert told in looked.out
    assert not list(office.messages())

    given = notifier("approve", "1", "--yes", "--sample", "0")
    assert given.code == 0, given.err
    assert "notifier resume 1" in given.out
    assert notifier("resume", "1").code == 0
    assert len(list(office.messages())) == 3
    assert "hieu_pho@office" in notifier("approve", "1").err


def test_who_asked_can_look_and_not_approve(notifier, office, campaign):
    """In a sentence that says what to do, also where one person does it all."""
    notifier("send", "notice", "--live")
    refused = notifier("approve", "1", "--yes")
    assert refused.code == 2
    assert "somebody else has to approve it" in refused.err
    assert "take approval out of the campaign" in refused.err
    looked = notifier("approve", "1", "--json")
    assert looked.code == 0
    assert looked.data["asked_by"] == "lan@office"
    assert looked.data["state"] == "awaiting"
    assert len(looked.data["samples"]) == 2
    assert not list(office.messages())


def test_a_no_has_a_reason_and_ends_the_run(notifier, office, campaign, who):
    """Whoever asked reads it in `status`."""
    notifier("send", "notice", "--live")
    who("hieu_pho@office")
    assert notifier("approve", "1", "--reject").code == 2
    assert notifier("approve", "1", "--reject", "--reason", "wrong date").code == 0
    assert "wrong date" in notifier("status", "1").out
    assert not list(office.messages())
    who("lan@office")
    again = notifier("send", "notice", "--live", "--again")
    assert "notifier approve 2" in again.out


def test_asking_twice_is_one_question(notifier, campaign):
    """The run that waits is told, and no second one is made."""
    notifier("send", "notice", "--live")
    assert "notifier approve 1" in notifier("send", "notice", "--live").out
    assert len(notifier("runs", "--json").data) == 1


@pytest.mark.parametrize("what", ["sheet", "template", "campaign", "file"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_makes_it_void(  # noqa: PLR0917 - fixtures
    notifier, office, campaign, who, sheet, tmp_path, what, when
):
    """Of the sheet, the template, the campaign or an attachment; before approving, or after."""
    attached = tmp_path / "data" / "own"
    attached.mkdir()
    for key, _address in PEOPLE:
        (attached / f"{key}.txt").write_text("first\n", encoding="utf-8")
    campaign(more='attachments: ["data/own/{{ key }}.txt"]\n')
    assert notifier("send", "notice", "--live").code == 0
    who("hieu_pho@office")
    if when == "after":
        assert notifier("approve", "1", "--yes").code == 0
    if what == "sheet":
        sheet(*PEOPLE[:2], ("K3", "other@parents.example"))
    elif what == "template":
        (template,) = (tmp_path / "templates").glob("*/subject.txt")
        template.write_text("Another subject", encoding="utf-8")
    elif what == "campaign":
        campaign(more="# a remark\n")
    else:
        (attached / "K2.txt").write_text("second\n", encoding="utf-8")
    command = ("approve", "1", "--yes") if when == "before" else ("resume", "1")
    refused = notifier(*command)
    assert refused.code == 2, refused.out
    assert "has changed since" in refused.err
    named = {"sheet": "people.csv", "template": "subject.txt", "campaign": "notice.yaml"}
    assert named.get(what, "data/own/K2.txt") in refused.err
    assert "--again --live" in refused.err
    assert not list(office.messages())
    assert notifier("status", "1", "--json").data["state"] == "awaiting"


def test_what_is_put_back_can_be_approved_again(notifier, office, campaign, who, sheet):
    """The rows are those that were asked about, and nobody has to be asked anew."""
    notifier("send", "notice", "--live")
    who("hieu_pho@office")
    notifier("approve", "1", "--yes")
    sheet(*PEOPLE[:2])
    assert notifier("resume", "1").code == 2
    sheet(*PEOPLE)
    assert notifier("resume", "1").code == 2  # it was void: somebody has to look again
    assert notifier("approve", "1", "--yes", "--send").code == 0
    assert len(list(office.messages())) == 3


def test_the_view_compares_with_what_everybody_has(  # noqa: PLR0917 - fixtures
    notifier, office, campaign, who, sheet, tmp_path
):
    """New, changed and gone recipients with their fields; the template's lines."""
    notifier("send", "notice", "--live")
    who("hieu_pho@office")
    notifier("approve", "1", "--yes", "--send")
    who("lan@office")
    sheet(PEOPLE[0], ("K2", "new-b@parents.example"), ("K4", "d@parents.example"))
    (template,) = (tmp_path / "templates").glob("*/subject.txt")
    template.write_text("A new subject for {{ name }}", encoding="utf-8")
    notifier("send", "notice", "--live", "--again")
    view = notifier("approve", "2", "--json").data
    assert view["last_run"] == 1
    counts = view["difference"]["counts"]
    assert counts == {"unchanged": 1, "changed": 1, "new": 1}
    assert [it["key"] for it in view["difference"]["gone_recipients"]] == ["K3"]
    (changed,) = [it for it in view["difference"]["recipients"] if it["why"] == "changed"]
    assert "email" in [it["field"] for it in changed["changes"]]
    assert "+A new subject for {{ name }}" in view["files"]["template"]
    assert view["files"]["campaign"] == []
    shown = notifier("approve", "2").out
    for told in ("+A new subject", "new-b@parents.example", "gone: K3", "Compared with run 1"):
        assert told in shown


def test_a_run_that_needs_nobody_is_told_so(notifier, office, sheet, who):
    """Where the campaign has no approval, or it was given already."""
    sheet(*PEOPLE)
    notifier("send", "notice", "--live")
    assert "needs nobody's approval" in notifier("approve", "1", "--yes").err


def test_approval_survives_the_campaign_that_no_longer_asks_for_it(notifier, office, campaign):
    """Taking the line out changes the campaign: what was asked about still waits."""
    notifier("send", "notice", "--live")
    campaign("approval: required", "approval: none")
    refused = notifier("send", "notice", "--live")
    assert "notifier approve 1" in refused.out + refused.err
    assert notifier("resume", "1").code == 2
    assert not list(office.messages())


def test_a_sheet_that_changed_while_its_run_waits_is_told(notifier, campaign, sheet):
    """Neither goes silently: what was asked for, or what the sheet holds now."""
    notifier("send", "notice", "--live")
    sheet(*PEOPLE[:2])
    refused = notifier("send", "notice", "--live")
    assert refused.code == 2
    assert "notifier cancel 1" in refused.err
    assert "approved as it was asked for" in refused.err


def test_a_correction_for_a_few_needs_approval_too(notifier, office, campaign, who, sheet):
    """And is held against the rows of these few."""
    notifier("send", "notice", "--live")
    who("hieu_pho@office")
    notifier("approve", "1", "--yes", "--send")
    who("lan@office")
    sheet(*PEOPLE[:2], ("K3", "new-c@parents.example"))
    asked = notifier("send", "notice", "--only", "changed", "--live")
    assert "notifier approve 2" in asked.out
    who("hieu_pho@office")
    view = notifier("approve", "2", "--json").data
    assert (view["deliveries"], view["left_out"]) == (1, 2)
    assert view["difference"]["gone"] == 0
    sheet(("K1", "another-a@parents.example"), PEOPLE[1], ("K3", "new-c@parents.example"))
    assert notifier("approve", "2", "--yes").code == 0  # the others' rows are not its matter
    sheet(*PEOPLE[:2], ("K3", "newer-c@parents.example"))
    assert notifier("resume", "2").code == 2
    sheet(*PEOPLE[:2], ("K3", "new-c@parents.example"))
    assert notifier("approve", "2", "--yes", "--send").code == 0
    assert len(list(office.messages())) == 4
