from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from notifier.cli import deliver
from notifier.cli.serve import WorkspaceOffice, _begun
from notifier.errors import GuardError
from notifier.ledger.ledger import Ledger, NewRun


def test_a_sheet_that_is_compared_with_its_approval_keeps_no_other_run_waiting(monkeypatch):
    """It may take minutes to be read: the loop sends other runs meanwhile, and renews their leases.

    What it comes to is raised where the run is delivered.
    """
    threads = []

    def make_job(_session, _ledger, run_id, *, waits):
        threads.append((threading.current_thread(), run_id, waits))
        raise GuardError("Run 7 was asked about, and has changed since.")

    monkeypatch.setattr(deliver, "make_job", make_job)
    session = SimpleNamespace(ledger=lambda: nullcontext("the ledger"))

    async def scene():
        office = WorkspaceOffice(session, "the ledger")
        await office.deliver(7, asyncio.Event())

    with pytest.raises(GuardError, match="has changed"):
        asyncio.run(scene())
    ((thread, *asked),) = threads
    assert asked == [7, False]
    assert thread is not threading.main_thread()


def test_an_occurrence_that_waits_for_approval_is_told_of_whoever_was_killed(tmp_path):
    """Enrolled by somebody who did not live to say so; once all the same."""
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        run = ledger.start_run(NewRun("grades", "2027-01-15T07:00", "Marks", "main"))
        ledger.finish_enrolment(run.id, rows=0, asks=True)
        for _time in range(2):
            assert "waits for approval" in _begun(ledger, run.id).note
        (told,) = ledger.alerts.newest()
    assert (told.kind, told.run_id) == ("approval", run.id)
