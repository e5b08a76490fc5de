"""Where a text was first seen: 24 to 48 bytes a text, however long the texts are.

A dict of a million addresses takes about 200 MB, which is most of a run's budget. Here a text is
its 64-bit hash: of a million texts, two different ones meet once in 30 million sheets, and then
a row would be rejected as a duplicate, visibly.
"""

from __future__ import annotations

from array import array


class FirstSeen:
    """An open-addressing table from text to line number."""

    def __init__(self) -> None:
        """Begin with room for a school's sheet."""
        self._count = 0
        self._allot(1 << 15)

    def _allot(self, size: int) -> None:
        self._mask = size - 1
        self._hashes, self._lines = array("Q", bytes(8 * size)), array("I", bytes(4 * size))

    def _grow(self) -> None:
        old = zip(self._hashes, self._lines, strict=True)
        self._allot((self._mask + 1) * 2)
        for number, line in old:
            if number:
                at = self._place(number)
                self._hashes[at], self._lines[at] = number, line

    def _place(self, number: int) -> int:
        hashes, mask = self._hashes, self._mask
        at = number & mask
        while (found := hashes[at]) and found != number:
            at = (at + 1) & mask
        return at

    def put(self, text: str, line: int) -> int:
        """The line where `text` was put before; 0 where it is new, and `line` is kept."""
        number = (hash(text) & 0xFFFFFFFFFFFFFFFF) or 1
        at = self._place(number)
        if self._hashes[at]:
            return self._lines[at]
        self._hashes[at], self._lines[at] = number, line
        self._count += 1
        if self._count * 2 > self._mask:
            self._grow()
        return 0
