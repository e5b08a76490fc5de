"""The session of an SMTP client: bytes in, events out. No I/O, no clock.

    session.receive(data) -> events         what the relay's bytes mean
    session.take_output() -> bytes          what is to be written now

The session opens itself: greeting, EHLO (HELO where that is not known), STARTTLS and EHLO again,
AUTH; then it says READY. From there on, messages pass through it as transactions:

    session.begin(message)                  MAIL, RCPT, DATA are in the output
    GO_AHEAD                                354 came: the body may leave
    session.start_body() -> bytes           the caller writes it, and
    session.end_body()                      says so *before* the last of it is written
    Decided(submission)                     the reply to the end of data, or the earliest refusal

Theory
------
SMTP is a conversation in order: the n-th reply answers the n-th command (RFC 2920 keeps that under
pipelining). So the whole bookkeeping is one queue of what is awaited, and a table:

    (what is awaited, first digit of the reply)  ->  the step to take

A pair that is not in the table is nonsense from the relay and ends the session. A reply when
nothing is awaited does so too, unless it is 421, by which a relay may take its leave at any time
(RFC 5321 section 3.8); 421 in answer to a command is that command's refusal *and* the end. What
comes before its command can have left is awaited by nobody either.

With CHUNKING besides, a message is one write: MAIL, RCPT, BDAT LAST (RFC 3030). Several may be on
the wire, each with three replies of its own, in order. `begin_whole` is their `begin`; nothing
follows but their Decided. An answer is held while more replies are due, until the next MAIL's shows
that the count is right; else it is in doubt (`ladder`). What the relay's transaction is after a
refusal in the middle is for it to say and for us not to guess: a message that leaves before the one
ahead is answered, or after a refused one, begins with RSET.

With PIPELINING, the next message's MAIL, RCPT and DATA travel behind the previous message's end of
data, so the queue then holds BODY of the one, and MAIL, RCPT, DATA of the other. Transactions are
decided in the order in which they began, so the oldest one is always the one that a reply is about.

    MAIL or RCPT refused, pipelined    DATA is already there: its reply is awaited as well
      ... and DATA refused, too        decided by the first refusal, for it is the cause
      ... but DATA answered 354        RFC 2920 section 3.1 allows it: a lone dot ends the data; it
                                       has no recipient, and its reply changes nothing
    RCPT or DATA refused               the transaction is open at the relay: RSET goes before the
                                       next MAIL
    end of data refused                the transaction is over at the relay (RFC 5321 4.1.1.4)

Once `end_body` was called and no reply came, a message is in doubt, and only then. `abandon` tells,
for a session that is over, what became of each transaction that was not decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.errors import LocalProtocolError
from notifier.model import Stage, Submission
from notifier.smtp import commands, troubles
from notifier.smtp.carrying import Carrying
from notifier.smtp.transitions import (
    CLOSING,
    ENVELOPE,
    STAGES,
    STEADY,
    STEPS,
    Awaited,
    Decided,
    Phase,
    Signal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.model import Reply
    from notifier.smtp.transitions import Event


class Session(Carrying):
    """One connection's conversation with one relay."""

    __slots__ = ()

    def __repr__(self) -> str:
        waits = ",".join(self._awaited)
        return f"<Session {self.phase} awaits [{waits}] holds {len(self._transactions)}>"

    # --- what the relay says -----------------------------------------------------------------

    def receive(self, data: bytes) -> Sequence[Event]:
        """The events that `data` brings about, in order. After `Failed` there is nothing more."""
        if self.phase is Phase.HANDSHAKE:
            self._fail(troubles.injected(self.account))
        replies = self._parser.feed(data)
        self.heard += len(replies)
        if self._is_steady(replies):
            return self._pass_on(replies)
        self._fresh = 0
        for reply in replies:
            if self.phase is Phase.CLOSED:
                break
            self._answer(reply)
        self._look_for_faults()
        events, self._events = self._events, []
        return events

    def _is_steady(self, replies: list[Reply]) -> bool:
        """Whether these are what a busy, contented relay says: accepted, and on with the next."""
        return (
            len(replies) == len(STEADY)
            and self.phase is Phase.READY
            and not self._is_watched
            and not self._parser.fault
            and tuple(self._awaited) == STEADY
            and replies[0].code == replies[1].code == replies[2].code == 250  # noqa: PLR2004 - RFC 5321
            and replies[3].code == 354  # noqa: PLR2004 - RFC 5321
        )

    def _pass_on(self, replies: list[Reply]) -> Sequence[Event]:
        """Four steps of the table at once; what they would do, in a fifth of the time."""
        self._awaited.clear()
        self._transactions.popleft()
        self._transactions[0].is_open = True
        return [Decided(Submission(Stage.BODY, replies[0])), Signal.GO_AHEAD]

    def _look_for_faults(self) -> None:
        parser = self._parser
        if self.phase is Phase.HANDSHAKE and (parser.fault or parser.is_partial):
            self._fail(troubles.injected(self.account))
        elif parser.fault and self.phase is not Phase.CLOSED:
            self._fail(troubles.not_smtp(self.account, self.stage, parser.fault))

    def _answer(self, reply: Reply) -> None:
        if self._is_watched:
            reply = self._watch(reply)
        if len(self._awaited) <= self._fresh and (not self._awaited or self.phase is Phase.READY):
            self._hear_unasked(reply)  # or before it was asked
            return
        awaited = self._awaited.popleft()
        if reply.code == CLOSING:
            self._close(awaited, reply)
            return
        step = _TABLE.get((awaited, reply.code // 100))
        if step is None:
            self._reject(awaited, reply)
        else:
            step(self, awaited, reply)

    def _hear_unasked(self, reply: Reply) -> None:
        if self.phase is Phase.HANDSHAKE:
            self._fail(troubles.injected(self.account))
        elif reply.code == CLOSING or (self._transactions and not reply.is_positive):
            self._fail(troubles.refused(self.account, self.stage, reply))
        else:
            self._recall()
            self._fail(troubles.out_of_place(self.account, self.stage, reply))

    def _close(self, awaited: Awaited, reply: Reply) -> None:
        if awaited is Awaited.BODY:
            self._decide(awaited, reply)
        elif awaited is Awaited.CHUNK:
            self._decide_whole(awaited, reply)
        elif awaited in ENVELOPE:
            self._note_refusal(awaited, reply)
        self._fail(troubles.refused(self.account, STAGES[awaited], reply))

    # --- the rest ----------------------------------------------------------------------------

    @property
    def awaited(self) -> Awaited | None:
        """What the next reply answers; None where no reply is due."""
        return self._awaited[0] if self._awaited else None

    def take_output(self) -> bytes:
        """What is to be written now; empty where there is nothing."""
        out, self._out = self._out, []
        self.is_bulky = False
        return out[0] if len(out) == 1 else b"".join(out)

    def take_pieces(self) -> list[bytes]:
        """As `take_output`, in the pieces that it was made of."""
        out, self._out = self._out, []
        self.is_bulky = False
        return out

    def noop(self) -> None:
        """Ask whether the relay is still there; its answer changes nothing."""
        self._send(Awaited.NOOP, commands.NOOP)

    def quit(self) -> None:
        """Take leave; GOODBYE follows. Only while no message is on its way."""
        if self.phase is not Phase.READY or self._transactions:
            raise LocalProtocolError("QUIT in the middle of a message")
        self.phase = Phase.QUITTING
        self._send(Awaited.QUIT, commands.QUIT)

    def _leave(self, _awaited: Awaited, _reply: Reply) -> None:
        self.phase = Phase.CLOSED
        self._events.append(Signal.GOODBYE)


_TABLE: dict[tuple[Awaited, int], Callable[[Session, Awaited, Reply], None]] = {
    (awaited, digit): getattr(Session, step) for awaited, digits, step in STEPS for digit in digits
}
