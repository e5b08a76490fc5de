"""The very bytes again: what a run's messages were made from is kept with it."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
import zlib
from typing import TYPE_CHECKING

import pytest

from notifier.cli import run
from notifier.delivery import snapshot

if TYPE_CHECKING:
    from pathlib import Path

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
BODY = """{% extends "shared/layout.html" %}
{% block content %}<p>Dear {{ name }}, <img src="logo.png"> {{ child }} of {{ group }}</p>
<img src="faces/{{ key }}.png">{% endblock %}
"""


@pytest.fixture
def rich(office, tmp_path):
    """The starter campaign with a layout, pictures, and files of everybody and of each."""
    templates = tmp_path / "templates"
    (templates / "notice" / "body.md").unlink()
    (templates / "shared").mkdir()
    (templates / "shared" / "layout.html").write_text(
        "<html><style>p {color: #123}</style><body>{% block content %}{% endblock %}</body></html>",
        encoding="utf-8",
    )
    (templates / "notice" / "body.html").write_text(BODY, encoding="utf-8")
    (templates / "notice" / "logo.png").write_bytes(PIXEL)
    (templates / "notice" / "faces").mkdir()
    (tmp_path / "data" / "slips").mkdir()
    for key in ("0001", "0002", "0003"):
        (templates / "notice" / "faces" / f"{key}.png").write_bytes(PIXEL + key.encode())
        (tmp_path / "data" / "slips" / f"{key}.pdf").write_bytes(b"%PDF slip of " + key.encode())
    (tmp_path / "data" / "rules.pdf").write_bytes(b"%PDF rules" * 10_000)
    campaign = tmp_path / "campaigns" / "notice.yaml"
    text = campaign.read_text(encoding="utf-8")
    text += 'attachments: ["data/rules.pdf", "data/slips/{{ key }}.pdf"]\n'
    campaign.write_text(text, encoding="utf-8")
    return office


def sent(notifier, office):
    """Send to all three; the bytes that the sandbox got, by address."""
    result = notifier("send", "notice", "--live")
    assert result.code == 0, result.err
    return {it.recipients[0]: it.data for it in office.messages()}


def shown(number):
    """What `show --eml` writes, to the byte, and its exit code."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(stream):
        code = run(["show", str(number), "--eml"])
    return code, stream.buffer.getvalue()


def addresses(notifier):
    """Delivery numbers and their addresses."""
    rows = [notifier("show", str(number), "--json").data for number in (1, 2, 3)]
    return {row["delivery"]: row["address"] for row in rows}


def change_everything(root: Path):
    """Templates, campaign, pictures and attachments: changed, or gone."""
    shutil.rmtree(root / "templates")
    (root / "campaigns" / "notice.yaml").write_text("title: [", encoding="utf-8")
    (root / "data" / "rules.pdf").write_bytes(b"%PDF other rules")
    shutil.rmtree(root / "data" / "slips")
    (root / "data" / "people.csv").unlink()
    settings = root / "notifier.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace('locale = "en"', 'locale = "vi"')
    settings.write_text(text.replace("timezone", "timezone = 'Europe/Berlin' #"), encoding="utf-8")


def test_every_message_is_the_same_to_the_byte_after_everything_changed(notifier, rich, tmp_path):
    """Compared with what the relay received, for each recipient."""
    received = sent(notifier, rich)
    assert len(received) == 3
    numbers = addresses(notifier)
    change_everything(tmp_path)
    for number, address in numbers.items():
        code, data = shown(number)
        assert code == 0
        assert data == received[address]
    about = notifier("show", "1", "--json").data
    assert about["is_same"] is True
    assert about["message_bytes"] == len(received[about["address"]])
    domain = "@school.example>"
    assert about["message_id"].endswith(domain)
    assert about["message_id"].encode() in received[about["address"]]
    assert "made again to the byte" in notifier("show", "1").out


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_signatures_are_made_again_too(notifier, rich, tmp_path, kind):
    """Ed25519 and RSA with PKCS 1 v1.5 give the same signature for the same bytes and time."""
    words = ("--domain", "school.example", "--selector", "k", "--type", kind, "--json")
    made = notifier("dkim", "keygen", "-o", "keys/school.pem", *words).data
    settings = tmp_path / "notifier.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + made["settings"], encoding="utf-8")
    received = sent(notifier, rich)
    numbers = addresses(notifier)
    shutil.rmtree(tmp_path / "templates")
    for number, address in numbers.items():
        code, data = shown(number)
        assert code == 0
        assert data == received[address]
        assert b"DKIM-Signature" in data

    (tmp_path / "keys" / "school.pem").unlink()
    gone = notifier("show", "1", "--eml")
    assert gone.code == 2
    assert "can't be made again" in gone.err
    assert gone.out == ""
    anyway = notifier("show", "1", "--eml", "--anyway")
    assert anyway.code == 1
    assert "not what was sent" in anyway.err
    unsigned = received[numbers[1]].replace(b"\r\n", b"\n").decode()
    assert unsigned.endswith(anyway.out.replace("\r\n", "\n"))

    text = settings.read_text(encoding="utf-8")
    settings.write_text(text[: text.index("[dkim.")], encoding="utf-8")
    assert "is not in notifier.toml any more" in notifier("show", "1").out


def test_a_large_file_is_told_when_it_changed(notifier, rich, tmp_path, monkeypatch):
    """Only its sha256 is kept: while it is there all is well, then a plain sentence says so."""
    monkeypatch.setattr(snapshot, "SHARED", 1000)
    monkeypatch.setattr(snapshot, "OWN", 10)
    received = sent(notifier, rich)
    numbers = addresses(notifier)
    (tmp_path / "templates" / "notice" / "body.html").unlink()
    assert shown(1) == (0, received[numbers[1]])
    (tmp_path / "data" / "rules.pdf").write_bytes(b"%PDF other rules")
    result = notifier("show", "1", "--eml")
    assert result.code == 2
    assert "`data/rules.pdf` was too large to be kept, and was changed since" in result.err
    (tmp_path / "data" / "rules.pdf").unlink()
    assert "is not there any more" in notifier("show", "1").out


def test_the_same_files_are_kept_once_for_all_runs(notifier, rich, tmp_path):
    """A second run of the same campaign adds no content to the ledger."""

    def count():
        with sqlite3.connect(tmp_path / "data" / "ledger.sqlite") as db:
            return db.execute("SELECT count(*) FROM document").fetchone()[0]

    sent(notifier, rich)
    before = count()
    assert before >= 9
    assert notifier("send", "notice", "--live", "--again").code == 0
    assert count() == before


def test_a_run_that_kept_nothing_is_made_from_what_is_there(notifier, rich, tmp_path):
    """As before: it is checked, and what has changed is said."""
    received = sent(notifier, rich)
    with sqlite3.connect(tmp_path / "data" / "ledger.sqlite") as db:
        db.execute("DELETE FROM run_document")
    assert shown(1) == (0, received[addresses(notifier)[1]])
    page = tmp_path / "templates" / "notice" / "body.html"
    page.write_text(page.read_text(encoding="utf-8").replace("Dear", "Hello"), encoding="utf-8")
    result = notifier("show", "1", "--eml")
    assert result.code == 2
    assert "kept nothing of what it was made from" in result.err


def test_no_key_is_ever_kept(notifier, rich, tmp_path):
    """The ledger's documents hold no private key, whatever the campaign was signed with."""
    words = ("--domain", "school.example", "--selector", "k", "--json")
    made = notifier("dkim", "keygen", "-o", "keys/school.pem", *words).data
    settings = tmp_path / "notifier.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + made["settings"], encoding="utf-8")
    sent(notifier, rich)
    with sqlite3.connect(tmp_path / "data" / "ledger.sqlite") as db:
        contents = [zlib.decompress(row[0]) for row in db.execute("SELECT content FROM document")]
    assert contents
    assert not any(b"PRIVATE KEY" in it or b"school.pem" in it for it in contents)
