"""What one connection does with parcels.

A courier holds at most two: the oldest, which may be on the wire, and the one behind it, whose
envelope travels with the oldest one's end of data. The oldest one's body leaves when two things are
there, in whatever order they come: the relay's 354 and the feed's durable intent. The intent of the
one behind is asked for when its envelope leaves, so that writing it down takes no time of its own;
with a `depth` of 1, only when the oldest is settled. So never more than `depth` messages of a
connection are intended: that many are in doubt when the program is killed. A lost link leaves one.

Where the session sends messages whole, there is no 354 to wait for: up to `depth` parcels are taken
and intended, and each leaves when its intent is durable.

If step X fails, what happens to which parcel?

    the message can't be put on the wire   settled here at `assemble`; the next one is taken
    the relay is known to refuse it        settled here with that reply (see `envelope`)
    the relay took as many as it takes     given back, as nothing of it has left; the connection
      in a session                         ends (OpenSMTPD says so after 100), and another is opened
    the link is lost                       the oldest: in doubt if its end had left; the other: not
    the intent of a whole one is refused   it is forgotten; nothing of it has left
    the intent is refused                  it is forgotten; the connection is closed when its turn
                                           comes, since after 354 there is no other way to send
                                           nothing
    the intent fails                       the pool ends; the parcel is settled, not in doubt
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Protocol

from notifier.errors import LocalProtocolError
from notifier.model import Stage, Submission
from notifier.smtp import troubles
from notifier.smtp.transitions import CLOSING, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.errors import RelayError
    from notifier.model import Message, Reply
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


class _Load:
    """A parcel in the connection, and its intent."""

    __slots__ = ("intent", "is_asked", "is_disowned", "is_granted", "parcel")

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.is_asked = False
        #: While it is being written down.
        self.intent: asyncio.Future[bool] | None = None
        #: Written down: the body may leave.
        self.is_granted = False
        #: It is not ours any more: it must not leave, and is settled by nobody here.
        self.is_disowned = False


class Courier:
    """One connection, and the parcels in it."""

    __slots__ = (
        "_asked",
        "_connection",
        "_depth",
        "_dispatcher",
        "_has_disowned",
        "_has_go",
        "_loads",
        "_messages",
        "_owed",
        "answers",
        "expires_at",
        "idle_since",
        "is_worn",
    )

    def __init__(
        self,
        connection: Connection,
        dispatcher: Dispatcher,
        *,
        messages: int,
        expires_at: float,
        depth: int = 1,
    ) -> None:
        """`messages`: how many it may carry, `depth`: how many of them may be intended at a time.

        `expires_at`: its age's end, on the pool's clock.
        """
        self._connection = connection
        self._dispatcher = dispatcher
        self._messages = messages
        self._depth = depth
        self._loads: deque[_Load] = deque()
        #: Taken, to be sent whole, and not sent yet.
        self._asked: list[_Load] = []
        #: Answered parcels whose intents are still being written down.
        self._owed = 0
        self._has_go = False
        self._has_disowned = False
        #: Messages that the relay answered, the session going on.
        self.answers = 0
        self.expires_at = expires_at
        self.idle_since = 0.0  # on the pool's clock
        #: It takes nothing more.
        self.is_worn = False
        connection.listener = self

    def __repr__(self) -> str:
        return f"<Courier {len(self._loads)} parcels, {self._connection.session!r}>"

    @property
    def has_taught(self) -> bool:
        """Whether its end is held against what was asked of the relay, not against the relay."""
        return self._connection.has_taught

    @property
    def is_empty(self) -> bool:
        """Whether it holds no parcel."""
        return not self._loads and not self._asked

    # --- what the pool calls -----------------------------------------------------------------

    def serve(self) -> None:
        """Take a parcel and set out with it, or be idle."""
        if self._connection.session.sends_whole:
            self._fill()
        elif self._begin():
            self._connection.flush()
            self._ask_for_all()
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
        reply = submission.reply
        if self.answers and _says_enough(submission):
            self.is_worn = True
            submission = Submission(Stage.MAIL, None, str(reply))
        intent = self._conclude(submission)
        if reply is not None and reply.code != CLOSING and not submission.in_doubt:
            self.answers += 1
            if reply.is_positive:
                self._dispatcher.succeeded()
        if intent is not None:
            # The feed learns of it with the intent, and may end it all: a relay that doesn't take
            # our sender is not asked again meanwhile. And it may be in doubt until then.
            self._owed += 1
            intent.add_done_callback(self._pay)
        elif not self._owed:
            self._turn_to_next()

    def _pay(self, intent: asyncio.Future[bool]) -> None:
        self._owed -= 1
        if not self._owed:
            self._turn_to_next(intent)

    def _turn_to_next(self, intent: asyncio.Future[bool] | None = None) -> None:
        if self._connection.is_over or self._connection.session.phase is Phase.CLOSED:
            return  # `ended` follows, for this came with the session's end
        if self._connection.session.sends_whole:
            self._fill()
        elif self._loads and self._loads[0].is_disowned:
            self.abort()
        elif self._loads or self._begin():
            if intent is not None:  # nobody writes for us: this is not the relay's turn
                self._connection.flush()
            self._ask_for_all()
        else:
            self._rest()

    def go_ahead(self) -> None:
        """The relay waits for the body."""
        self._has_go = True
        if self._loads[0].is_granted:
            self._connection.send_body()

    def body_leaves(self) -> None:
        """The next envelope may travel with the end of this body."""
        if self._begin() and len(self._loads) + self._owed <= self._depth:
            self._ask(self._loads[-1])

    def ended(self, error: RelayError | None, fates: Sequence[Submission]) -> None:
        """The connection is over: settle what it held."""
        while len(self._loads) > len(fates):
            self._conclude(self._fate_of_the_unanswered(error))
        for fate in fates:
            if self._loads:
                self._conclude(fate)
        asked, self._asked = self._asked, []
        for load in asked:
            self._let_go(load, error)
        self._dispatcher.gone(self, None if self._has_disowned else error)

    def broke(self, exc: Exception) -> None:
        """A mistake of ours: it ends the run, after all is settled."""
        self._dispatcher.crash(exc)

    # --- inside ------------------------------------------------------------------------------

    def _fate_of_the_unanswered(self, error: RelayError | None) -> Submission:
        """The oldest parcel's, where the session has given its answer and it did not reach us.

        That is so when something raised, or the connection was closed, between the two. The answer
        is not known any more, so what had left is in doubt.
        """
        session = self._connection.session
        reason = error or troubles.interrupted(session.account, session.stage)
        has_left = self._loads[0].is_granted
        stage = Stage.BODY if has_left else Stage.MAIL
        return Submission(stage, None, reason.message, in_doubt=has_left)

    def _begin(self) -> bool:
        """Put the next parcel's envelope into the output; False where there is none."""
        session = self._connection.session
        while session.can_begin and not self.is_worn:
            parcel = self._dispatcher.take()
            if parcel is None:
                return False
            if self._may_begin(parcel, session.begin):
                self._loads.append(_Load(parcel))
                self._messages -= 1
                self.is_worn = self.is_worn or self._messages <= 0
                return True
        return False

    def _may_begin(self, parcel: Parcel, begin: Callable[[Message, str], Reply | None]) -> bool:
        """Whether it is in the output now; settled where it can't be."""
        try:
            refusal = begin(parcel.message, parcel.envelope_id)
        except LocalProtocolError as exc:
            self._dispatcher.settle(parcel, Submission(Stage.ASSEMBLE, None, exc.message))
            return False
        if refusal is not None:
            self._dispatcher.settle(parcel, Submission(Stage.MAIL, refusal))
            return False
        return True

    def _ask_for_all(self) -> None:
        """Ask for the intents of as many as may be intended; the oldest first."""
        for load in tuple(self._loads)[: self._depth]:
            if not load.is_asked and not self._connection.is_over:
                self._ask(load)

    def _ask(self, load: _Load) -> None:
        load.is_asked = True
        load.intent = intent = self._dispatcher.intend(load.parcel)
        if intent.done():
            self._learn(load, intent)
        else:
            intent.add_done_callback(partial(self._learn, load))

    def _learn(self, load: _Load, intent: asyncio.Future[bool]) -> None:
        if load.intent is None:
            return  # the parcel has met its end meanwhile
        load.intent = None
        if exc := _failure(intent):
            self._dispatcher.crash(exc)
        elif intent.result():
            load.is_granted = True
            if self._has_go and load is self._loads[0]:
                self._connection.send_body()
        else:
            load.is_disowned = self._has_disowned = self.is_worn = True
            if load is self._loads[0]:
                self.abort()

    def _conclude(self, submission: Submission) -> asyncio.Future[bool] | None:
        """The oldest parcel's end; its intent, where that is still being written down."""
        load = self._loads.popleft()
        intent, load.intent = load.intent, None
        self._has_go = False
        if load.is_disowned:
            return None
        if intent is None:
            self._dispatcher.settle(load.parcel, submission)
        else:
            self._dispatcher.settle_later(intent, load.parcel, submission)
        return intent

    # --- whole messages ------------------------------------------------------------------------

    def _fill(self) -> None:
        """Take as many parcels as may be on their way, and ask for their intents."""
        depth = 1 if self._connection.session.is_on_trial else self._depth
        while len(self._loads) + len(self._asked) < depth and not self.is_worn:
            parcel = self._dispatcher.take()
            if parcel is None:
                break
            self._messages -= 1
            self.is_worn = self.is_worn or self._messages <= 0
            load = _Load(parcel)
            self._asked.append(load)
            load.intent = intent = self._dispatcher.intend(parcel)
            intent.add_done_callback(partial(self._learn_of_whole, load))
        self._rest()

    def _learn_of_whole(self, load: _Load, intent: asyncio.Future[bool]) -> None:
        if load not in self._asked:
            return  # the connection is over
        self._asked.remove(load)
        load.intent = None
        if exc := _failure(intent):
            self._dispatcher.crash(exc)
            self._let_go(load, None)
        elif intent.result():
            self._send_whole(load)
        else:
            self._fill()

    def _send_whole(self, load: _Load) -> None:
        if self._may_begin(load.parcel, self._connection.session.begin_whole):
            load.is_granted = True
            self._loads.append(load)
            self._connection.flush()
        else:
            self._fill()

    def _let_go(self, load: _Load, error: RelayError | None) -> None:
        """Nothing of it has left: it is given back, with the reason why the connection is over."""
        session = self._connection.session
        reason = error or troubles.interrupted(session.account, session.stage)
        submission = Submission(Stage.MAIL, None, reason.message)
        intent, load.intent = load.intent, None
        if intent is None:
            self._dispatcher.settle(load.parcel, submission)
        else:
            self._dispatcher.settle_later(intent, load.parcel, submission)

    def _rest(self) -> None:
        if self._connection.is_over or self._loads or self._asked:
            return
        if self.is_worn and self._connection.session.can_begin:
            self._connection.quit()
        else:
            self._dispatcher.idle(self)


def _failure(intent: asyncio.Future[bool]) -> BaseException | None:
    return asyncio.CancelledError() if intent.cancelled() else intent.exception()


def _says_enough(submission: Submission) -> bool:
    """Whether the relay takes no more messages in this session.

    RFC 3463 section 3.6 gives X.5.3 to too many recipients, of which there are none yet at MAIL;
    OpenSMTPD answers `452 4.5.3 Too many recipients: Too many messages sent`, others in words.
    """
    reply = submission.reply
    if submission.stage is not Stage.MAIL or reply is None or not reply.is_transient:
        return False
    return reply.enhanced == "4.5.3" or "too many messages" in reply.text.lower()
