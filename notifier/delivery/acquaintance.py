"""What a run's sending shows of one relay, kept in the ledger for others and for later.

How closely commands may follow each other (`smtp/ladder.py`) outlives the process: a relay that was
taken down a step stays there for `HOLD`, then one more step is tried, and the next after as long
again. A relay that fails again meanwhile, or within `ledger.encounters.AGE` after, is left alone
for twice as long, `LONGEST` at most.

Besides that: when it last took a message, and what it says that it can do. All of it is exchanged
with the ledger now and then, not with each message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.ledger.encounters import Encounter, StepRow
from notifier.smtp.ladder import Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notifier.smtp.envelope import Capabilities
    from notifier.smtp.ladder import Ladder
    from notifier.smtp.pool import Pool
    from notifier.smtp.transcript import Transcript

#: Seconds for which a relay is not asked for more after it could not take it: at first, and at
#: most.
HOLD = 86_400.0
LONGEST = 16 * HOLD


def held_for(falls: int) -> float:
    """Seconds until more is tried, after so many times."""
    return min(LONGEST, HOLD * 2.0 ** min(falls - 1, 16))


def step_at(row: StepRow, now: float) -> Step:
    """The step that the relay may be taken at now, the clock alone considered."""
    if now < row.until:
        return Step(row.step)
    risen = 1 + int((now - row.until) // held_for(row.falls))
    return Step(min(Step.CHUNKED, row.step + risen))


class Acquaintance:
    """One relay, as this process and others have met it."""

    def __init__(self, relay: str, ladder: Ladder) -> None:
        """`relay` is its name in the ledger."""
        self.ladder = ladder
        self._relay = relay
        #: The newest step down that is known.
        self._known: StepRow | None = None
        #: Where the ladder stood when this looked last.
        self._seen = ladder.step
        self._accepted = 0
        self._offers: Capabilities | None = None

    def __repr__(self) -> str:
        return f"<Acquaintance {self._relay}: {self.ladder!r}>"

    def steps(self, now: float) -> list[StepRow]:
        """The step down that was met since this was asked last, if there was one."""
        ladder = self.ladder
        if ladder.step >= self._seen:
            return []
        self._seen = ladder.step
        falls = self._known.falls + 1 if self._known is not None else 1
        until = now + held_for(falls)
        row = StepRow(self._relay, int(ladder.step), ladder.reason, now, until, falls)
        self._known = row
        return [row]

    def adopt(self, rows: Iterable[StepRow], now: float) -> None:
        """Go by what is known of the relay; try more where it is time."""
        for row in rows:
            known = self._known
            if row.relay == self._relay and (known is None or row.since > known.since):
                self._known = row
        if self._known is None or self.ladder.step < self._seen:
            return  # nothing is known, or something newer was met: `steps` tells of that first
        step = step_at(self._known, now)
        self.ladder.lower(step, self._known.why)
        self.ladder.rise(step)
        self._seen = self.ladder.step

    def news(self, pool: Pool, now: float) -> list[Encounter]:
        """What has come to be known of the relay since this was asked last, if anything has."""
        has_taken = pool.stats.accepted not in {0, self._accepted}
        self._accepted = pool.stats.accepted
        offers = pool.offers if pool.offers != self._offers else None
        self._offers = pool.offers or self._offers
        if not has_taken and offers is None:
            return []
        found = Encounter(self._relay, accepted_at=now if has_taken else None)
        return [found if offers is None else offering(found, offers, now)]


def offering(found: Encounter, offers: Capabilities, now: float) -> Encounter:
    """With what the relay says that it can do."""
    return found._replace(
        offered_at=now, smtputf8=int(offers.has_smtputf8), largest=offers.largest_message
    )


def met_in_trial(found: Transcript, now: float) -> Encounter:
    """What a session showed that was tried out without a message."""
    why = found.error.message if found.error is not None else ""
    met = Encounter(found.relay, tried_at=now, trial=why)
    return met if found.error is not None else offering(met, found.capabilities, now)
