"""What serving needs of a workspace: `cli/serve.py` has it, tests have doubles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from notifier.delivery.window import Hours
    from notifier.ledger.schedules import Firing, FiringState, OpenRun
    from notifier.model import RunState


@dataclass(frozen=True, slots=True)
class Started:
    """What starting an occurrence came to."""

    #: BEGUN, SKIPPED, ASKED or FAILED.
    state: FiringState
    #: A sentence for the list and the log.
    note: str
    #: Its run, where it has one.
    run_id: int | None = None


class Office(Protocol):
    """A workspace, as far as serving is concerned. Errors are `NotifierError`s."""

    def start(self, firing: Firing) -> Started:
        """Read the sheet, look at everything, and enrol the run. Blocks; called in a thread."""

    def hours(self, campaign: str) -> Hours:
        """When the campaign's messages may leave, and in whose zone."""

    async def deliver(self, run_id: int, stop: asyncio.Event) -> RunState:
        """Send what is due of a run, until nothing is, the window closes, or `stop` is set."""

    def expire(self, run: OpenRun) -> None:
        """It is too late for a run that nobody may send now."""

    def alert(self, firing: Firing, why: str) -> None:
        """The operator is to know that an occurrence was not sent as planned."""

    def tell(self) -> None:
        """Tell the operator what there is to be told. Blocks; called in a thread."""

    def describe(self, run_id: int) -> str:
        """How far the run is, in a line."""
