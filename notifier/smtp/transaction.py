"""One message on its way through a session: its body after 354, or all of it in one write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.model import Stage, Submission

if TYPE_CHECKING:
    from collections import deque

    from notifier.errors import RelayError
    from notifier.model import Reply
    from notifier.smtp.transitions import Awaited


class Transaction:
    """From MAIL to the reply to the end of data; the session moves it on."""

    __slots__ = (
        "broken_at",
        "failure",
        "is_ended",
        "is_odd",
        "is_open",
        "pieces",
        "unreset",
        "unsent",
    )

    def __init__(self, pieces: tuple[bytes, ...] = (b"",)) -> None:
        #: What leaves after 354, its end included; more than one where it is large.
        self.pieces = pieces
        #: Commands that wait for the reply to the one before.
        self.unsent: deque[tuple[Awaited, bytes]] | None = None
        #: The step whose reply made no sense.
        self.broken_at: Stage | None = None
        #: The earliest refusal.
        self.failure: Submission | None = None
        #: The reply to the RSET before it, where that was refused.
        self.unreset: Reply | None = None
        #: A reply to MAIL or RCPT was not of the kind that these have.
        self.is_odd = False
        #: MAIL was accepted.
        self.is_open = False
        #: The end of data may have left.
        self.is_ended = False

    def fate(self, error: RelayError, stage: Stage) -> Submission:
        """What became of it where the session ended with `error`, at `stage` of this message.

        In doubt once its end may have left, and only then. A 2yz out of place accepts nothing.
        """
        if self.failure is not None:
            return self.failure
        if self.is_ended:
            return Submission(Stage.BODY, None, error.message, in_doubt=True)
        stage = self.broken_at or stage
        if error.reply is None or error.reply.is_positive or stage is Stage.RSET:
            return Submission(stage, None, error.message)  # a 5yz to RSET is not about the message
        return Submission(stage, error.reply)

    def verdict(self, reply: Reply) -> Submission:
        """What became of it where it left whole and `reply` is the one to its end."""
        if self.unreset is not None and not reply.is_positive:
            return Submission(Stage.RSET, None, str(self.unreset))  # it was not asked for properly
        return self.failure or Submission(Stage.BODY, reply)
