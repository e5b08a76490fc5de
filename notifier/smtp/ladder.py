"""How closely commands may follow each other with one relay, learnt from how it takes that.

    LOCKSTEP     each command waits for the reply to the one before (RFC 5321)
    PIPELINED    a message's envelope leaves with the end of the message before (RFC 2920)
    CHUNKED      whole messages, several before the first is answered (RFC 3030)

All sessions with a relay in one process share a ladder. By what it meets it is climbed downwards
only: a relay that can't take a step is not soon asked again, since a step too low costs time and
one too high costs messages that are in doubt. What others have met, and when it is time to try
again, is for whoever owns it to say (`lower`, `rise`).

What takes it down, by the step that the session was at:

    nonsense       garbage, a reply that nobody asked for, one that can't follow: at once
    CHUNKED        a link lost or silent with a message on its way: at once, for each such session
                   leaves several in doubt
    PIPELINED      the same with commands on their way that did not wait: the second time in a row,
                   by sessions that began after the first time (a network that fails takes all its
                   connections with it, once), and that had shown nothing yet. A session that had
                   carried messages lost its link for another reason; silence counts even then.

CHUNKED is taken only where the relay has shown that it can. Where `chunking` is `auto`:

    1. It offers PIPELINING, CHUNKING and ENHANCEDSTATUSCODES (RFC 2034). Without these codes a
       reply too many can't be told from the next one's.
    2. Before the first message, it is sent a chunk that belongs to no message, and EHLO behind it,
       in one write. A relay must refuse the chunk, swallow it (RFC 3030 section 2: else a refused
       message would be read as commands) and answer EHLO with the same offers. That is a reply
       which can't be taken for another, so the count is known to be right.
    3. Its first messages leave one at a time. Replies to MAIL and RCPT must have codes about
       addresses (X.1.X, RFC 3463), those to the message must have others. From then on a reply of
       the other kind is nonsense, so that a count which is wrong by one is noticed by the next one.
    4. While more replies are due, a message's answer is held until the next MAIL is answered in its
       own kind; where it isn't, a reply too many came before, and the answer may be another's: the
       message is in doubt. Where no more are due, EHLO is asked after a refusal, which would have
       the message sent again. After a 2yz nothing is asked: a command more with each last message
       would try the patience of relays that count those, for what none is known to do.

No I/O, no clock.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from notifier.errors import RelayProtocolError, RelayUnreachable
from notifier.locale import N_, _
from notifier.smtp.account import chunking_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.errors import RelayError
    from notifier.settings import RelaySettings
    from notifier.smtp.account import Account

#: Messages that leave one at a time, before several may.
PROOFS = 3
#: Sessions in a row that are lost or silent while commands are on their way.
STRIKES = 2


class Step(IntEnum):
    """See the head of the file; the higher, the fewer round trips."""

    LOCKSTEP = 1
    PIPELINED = 2
    CHUNKED = 3


_NOTES = {
    Step.PIPELINED: N_(
        "The relay {relay} can't take whole messages in a row (CHUNKING): from now on they go one "
        "after the other. {reason}"
    ),
    Step.LOCKSTEP: N_(
        "The relay {relay} can't take commands in a row (PIPELINING): from now on each waits for "
        "the reply to the one before. {reason}"
    ),
}


def _hear_nothing(_note: str) -> None:
    """Nobody is told."""


class Ladder:
    """The step that sessions with one relay take."""

    __slots__ = (
        "_name",
        "_proofs",
        "_strikes",
        "age",
        "note",
        "on_fall",
        "reason",
        "step",
        "tests",
        "top",
    )

    def __init__(self, name: str, top: Step = Step.CHUNKED, *, tests: bool = True) -> None:
        """`tests`: whether CHUNKED has to be earned, as the head of the file has it."""
        self._name = name
        self._proofs = 0
        self._strikes = 0
        #: Where the settings let it begin.
        self.top = top
        #: Where new sessions begin, if the relay offers what it takes.
        self.step = top
        self.tests = tests
        #: Goes up with all that is held against the relay: what a session meets counts only if
        #: nothing has happened since it began.
        self.age = 0
        #: What people are told of the last step down, and what the relay did; empty while there was
        #: none.
        self.note = self.reason = ""
        #: Told the note; an empty one where people were told before.
        self.on_fall: Callable[[str], None] = _hear_nothing

    def __repr__(self) -> str:
        return f"<Ladder {self._name} {self.step.name}, {self._proofs} proofs, age {self.age}>"

    @classmethod
    def of(cls, account: Account) -> Ladder:
        """As the account's settings begin it."""
        return cls._begun(account.name, account.chunking, pipelining=account.pipelining)

    @classmethod
    def of_settings(cls, relay: RelaySettings) -> Ladder:
        """The same, without reading the account's password."""
        return cls._begun(relay.name, chunking_of(relay), pipelining=relay.pipelining)

    @classmethod
    def _begun(cls, name: str, chunking: str, *, pipelining: bool) -> Ladder:
        if not pipelining:
            top = Step.LOCKSTEP
        else:
            top = Step.PIPELINED if chunking == "off" else Step.CHUNKED
        return cls(name, top, tests=chunking == "auto")

    @property
    def is_proven(self) -> bool:
        """Whether several whole messages may be on their way at a time."""
        return not self.tests or self._proofs >= PROOFS

    def prove(self) -> None:
        """A whole message was taken, and each of its replies was of the right kind."""
        self._proofs += 1

    def fall(self, step: Step, reason: str) -> bool:
        """The step can't be taken: go below it. Whether that is news."""
        if step is Step.LOCKSTEP or step > self.step:
            return False
        self._go_down(Step(step - 1), reason)
        self.on_fall(self.note)
        return True

    def lower(self, step: Step, reason: str) -> None:
        """Others have found that the relay can't take more than this step."""
        if step < self.step:
            self._go_down(step, reason)
            self.on_fall("")

    def _go_down(self, step: Step, reason: str) -> None:
        self.step = step
        self.age += 1
        self._strikes = 0
        self.reason = reason
        self.note = _(_NOTES[step]).format(relay=self._name, reason=reason)

    def rise(self, step: Step) -> None:
        """Let new sessions try this step, where the settings allow it; it has to be earned anew."""
        if self.step < min(step, self.top):
            self.step = min(step, self.top)
            self.age += 1
            self._strikes = self._proofs = 0
            self.note = self.reason = ""

    def hear_of_end(
        self,
        error: RelayError | None,
        step: Step,
        *,
        age: int,
        is_crowded: bool,
        has_coped: bool,
        is_silent: bool,
    ) -> bool:
        """A session ended so: whether that is held against its step, and not against the relay.

        `age`: the ladder's when the session began. `is_crowded`: commands were on their way that
        had not waited for each other. `has_coped`: it had carried messages. `is_silent`: time ran
        out.
        """
        if step is Step.LOCKSTEP or age != self.age:
            return False
        if isinstance(error, RelayProtocolError):
            return self.fall(step, error.message)
        if not isinstance(error, RelayUnreachable) or not is_crowded:
            self._strikes = 0 if has_coped else self._strikes
            return False
        if step is Step.CHUNKED:
            return self.fall(step, error.message)
        return self._strike(step, error) if is_silent or not has_coped else False

    def _strike(self, step: Step, error: RelayError) -> bool:
        self._strikes += 1
        if self._strikes >= STRIKES:
            return self.fall(step, error.message)
        self.age += 1
        return True
