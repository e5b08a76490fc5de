"""A few messages for a pool that are in no run: trials, and what the operator is told."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notifier.model import Submission
    from notifier.smtp.pool import Parcel


class Handful:
    """A few messages, kept in memory only: `smtp.pool.Feed`."""

    def __init__(self, parcels: list[Parcel]) -> None:
        self._waiting = deque(parcels)
        #: What the relay said to each, by its parcel's number.
        self.submissions: dict[int, Submission] = {}

    def take(self) -> Parcel | None:
        """The next message, or None."""
        return self._waiting.popleft() if self._waiting else None

    async def wait(self) -> bool:
        """Whether there is more to take: nothing comes later."""
        return bool(self._waiting)

    async def intend(self, parcel: Parcel) -> bool:  # noqa: ARG002 - the pool's signature
        """They leave no trace in the ledger."""
        return True

    def settle(self, parcel: Parcel, submission: Submission) -> None:
        """Keep what the relay said."""
        self.submissions[parcel.id] = submission
