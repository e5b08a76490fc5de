"""The connections to one relay: which there are, how many there may be, and who leaves when.

It decides and does nothing: `plan` says what its pool is to do at an instant, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from notifier.smtp.courier import Courier


@dataclass(frozen=True, slots=True)
class Plan:
    """What the pool is going to do."""

    #: Connections to open.
    connect: int
    #: Idle ones that take their leave.
    close: tuple[Courier, ...]
    #: Busy ones that are too old: they take nothing more.
    retire: tuple[Courier, ...]
    #: When to plan again if nothing happens, on the pool's clock; None: no need.
    wake_at: float | None
    is_done: bool


@dataclass(slots=True)
class Stats:
    """What a pool has seen."""

    opened: int = 0
    lost: int = 0
    refused_connections: int = 0
    taken: int = 0
    settled: int = 0
    accepted: int = 0


class Crew:
    """The couriers of a pool."""

    __slots__ = ("_idle_timeout", "couriers", "idle", "most", "openings", "retry_at", "window")

    def __init__(self, most: int, idle_timeout: float) -> None:
        """`most`: connections that there may ever be; `idle_timeout`: seconds."""
        self._idle_timeout = idle_timeout
        self.couriers: set[Courier] = set()
        #: Those of them that have nothing to do; the last used is the last.
        self.idle: list[Courier] = []
        #: Connections that are being opened.
        self.openings: set[asyncio.Task[None]] = set()
        #: Connections that there may be now, whatever is to be done.
        self.most = most
        #: Connections that the relay's successes so far allow.
        self.window = 1
        #: Nothing is opened before this instant, on the pool's clock.
        self.retry_at = 0.0

    @property
    def size(self) -> int:
        """Connections that are open or being opened."""
        return len(self.couriers) + len(self.openings)

    def limit(self, most: int) -> None:
        """Have no more connections than these from now on."""
        self.most = most
        self.window = max(1, min(self.window, most))

    def leaves_at(self, courier: Courier) -> float:
        """When it takes its leave, if it stays idle."""
        return min(courier.expires_at, courier.idle_since + self._idle_timeout)

    def plan(self, now: float, *, is_fed: bool) -> Plan:
        """What is to be done at that instant; `is_fed`: there is work for another connection."""
        wanted = self._wanted() if is_fed else 0
        close = tuple(courier for courier in self.idle if now >= self.leaves_at(courier))
        retire = tuple(
            courier
            for courier in self.couriers
            if now >= courier.expires_at and not courier.is_worn and courier not in self.idle
        )
        if self.size > self.most:
            close, retire = self._shrink(close, retire)
        return Plan(
            connect=wanted if now >= self.retry_at else 0,
            close=close,
            retire=retire,
            wake_at=self._next_look(wanted, {*close, *retire}, now),
            is_done=False,
        )

    def _wanted(self) -> int:
        return 0 if self.idle else max(0, min(self.window, self.most) - self.size)

    def _shrink(
        self, close: tuple[Courier, ...], retire: tuple[Courier, ...]
    ) -> tuple[tuple[Courier, ...], tuple[Courier, ...]]:
        """So many more that no more are left than there may be; idle ones first."""
        leaving = {*close, *retire, *(it for it in self.couriers if it.is_worn)}
        spare = [it for it in self.idle if it not in leaving]
        spare += [it for it in self.couriers if it not in leaving and it not in self.idle]
        spare = spare[: max(0, self.size - len(leaving) - self.most)]
        idle = set(self.idle)
        return (
            (*close, *(it for it in spare if it in idle)),
            (*retire, *(it for it in spare if it not in idle)),
        )

    def _next_look(self, wanted: int, leaving: set[Courier], now: float) -> float | None:
        instants = [self.leaves_at(courier) for courier in self.idle if courier not in leaving]
        instants += [
            courier.expires_at
            for courier in self.couriers
            if courier not in leaving and not courier.is_worn
        ]
        if wanted and self.retry_at > now:
            instants.append(self.retry_at)
        return min(instants, default=None)
