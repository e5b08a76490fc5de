"""How a session opens itself: greeting, EHLO (HELO where that is not known), STARTTLS, AUTH.

Between EHLO and AUTH a relay may be tested for what whole messages need (`ladder`).

What all of a session's conversation is written down in is here as well: the queue of what is
awaited, what is to be written, what happened. `protocol` has the theory.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from notifier.errors import LocalProtocolError
from notifier.smtp import commands, troubles
from notifier.smtp.envelope import NO_CAPABILITIES, at_most, read_capabilities
from notifier.smtp.ladder import Ladder, Step
from notifier.smtp.replies import ReplyParser
from notifier.smtp.sign_in import Line, SignIn
from notifier.smtp.transitions import STAGES, Awaited, Failed, Phase, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.errors import RelayError
    from notifier.model import Reply
    from notifier.smtp.account import Account
    from notifier.smtp.mechanism import ChannelBinding
    from notifier.smtp.sign_in import Said
    from notifier.smtp.transitions import Event


class Opening:
    """A session up to READY."""

    __slots__ = (
        "_awaited",
        "_carries",
        "_events",
        "_exchange",
        "_fresh",
        "_heard_before",
        "_helo_name",
        "_is_testing",
        "_is_watched",
        "_ladder",
        "_notify",
        "_out",
        "_parser",
        "_pipelines",
        "_trace",
        "_was_tested",
        "account",
        "binding",
        "born",
        "capabilities",
        "heard",
        "is_secure",
        "mechanism",
        "phase",
        "sends_whole",
    )

    def __init__(
        self,
        account: Account,
        helo_name: str,
        *,
        trace: Callable[[str, str], None] | None = None,
        ladder: Ladder | None = None,
    ) -> None:
        """`trace` is called with `C` or `S` and each line, secrets left out.

        `ladder`: shared with other sessions; one of its own unless given.
        """
        self.account = account
        self._helo_name = helo_name
        self._trace = trace
        self._parser = ReplyParser()
        self._awaited: deque[Awaited] = deque((Awaited.GREETING,))
        self._out: list[bytes] = []
        self._events: list[Event] = []
        #: Commands that what is being heard has brought about: nobody has read them yet.
        self._fresh = 0
        self._ladder = ladder or Ladder.of(account)
        #: What to be notified of, where the relay offers that.
        self._notify = ""
        self._pipelines = False
        self._is_testing = False
        self._was_tested = False
        #: Replies up to READY; 0 before that.
        self._heard_before = 0
        self._is_watched = trace is not None
        self._exchange: SignIn | None = None
        self.phase = Phase.OPENING
        #: Replies so far.
        self.heard = 0
        #: The ladder's age then.
        self.born = self._ladder.age
        #: Whether messages leave in one write: `begin_whole` instead of `begin`.
        self.sends_whole = False
        self.capabilities = NO_CAPABILITIES
        #: The same, and what its settings know besides.
        self._carries = at_most(NO_CAPABILITIES, account.largest_message)
        #: Whether TLS protects the connection.
        self.is_secure = account.tls == "implicit"
        #: Of the TLS connection; set by whoever owns it, before the next reply is received.
        self.binding: ChannelBinding | None = None
        #: How we signed in; empty where we did not.
        self.mechanism = ""

    def _send(self, awaited: Awaited, line: bytes, shown: str = "") -> None:
        self._awaited.append(awaited)
        self._out.append(line)
        self._fresh += 1
        if self._trace is not None:
            self._trace("C", shown or line.decode("utf-8", "replace").rstrip("\r\n"))

    def _fail(self, error: RelayError) -> None:
        if self.phase is not Phase.CLOSED:
            self.phase = Phase.CLOSED
            self._out.clear()
            if self._events and self._events[-1] is Signal.GO_AHEAD:
                self._events.pop()  # 354, and nonsense right behind it: nothing leaves any more
            self._events.append(Failed(error))

    # --- the steps, in order ------------------------------------------------------------------

    def _say_ehlo(self, _awaited: Awaited, _reply: Reply) -> None:
        self._send(Awaited.EHLO, commands.ehlo(self._helo_name))

    def _say_helo(self, _awaited: Awaited, _reply: Reply) -> None:
        self._send(Awaited.HELO, commands.helo(self._helo_name))

    def _end(self, awaited: Awaited, reply: Reply) -> None:
        self._fail(troubles.refused(self.account, STAGES[awaited], reply))

    def _learn(self, _awaited: Awaited, reply: Reply) -> None:
        self.capabilities = found = read_capabilities(reply)
        self._carries = at_most(found, self.account.largest_message)
        self._notify = self.account.notify if found.has_dsn else ""
        step = self._ladder.step
        self._pipelines = step >= Step.PIPELINED and found.has_pipelining
        self.sends_whole = (
            self._pipelines
            and step is Step.CHUNKED
            and found.has_chunking
            and (found.has_enhanced_codes or not self._ladder.tests)
        )
        self._go_up()

    def _learn_nothing(self, _awaited: Awaited, _reply: Reply) -> None:
        self.capabilities = NO_CAPABILITIES
        self._carries = at_most(NO_CAPABILITIES, self.account.largest_message)
        self._notify = ""
        self._pipelines = self.sends_whole = False
        self._go_up()

    def _go_up(self) -> None:
        """What comes after EHLO: TLS, then signing in, then messages."""
        if self.account.tls == "starttls" and not self.is_secure:
            if self.capabilities.has_starttls:
                self._send(Awaited.STARTTLS, commands.STARTTLS)
            else:
                self._fail(troubles.no_starttls(self.account))
        elif self.sends_whole and not self._ladder.is_proven and not self._was_tested:
            self._test()
        elif self.account.signs_in:
            self._sign_in()
        else:
            self._become_ready()

    def _test(self) -> None:
        """A chunk that belongs to no message, and EHLO: are the replies as many as they must be?"""
        self._is_testing = True
        self._send(Awaited.STRAY_CHUNK, commands.STRAY_CHUNK, "BDAT 6 LAST")
        self._send(Awaited.WITNESS, commands.ehlo(self._helo_name))

    def _go_on_testing(self, _awaited: Awaited, _reply: Reply) -> None:
        """It refuses the chunk, as it must; the next reply tells whether it swallowed it."""

    def _pass(self, awaited: Awaited, reply: Reply) -> None:
        if read_capabilities(reply).has_chunking:
            self._is_testing, self._was_tested = False, True
            self._learn(awaited, reply)
        else:
            self._flunk(awaited, reply)

    def _flunk(self, awaited: Awaited, reply: Reply) -> None:
        """Nothing that follows would be about what it seems."""
        self._fail(troubles.out_of_place(self.account, STAGES[awaited], reply))

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
        self._heard_before = self.heard
        self._events.append(Signal.READY)


def _trace_reply(trace: Callable[[str, str], None], reply: Reply) -> None:
    *others, last = reply.text.split("\n")
    for text in others:
        trace("S", f"{reply.code}-{text}")
    trace("S", " ".join(part for part in (str(reply.code), reply.enhanced, last) if part))
