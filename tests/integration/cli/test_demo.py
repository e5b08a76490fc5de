"""The demo: what a stranger sees first."""

from __future__ import annotations

import re
import tempfile

import pytest

from notifier.cli import demo
from notifier.ledger.reports import Reader


@pytest.fixture
def hurry(monkeypatch):
    """What is deferred is tried again at once: tests don't wait."""
    monkeypatch.setattr(demo, "_PATIENCE", {"first": 0.05, "factor": 1.0, "jitter": 0.0})


def test_the_demo_accounts_for_every_row_and_can_be_run_again(notifier, tmp_path, hurry):
    """Three campaigns, each row told; refused, deferred and rejected ones are in the story."""
    assert notifier("init", "samples", "--sample").code == 0
    for number in (1, 2):
        result = notifier("demo", "--workspace", "samples")
        assert result.code == 0
        assert result.err == "" or "Error" not in result.err
        for word in ("grades", "timetable", "announcement", "Rejected rows", "No such mailbox"):
            assert word in result.out
        assert "put off at first, tried again, and then accepted" in result.out
        assert re.search(r"Subject +\S", result.out)
        assert len(list((tmp_path / "samples" / "data" / "reports").glob("*.html"))) == 3 * number
    with Reader.open(tmp_path / "samples" / "data" / "ledger.sqlite") as reader:
        runs = reader.runs()
    assert len(runs) == 6
    for run in runs:
        assert run.state == "finished"
        assert run.rows + run.extra_addresses == run.deliveries + run.rejections + run.folded
        assert set(run.counts) <= {"accepted", "refused"}


def test_outside_of_a_workspace_the_demo_works_in_a_copy(notifier, tmp_path, hurry, monkeypatch):
    """With no samples around, a temporary copy is used, and said."""
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(tmp_path / "copy"))
    result = notifier("demo")
    assert result.code == 0
    assert f"--workspace {tmp_path / 'copy'}" in result.out
    assert (tmp_path / "copy" / "data" / "ledger.sqlite").is_file()


def test_a_workspace_without_the_samples_is_told(notifier, office):
    """Named explicitly, a workspace must have the samples."""
    result = notifier("demo", "--workspace", ".")
    assert result.code == 2
    assert "no sample campaigns" in result.err
