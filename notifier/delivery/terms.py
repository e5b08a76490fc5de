"""What a feed goes by, and what it has on its way."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.delivery.bench import Bench
    from notifier.delivery.domains import Lanes
    from notifier.delivery.heed import Heed
    from notifier.delivery.retry import RetryPolicy
    from notifier.delivery.throttle import Throttle
    from notifier.ledger.ledger import Claimed
    from notifier.model import Message


@dataclass(frozen=True, slots=True)
class Terms:
    """What a feed goes by: whose deliveries, through which relay, how to judge and to retry."""

    run_id: int
    worker_id: int
    relay: str
    lease_seconds: float
    #: Makes the message: `(recipient, token=..., at=...)`; TemplateError or MessageError.
    assemble: Callable[..., Message]
    #: Worker processes that make messages; None: all are made in process.
    workshop: Bench | None
    throttle: Throttle
    policy: RetryPolicy
    #: The ledger's clock (Unix time): for all that is stored, or compared with what is.
    clock: Callable[[], float]
    #: Unix time that never jumps: for the limits.
    steady: Callable[[], float]
    #: Whether a message in doubt is sent again by itself (the campaign's `on_doubt: resend`).
    resends_doubt: bool
    #: Seconds of nothing but trouble with the relay before the run is stopped.
    patience: float
    #: The limits of the recipient domains behind the relay.
    lanes: Lanes
    #: What replies say of our speed.
    heed: Heed
    #: Whether to stay for deferred deliveries until they are due.
    waits: bool = True
    #: From when on nothing is handed out: the window closes, or it is too late (Unix time).
    stops_at: float = inf


@dataclass(slots=True)
class Job:
    """A claimed delivery with its message, on its way."""

    claimed: Claimed
    #: When the message was made, the `Date:` of each attempt.
    message_at: float
    digest: str
    #: On the steady clock.
    taken_at: float = 0.0
    is_intended: bool = False
