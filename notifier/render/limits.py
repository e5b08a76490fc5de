"""What one message may cost: time, turns of loops, characters.

Templates are written by people who are trusted with the mail but not with the machine. Three cheap
guards bound them together, in any thread, without signals:

    loops       each loop and macro call draws on one allowance of turns and looks at the clock
    expressions `*`, `**`, `+`, `~` and a few filters refuse operands that would grow too large
    output      the text is gathered in slices; its length and the clock are looked at in between

So the worst a template can do between two looks at the clock is one expression over values that
are themselves bounded.
"""

from __future__ import annotations

import threading
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Turns of all loops and macro calls of one message together.
MAX_TURNS = 200_000
#: The largest `range()`; a mail has no use for more rows.
MAX_RANGE = 10_000
#: The largest whole number that a filter or method may take (widths, counts).
MAX_ARGUMENT = 10_000
#: Bits of a whole number that `*` and `**` may make.
MAX_BITS = 1024
#: Pieces of output between two looks at the clock.
SLICE = 128
#: Turns between two looks at the clock.
STRIDE = 256


class OutOfBoundsError(Exception):
    """A template wants more than a message may cost; translated at the room's edge."""


class Budget(threading.local):
    """The allowance of the message that is being rendered in this thread."""

    def __init__(
        self,
        seconds: float,
        max_chars: int,
        clock: Callable[[], float] = time.perf_counter,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        self.seconds = seconds
        self.max_chars = max_chars
        self.clock = clock
        self.worked = worked
        self.begin()

    def begin(self) -> None:
        """Start anew for the next message."""
        self.turns = 0
        self.deadline = self.clock() + self.seconds / 2
        #: What this thread had worked at half time.
        self.half_time: float | None = None

    def draw(self, turns: int) -> None:
        """Take `turns` off the allowance, and look at the clock."""
        self.turns += turns
        if self.turns > MAX_TURNS:
            raise OutOfBoundsError(
                _("the loops turn more than {count} times").format(count=MAX_TURNS)
            )
        self.check_clock()

    def check_clock(self) -> None:
        """Raise `OutOfBoundsError` when the time is up.

        The clock on the wall is looked at, which costs little; but a machine that was asleep, or
        busy with other things, is no fault of the template's: so at half time the thread's own
        time is looked at too, and the second half must really have been worked.
        """
        now = self.clock()
        if now <= self.deadline:
            return
        worked = self.worked()
        if self.half_time is not None and worked - self.half_time >= self.seconds / 4:
            raise OutOfBoundsError(
                _("it takes longer than {seconds} seconds").format(seconds=f"{self.seconds:g}")
            )
        self.half_time, self.deadline = worked, now + self.seconds / 2

    def bounded(self, items: Any) -> Any:
        """`items` for a loop: counted at once where the length is known, else turn by turn."""
        if isinstance(items, (list, tuple, dict)):
            # As `draw`, without its two calls: 0.6 us a loop instead of 0.9.
            self.turns = turns = self.turns + len(items) + 1
            if turns > MAX_TURNS or self.clock() > self.deadline:
                self.draw(0)
            return items
        return self._count(items)

    def _count(self, items: Iterable[Any]) -> Iterator[Any]:
        self.draw(1)
        for number, item in enumerate(items, 1):
            if number % STRIDE == 0:
                self.draw(STRIDE)
            yield item
        self.draw(1)

    def sized(self, value: Any) -> Any:
        """`value`, unless it is a text longer than a message may be."""
        if isinstance(value, str) and len(value) > self.max_chars:
            self.refuse_length()
        return value

    def gather(self, pieces: Iterator[str]) -> str:
        """The pieces as one text, with the length and the clock looked at in between."""
        first = list(islice(pieces, SLICE))
        text = "".join(first)
        if len(first) == SLICE:
            text = self._gather_rest(text, pieces)
        if len(text) > self.max_chars:
            self.refuse_length()
        return text

    def _gather_rest(self, text: str, pieces: Iterator[str]) -> str:
        parts = [text]
        length = len(text)
        while chunk := list(islice(pieces, SLICE)):
            part = "".join(chunk)
            parts.append(part)
            length += len(part)
            if length > self.max_chars:
                self.refuse_length()
            self.check_clock()
        return "".join(parts)

    def refuse_length(self) -> NoReturn:
        """Raise the error for a text that is too long."""
        raise OutOfBoundsError(
            _("it makes more than {count} characters").format(count=self.max_chars)
        )

    # --- operators and calls ----------------------------------------------------------------

    def check_operands(self, operator: str, left: Any, right: Any) -> None:
        """Raise `OutOfBoundsError` where the result would be too large to make."""
        if operator == "%" and isinstance(left, str):
            raise OutOfBoundsError(_("`%` formats a text: write the values where they belong"))
        if operator == "+" and _length(left) + _length(right) > self.max_chars:
            self.refuse_length()
        if operator == "*":
            self._check_product(left, right)
        if operator == "**" and _bits(left) * min(abs(_number(right)), 10_000) > MAX_BITS:
            self._refuse_number()

    def _check_product(self, left: Any, right: Any) -> None:
        for sequence, count in ((left, right), (right, left)):
            if isinstance(sequence, (str, bytes, list, tuple)) and isinstance(count, int):
                if len(sequence) * max(count, 0) > self.max_chars:
                    self.refuse_length()
                return
        if _bits(left) + _bits(right) > MAX_BITS:
            self._refuse_number()

    def check_arguments(self, arguments: Iterable[Any]) -> None:
        """Raise `OutOfBoundsError` for a width or count that is out of all proportion."""
        for value in arguments:
            if isinstance(value, int) and abs(value) > MAX_ARGUMENT:
                self._refuse_number()

    def check_replace(self, text: str, old: str, new: str) -> None:
        """Raise `OutOfBoundsError` where replacing would make too long a text."""
        times = len(text) // max(len(old), 1) + 1
        if times * len(new) > self.max_chars:
            self.refuse_length()

    def _refuse_number(self) -> NoReturn:
        raise OutOfBoundsError(_("a number in it is too large"))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes, list, tuple)) else 0


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0
