"""Another program holds the ledger: told as such, nothing changes, and looking goes on."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from notifier.ledger import connection


@pytest.fixture
def held(notifier, office, tmp_path, monkeypatch):
    """A paused run of three, and a context in which somebody else writes into the ledger."""
    port = office.port
    office.stop()
    office._thread.join()
    assert notifier("send", "notice", "--live").code == 3
    office.port = port
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.01)

    @contextlib.contextmanager
    def hold():
        other = sqlite3.connect(tmp_path / "data" / "ledger.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()

    return hold


@pytest.mark.parametrize(
    "argv",
    [
        ["send", "notice", "--live"],
        ["resume", "latest"],
        ["cancel", "latest", "--yes"],
        ["retry", "latest"],
        ["suppress", "add", "a@home.example"],
    ],
    ids=" ".join,
)
def test_what_would_write_says_that_the_ledger_is_locked(notifier, held, office, argv):
    """Exit code 3, one sentence, the file and what to do; afterwards all is as it was."""
    before = notifier("status", "latest", "--json").data
    with held(), office:
        told = notifier(*argv)
    assert told.code == 3
    assert "Error: The ledger is locked by another program.\n" in told.err
    assert "data/ledger.sqlite" in told.err
    assert "next: Wait until it is done" in told.err
    assert notifier("status", "latest", "--json").data == before
    assert notifier("suppress", "list", "--json").data == []
    assert list(office.messages()) == []


@pytest.mark.parametrize(
    "argv", [["runs"], ["status", "latest"], ["report", "latest"], ["show", "1"]]
)
def test_what_only_reads_is_not_locked_out(notifier, held, argv):
    """A report can be read while somebody else sends."""
    with held():
        told = notifier(*argv)
    assert told.err == ""
    assert told.code in {0, 1}
    assert told.out
