"""When to try again to connect: tenacity's stop, wait and retry objects, asked one by one.

The pool doesn't sleep in a retry loop, because it has connections to look after meanwhile; it asks
for the next instant instead. So the policy is tenacity's, and the waiting is the pool's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity import Future, RetryCallState, Retrying, retry_if_exception
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_exponential

from notifier.errors import AuthenticationError, RelayError, RelayUnreachable, TlsError

if TYPE_CHECKING:
    from random import Random


def may_pass(error: BaseException) -> bool:
    """Whether another try may help: not with a wrong password, certificate or a plain no (5yz)."""
    if isinstance(error, RelayError) and error.reply is not None:
        return error.reply.is_transient
    if isinstance(error, (TlsError, AuthenticationError)):
        return False
    return isinstance(error, RelayUnreachable)


class Redial:
    """So many tries in a row, with waits that double, half of each left to chance."""

    def __init__(
        self, attempts: int, random: Random, *, first: float = 1.0, longest: float = 30.0
    ) -> None:
        """`first` and `longest`: the waits, in seconds."""
        self._random = random
        self._stop = stop_after_attempt(attempts)
        self._wait = wait_exponential(multiplier=first, max=longest)
        self._may_pass = retry_if_exception(may_pass)
        self._retrying = Retrying(stop=self._stop, wait=self._wait, retry=self._may_pass)

    def wait(self, error: RelayError, attempt: int) -> float | None:
        """Seconds until the next try, after the `attempt`-th failure in a row; None: give up."""
        state = RetryCallState(self._retrying, None, (), {})
        state.attempt_number = attempt
        state.outcome = Future.construct(attempt, error, has_exception=True)
        if not self._may_pass(state) or self._stop(state):
            return None
        return self._wait(state) * (0.5 + self._random.random() / 2)
