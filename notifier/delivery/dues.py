"""What of a run is due: claims for one worker, and what to wait for when there is nothing.

A retry is a row with a time, another worker's claims come back when it dies: so a run isn't over
because nothing is due, only when nothing will be.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from notifier.model import RunState, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from notifier.delivery.terms import Terms
    from notifier.ledger.ledger import Claimed, Ledger
    from notifier.ledger.writer import Writer

#: Deliveries claimed at once: large enough that a claim's fixed cost is nothing.
CLAIM_BATCH = 500
#: Seconds between two looks at what another worker still holds of the run.
COMPANY = 0.5
#: Seconds at least, and at most, between two looks at what is due: clocks may be set meanwhile.
SOONEST = 1.0
LATEST = 30.0


class Dues:
    """One worker's view of what its run still has to send."""

    def __init__(self, terms: Terms, writer: Writer, ledger: Ledger) -> None:
        self._terms = terms
        self._writer = writer
        self._ledger = ledger
        #: This worker was taken for dead: what it held is not its own.
        self.are_lost = False
        #: When the next deferred delivery is due, while there is nothing else to do.
        self.waiting_until: float | None = None

    async def claim(self) -> list[Claimed]:
        """The next of what is due."""
        terms = self._terms
        return await self._writer.call(
            self._ledger.claim, terms.run_id, terms.worker_id, CLAIM_BATCH, terms.lease_seconds
        )

    async def wait(self, pause: Callable[[float], Awaitable[None]]) -> bool:
        """Wait, by `pause`, for what may still become due; False: there is nothing to wait for.

        To be called when nothing is held, and nothing is on its way.
        """
        if self.are_lost:
            await self._start_over()
            return True
        due_at = await self._writer.call(self._ledger.next_due_at, self._terms.run_id)
        left = inf if due_at is None else due_at - self._terms.clock()
        if left > COMPANY:
            company = await self._look_at_others(is_none_due=due_at is None)
            if company is not None:
                await pause(company)
                return True
        if due_at is None:
            return False
        if not self._terms.waits and left > self._terms.policy.pause_seconds:
            return False
        self.waiting_until = due_at
        await pause(min(max(left, 0.0 if left > 0 else SOONEST), LATEST))
        self.waiting_until = None
        return True

    async def _start_over(self) -> None:
        """This worker was taken for dead: what it held is not its own; claim afresh."""
        self.are_lost = False
        terms = self._terms
        await self._writer.call(self._ledger.release, terms.worker_id, terms.resends_doubt)
        await self._writer.call(self._ledger.heartbeat, terms.worker_id)

    async def _look_at_others(self, *, is_none_due: bool) -> float | None:
        """Take over what dead workers held; seconds until the next look, None where nobody is left.

        What was taken over is due now. Another worker may have taken it over a moment ago.
        """
        run_id = self._terms.run_id
        found = await self._writer.call(self._ledger.recover, run_id, self._terms.resends_doubt)
        run = await self._writer.call(self._ledger.get_run, run_id)
        if run.state is not RunState.ACTIVE:
            return None
        if found.released or found.resent:
            return 0.0
        counts = await self._writer.call(self._ledger.counts, run_id)
        held = counts.get(State.CLAIMED, 0) + counts.get(State.SUBMITTING, 0)
        if is_none_due:
            held += counts.get(State.PENDING, 0)
        return COMPANY if held else None
