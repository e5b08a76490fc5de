"""When to try again: a policy told by tenacity's wait and stop objects, answered as an instant.

A retry is a row with a time, never a sleeping coroutine, so tenacity's loop is not used: its wait
and stop strategies are asked, purely, what they say of the attempt that was just made.

    wait   `first`, then `factor` times longer each time, never longer than `longest`
    jitter up to that share longer or shorter, so that what was refused together doesn't come back
           together
    stop   when the next attempt would come `horizon` after the first one: the delivery expires

A greylisting server (RFC 6647) lets the second attempt in once some minutes have passed; Postgrey
and most others ask for five. Coming sooner is in vain, so such a retry never comes before `first`
or five minutes, whichever is shorter; its jitter only ever adds, and its wait grows no further than
a quarter of an hour, for the server has said itself that it will take the message soon.

A reply that says how long ("try again in 300 seconds", `waits`) is taken at its word for the first
attempts, never longer than `longest`; one that keeps saying so gets the policy's growing waits,
where these are longer.
"""

from __future__ import annotations

import random as _random
from typing import TYPE_CHECKING, ClassVar

from tenacity import RetryCallState, Retrying
from tenacity.stop import stop_before_delay
from tenacity.wait import wait_base, wait_exponential

from notifier.model import Cause

if TYPE_CHECKING:
    from notifier.model import Outcome
    from notifier.settings import RetrySettings

#: Seconds; what greylisting servers commonly ask for.
GREYLIST_FIRST = 300.0
GREYLIST_LONGEST = 900.0
#: Attempts after which a reply that asks for a wait is taken at its word.
BELIEVED = 3
#: Seconds; a wait that a reply asks for is at least this.
SHORTEST_ASKED = 1.0
#: No jitter takes more than this share off a wait.
LEAST = 0.5
#: Seconds until a delivery that was given back is due again: the relay's trouble, not its own.
PAUSE = 30.0


class wait_spread(wait_base):  # noqa: N801 - named as tenacity names its waits
    """Another wait, spread by a share of itself: `lower` of it less, up to `upper` of it more.

    tenacity's `wait_random` asks the global random generator; here randomness is an argument.
    """

    def __init__(
        self, wait: wait_base, *, lower: float, upper: float, random: _random.Random
    ) -> None:
        self.wait = wait
        self.lower = lower
        self.upper = upper
        self.random = random

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait after the attempt that `retry_state` tells of."""
        return self.wait(retry_state) * (1 + self.random.uniform(-self.lower, self.upper))


class RetryPolicy:
    """Decides when a deferred delivery is due again. Pure but for the given randomness."""

    #: Waits by cause; every other cause has the ordinary one.
    GREYLISTED: ClassVar[frozenset[Cause]] = frozenset({Cause.GREYLISTED})

    def __init__(self, settings: RetrySettings, random: _random.Random | None = None) -> None:
        random = random or _random.Random()  # noqa: S311 - spreads retries; no secret
        stop = stop_before_delay(settings.horizon)
        self._random = random
        self._jitter = settings.jitter
        self._longest = settings.longest
        self._ordinary = Retrying(wait=_ordinary_wait(settings, random), stop=stop)
        self._greylisted = Retrying(wait=_greylist_wait(settings, random), stop=stop)
        #: Seconds until a delivery given back for the relay's trouble may be tried again.
        self.pause_seconds = min(PAUSE, settings.first)

    def next_attempt_at(
        self, outcome: Outcome, attempts: int, first_attempt_at: float, now: float
    ) -> float | None:
        """Unix time of the next attempt; None when it would come after the horizon.

        `attempts` counts those made, the one just made included (1 or more); `first_attempt_at`
        is when the first was made.
        """
        policy = self._greylisted if outcome.cause in self.GREYLISTED else self._ordinary
        state = RetryCallState(policy, None, (), {})
        state.start_time = min(first_attempt_at, now)
        state.outcome_timestamp = now
        state.attempt_number = max(1, attempts)
        state.upcoming_sleep = self._wait(outcome, attempts, policy.wait(state))
        return None if policy.stop(state) else now + state.upcoming_sleep

    def _wait(self, outcome: Outcome, attempts: int, usual: float) -> float:
        """The seconds that the reply asked for, or the `usual` ones."""
        if outcome.wait is None:
            return usual
        asked = min(self._longest, max(SHORTEST_ASKED, outcome.wait))
        asked *= 1 + self._random.uniform(0.0, self._jitter)
        return asked if attempts <= BELIEVED else max(asked, usual)


def _ordinary_wait(settings: RetrySettings, random: _random.Random) -> wait_base:
    wait = wait_exponential(
        multiplier=settings.first, exp_base=settings.factor, max=settings.longest
    )
    return wait_spread(
        wait, lower=min(settings.jitter, LEAST), upper=settings.jitter, random=random
    )


def _greylist_wait(settings: RetrySettings, random: _random.Random) -> wait_base:
    first = min(GREYLIST_FIRST, settings.first)
    wait = wait_exponential(
        multiplier=first,
        exp_base=settings.factor,
        max=max(first, min(GREYLIST_LONGEST, settings.longest)),
    )
    return wait_spread(wait, lower=0.0, upper=settings.jitter, random=random)
