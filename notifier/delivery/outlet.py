"""One of several relays' feed: it is given its deliveries by the supply, and gives back the rest.

Its messages are made for its relay. What it holds is little: what its relay takes in some seconds,
so that a slow relay holds nobody up at the end, and so that little is made twice where its relay
can't be used any more. A delivery that was given back is made anew for whoever sends it then.

Nothing is ever given back that has left, or may leave: what a connection holds stays its own until
it is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from notifier.delivery.feed import RunFeed
from notifier.delivery.patience import Patience
from notifier.model import Cause, Outcome, Scope, State

if TYPE_CHECKING:
    from notifier.delivery.line import Desk, Line
    from notifier.delivery.making import Made
    from notifier.delivery.terms import Terms
    from notifier.ledger.ledger import Claimed
    from notifier.model import Submission
    from notifier.smtp.pool import Parcel

#: Seconds of sending that an outlet may hold, and the least that it may: to be ready at all.
AHEAD = 4.0
LEAST = 64
#: Refusals that are about what this relay can carry: another may be able to.
UNFIT = frozenset({Cause.TOO_LARGE, Cause.SMTPUTF8_NEEDED})
#: The same by its enhanced code: 8-bit text, where the relay takes 7-bit text only.
UNFIT_CODES = frozenset({"5.6.3"})


class Giver(Protocol):
    """What an outlet asks of its supply."""

    def hand_out(self, outlet: Outlet, most: int) -> list[Claimed]:
        """The next deliveries that are this outlet's to send; none while it isn't its turn."""

    def notice_idle(self) -> None:
        """An outlet has nothing to do."""

    def lose(self) -> None:
        """What was claimed is not ours any more."""

    def may_move(self, delivery_id: int, outlet: Outlet) -> bool:
        """Whether another relay shall have a message that this one can't carry."""


class Outlet(RunFeed):
    """The feed of one relay of several."""

    def __init__(self, line: Line, terms: Terms, desk: Desk, giver: Giver) -> None:
        super().__init__(terms, desk.writer, desk.ledger, line.meter, desk.grants)
        self.name = terms.relay
        self._giver = giver
        self._patience = _Chooser(terms.relay, terms.patience, self)
        #: Given, and not made yet.
        self._unmade: dict[int, Claimed] = {}
        self._moved: set[int] = set()
        #: Nothing of it was settled for a while: nobody waits for it to take its share.
        self.is_stalled = False

    def __repr__(self) -> str:
        return f"<Outlet {self.name}: {self.held} held, {self._in_flight} on their way>"

    @property
    def held(self) -> int:
        """Deliveries that were given and have not left."""
        return len(self._unmade) + self._stock.finished

    @property
    def is_busy(self) -> bool:
        """Whether it has anything at all."""
        return bool(self._in_flight or self.held)

    @property
    def is_held_back(self) -> bool:
        """Whether a limit, or a pause after trouble, keeps its next message."""
        return self.limited_for > 0

    @property
    def is_ready(self) -> bool:
        """Whether the others wait for it to take its share."""
        return not self.is_stalled and not self.is_held_back

    @property
    def room(self) -> int:
        """How many more it may be given: nothing until half of what it may hold is gone."""
        most = max(LEAST, int(AHEAD * self._meter.recent_rate(self._terms.steady())))
        return most - self.held if self.held <= most // 2 else 0

    def owns(self, delivery_id: int) -> bool:
        """Whether it has a message of this delivery."""
        return delivery_id in self._jobs

    def surrender(self) -> list[Claimed]:
        """Everything that was given and has not left; it is held no more."""
        held = [*self._unmade.values()]
        self._unmade.clear()
        held += [self._jobs.pop(parcel.id).claimed for parcel in self._stock.clear()]
        return held

    def forget(self, delivery_id: int) -> None:
        """A delivery that is not ours any more: see `RunFeed`."""
        self._forget(delivery_id)

    def granted(self) -> None:
        """The ledger has answered."""
        self._granted()

    def drop_claims(self) -> None:
        """What was claimed is not ours any more, whoever holds it."""
        self._giver.lose()

    def may_move(self, delivery_id: int) -> bool:
        """Whether another relay shall have it."""
        if not self._giver.may_move(delivery_id, self):
            return False
        self._moved.add(delivery_id)
        return True

    # --- stock -------------------------------------------------------------------------------

    async def _claim(self) -> bool:
        room = self.room
        given = self._giver.hand_out(self, room) if room > 0 else []
        for claimed in given:
            self._unmade[claimed.id] = claimed
        self._stock.claimed.extend(given)
        return bool(given)

    async def _has_more(self) -> bool:
        if not self.is_busy:
            self._giver.notice_idle()
        await self._stir()
        return True

    def made(self, claimed: Claimed, at: float, made: Made) -> Parcel:
        """The message is finished."""
        self._unmade.pop(claimed.id, None)
        return super().made(claimed, at, made)

    def unmade(self, claimed: Claimed, reason: str) -> None:
        """There is no message for it."""
        self._unmade.pop(claimed.id, None)
        super().unmade(claimed, reason)

    def _next(
        self, claimed: Claimed, outcome: Outcome, now: float, pause: float
    ) -> tuple[State, float | None]:
        if claimed.id in self._moved:  # the other relay needs no pause
            self._moved.discard(claimed.id)
            return State.PENDING, now
        return super()._next(claimed, outcome, now, pause)


class _Chooser(Patience):
    """Patience that lets another relay try what this one can't carry."""

    def __init__(self, relay: str, seconds: float, outlet: Outlet) -> None:
        super().__init__(relay, seconds)
        self._outlet = outlet

    def judge(self, delivery_id: int, submission: Submission) -> Outcome:
        outcome = super().judge(delivery_id, submission)
        if (
            outcome.state is State.REFUSED
            and _is_unfit(outcome, submission)
            and self._outlet.may_move(delivery_id)
        ):
            return Outcome(State.PENDING, Scope.MESSAGE, outcome.cause)
        return outcome


def _is_unfit(outcome: Outcome, submission: Submission) -> bool:
    if outcome.cause in UNFIT:
        return True
    return submission.reply is not None and submission.reply.enhanced in UNFIT_CODES
