"""How messages pass through a session that is open; `protocol` has the theory.

One after the other with their envelopes ahead (`begin`, `start_body`, `end_body`), or whole
(`begin_whole`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from notifier.errors import LocalProtocolError
from notifier.locale import _
from notifier.model import Reply, Stage, Submission
from notifier.smtp import commands, troubles
from notifier.smtp.envelope import address_message, read_capabilities
from notifier.smtp.ladder import Step
from notifier.smtp.opening import Opening
from notifier.smtp.transaction import Transaction
from notifier.smtp.transitions import (
    ENVELOPE,
    FINAL,
    STAGES,
    Awaited,
    Decided,
    Phase,
    Signal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.errors import RelayError
    from notifier.model import Message
    from notifier.smtp.account import Account
    from notifier.smtp.ladder import Ladder


#: RFC 3463 section 3.2: a success that is about an address.
ABOUT_ADDRESS = "2.1."
#: The command was not understood (RFC 5321 section 4.2.4).
NOT_KNOWN = frozenset({500, 502})
#: Replies to the last of several commands that left in one write.
CROWDED = frozenset({Awaited.RCPT, Awaited.DATA, Awaited.CHUNK})
#: Replies of three messages: a session that had them knows how to go about it.
COPED = 12


class Carrying(Opening):
    """A session from READY on."""

    __slots__ = ("_held", "_needs_reset", "_transactions", "is_bulky")

    def __init__(
        self,
        account: Account,
        helo_name: str,
        *,
        trace: Callable[[str, str], None] | None = None,
        ladder: Ladder | None = None,
    ) -> None:
        """`trace` and `ladder` as for `Opening`."""
        super().__init__(account, helo_name, trace=trace, ladder=ladder)
        self._transactions: deque[Transaction] = deque()
        #: Answers to whole messages that wait for a reply which shows that the count is right.
        self._held: list[Submission] = []
        self._needs_reset = False
        #: The output has pieces that are too large to be copied: `take_pieces`.
        self.is_bulky = False

    @property
    def stage(self) -> Stage:
        """The step that the session is at."""
        if self._awaited:
            return STAGES[self._awaited[0]]
        if self.phase is Phase.HANDSHAKE:
            return Stage.TLS
        return Stage.BODY if self._transactions else Stage.NOOP

    @property
    def can_begin(self) -> bool:
        """Whether another message's envelope may leave now."""
        if self.phase is not Phase.READY:
            return False
        if not self._transactions:
            return self._pipelines or not self._awaited
        return self._pipelines and len(self._transactions) == 1 and self._transactions[0].is_ended

    @property
    def is_on_trial(self) -> bool:
        """Whether whole messages leave one at a time, for the relay has yet to prove itself."""
        return not self._ladder.is_proven

    def begin_whole(self, message: Message, envelope_id: str = "") -> Reply | None:
        """Put the whole message into the output: it is in doubt until it is decided.

        Returns and raises as `begin`.
        """
        if self.phase is not Phase.READY or not self.sends_whole:
            raise LocalProtocolError("no chunks here")
        envelope = self._address(message, envelope_id)
        if isinstance(envelope, Reply):
            return envelope
        pieces = commands.chunk_pieces(message.data, message.tail, is_seen=message.is_clean)
        if self._needs_reset or self._transactions:
            self._send(Awaited.RSET, commands.RSET)
            self._needs_reset = False
        for awaited, line in zip(ENVELOPE, envelope, strict=False):
            self._send(awaited, line)
        self._awaited.append(Awaited.CHUNK)
        self._out.extend(pieces)
        self.is_bulky = self.is_bulky or len(pieces) > 1
        transaction = Transaction()
        transaction.is_ended = True
        self._transactions.append(transaction)
        return None

    def begin(self, message: Message, envelope_id: str = "") -> Reply | None:
        """Put the message's envelope into the output.

        `envelope_id`: what a notification (RFC 3461) is to tell it by; empty: nothing.
        Returns a Reply where the relay need not be asked (`envelope.address_message`): then
        nothing began. Raises LocalProtocolError for a message or address that must not leave, and
        where another message is in the way (`can_begin`).
        """
        if not self.can_begin:
            raise LocalProtocolError("one message at a time")
        envelope = self._address(message, envelope_id)
        if isinstance(envelope, Reply):
            return envelope
        pieces = commands.body_pieces(message.data, message.tail, is_seen=message.is_clean)
        self._transactions.append(Transaction(pieces))
        mail, rcpt = envelope
        if self._pipelines and not self._needs_reset and self._trace is None:
            self._awaited.extend(ENVELOPE)
            self._out.append(mail + rcpt + commands.DATA)
        else:
            self._send_envelope(mail, rcpt)
        return None

    def _address(self, message: Message, envelope_id: str) -> tuple[bytes, bytes] | Reply:
        return address_message(
            message,
            self._carries,
            notify=self._notify,
            envelope_id=envelope_id,
            returns_to=self.account.envelope_from,
        )

    def _send_envelope(self, mail: bytes, rcpt: bytes) -> None:
        lines = deque(zip(ENVELOPE, (mail, rcpt, commands.DATA), strict=True))
        if self._needs_reset:
            lines.appendleft((Awaited.RSET, commands.RSET))
            self._needs_reset = False
        self._send(*lines.popleft())
        if self._pipelines:
            for awaited, line in lines:
                self._send(awaited, line)
        else:
            self._transactions[-1].unsent = lines

    def start_body(self) -> bytes:
        """The oldest message's bytes for the wire, its end included; after GO_AHEAD only.

        Where it is large, `body_rest` follows.
        """
        if self.phase is not Phase.READY or self._awaited or not self._transactions:
            raise LocalProtocolError("no go-ahead for a body")
        return self._transactions[0].pieces[0]

    @property
    def body_rest(self) -> tuple[bytes, ...]:
        """What follows of the oldest message's bytes, its end in the last piece; mostly nothing."""
        return self._transactions[0].pieces[1:]

    def end_body(self) -> None:
        """The last of the oldest message's bytes is being written: from now on it is in doubt."""
        self._transactions[0].is_ended = True
        self._awaited.append(Awaited.BODY)

    def _open(self, awaited: Awaited, reply: Reply) -> None:
        self._transactions[0].is_open = True
        self._take_address(awaited, reply)

    def _take_address(self, awaited: Awaited, reply: Reply) -> None:
        if self.sends_whole and self._ladder.tests and not reply.enhanced.startswith(ABOUT_ADDRESS):
            if self._ladder.is_proven:
                self._reject(awaited, reply)
                return
            self._transactions[0].is_odd = True
        if awaited is Awaited.MAIL and self._held:
            self._release()
        self._go_on(awaited, reply)

    def _go_on(self, _awaited: Awaited, _reply: Reply) -> None:
        if self._transactions and (unsent := self._transactions[0].unsent):
            self._send(*unsent.popleft())

    def _stay_unreset(self, awaited: Awaited, reply: Reply) -> None:
        """RSET must not be refused (RFC 5321 section 4.1.1.5).

        What has left whole behind it gets its replies all the same, and they count. Nothing else
        is said in a transaction that may be another message's.
        """
        if self._transactions[0].is_ended:
            self._transactions[0].unreset = reply
        else:
            self._break_off(awaited, reply)

    def _note_refusal(self, awaited: Awaited, reply: Reply) -> None:
        transaction = self._transactions[0]
        transaction.unsent = None
        if transaction.failure is None:
            transaction.failure = Submission(STAGES[awaited], reply)

    def _refuse(self, awaited: Awaited, reply: Reply) -> None:
        self._note_refusal(awaited, reply)
        if not self._awaited:
            self._decide_refused(awaited, reply)

    def _go_ahead(self, _awaited: Awaited, _reply: Reply) -> None:
        if self._transactions[0].failure is None:
            self._events.append(Signal.GO_AHEAD)
        else:
            self._send(Awaited.LONE_DOT, commands.LONE_DOT)

    def _decide(self, _awaited: Awaited, reply: Reply) -> None:
        self._transactions.popleft()
        self._events.append(Decided(Submission(Stage.BODY, reply)))

    def _decide_whole(self, awaited: Awaited, reply: Reply) -> None:
        if self._is_anothers(reply):
            self._reject(awaited, reply)
            return
        transaction = self._transactions.popleft()
        if reply.code in NOT_KNOWN and transaction.failure is None:
            self._give_back(awaited, reply)
            return
        self._needs_reset = not reply.is_positive or transaction.failure is not None
        self._held.append(transaction.verdict(reply))
        if not self._ladder.tests:
            self._release()
        elif not self._awaited:
            self._decide_last(transaction, reply)
        if reply.is_positive and not self._ladder.is_proven:
            self._weigh(transaction, reply)

    def _decide_last(self, transaction: Transaction, reply: Reply) -> None:
        """Nothing more is due that could show whether the count is right.

        A refusal has the message sent again, or never, so it is worth a question: EHLO, which ends
        the refused transaction as RSET would (RFC 5321 section 4.1.4).
        """
        if reply.is_positive or transaction.failure is not None:
            self._release()
        else:
            self._needs_reset = False
            self._send(Awaited.CHECK, commands.ehlo(self._helo_name))

    def _confirm(self, awaited: Awaited, reply: Reply) -> None:
        """Only EHLO is answered so: what was held is so."""
        if read_capabilities(reply).has_chunking:
            self._release()
        else:
            self._reject(awaited, reply)

    def _release(self, *, is_doubtful: bool = False) -> None:
        """What was held is so; or, where the count is wrong, in doubt: it may be another's."""
        for submission in self._held:
            self._events.append(Decided(_doubted(submission) if is_doubtful else submission))
        self._held.clear()

    def _recall(self) -> None:
        """A reply too many came along with the last answer, which may be another's, then."""
        self._release(is_doubtful=True)
        if self.sends_whole and self._ladder.tests and self._events:
            last = self._events[-1]
            if type(last) is Decided:
                self._events[-1] = Decided(_doubted(last.submission))

    def _is_anothers(self, reply: Reply) -> bool:
        """Whether it can't be the one to a message's end.

        A code about an address (RFC 3463 section 3.2) answers MAIL or RCPT, so the relay has said
        something that nobody asked for, and nothing after it is about what it seems.
        """
        if reply.enhanced.startswith(ABOUT_ADDRESS):
            return True
        ladder = self._ladder
        return reply.is_positive and not reply.enhanced and ladder.tests and ladder.is_proven

    def _give_back(self, awaited: Awaited, reply: Reply) -> None:
        """It offers chunks and doesn't know them, so it reads the message as commands by now."""
        error = troubles.out_of_place(self.account, STAGES[awaited], reply)
        self._release()
        self._events.append(Decided(Submission(Stage.DATA, None, error.message)))
        self._fail(error)

    def _weigh(self, transaction: Transaction, reply: Reply) -> None:
        """One of the first whole messages was taken: do replies tell what they answer?"""
        if reply.enhanced and not transaction.is_odd:
            self._ladder.prove()
        else:
            self.sends_whole = False
            self._ladder.fall(Step.CHUNKED, _("Its replies do not tell what they answer."))

    def _decide_refused(self, _awaited: Awaited, _reply: Reply) -> None:
        transaction = self._transactions.popleft()
        self._needs_reset = transaction.is_open
        assert transaction.failure is not None
        self._events.append(Decided(transaction.failure))

    def tell_ladder(self, error: RelayError | None, *, is_silent: bool = False) -> bool:
        """The session ends so, by the relay: whether that is held against the step it was at.

        `is_silent`: time ran out. To be called before `abandon`.
        """
        if self._is_testing:
            return error is not None and self._ladder.fall(Step.CHUNKED, error.message)
        if not self._heard_before:
            return False
        return self._ladder.hear_of_end(
            error,
            self._step(),
            age=self.born,
            is_crowded=self._is_crowded(),
            has_coped=self.heard - self._heard_before >= COPED,
            is_silent=is_silent,
        )

    def _step(self) -> Step:
        if self.sends_whole:
            return Step.CHUNKED
        return Step.PIPELINED if self._pipelines else Step.LOCKSTEP

    def _is_crowded(self) -> bool:
        """Whether commands are on their way that did not wait for the reply to the one before."""
        waits = self._awaited
        return len(waits) > 1 or (bool(waits) and waits[0] in CROWDED)

    def abandon(self, error: RelayError) -> list[Submission]:
        """The session is over, for this reason: what became of each message, in order."""
        self.phase = Phase.CLOSED
        self._out.clear()
        found: list[Submission] = []
        for transaction in self._transactions:
            found.append(transaction.fate(error, Stage.MAIL if found else self.stage))
        found[:0] = self._held
        self._held.clear()
        self._transactions.clear()
        self._awaited.clear()
        return found

    # --- nonsense ----------------------------------------------------------------------------

    def _reject(self, awaited: Awaited, reply: Reply) -> None:
        self._release(is_doubtful=True)
        if awaited in FINAL:
            failure = self._transactions.popleft().failure
            if failure is not None and awaited is Awaited.CHUNK and self._ladder.tests:
                failure = _doubted(failure)
            self._events.append(Decided(failure or _doubt(reply)))
        self._break(awaited)
        self._fail(troubles.out_of_place(self.account, STAGES[awaited], reply))

    def _break(self, awaited: Awaited) -> None:
        """Note the step at which the oldest message met nonsense."""
        if self._transactions and awaited not in FINAL:
            self._transactions[0].broken_at = STAGES[awaited]

    def _break_off(self, awaited: Awaited, reply: Reply) -> None:
        self._break(awaited)
        self._end(awaited, reply)


def _doubted(submission: Submission) -> Submission:
    """The same, where the reply may be another one's."""
    return submission if submission.reply is None else _doubt(submission.reply)


def _doubt(reply: Reply) -> Submission:
    """What became of a message whose reply makes no sense; a 2yz out of place accepts nothing."""
    if reply.code // 100 == 2:  # noqa: PLR2004 - RFC 5321
        return Submission(Stage.BODY, None, str(reply), in_doubt=True)
    return Submission(Stage.BODY, reply, in_doubt=True)
