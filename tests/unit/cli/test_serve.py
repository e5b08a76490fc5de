from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from notifier.cli import deliver
from notifier.cli.serve import WorkspaceOffice
from notifier.errors import GuardError


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
