"""What a pool carries, and where it gets it from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from notifier.model import Message, Submission


class Parcel(NamedTuple):
    """A message on its way, with the number that its owner knows it by."""

    id: int
    message: Message
    #: What a notification (RFC 3461) is to tell it by; ASCII, empty: nothing.
    envelope_id: str = ""


class Feed(Protocol):
    """Where parcels come from and their answers go to. Only its `wait` may take time."""

    def take(self) -> Parcel | None:
        """The next message, or None while there is none."""

    async def wait(self) -> bool:
        """Until `take` may give one; False when nothing will come any more."""

    def intend(self, parcel: Parcel) -> Awaitable[bool]:
        """Make it durable that the message may leave now.

        The end of its data leaves only after True. False: it is not ours any more; it is not
        sent, and `settle` is not called for it.
        """

    def settle(self, parcel: Parcel, submission: Submission) -> None:
        """What became of it: exactly once for each parcel taken, unless `intend` gave False."""
