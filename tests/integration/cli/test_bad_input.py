"""Whatever is wrong with a sheet, a campaign or a template: told in one go, and nothing is mailed.

The rooms' own tests have every kind of mistake; here each is met as somebody at a desk meets it.
"""

from __future__ import annotations

import zipfile

import pytest

CAMPAIGN = """title: T
from: office@school.example
recipients: {file: data/people.csv, email: "Parent's email", name: Parent, key: Student ID}
template: notice
relay: local
"""


def _bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", "<workbook/>")
        with book.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(3):
                part.write(b"0" * 1_000_000)


def _encrypted(path):
    ole, name = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "EncryptedPackage"
    path.write_bytes(ole + b"\0" * 500 + name.encode("utf-16-le"))


SHEETS = {
    "empty.xlsx": (lambda path: path.write_bytes(b""), "is empty"),
    "binary.csv": (lambda path: path.write_bytes(bytes(range(256)) * 9), "is not text"),
    "damaged.xlsx": (lambda path: path.write_bytes(b"PK\x03\x04 and so on"), "is damaged"),
    "encrypted.xlsx": (_encrypted, "password"),
    "bomb.xlsx": (_bomb, "unpacks to more than"),
    "readme.csv": (lambda path: path.write_text("Just a line.\n"), "no column Parent's email"),
    "folder.xlsx": (lambda path: path.mkdir(), "is a folder"),
    "missing.xlsx": (lambda _path: None, "There is no file"),
}
CAMPAIGNS = {
    "binary": (b"\x00\x01\xff", "is not text"),
    "empty": (b"", "is empty"),
    "no YAML": (b"a: [1,\n", "is not YAML"),
    "no mapping": (b"- a\n- b\n", "is not a mapping"),
    "unknown key": (f"{CAMPAIGN}titel: x\n".encode(), "titel is not a key"),
    "wrong column": (CAMPAIGN.replace("Student ID", "Studnet ID").encode(), "no column Studnet ID"),
    "wrong relay": (CAMPAIGN.replace("local", "lokal").encode(), "no relay named lokal"),
    "wrong template": (CAMPAIGN.replace("notice", "notise").encode(), "`notise` has no body"),
    "way out": (f"{CAMPAIGN}attachments: [../../secret]\n".encode(), "out of the workspace"),
    "no attachment": (f"{CAMPAIGN}attachments: [data/none.pdf]\n".encode(), "is not there"),
}
SUBJECTS = {
    "{{ parent ": "can't be read",
    "{% for x in range(10**9) %}x{% endfor %}": "asks for too much",
    "{{ ''.__class__.__mro__ }}": "asks for what it may not",
    "{{ 'x' * 10**9 }}": "asks for too much",
    "{% include '../../notifier.toml' %}": "is outside the folder templates/",
    "{{ nobody_has_this }}": "nobody_has_this",
}


@pytest.fixture
def refused(notifier, office):
    """Send it for real: exit code 2, one error with place and next step, and nothing happened."""

    def _refused(said, where=""):
        for words in (["campaign", "check", "bad"], ["send", "bad"]):
            looked = notifier(*words)
            assert looked.code in {1, 2}
            assert said in looked.out + looked.err
            assert "Traceback" not in looked.out + looked.err
        told = notifier("send", "bad", "--live")
        assert told.code == 2
        assert told.err.startswith("Error: ")
        assert said in told.err
        assert where in told.err.partition("where: ")[2]
        assert "next: " in told.err
        assert "Traceback" not in told.err
        assert notifier("runs", "--json").data == []
        assert list(office.messages()) == []

    return _refused


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_that_is_none_mails_nobody(refused, tmp_path, name):
    """Unreadable, empty, encrypted, a bomb: the file's name, what it is, and what to do."""
    make, said = SHEETS[name]
    make(tmp_path / "data" / name)
    settings = tmp_path / "notifier.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}\n[limits]\nmax_sheet_bytes = 1_000_000\n", encoding="utf-8")
    text = CAMPAIGN.replace("people.csv", name)
    (tmp_path / "campaigns" / "bad.yaml").write_text(text, encoding="utf-8")
    refused(said, where=name)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_campaign_that_is_none_mails_nobody(refused, tmp_path, name):
    """YAML that isn't, keys, columns, relays and files that are not there."""
    data, said = CAMPAIGNS[name]
    (tmp_path / "campaigns" / "bad.yaml").write_bytes(data)
    refused(said)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_template_that_is_hostile_or_broken_mails_nobody(refused, tmp_path, subject):
    """The file and the line, for whatever is wrong with it; in time and within its limits."""
    (tmp_path / "campaigns" / "bad.yaml").write_text(CAMPAIGN, encoding="utf-8")
    (tmp_path / "templates" / "notice" / "subject.txt").write_text(subject, encoding="utf-8")
    (tmp_path / "templates" / "notice" / "body.md").write_text("Hello\n", encoding="utf-8")
    refused(SUBJECTS[subject], where="templates/notice/subject.txt")
