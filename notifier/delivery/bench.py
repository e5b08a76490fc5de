"""A workshop as one relay's messages need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.delivery.making import Order
    from notifier.delivery.workshop import Done, Workshop


class Bench:
    """All workers, and the recipe that is its."""

    def __init__(self, workshop: Workshop, recipe: int) -> None:
        self._workshop = workshop
        self._recipe = recipe

    @property
    def is_ready(self) -> bool:
        """Whether there is a worker to make messages, busy or not."""
        return self._workshop.is_ready

    @property
    def is_open(self) -> bool:
        """Whether there is a worker, or will be."""
        return self._workshop.is_open

    @property
    def is_full(self) -> bool:
        """Whether there are workers, and all of them have enough to do."""
        return self._workshop.is_full

    def order(self, orders: Sequence[Order], done: Done) -> None:
        """As `Workshop.order`."""
        self._workshop.order(orders, done, self._recipe)

    def listen(self, on_change: Callable[[], None]) -> None:
        """Have this called when a worker became ready, or was lost; the last one is."""
        self._workshop.on_change = on_change
