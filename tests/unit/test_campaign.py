from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, time
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.campaign import (
    RecipientsSpec,
    json_schema,
    list_campaigns,
    load_campaign,
)
from notifier.errors import CampaignError
from notifier.model import Rate

ROOT = Path(__file__).parents[2]
DESIGN = """\
# campaigns/grades.yaml
title: Kết quả học tập học kỳ I
from: "Trường THPT Nguyễn Du <daotao@nguyendu.example>"
reply_to: gvcn@nguyendu.example
recipients:
  file: data/samples/bang_diem_10A1.xlsx
  sheet: HK1                        # name or number; default the first
  header_row: 4                     # default: found
  email: Email phụ huynh            # a column's name as it stands in the sheet
  name: Họ và tên
  key: Mã HS                        # identifies the recipient across runs; default the address
  columns: {toan: Toán, van: Ngữ văn}   # short names for the template; every column is also there as row["Toán"]
  fold: key                         # rows with the same key become one message; the template sees `rows`
  join: {file: data/samples/phu_huynh.csv, on: Mã HS}   # addresses kept in another sheet
  # email may also be an expression over the row: "{{ row['Mã SV'] | lower }}@sv.school.example"
template: grades                    # templates/grades/{subject.txt, body.html, body.txt or body.md}
relay: main
attachments: ["data/noi_quy.pdf", "data/phieu/{{ key }}.pdf"]
expect: {recipients: 30..60}        # a count outside stops the run before its first message
schedule: {at: 2027-01-15 07:00}    # or cron:
window: {hours: "07:00-18:00", days: mon-sat}
rate: 600/hour                      # this campaign's own ceiling, below the relay's
"""  # noqa: E501 - byte for byte what the design shows
MINIMAL = """\
title: T
from: a@x.example
recipients: {file: a.csv}
template: t
"""


@pytest.fixture
def load(tmp_path):
    """Load the campaign `c` whose file holds this text (or these bytes)."""
    (tmp_path / "campaigns").mkdir()

    def _load(text):
        raw = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "campaigns" / "c.yaml").write_bytes(raw)
        return load_campaign(tmp_path, "c")

    return _load


@pytest.fixture
def refused(load):
    """The CampaignError for a text; for `more` lines below a campaign that is fine.

    Every one says where, and what to do next.
    """

    def _refused(more="", *, text=None):
        with pytest.raises(CampaignError) as caught:
            load(MINIMAL + dedent(more) if text is None else text)
        assert caught.value.where
        assert caught.value.next_step
        return caught.value

    return _refused


def test_the_designs_example_loads(load):
    """Byte for byte as the design shows it."""
    campaign = load(DESIGN)
    assert campaign.name == "c"
    assert campaign.title == "Kết quả học tập học kỳ I"
    assert campaign.sender_name == "Trường THPT Nguyễn Du"
    assert campaign.sender_address == "daotao@nguyendu.example"
    assert campaign.reply_to == "gvcn@nguyendu.example"
    assert campaign.recipients.columns == {"toan": "Toán", "van": "Ngữ văn"}
    assert campaign.recipients.fold == "key"
    assert campaign.recipients.join.on == "Mã HS"
    assert campaign.attachments == ("data/noi_quy.pdf", "data/phieu/{{ key }}.pdf")
    assert campaign.expect.recipients == (30, 60)
    assert campaign.schedule.at == datetime(2027, 1, 15, 7)  # noqa: DTZ001 - the campaign's zone
    assert campaign.window.hours == (time(7), time(18))
    assert campaign.window.days == {0, 1, 2, 3, 4, 5}
    assert campaign.rate == (Rate(600, 3600.0),)
    assert campaign.on_doubt == "hold"
    assert campaign.digest == hashlib.sha256(DESIGN.encode()).hexdigest()


@pytest.mark.parametrize("name", list_campaigns(ROOT))
def test_every_sample_loads(name):
    """What travels with the program is right."""
    assert load_campaign(ROOT, name).name == name


def test_the_least_that_a_campaign_says(load):
    """Four keys; everything else has a default."""
    campaign = load(MINIMAL)
    assert campaign.recipients == RecipientsSpec(file="a.csv")
    assert (campaign.sender_name, campaign.relay, campaign.rate) == ("", None, ())
    assert (campaign.expect, campaign.schedule, campaign.window) == (None, None, None)
    assert (campaign.values, campaign.attachments) == ({}, ())


def test_windows_files_are_read(load):
    """CRLF, a BOM, UTF-16: as Notepad saves."""
    for encoding in ("utf-8-sig", "utf-16"):
        assert load(MINIMAL.replace("\n", "\r\n").encode(encoding)).title == "T"


@pytest.mark.parametrize(
    ("more", "place", "message", "step"),
    [
        ("titel: x", "line 5, column 1", "titel is not", "Did you mean title?"),
        ("email: x", "line 5, column 1", "email is not", "email belongs under recipients."),
        ("reply-to: a@x.example", "line 5", "reply-to is not", "reply_to"),
        ("header_row: 4", "line 5", "header_row is not", "recipients"),
        ("relay: []", "line 5, column 8", "a relay's name, or several", ""),
        ("relay: yes\non_doubt: retry", "line 6, column 11", "hold, resend", ""),
        ("relay: true", "line 5, column 8", "quotes", ""),
        ("locale: fr", "line 5", "must be one of: vi, en", ""),
        ("timezone: Asia/Hanoi", "line 5", "time zone such as Asia/", ""),
        ("timezone: Ho_Chi_Minh", "line 5", "Asia/Ho_Chi_Minh", ""),
        ("expect: 30", "line 5, column 9", "expect must hold keys", ""),
        ("expect: {recipients: many}", "line 5, column 22", "30..60", ""),
        ("expect: {recipients: 60..30}", "line 5", "30..60", ""),
        ("expect: {recipient: 3}", "line 5, column 10", "expect.recipient is", "recipients"),
        ("expect: {}", "line 5", "recipients or growth", ""),
        ("schedule: {at: tomorrow}", "line 5, column 16", "2027-01-15 07:00", ""),
        ("schedule: {at: 2027-02-30 07:00}", "line 5", "2027-01-15 07:00", ""),
        ("schedule: {at: 2027-01-15}", "line 5", "time of day is missing", ""),
        ("schedule: {cron: 0 7 * *}", "line 5", "five fields", ""),
        ("schedule: {every: 5s}", "line 5", "a minute is the shortest", ""),
        ("schedule: {}", "line 5, column 11", "exactly one of at, cron and every", ""),
        ("schedule: {at: 2027-01-15 07:00, cron: 0 7 * * *}", "line 5", "exactly one", ""),
        ("window: {hours: 7-18}", "line 5", "07:00-18:00", ""),
        ("window: {days: weekdays}", "line 5", "mon-sat", ""),
        ("rate: fast", "line 5, column 7", "600/hour", ""),
        ("rate: 600", "line 5", "600/hour", ""),
        ("list_id: grades", "line 5", "grades.school.example", ""),
        ("reply_to: Ann <a@x.example>", "line 5", "office@school.example", ""),
        ("attachments: {a: b}", "line 5", "attachments must be a list", ""),
        ("values: [1]", "line 5", "values must hold keys", ""),
        ("values: {a: [1]}", "line 5, column 13", "text, a number, a date", ""),
        ("values: {a-b: 1}", "line 5", "one word of letters", ""),
        ("title: again", "line 5, column 1", "The key title stands twice", "line 1"),
        ("recipients: {}", "line 5", "stands twice", ""),
    ],
)
def test_a_mistake_is_told_with_its_place(refused, more, place, message, step):
    """File, line and column, the key, what is expected, the nearest known key."""
    error = refused(more + "\n")
    assert error.where.startswith("campaigns/c.yaml, ")
    assert place in error.where
    assert message in error.message
    assert step in error.next_step


@pytest.mark.parametrize(
    ("recipients", "message"),
    [
        ("a.csv", "recipients must hold keys"),
        ("{}", "recipients.file is missing"),
        ("{file: ''}", "recipients.file must not be empty"),
        ("{file: a.csv, header_row: 0}", "rows are counted from 1"),
        ("{file: a.csv, header_row: '4'}", "rows are counted from 1"),
        ("{file: a.csv, sheet: 0}", "counted from 1"),
        ("{file: a.csv, sheet: 1.5}", "counted from 1"),
        ("{file: a.csv, fold: row}", "recipients.fold must be one of: key"),
        ("{file: a.csv, email: [a, b]}", "recipients.email must be text"),
        ("{file: a.csv, join: b.csv}", "recipients.join must hold keys"),
        ("{file: a.csv, join: {file: b.csv}}", "recipients.join.on is missing"),
        ("{file: a.csv, columns: [a]}", "recipients.columns must hold keys"),
        ("{file: a.csv, columns: {a b: c}}", "one word of letters"),
        ("{file: a.csv, columns: {row: c}}", "taken in templates"),
        ("{file: a.csv, columns: {if: c}}", "taken in templates"),
        ("{file: a.csv, columns: {a: }}", "recipients.columns.a must be text"),
        ("{file: a.csv, sheat: 1}", "recipients.sheat is not"),
        ("", "recipients must hold keys"),
    ],
)
def test_mistakes_in_the_recipients(refused, recipients, message):
    """Each in plain words, with its line."""
    text = MINIMAL.replace("{file: a.csv}", recipients)
    error = refused(text=text)
    assert "line 3" in error.where
    assert message in error.message


def test_missing_keys_are_all_named(refused):
    """An almost empty file tells everything that it lacks."""
    error = refused(text="relay: main\n")
    assert error.message == "title is missing."
    for key in ("from", "recipients", "template"):
        assert f"{key} is missing" in error.next_step


@pytest.mark.parametrize(
    "text",
    [
        "", "\n# only a remark\n", "- a\n- b\n", "hello\n", "\t: x\n", "title: 'x\n",
        b"PK\x03\x04\x14\x00", b"\x89PNG\r\n\x1a\n\x00", b"\xff\xfe\x00\xd8",
        "title: !!python/object/apply:os.system [id]\n" + MINIMAL[9:],
        "title: &a [*a]\n", "a: &a [1]\nb: [*a, *a]\n", "a: " + "[" * 3000,
        "title: {{ x }}\n", "? [a]\n: b\n", "a: 1\n---\na: 2\n", b"title: caf\xe9\n",
    ],
)  # fmt: skip
def test_yaml_that_is_none_is_refused_with_a_next_step(refused, text):
    """Whatever lies in the folder under that name: an error in plain words, never a traceback."""
    error = refused(text=text)
    assert error.where.startswith("campaigns/c.yaml")
    assert error.message
    assert error.next_step


@given(st.text(st.sampled_from("title: from\n-[]{}'\"#|>&*!@\t0\x00é"), max_size=80))
def test_no_text_gets_past_the_reader(tmp_path_factory, text):
    """Any text is a CampaignError (none of these is a whole campaign)."""
    folder = tmp_path_factory.getbasetemp() / "fuzz" / "campaigns"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CampaignError) as caught:
        load_campaign(folder.parent, "c")
    assert caught.value.where


# --- values ----------------------------------------------------------------------------------


def test_columns_may_be_called_anything(load):
    """Numbers, `on`, `no`, dates: a header is text as it stands in the sheet."""
    spec = load(
        MINIMAL.replace(
            "{file: a.csv}",
            "{file: a.csv, email: on, name: 2026, key: 07,"
            " columns: {a: no, b: 2027-01-15, c: '1.10'}}",
        )
    ).recipients
    assert (spec.email, spec.name, spec.key) == ("on", "2026", "07")
    assert spec.columns == {"a": "no", "b": "2027-01-15", "c": "1.10"}


def test_column_names_are_nfc(load):
    """A Mac writes accents apart; the sheet's headers are put together, so these are too."""
    from unicodedata import normalize

    text = MINIMAL.replace("{file: a.csv}", "{file: a.csv, email: Địa chỉ, columns: {điểm: Điểm}}")
    spec = load(normalize("NFD", text)).recipients
    assert spec.email == normalize("NFC", "Địa chỉ")
    assert spec.columns == {normalize("NFC", "điểm"): normalize("NFC", "Điểm")}


def test_constants_keep_their_types(load):
    """Numbers are numbers, dates are dates, ids keep their zeros."""
    campaign = load(
        MINIMAL + "values: {n: 7, x: 8.5, on: true, d: 2027-01-15, id: 007, s: '1', none: }\n"
    )
    assert campaign.values == {
        "n": 7, "x": 8.5, "on": True, "d": date(2027, 1, 15), "id": "007", "s": "1", "none": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected", "admitted", "not_admitted"),
    [
        ("30..60", (30, 60), [30, 60], [29, 61]),
        ("45", (45, 45), [45], [44, 46]),
        ('">=30"', (30, None), [30, 10**9], [29]),
        ('"<=60"', (0, 60), [0, 60], [61]),
    ],
)
def test_expectations(load, text, expected, admitted, not_admitted):
    """A range, a number, a lowest or highest."""
    expect = load(MINIMAL + f"expect: {{recipients: {text}}}\n").expect
    assert expect.recipients == expected
    assert all(expect.admits(count) for count in admitted)
    assert not any(expect.admits(count) for count in not_admitted)


def test_rates_in_either_form(load):
    """One, or a list."""
    assert load(MINIMAL + "rate: [20/second, 600/hour]\n").rate == (
        Rate(20, 1.0),
        Rate(600, 3600.0),
    )


def test_schedules(load):
    """Once, by crontab, again and again."""
    assert load(MINIMAL + "schedule: {cron: 0 7 * * mon-fri}\n").schedule.cron == "0 7 * * mon-fri"
    assert load(MINIMAL + "schedule: {every: 12h}\n").schedule.every == 43200
    at = load(MINIMAL + "schedule: {at: 2027-01-15T07:00+07:00}\n").schedule.at
    assert at.utcoffset().total_seconds() == 25200


# --- what must not get through ---------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        'from: "A\\r\\nBcc: evil@x.example <a@x.example>"',
        'from: "A <a@x.example>\\nBcc: evil@x.example"',
        'from: "=?utf-8?q?hi=0D=0ABcc:_x@evil.example?= <a@x.example>"',
        'from: "a@x.example, b@x.example"',
        "from: not an address",
        "from: [a@x.example]",
    ],
)
def test_the_sender_cannot_become_another_header(refused, line):
    """Line breaks, encoded words and second addresses are refused."""
    error = refused(text=MINIMAL.replace("from: a@x.example", line))
    assert "line 2" in error.where
    assert error.message.startswith("from ")


@pytest.mark.parametrize("key", ["title", "reply_to", "list_id", "relay"])
def test_no_key_takes_a_line_break(refused, key):
    """What goes into a header stays on its line."""
    text = MINIMAL.replace("title: T\n", "") if key == "title" else MINIMAL
    assert key in refused(text=text + f'{key}: "a\\r\\nBcc: evil@x.example"\n').message


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../secret.pdf", "data/../../x", "C:/x.pdf", "c:x.pdf", "~/x.pdf",
        "..", "data\\\\x.pdf", "\\\\\\\\server\\\\share", "{{ key }}/../../x", "a\\r\\nb.pdf",
        "data/{{ key }}/../..",
    ],
)  # fmt: skip
def test_attachments_stay_below_the_workspace(refused, path):
    """Absolute, home, drive, UNC and upward paths are refused before anything is opened."""
    error = refused(f'attachments: ["data/fine.pdf", "{path}"]\n')
    assert error.message.startswith("attachments[2] can't be used")
    assert "line 5" in error.where


@pytest.mark.parametrize("path", ["../t", "/t", "a\\\\b"])
def test_a_template_stays_below_its_folder(refused, path):
    """As attachments."""
    assert "template" in refused(text=MINIMAL.replace("template: t", f'template: "{path}"')).message


def test_expressions_with_slashes_are_no_path(load):
    """What stands in braces is resolved for each recipient, and checked then."""
    name = "data/{{ row['a/../b'] }}.pdf"
    assert load(MINIMAL + f'attachments: "{name}"\n').attachments == (name,)


# --- finding ---------------------------------------------------------------------------------


def test_campaigns_are_listed_by_name(tmp_path):
    """The YAML files of the folder, nothing else."""
    assert list_campaigns(tmp_path) == []
    folder = tmp_path / "campaigns"
    folder.mkdir()
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "campaign.schema.json", "c.yaml~"):
        (folder / name).touch()
    assert list_campaigns(tmp_path) == ["a", "b"]


def test_a_campaign_is_found_by_name_or_path(load, tmp_path, monkeypatch):
    """Its name, its file from the workspace or from the current folder."""
    load(MINIMAL)
    assert load_campaign(tmp_path, "campaigns/c.yaml").name == "c"
    assert load_campaign(tmp_path, str(tmp_path / "campaigns" / "c.yaml")).name == "c"
    monkeypatch.chdir(tmp_path / "campaigns")
    assert load_campaign(tmp_path, "c.yaml").name == "c"


def test_a_campaign_that_is_not_there(load, tmp_path):
    """The nearest is named, or how to make one."""
    load(MINIMAL)
    with pytest.raises(CampaignError, match="no campaign named cc") as caught:
        load_campaign(tmp_path, "cc")
    assert caught.value.next_step == "Did you mean c?"
    (tmp_path / "campaigns" / "c.yaml").unlink()
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path, "grades")
    assert "campaigns/grades.yaml" in caught.value.next_step


@pytest.mark.parametrize("name", ["12", "latest", "a@b"])
def test_a_campaign_is_not_called_like_a_run(tmp_path, name):
    """`12`, `latest` and `x@y` mean runs wherever a campaign may also stand."""
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / f"{name}.yaml").write_text(MINIMAL)
    with pytest.raises(CampaignError, match="runs are named like that"):
        load_campaign(tmp_path, name)


# --- schema ----------------------------------------------------------------------------------


def test_the_published_schema_is_fresh():
    """What editors are told is what is checked; else: make schema."""
    published = (ROOT / "campaigns" / "campaign.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == json_schema()


def test_every_key_is_described():
    """An editor can show what each key is for."""
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["required"]) == {"title", "from", "recipients", "template"}
    for table in (schema, *schema["$defs"].values()):
        assert table["additionalProperties"] is False
        for key, value in table["properties"].items():
            assert "description" in value or "$ref" in str(value), key
