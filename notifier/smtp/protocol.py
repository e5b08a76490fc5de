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
(RFC 5321 section 3.8); 421 in answer to a command is that command's refusal *and* the end.

With CHUNKING besides, a message is one write: MAIL, RCPT, BDAT LAST (RFC 3030). Several may be on
the wire, each with three replies of its own, in order. `begin_whole` is their `begin`; nothing
follows but their Decided. What the relay's transaction is after a refusal in the middle is for it
to say and for us not to guess: a message that leaves before the one ahead is answered, or after a
refused one, begins with RSET.

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

from collections import deque
from typing import TYPE_CHECKING

from notifier.errors import LocalProtocolError
from notifier.model import Reply, Stage, Submission
from notifier.smtp import commands, troubles
from notifier.smtp.envelope import NO_CAPABILITIES, address_message, read_capabilities
from notifier.smtp.replies import ReplyParser
from notifier.smtp.sign_in import Line, SignIn
from notifier.smtp.transaction import Transaction
from notifier.smtp.transitions import (
    CLOSING,
    ENVELOPE,
    FINAL,
    STAGES,
    STEADY,
    STEPS,
    Awaited,
    Decided,
    Failed,
    Phase,
    Signal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.errors import RelayError
    from notifier.model import Message
    from notifier.smtp.account import Account
    from notifier.smtp.mechanism import ChannelBinding
    from notifier.smtp.sign_in import Said
    from notifier.smtp.transitions import Event


class Session:
    """One connection's conversation with one relay."""

    __slots__ = (
        "_awaited",
        "_events",
        "_exchange",
        "_helo_name",
        "_is_watched",
        "_needs_reset",
        "_out",
        "_parser",
        "_pipelines",
        "_trace",
        "_transactions",
        "account",
        "binding",
        "capabilities",
        "heard",
        "is_secure",
        "mechanism",
        "phase",
    )

    def __init__(
        self,
        account: Account,
        helo_name: str,
        *,
        trace: Callable[[str, str], None] | None = None,
    ) -> None:
        """`trace` is called with `C` or `S` and each line, secrets left out."""
        self.account = account
        self._helo_name = helo_name
        self._trace = trace
        self._parser = ReplyParser()
        self._awaited: deque[Awaited] = deque((Awaited.GREETING,))
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._transactions: deque[Transaction] = deque()
        self._needs_reset = False
        self._pipelines = False
        self._is_watched = trace is not None
        self._exchange: SignIn | None = None
        self.phase = Phase.OPENING
        self.capabilities = NO_CAPABILITIES
        #: Replies so far.
        self.heard = 0
        #: Whether TLS protects the connection.
        self.is_secure = account.tls == "implicit"
        #: Of the TLS connection; set by whoever owns it, before the next reply is received.
        self.binding: ChannelBinding | None = None
        #: How we signed in; empty where we did not.
        self.mechanism = ""

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
        if not self._awaited:
            self._hear_unasked(reply)
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
            self._fail(troubles.out_of_place(self.account, self.stage, reply))

    def _close(self, awaited: Awaited, reply: Reply) -> None:
        if awaited is Awaited.BODY:
            self._decide(awaited, reply)
        elif awaited is Awaited.CHUNK:
            self._decide_whole(awaited, reply)
        elif awaited in ENVELOPE:
            self._note_refusal(awaited, reply)
        self._fail(troubles.refused(self.account, STAGES[awaited], reply))

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

    def _fail(self, error: RelayError) -> None:
        if self.phase is not Phase.CLOSED:
            self.phase = Phase.CLOSED
            self._out.clear()
            self._events.append(Failed(error))

    # --- opening -----------------------------------------------------------------------------

    def _say_ehlo(self, _awaited: Awaited, _reply: Reply) -> None:
        self._send(Awaited.EHLO, commands.ehlo(self._helo_name))

    def _say_helo(self, _awaited: Awaited, _reply: Reply) -> None:
        self._send(Awaited.HELO, commands.helo(self._helo_name))

    def _end(self, awaited: Awaited, reply: Reply) -> None:
        self._break(awaited)
        self._fail(troubles.refused(self.account, STAGES[awaited], reply))

    def _learn(self, _awaited: Awaited, reply: Reply) -> None:
        self.capabilities = read_capabilities(reply)
        self._pipelines = self.account.pipelining and self.capabilities.has_pipelining
        self._go_up()

    def _learn_nothing(self, _awaited: Awaited, _reply: Reply) -> None:
        self.capabilities = NO_CAPABILITIES
        self._pipelines = False
        self._go_up()

    def _go_up(self) -> None:
        """What comes after EHLO: TLS, then signing in, then messages."""
        if self.account.tls == "starttls" and not self.is_secure:
            if self.capabilities.has_starttls:
                self._send(Awaited.STARTTLS, commands.STARTTLS)
            else:
                self._fail(troubles.no_starttls(self.account))
        elif self.account.signs_in:
            self._sign_in()
        else:
            self._become_ready()

    def _await_handshake(self, _awaited: Awaited, _reply: Reply) -> None:
        self.phase = Phase.HANDSHAKE
        self._events.append(Signal.START_TLS)

    def _stay_in_clear(self, _awaited: Awaited, reply: Reply) -> None:
        self._fail(troubles.starttls_refused(self.account, reply))

    def secured(self) -> None:
        """TLS is up. What was learnt in clear is forgotten (RFC 3207 section 4.2)."""
        if self.phase is not Phase.HANDSHAKE:
            raise LocalProtocolError("TLS came up without STARTTLS")
        self.phase = Phase.OPENING
        self.is_secure = True
        self.capabilities = NO_CAPABILITIES
        self._parser = ReplyParser()
        self._send(Awaited.EHLO, commands.ehlo(self._helo_name))

    def _sign_in(self) -> None:
        offered = self.capabilities.mechanisms
        self._exchange = SignIn(
            self.account, offered, is_secure=self.is_secure, binding=self.binding
        )
        self._is_watched = True
        self._say(self._exchange.begin())

    def _say(self, said: Said) -> None:
        if isinstance(said, Line):
            self._send(Awaited.AUTH, said.data, said.shown)
        else:
            self._fail(said)

    def _respond(self, _awaited: Awaited, reply: Reply) -> None:
        assert self._exchange is not None
        self._say(self._exchange.respond(reply))

    def _be_unknown(self, _awaited: Awaited, reply: Reply) -> None:
        assert self._exchange is not None
        self._say(self._exchange.after_refusal(reply))

    def _watch(self, reply: Reply) -> Reply:
        """The reply as it may be shown; a challenge must be read as it is."""
        shown = reply if self._exchange is None else self._exchange.mask(reply)
        if self._trace is not None:
            _trace_reply(self._trace, shown)
        return reply if reply.code // 100 == 3 else shown  # noqa: PLR2004 - a challenge

    def _be_ready(self, _awaited: Awaited, _reply: Reply) -> None:
        assert self._exchange is not None
        doubt = self._exchange.doubt()
        if doubt is not None:
            self._fail(doubt)
            return
        self.mechanism = self._exchange.mechanism
        self._exchange = None
        self._is_watched = self._trace is not None
        self._become_ready()

    def _become_ready(self) -> None:
        self.phase = Phase.READY
        self._events.append(Signal.READY)

    # --- messages ----------------------------------------------------------------------------

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
        self._events.append(Decided(transaction.failure or Submission(Stage.BODY, reply)))

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

    # --- the rest ----------------------------------------------------------------------------

    @property
    def awaited(self) -> Awaited | None:
        """What the next reply answers; None where no reply is due."""
        return self._awaited[0] if self._awaited else None

    @property
    def stage(self) -> Stage:
        """The step that the session is at."""
        if self._awaited:
            return STAGES[self._awaited[0]]
        if self.phase is Phase.HANDSHAKE:
            return Stage.TLS
        return Stage.BODY if self._transactions else Stage.NOOP

    def take_output(self) -> bytes:
        """What is to be written now; empty where there is nothing."""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

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

    def _send(self, awaited: Awaited, line: bytes, shown: str = "") -> None:
        self._awaited.append(awaited)
        self._out.append(line)
        if self._trace is not None:
            self._trace("C", shown or line.decode("utf-8", "replace").rstrip("\r\n"))


def _doubt(reply: Reply) -> Submission:
    """What became of a message whose reply makes no sense; a 2yz out of place accepts nothing."""
    if reply.code // 100 == 2:  # noqa: PLR2004 - RFC 5321
        return Submission(Stage.BODY, None, str(reply), in_doubt=True)
    return Submission(Stage.BODY, reply, in_doubt=True)


def _trace_reply(trace: Callable[[str, str], None], reply: Reply) -> None:
    *others, last = reply.text.split("\n")
    for text in others:
        trace("S", f"{reply.code}-{text}")
    trace("S", " ".join(part for part in (str(reply.code), reply.enhanced, last) if part))


_TABLE: dict[tuple[Awaited, int], Callable[[Session, Awaited, Reply], None]] = {
    (awaited, digit): getattr(Session, step) for awaited, digits, step in STEPS for digit in digits
}
