"""What one connection does with parcels.

A courier holds at most two: the oldest, which may be intended and on the wire, and the one behind
it, whose envelope travels with the oldest one's end of data and which nobody has promised anything
for yet. The oldest one's body leaves when two things are there, in whatever order they come: the
relay's 354 and the feed's durable intent. The intent of the one behind is asked for only when the
oldest is settled, so that never more than one message per connection is in doubt.

If step X fails, what happens to which parcel?

    the message can't be put on the wire   settled here at `assemble`; the next one is taken
    the relay is known to refuse it        settled here with that reply (see `envelope`)
    the link is lost                       the oldest: in doubt if its end had left; the other: not
    the intent is refused                  it is forgotten; the connection is closed, since after
                                           354 there is no other way to send nothing
    the intent fails                       the pool ends; the parcel is settled, not in doubt
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

from notifier.errors import LocalProtocolError
from notifier.model import Stage, Submission
from notifier.smtp import troubles
from notifier.smtp.transitions import CLOSING, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifier.errors import RelayError
    from notifier.smtp.connection import Connection
    from notifier.smtp.parcel import Parcel


class Dispatcher(Protocol):
    """What a courier asks of its pool."""

    def take(self) -> Parcel | None:
        """The next parcel, if there is one now."""

    def intend(self, parcel: Parcel) -> asyncio.Future[bool]:
        """The durable intent."""

    def settle(self, parcel: Parcel, submission: Submission) -> None:
        """The parcel's end."""

    def settle_later(
        self, intent: asyncio.Future[bool], parcel: Parcel, submission: Submission
    ) -> None:
        """The parcel's end, unless its intent turns out to be refused."""

    def succeeded(self) -> None:
        """The relay took a message."""

    def crash(self, exc: BaseException) -> None:
        """The feed failed."""

    def idle(self, courier: Courier) -> None:
        """Nothing to do."""

    def gone(self, courier: Courier, error: RelayError | None) -> None:
        """The connection is over."""


class Courier:
    """One connection, and the parcels in it."""

    __slots__ = (
        "_connection",
        "_dispatcher",
        "_has_go",
        "_intent",
        "_is_disowned",
        "_is_granted",
        "_messages",
        "_parcels",
        "answers",
        "expires_at",
        "idle_since",
        "is_worn",
    )

    def __init__(
        self, connection: Connection, dispatcher: Dispatcher, *, messages: int, expires_at: float
    ) -> None:
        """`messages`: how many it may carry; `expires_at`: its age's end, on the pool's clock."""
        self._connection = connection
        self._dispatcher = dispatcher
        self._messages = messages
        self._parcels: deque[Parcel] = deque()
        self._intent: asyncio.Future[bool] | None = None
        self._is_granted = False
        self._has_go = False
        self._is_disowned = False
        #: Messages that the relay answered, the session going on.
        self.answers = 0
        self.expires_at = expires_at
        #: On the pool's clock.
        self.idle_since = 0.0
        #: It takes nothing more.
        self.is_worn = False
        connection.listener = self

    def __repr__(self) -> str:
        return f"<Courier {len(self._parcels)} parcels, {self._connection.session!r}>"

    @property
    def is_empty(self) -> bool:
        """Whether it holds no parcel."""
        return not self._parcels

    # --- what the pool calls -----------------------------------------------------------------

    def serve(self) -> None:
        """Take a parcel and set out with it, or be idle."""
        if self._begin():
            self._connection.flush()
            self._ask()
        else:
            self._rest()

    def quit(self) -> None:
        """Close politely; it must be idle."""
        self.is_worn = True
        self._connection.quit()

    def abort(self, error: RelayError | None = None) -> None:
        """Close at once; every parcel is settled before this returns, or by its intent."""
        session = self._connection.session
        self._connection.abort(error or troubles.interrupted(session.account, session.stage))

    # --- what the connection calls -----------------------------------------------------------

    def decided(self, submission: Submission) -> None:
        """The oldest parcel has its answer: settle it, then turn to the next."""
        self._conclude(submission)
        reply = submission.reply
        if reply is not None and reply.code != CLOSING and not submission.in_doubt:
            self.answers += 1
            if reply.is_positive:
                self._dispatcher.succeeded()
        if self._connection.session.phase is Phase.CLOSED:
            return  # `ended` follows, for this came with the session's end
        if self._parcels or self._begin():
            self._ask()
        else:
            self._rest()

    def go_ahead(self) -> None:
        """The relay waits for the body."""
        self._has_go = True
        if self._is_granted:
            self._connection.send_body()

    def body_leaves(self) -> None:
        """The next envelope may travel with the end of this body."""
        self._begin()

    def ended(self, error: RelayError | None, fates: Sequence[Submission]) -> None:
        """The connection is over: settle what it held."""
        for fate in fates:
            if self._parcels:
                self._conclude(fate)
        self._dispatcher.gone(self, None if self._is_disowned else error)

    # --- inside ------------------------------------------------------------------------------

    def _begin(self) -> bool:
        """Put the next parcel's envelope into the output; False where there is none."""
        session = self._connection.session
        while session.can_begin and not self.is_worn:
            parcel = self._dispatcher.take()
            if parcel is None:
                return False
            if self._has_begun(parcel):
                self._messages -= 1
                self.is_worn = self.is_worn or self._messages <= 0
                return True
        return False

    def _has_begun(self, parcel: Parcel) -> bool:
        try:
            refusal = self._connection.session.begin(parcel.message)
        except LocalProtocolError as exc:
            self._dispatcher.settle(parcel, Submission(Stage.ASSEMBLE, None, exc.message))
            return False
        if refusal is not None:
            self._dispatcher.settle(parcel, Submission(Stage.MAIL, refusal))
            return False
        self._parcels.append(parcel)
        return True

    def _ask(self) -> None:
        """Ask for the oldest parcel's intent."""
        self._intent = intent = self._dispatcher.intend(self._parcels[0])
        if intent.done():
            self._learn(intent)
        else:
            intent.add_done_callback(self._learn)

    def _learn(self, intent: asyncio.Future[bool]) -> None:
        if intent is not self._intent:
            return  # the parcel has met its end meanwhile
        self._intent = None
        if intent.cancelled():
            self._dispatcher.crash(asyncio.CancelledError())
        elif (exc := intent.exception()) is not None:
            self._dispatcher.crash(exc)
        elif intent.result():
            self._is_granted = True
            if self._has_go:
                self._connection.send_body()
        else:
            self._parcels.popleft()
            self._is_disowned = True
            self.abort()

    def _conclude(self, submission: Submission) -> None:
        """The oldest parcel's end."""
        parcel = self._parcels.popleft()
        intent, self._intent = self._intent, None
        self._is_granted = self._has_go = False
        if intent is None:
            self._dispatcher.settle(parcel, submission)
        else:
            self._dispatcher.settle_later(intent, parcel, submission)

    def _rest(self) -> None:
        if self._connection.is_over or self._parcels:
            return
        if self.is_worn and self._connection.session.can_begin:
            self._connection.quit()
        else:
            self._dispatcher.idle(self)
