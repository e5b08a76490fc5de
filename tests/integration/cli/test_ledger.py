from __future__ import annotations

import json
import sqlite3
import time
import zipfile

import pytest

from notifier.cli.files_naming import files_naming
from notifier.cli.purging import purge_by_itself
from notifier.cli.session import Session

ADDRESS = "an@parents.example"


@pytest.fixture
def sent(office, notifier, sheet, tmp_path):
    """A workspace with a run that is finished."""
    sheet(("1001", ADDRESS), ("1002", "binh@parents.example"), ("1003", "refused@parents.example"))
    notifier("send", "notice", "--live", "--yes")
    return tmp_path


def _age(workspace, days):
    """Let the run have ended so long ago."""
    db = sqlite3.connect(workspace / "data" / "ledger.sqlite")
    db.execute("UPDATE run SET finished_at = ?", (time.time() - days * 86_400,))
    db.commit()
    db.close()


def test_a_ledger_is_checked_and_measured(sent, notifier):
    """In words and as JSON; a fault is told with what to do, and ends with 1."""
    result = notifier("ledger", "check")
    assert result.code == 0
    assert "The ledger is whole" in result.out
    assert notifier("ledger", "check", "--quick", "--json").data["sound"]
    size = notifier("ledger", "size", "--json").data
    assert (size["runs"], size["deliveries"], size["keep_recipients"]) == (1, 3, None)
    assert size["tables"]["recipient"] > 0
    assert "per delivery" in notifier("ledger", "size").out
    db = sqlite3.connect(sent / "data" / "ledger.sqlite")
    db.execute("UPDATE counter SET count = 7 WHERE state = 'accepted'")
    db.commit()
    db.close()
    result = notifier("ledger", "check")
    assert result.code == 1
    assert "differ from a recount" in result.out
    assert "next:" in result.out


def test_a_copy_is_made_and_put_back(sent, notifier):
    """With what was sent since told; nothing is replaced without being asked."""
    assert notifier("ledger", "backup", "copy.sqlite").code == 0
    assert notifier("ledger", "backup", "copy.sqlite").code == 2
    assert notifier("ledger", "backup", "copy.sqlite", "--force", "--json").data["runs"] == 1
    assert notifier("ledger", "check", "--file", "copy.sqlite").code == 0
    notifier("send", "notice", "--live", "--yes", "--occurrence", "later")
    assert notifier("ledger", "restore", "copy.sqlite").code == 2
    result = notifier("ledger", "restore", "copy.sqlite", "--yes")
    assert result.code == 0
    assert "later" in result.out
    assert [it["occurrence"] for it in notifier("runs", "--json").data] != ["later"]
    assert list((sent / "data").glob("ledger.sqlite.before-restore-*"))


def test_rows_are_written_out_for_other_programs(sent, notifier):
    """JSON lines of everything or of a run; CSV whose cells are no formulas."""
    lines = [json.loads(it) for it in notifier("ledger", "export", "1").out.splitlines()]
    assert {it["table"] for it in lines} >= {"run", "recipient", "delivery", "attempt", "audit"}
    assert notifier("ledger", "export", "--format", "csv").code == 2
    assert notifier("ledger", "export", "--format", "xml").code == 2
    db = sqlite3.connect(sent / "data" / "ledger.sqlite")
    db.execute("UPDATE recipient SET name = '=1+1' WHERE delivery_id = 1")
    db.commit()
    db.close()
    assert notifier("ledger", "export", "--format", "csv", "-o", "out").code == 0
    assert "'=1+1" in (sent / "out" / "recipient.csv").read_text("utf-8-sig")
    assert (sent / "out" / "recipient.csv").stat().st_mode & 0o077 == 0


def test_old_runs_are_purged_after_being_shown(sent, notifier):
    """Not without a yes; reports still show the totals and say so."""
    assert notifier("ledger", "purge").code == 2
    assert notifier("ledger", "purge", "--older-than", "soon").code == 2
    assert "No run" in notifier("ledger", "purge", "--older-than", "90d").out
    _age(sent, 100)
    asked = notifier("ledger", "purge", "--older-than", "90d")
    assert asked.code == 2
    assert "3 deliveries" in asked.out
    result = notifier("ledger", "purge", "--older-than", "90d", "--yes")
    assert result.code == 0
    assert "1 run is purged" in result.out
    assert ADDRESS.encode() not in (sent / "data" / "ledger.sqlite").read_bytes()
    report = notifier("status", "1", "--json").data
    assert report["counts"] == {"accepted": 2, "refused": 1}
    assert notifier("retry", "1").code == 2
    assert notifier("show", "1").code == 0
    assert notifier("report", "1").code in (0, 1)
    assert notifier("ledger", "check").code == 0


def test_old_runs_are_purged_by_themselves(sent):
    """Where keep_recipients says for how long; else never."""
    assert purge_by_itself(Session(root=sent)) == 0
    settings = sent / "notifier.toml"
    text = settings.read_text("utf-8").replace(
        "[workspace]", '[workspace]\nkeep_recipients = "90d"', 1
    )
    settings.write_text(text, "utf-8")
    assert purge_by_itself(Session(root=sent)) == 0
    _age(sent, 100)
    assert purge_by_itself(Session(root=sent)) == 1


def test_somebody_is_forgotten_after_being_shown(sent, notifier):
    """Everything, and the files that still name them; a later sheet does not bring them back."""
    shown = notifier("forget", ADDRESS, "--show", "--json").data
    assert [it["key"] for it in shown["deliveries"]] == ["1001"]
    assert any(it.endswith("people.csv") for it in shown["files"])
    assert not shown["forgotten"]
    asked = notifier("forget", ADDRESS)
    assert asked.code == 2
    assert f"notifier forget {ADDRESS} --yes" in asked.err
    result = notifier("forget", ADDRESS, "--yes")
    assert result.code == 0
    assert "people.csv" in result.out
    assert ADDRESS.encode() not in (sent / "data" / "ledger.sqlite").read_bytes()
    assert "hash alone" in notifier("suppress", "list").out
    dry = notifier("send", "notice", "--occurrence", "next")
    assert "1 suppressed" in dry.out or "suppressed" in dry.out
    live = notifier("send", "notice", "--live", "--yes", "--occurrence", "next", "--json").data
    assert live["counts"]["suppressed"] == 1
    assert ADDRESS.encode() not in (sent / "data" / "ledger.sqlite").read_bytes()
    assert notifier("forget").code == 2
    assert notifier("suppress", "remove", ADDRESS).code == 0
    assert notifier("suppress", "remove", ADDRESS).code == 2


def test_who_did_what_is_listed(sent, notifier, monkeypatch):
    """By whom, since when, of which run, about which address."""
    monkeypatch.setenv("NOTIFIER_ACTOR", "Lan (office)")
    notifier("suppress", "add", ADDRESS)
    entries = notifier("audit", "--json").data
    assert [it["action"] for it in entries] == ["send", "suppress"]
    assert entries[1]["actor"] == "Lan (office)"
    assert ADDRESS not in json.dumps(entries)
    assert len(notifier("audit", "--address", ADDRESS, "--json").data) == 1
    assert len(notifier("audit", "--actor", "lan", "--json").data) == 1
    assert len(notifier("audit", "--run", "1", "--json").data) == 1
    assert notifier("audit", "--since", "2999-01-01").out.startswith("Nothing")
    assert notifier("audit", "--since", "yesterday").code == 2
    assert "digest" in notifier("audit").out
    assert "run 1" in notifier("audit", "--run", "1").out


def test_files_that_name_somebody_are_found(tmp_path):
    """As bytes, in UTF-16, inside workbooks; the ledger itself is left out."""
    (tmp_path / "data").mkdir()
    (tmp_path / "plain.csv").write_text(f"x;{ADDRESS.upper()};y", "utf-8")
    (tmp_path / "wide.txt").write_text(f"x {ADDRESS}", "utf-16")
    (tmp_path / "other.txt").write_text("nobody@parents.example", "utf-8")
    (tmp_path / "broken.zip").write_bytes(b"PK\x05\x06" + b"\x00" * 18 + b"tail")
    with zipfile.ZipFile(tmp_path / "sheet.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<t>{ADDRESS}</t>" * 50)
    ledger = tmp_path / "data" / "ledger.sqlite"
    ledger.write_bytes(ADDRESS.encode())
    (tmp_path / "data" / "copy.sqlite").write_bytes(b"\x00" * ((1 << 20) - 5) + ADDRESS.encode())
    found = [it.name for it in files_naming(tmp_path, ledger, [ADDRESS])]
    assert found == ["copy.sqlite", "plain.csv", "sheet.xlsx", "wide.txt"]
    assert files_naming(tmp_path, ledger, []) == []
