"""How messages pass through a session that is open; `protocol` has the theory.

One after the other with their envelopes ahead (`begin`, `start_body`, `end_body`), or whole
(`begin_whole`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from notifier.errors import LocalProtocolError
from notifier.model import Reply, Stage, Submission
from notifier.smtp import commands, troubles
from notifier.smtp.envelope import address_message
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


class Carrying(Opening):
    """A session from READY on."""

    __slots__ = ("_needs_reset", "_transactions")

    def __init__(
        self,
        account: Account,
        helo_name: str,
        *,
        trace: Callable[[str, str], None] | None = None,
    ) -> None:
        """`trace` as for `Opening`."""
        super().__init__(account, helo_name, trace=trace)
        self._transactions: deque[Transaction] = deque()
        self._needs_reset = False

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
    def sends_whole(self) -> bool:
        """Whether messages leave in one write: `begin_whole` instead of `begin`."""
        return self._pipelines and self.account.chunking and self.capabilities.has_chunking

    def begin_whole(self, message: Message) -> Reply | None:
        """Put the whole message into the output: it is in doubt until it is decided.

        Returns and raises as `begin`.
        """
        if self.phase is not Phase.READY or not self.sends_whole:
            raise LocalProtocolError("no chunks here")
        envelope = address_message(message, self.capabilities)
        if isinstance(envelope, Reply):
            return envelope
        chunk = commands.chunk(message.data, is_seen=message.is_clean)
        if self._needs_reset or self._transactions:
            self._send(Awaited.RSET, commands.RSET)
            self._needs_reset = False
        for awaited, line in zip(ENVELOPE, envelope, strict=False):
            self._send(awaited, line)
        self._awaited.append(Awaited.CHUNK)
        self._out.append(chunk)
        transaction = Transaction(b"")
        transaction.is_ended = True
        self._transactions.append(transaction)
        return None

    def begin(self, message: Message) -> Reply | None:
        """Put the message's envelope into the output.

        Returns a Reply where the relay need not be asked (`envelope.address_message`): then
        nothing began. Raises LocalProtocolError for a message or address that must not leave, and
        where another message is in the way (`can_begin`).
        """
        if not self.can_begin:
            raise LocalProtocolError("one message at a time")
        envelope = address_message(message, self.capabilities)
        if isinstance(envelope, Reply):
            return envelope
        body = commands.body(message.data, is_seen=message.is_clean)
        self._transactions.append(Transaction(body))
        mail, rcpt = envelope
        if self._pipelines and not self._needs_reset and self._trace is None:
            self._awaited.extend(ENVELOPE)
            self._out.append(mail + rcpt + commands.DATA)
        else:
            self._send_envelope(mail, rcpt)
        return None

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
        """The oldest message's bytes for the wire, its end included; after GO_AHEAD only."""
        if self.phase is not Phase.READY or self._awaited or not self._transactions:
            raise LocalProtocolError("no go-ahead for a body")
        return self._transactions[0].body

    def end_body(self) -> None:
        """The last of the oldest message's bytes is being written: from now on it is in doubt."""
        self._transactions[0].is_ended = True
        self._awaited.append(Awaited.BODY)

    def _open(self, awaited: Awaited, reply: Reply) -> None:
        self._transactions[0].is_open = True
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
        if reply.enhanced.startswith("2.1."):
            # About an address (RFC 3463 section 3.2): this answers MAIL or RCPT, so the relay has
            # said something that nobody asked for, and nothing after it is about what it seems.
            self._reject(awaited, reply)
            return
        transaction = self._transactions.popleft()
        self._needs_reset = not reply.is_positive or transaction.failure is not None
        self._events.append(Decided(transaction.verdict(reply)))

    def _decide_refused(self, _awaited: Awaited, _reply: Reply) -> None:
        transaction = self._transactions.popleft()
        self._needs_reset = transaction.is_open
        assert transaction.failure is not None
        self._events.append(Decided(transaction.failure))

    def abandon(self, error: RelayError) -> list[Submission]:
        """The session is over, for this reason: what became of each message, in order."""
        self.phase = Phase.CLOSED
        self._out.clear()
        found: list[Submission] = []
        for transaction in self._transactions:
            found.append(transaction.fate(error, Stage.MAIL if found else self.stage))
        self._transactions.clear()
        self._awaited.clear()
        return found

    # --- nonsense ----------------------------------------------------------------------------

    def _reject(self, awaited: Awaited, reply: Reply) -> None:
        if awaited in FINAL:
            failure = self._transactions.popleft().failure
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


def _doubt(reply: Reply) -> Submission:
    """What became of a message whose reply makes no sense; a 2yz out of place accepts nothing."""
    if reply.code // 100 == 2:  # noqa: PLR2004 - RFC 5321
        return Submission(Stage.BODY, None, str(reply), in_doubt=True)
    return Submission(Stage.BODY, reply, in_doubt=True)
