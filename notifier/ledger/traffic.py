"""What the processes of a ledger share of their relays: limits, connections, paces, troubles.

Each call is one transaction, as everywhere in the ledger; `permits.py`, `relays.py` and
`encounters.py` say what is in it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from notifier.ledger import alerts, domain_history, encounters, history, permits, processes, relays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notifier.ledger.connection import Store
    from notifier.ledger.encounters import Encounter, StepRow
    from notifier.ledger.permits import Ask, Back, Grant
    from notifier.ledger.relays import PaceRow, Shared, Standing, Trouble, Wish
    from notifier.model import Rate


class Traffic:
    """The ledger's door to limits and relays. `clock` gives Unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def keep_limit(
        self, scope: str, rate: Rate, relay: str, now: float, run_id: int | None = None
    ) -> None:
        """Have a limit of the relay's, or of one run's, know what was sent before it was kept."""
        with self._store.write() as db:
            permits.sweep(db, now)
            relays.sweep(db, now)
            used = history.recent_attempts(
                db, relay, now - rate.seconds, rate.count, run_id, now=now
            )
            permits.take_up(db, scope, rate, used, now)

    def keep_domain_limits(
        self, relay: str, scope: str, limits: Mapping[str, Sequence[Rate]], now: float
    ) -> None:
        """The same for the limits of domains behind a relay; see `domain_history`."""
        with self._store.write() as db:
            domain_history.keep_limits(db, relay, scope, limits, now)

    def exchange(self, asks: Sequence[Ask], backs: Sequence[Back], now: float) -> list[Grant]:
        """An answer to each request for permits; `backs` are grants that are used no more."""
        with self._store.write() as db:
            return permits.exchange(db, asks, backs, now)

    def timebase(self, shift: float) -> float:
        """Unix time less the machine's steady clock, the same for all processes of this boot.

        `shift` is what this process would say; it stays where boots can't be told apart.
        """
        if not (boot := processes.boot_of()):
            return shift
        with self._store.write() as db:
            return permits.timebase(db, boot, shift)

    def sync_relays(
        self,
        worker_id: int,
        wishes: Sequence[Wish],
        paces: Sequence[PaceRow],
        met: tuple[Sequence[StepRow], Sequence[Encounter]] = ((), ()),
    ) -> Shared:
        """Tell what a process has, wants, heard and met of its relays; what it may have of them."""
        with self._store.write() as db:
            encounters.note_all(db, *met)
            return relays.sync(
                db, worker_id, wishes, paces, now=self._clock(), host=socket.gethostname()
            )

    def note_relays(self, steps: Sequence[StepRow], met: Sequence[Encounter]) -> None:
        """What sending, or trying out, has shown of relays."""
        with self._store.write() as db:
            encounters.note_all(db, steps, met)

    def set_relay_trouble(self, trouble: Trouble) -> None:
        """A relay can't be used; `sync_relays` says when it works again."""
        with self._store.write() as db:
            relays.set_trouble(db, trouble)
            alerts.relay_down(db, trouble.relay, trouble.why, self._clock())

    def relay_standing(self) -> Standing:
        """What is known of all relays."""
        with self._store.alone() as db:
            return relays.standing(db, self._clock(), socket.gethostname())

    def granted(self, scope: str, rate: Rate, now: float) -> list[tuple[int, float]]:
        """What counts against a limit: (permits, until when they may be used), oldest first."""
        with self._store.write() as db:
            return permits.granted(db, scope, rate, now)

    def used(self, scope: str, rate: Rate, now: float) -> int:
        """How much of a limit is used up, what is granted included."""
        with self._store.alone() as db:
            return permits.used(db, scope, rate, now)
