"""Where a text was first seen, in memory that stays the same however long a sheet is.

A dict of a million addresses takes about 200 MB, which is most of a run's budget. Here a text is
its 64-bit hash: of a million texts, two different ones meet once in 30 million sheets, and then
a row would be rejected as a duplicate, visibly. What is kept, by how many there are:

    up to a school's size   a dict of hashes: 0.4 us a text, 100 bytes each
    up to a town's          an open-addressing table in arrays: 1.6 us, 24 to 48 bytes each
    beyond                  a file of SQLite's that nobody else sees and that is gone when it is
                            closed or the program ends: 4 to 8 us, `FILE_KIB` of memory
"""

from __future__ import annotations

import sqlite3
from array import array
from typing import TYPE_CHECKING

from notifier.errors import SheetError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Texts kept in the dict.
_FEW = 20_000
#: Texts kept in arrays.
_MANY = 50_000
#: KiB of the file that are kept in memory.
FILE_KIB = 4000


class FirstSeen:
    """A table from text to line number."""

    def __init__(self, few: int = _FEW, many: int = _MANY) -> None:
        """`few`, `many`: how many texts the quicker tables take before a smaller takes over."""
        self._few_at_most, self._many_at_most = few, many
        self._few: dict[int, int] | None = {}
        self._rest: _Many | _File = _Many()

    def put(self, text: str, line: int) -> int:
        """The line where `text` was put before; 0 where it is new, and `line` is kept.

        SheetError where a long sheet's table has no room on the disk.
        """
        number = hash(text)
        if self._few is None:
            return self._put_in_rest(number, line)
        if first := self._few.get(number, 0):
            return first
        self._few[number] = line
        if len(self._few) > self._few_at_most:
            for known, its_line in self._few.items():
                self._rest.put(known, its_line)
            self._few = None
        return 0

    def _put_in_rest(self, number: int, line: int) -> int:
        rest = self._rest
        if isinstance(rest, _Many) and rest.count >= self._many_at_most:
            rest = self._rest = _File(rest)
        return rest.put(number, line)


class _Many:
    """Open addressing in two arrays, at most half full."""

    def __init__(self) -> None:
        self.count = 0
        self._allot(1 << 12)

    def put(self, number: int, line: int) -> int:
        number = number & 0xFFFFFFFFFFFFFFFF or 1
        at = self._place(number)
        if self._hashes[at]:
            return self._lines[at]
        self._hashes[at], self._lines[at] = number, line
        self.count += 1
        if self.count * 2 > self._mask:
            self._grow()
        return 0

    def pairs(self) -> Iterator[tuple[int, int]]:
        """All of it, as signed numbers."""
        pairs = zip(self._hashes, self._lines, strict=True)
        return ((_signed(number), line) for number, line in pairs if number)

    def _allot(self, size: int) -> None:
        self._mask = size - 1
        self._hashes, self._lines = array("Q", [0]) * size, array("I", [0]) * size

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


class _File:
    """A temporary database: an empty name means one that is removed as soon as it is made."""

    _db: sqlite3.Connection | None = None

    def __init__(self, before: _Many) -> None:
        try:
            self._db = db = sqlite3.connect("", isolation_level=None)
            for pragma in (f"cache_size = -{FILE_KIB}", "journal_mode = OFF", "synchronous = OFF"):
                db.execute(f"PRAGMA {pragma}")
            db.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY, line INTEGER NOT NULL)")
            db.execute("BEGIN")
            db.executemany("INSERT INTO seen VALUES (?, ?)", before.pairs())
        except sqlite3.Error as exc:
            raise _no_room(exc) from exc
        self._cursor = db.cursor()

    def put(self, number: int, line: int) -> int:
        number = number or 1
        try:
            ask = self._cursor.execute
            if ask("INSERT OR IGNORE INTO seen VALUES (?, ?)", (number, line)).rowcount:
                return 0
            return int(ask("SELECT line FROM seen WHERE hash = ?", (number,)).fetchone()[0])
        except sqlite3.Error as exc:
            raise _no_room(exc) from exc

    def __del__(self) -> None:
        if self._db is not None:
            self._db.close()


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _no_room(exc: sqlite3.Error) -> SheetError:
    return SheetError(
        _("The sheet is long, and there is no room for the list of its keys: {reason}.").format(
            reason=exc
        ),
        next_step=_("Free some space where temporary files go (TMPDIR), then try again."),
    )
