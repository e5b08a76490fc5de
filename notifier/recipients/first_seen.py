"""Where a text was first seen: 24 to 48 bytes a text in a long sheet, however long the texts are.

A dict of a million addresses takes about 200 MB, which is most of a run's budget. Here a text is
its 64-bit hash: of a million texts, two different ones meet once in 30 million sheets, and then
a row would be rejected as a duplicate, visibly. Up to a school's size a dict of hashes is used,
which is seven times as fast (0.4 us a text); beyond it, an open-addressing table in arrays.
"""

from __future__ import annotations

from array import array

#: Texts kept in the dict, about 100 bytes each.
_FEW = 30_000


class FirstSeen:
    """A table from text to line number."""

    def __init__(self, few: int = _FEW) -> None:
        """`few`: how many texts the quick table takes before the small one takes over."""
        self._few_at_most = few
        self._few: dict[int, int] | None = {}
        self._count = 0

    def put(self, text: str, line: int) -> int:
        """The line where `text` was put before; 0 where it is new, and `line` is kept."""
        number = hash(text)
        if self._few is None:
            return self._put_among_many(number & 0xFFFFFFFFFFFFFFFF or 1, line)
        if first := self._few.get(number, 0):
            return first
        self._few[number] = line
        if len(self._few) > self._few_at_most:
            self._move()
        return 0

    def _move(self) -> None:
        few, self._few, self._count = self._few or {}, None, 0
        size = 1 << 12
        while size < 4 * len(few):
            size *= 2
        self._allot(size)
        for number, line in few.items():
            self._put_among_many(number & 0xFFFFFFFFFFFFFFFF or 1, line)

    def _allot(self, size: int) -> None:
        self._mask = size - 1
        self._hashes, self._lines = array("Q", bytes(8 * size)), array("I", bytes(4 * size))

    def _put_among_many(self, number: int, line: int) -> int:
        at = self._place(number)
        if self._hashes[at]:
            return self._lines[at]
        self._hashes[at], self._lines[at] = number, line
        self._count += 1
        if self._count * 2 > self._mask:
            self._grow()
        return 0

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
