"""What a feed goes by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.delivery.retry import RetryPolicy
    from notifier.delivery.throttle import Throttle
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
    #: Whether to stay for deferred deliveries until they are due.
    waits: bool = True
