"""How much trouble is borne, with the relay and with one message of it.

A relay that ends a connection now and then is in order; one that does so again and again gets
pauses, longer each time; one that has given nothing but trouble for minutes, or refuses us for
good, stops the run. While it takes others, a message that it will not take, whatever the words, is
that message's own trouble from the third time on: it burns attempts, so that it ends some day.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from notifier.delivery.verdict import judge
from notifier.errors import RelayRefused
from notifier.locale import _
from notifier.model import Outcome, Scope, Stage, State
from notifier.stages import word

if TYPE_CHECKING:
    from notifier.model import Submission

#: Times that the relay's trouble may hit one delivery before it is taken for its own.
CHANCES = 2
#: Troubles in a row that are not yet worth a pause.
USUAL = 3
#: The shortest and the longest pause, in seconds.
SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
#: Steps at which the relay knows whose message it is.
OF_ONE = frozenset({Stage.RCPT, Stage.DATA, Stage.BODY})


class Patience:
    """What one relay and the deliveries of one run have been through."""

    def __init__(self, relay: str, seconds: float) -> None:
        self._relay = relay
        #: Seconds of nothing but trouble before the run is stopped.
        self._seconds = seconds
        self._in_a_row = 0
        self._since = 0.0
        self._given_back: Counter[int] = Counter()
        self._is_proven = False
        #: Nothing is to be sent before this instant, on the clock that `note` is given.
        self.held_until = 0.0

    def judge(self, delivery_id: int, submission: Submission) -> Outcome:
        """The verdict, given what this relay and this delivery have been through."""
        outcome = judge(submission, is_proven=self._is_proven)
        if outcome.state is State.ACCEPTED:
            self._is_proven = True
        if outcome.state is not State.PENDING or submission.stage not in OF_ONE:
            return outcome
        self._given_back[delivery_id] += 1
        if self._given_back[delivery_id] <= CHANCES or not self._is_proven:
            return outcome
        return Outcome(State.DEFERRED, Scope.MESSAGE, outcome.cause)

    def note(self, outcome: Outcome, submission: Submission, now: float) -> RelayRefused | None:
        """Count it; the error that ends the run, where it is enough."""
        if outcome.scope is not Scope.RELAY or outcome.state is State.UNKNOWN:
            self._in_a_row = 0
            return None
        if not self._in_a_row:
            self._since = now
        self._in_a_row += 1
        reply = submission.reply
        if (reply is not None and reply.is_permanent) or now - self._since >= self._seconds:
            return self._complaint(submission)
        if self._in_a_row >= USUAL and now >= self.held_until:
            pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, now - self._since))
            self.held_until = now + pause
        return None

    def _complaint(self, submission: Submission) -> RelayRefused:
        reply = submission.reply
        return RelayRefused(
            _("The relay {relay} does not take our mail: {reply}").format(
                relay=self._relay, reply=str(reply) if reply else submission.error
            ),
            stage=submission.stage,
            reply=reply,
            where=_("relay {relay}, step: {stage}").format(
                relay=self._relay, stage=word(submission.stage)
            ),
            next_step=_("Nobody's attempt was used up. Mend it, then resume the run."),
        )
