from __future__ import annotations

from email import message_from_bytes, policy
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from notifier import locale
from notifier.campaign import list_campaigns, load_campaign
from notifier.model import Rejection
from notifier.recipients.roster import open_roster
from notifier.render.templates import compile_campaign, evaluate
from notifier.settings import load_workspace

ROOT = Path(__file__).parents[2]
#: rows, recipients, rejections, folded, further addresses.
FIGURES = {
    "announcement": (60, 58, 3, 0, 1),
    "grades": (42, 39, 4, 0, 1),
    "payslip": (14, 14, 0, 0, 0),
    "timetable": (28, 12, 0, 16, 0),
}


@pytest.fixture(autouse=True)
def _english():
    """Tests read English and leave the language as it was."""
    before = locale.current()
    locale.use("en")
    yield
    locale.use(before)


@pytest.fixture(scope="module")
def workspace():
    """The repository's root, which is the sample workspace; the environment has no say."""
    return load_workspace(ROOT, environ={})


@pytest.fixture(scope="module")
def roster(workspace):
    """To open a sample's roster by its name."""

    def open_one(name):
        spec = load_campaign(ROOT, name).recipients
        limits = workspace.settings.limits
        return open_roster(spec, root=ROOT, limits=limits, evaluate=evaluate)

    return open_one


@pytest.fixture(scope="module")
def read(roster):
    """To read a sample's sheet: recipients and rejections."""

    @cache
    def read_one(name):
        found = list(roster(name))
        rejected = [it for it in found if isinstance(it, Rejection)]
        return [it for it in found if not isinstance(it, Rejection)], rejected

    return read_one


@pytest.fixture(scope="module")
def render(workspace, read):
    """To make every message of a sample; parsed by the standard library."""

    @cache
    def render_all(name):
        campaign = load_campaign(ROOT, name)
        settings = workspace.settings
        compiled = compile_campaign(
            campaign,
            root=ROOT,
            locale=campaign.locale or settings.workspace.locale,
            timezone=settings.workspace.timezone,
            limits=settings.limits,
        )
        recipients, _rejected = read(name)
        made = [
            compiled.assemble(recipient, token=f"token{at}", at=1_800_000_000.0)
            for at, recipient in enumerate(recipients)
        ]
        parsed = [message_from_bytes(message.data, policy=policy.default) for message in made]
        return list(zip(recipients, parsed, strict=True))

    return render_all


def _part(message, kind):
    return message.get_body((kind,)).get_content()


def test_the_samples_are_those_that_have_figures_here():
    """A sample that nobody checks would rot."""
    assert list_campaigns(ROOT) == sorted(FIGURES)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_sample_tells_editors_its_schema(name):
    """The first line is what editors complete keys by."""
    first = (ROOT / "campaigns" / f"{name}.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=campaign.schema.json"


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_sheet_accounts_for_its_rows(name, roster):
    """The sum: rows + further addresses = recipients + rejections + folded, in the figures told."""
    found = roster(name)
    list(found)
    tally = found.tally
    assert (
        tally.rows,
        tally.recipients,
        tally.rejections,
        tally.folded,
        tally.extra_addresses,
    ) == FIGURES[name]
    assert tally.rows + tally.extra_addresses == tally.recipients + tally.rejections + tally.folded


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_sample_stays_within_what_it_expects(name, read):
    """The guard of a sample lets the sample through."""
    recipients, _rejected = read(name)
    assert load_campaign(ROOT, name).expect.admits(len(recipients))


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_no_sample_could_reach_anybody(name, read):
    """Addresses stand under .example (RFC 2606), and every sample goes to the sandbox."""
    recipients, _rejected = read(name)
    campaign = load_campaign(ROOT, name)
    assert campaign.relay == "sandbox"
    assert campaign.sender_address.endswith(".example")
    assert all(it.address.endswith(".example") for it in recipients)


def test_the_marks_are_found_below_the_letterhead(roster):
    """The table begins at row 7, below a letterhead of five lines."""
    reading = roster("grades").reading
    assert (reading.format, reading.sheet, reading.header_row) == ("xlsx", "HK1", 7)
    assert (reading.joined.delimiter, reading.joined.encoding) == (";", "utf-8-sig")


def test_the_marks_reject_four_rows_and_say_why(read):
    """A broken address, none at all, a pupil without parents on the list, a row pasted twice."""
    _recipients, rejected = read("grades")
    assert [(it.line, it.column, it.value) for it in rejected] == [
        (25, "Email phụ huynh", "nghiacao.1975@@hopthu.example"),
        (36, "Email phụ huynh", ""),
        (46, "Mã HS", "0026139"),
        (49, "Mã HS", "0026125"),
    ]


def test_the_marks_note_what_a_person_should_look_at(roster):
    """Twins share an address; a parent on the list has no pupil in the class."""
    found = roster("grades")
    list(found)
    noted = {(note.line, note.value) for note in found.notes}
    assert {(12, "thanhpv.1975@giadinh.example"), (42, "0026142")} <= noted


def test_ids_and_marks_are_as_the_sheet_shows_them(read):
    """Leading zeros stay; a mark typed as text with a comma is a number."""
    recipients, _rejected = read("grades")
    by_key = {it.key: it for it in recipients}
    assert by_key["0026101"].row["Toán"] == pytest.approx(9.4)
    assert isinstance(by_key["0026110"].row["Ngữ văn"], float)


def test_both_parents_get_a_message_of_their_own(read):
    """Two addresses in a cell are two deliveries."""
    recipients, _rejected = read("grades")
    assert [it.address for it in recipients if it.key == "0026113"] == [
        "hoa.trinh@hopthu.example",
        "tuannguyen79@vanphong.example",
    ]


def test_the_timetable_is_read_under_its_merged_header(roster):
    """A header on two rows: the upper name, then the lower."""
    reading = roster("timetable").reading
    assert reading.format == "ods"
    assert reading.columns[-3:] == ("Lịch mới: Thứ", "Lịch mới: Tiết", "Lịch mới: Phòng")


def test_the_timetable_folds_lessons_that_do_not_stand_together(read):
    """All lessons of a teacher are in one message, wherever their rows stand."""
    recipients, _rejected = read("timetable")
    assert sum(len(it.rows) for it in recipients) == 28
    assert all(len({row["Mã GV"] for row in it.rows}) == 1 for it in recipients)


def test_the_announcement_is_an_old_windows_file(roster, read):
    """CP1258 writes tones apart; names come out whole."""
    assert roster("announcement").reading.encoding == "cp1258"
    recipients, rejected = read("announcement")
    assert recipients[0].name == "Phan Thị Hương"
    assert [it.line for it in rejected] == [9, 35, 53]


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_message_of_every_sample_can_be_made(name, render):
    """With a subject, a text for those who read text, and no trace of a template."""
    count = 0
    for recipient, message in render(name):
        count += 1
        assert message["To"].addresses[0].addr_spec == recipient.address
        assert message["Subject"].strip()
        for kind in ("plain", "html"):
            content = _part(message, kind)
            assert len(content) > 200
            assert not any(sign in content for sign in ("{{", "{%", "None", "Undefined"))
    assert count == FIGURES[name][1]


def test_marks_are_written_with_a_decimal_comma(render):
    """9,4 and not 9.4; a remark only where the teacher made one."""
    for recipient, message in render("grades"):
        for kind in ("plain", "html"):
            content = _part(message, kind)
            if recipient.key == "0026101":
                assert "9,4" in content
            assert ("Nhận xét" in content) == bool(recipient.columns["nhan_xet"])


def test_the_timetable_carries_the_schools_logo(render):
    """The picture travels inside the message, with a text for those who don't see it."""
    _recipient, message = render("timetable")[0]
    picture = next(part for part in message.walk() if part.get_content_type() == "image/png")
    content_id = picture["Content-ID"].strip("<>")
    assert f"cid:{content_id}" in _part(message, "html")
    assert 'alt="Biểu trưng' in _part(message, "html")


def test_the_announcement_carries_the_letter(render):
    """One PDF for all."""
    for _recipient, message in render("announcement"):
        (letter,) = message.iter_attachments()
        assert letter.get_filename() == "thu_moi_hop.pdf"
        assert letter.get_content().startswith(b"%PDF-")


def test_everybody_gets_their_own_payslip_in_english(render):
    """The attachment is named for the employee, and the amounts are written in English."""
    for recipient, message in render("payslip"):
        (slip,) = message.iter_attachments()
        assert slip.get_filename() == f"{recipient.key}.pdf"
        assert f"{recipient.columns['net']:,}" in _part(message, "html")


def test_the_rehearsal_meets_trouble_in_the_marks(workspace, read):
    """Two refused, some deferred and then accepted: what the report has to tell."""
    rules = workspace.settings.sandbox.rules
    addresses = [it.address for it in read("grades")[0]]
    met = {rule.action: 0 for rule in rules}
    for address in addresses:
        rule = next((it for it in rules if fnmatchcase(address, it.match)), None)
        if rule:
            met[rule.action] += 1
    assert met == {"refuse": 2, "defer": 8}
    assert all(rule.times > 0 for rule in rules if rule.action == "defer")
    assert workspace.settings.retry.first <= 5
