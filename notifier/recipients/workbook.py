"""Workbooks, read under caps by a process of their own (`workbook_reader`).

Measured on 2 cores, 100,000 rows of 8 columns: python-calamine alone 0.85 to 1.16 s; pandas'
`read_excel(engine="calamine")` 2.06 s, before a single cell is looked at, and the whole table in
memory twice. So calamine is used directly and its rows are streamed. Unpacking the archive to
count its bytes takes 0.1 s, beside the reader.
"""

from __future__ import annotations

import json
import marshal
import struct
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from notifier.errors import SheetError
from notifier.locale import _, current
from notifier.recipients.kinds import Kind, damaged, locked
from notifier.recipients.plain_text import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from notifier.model import Value
    from notifier.recipients.traps import Scanner
    from notifier.settings import LimitSettings

#: Folder that holds the package, for the reader process.
_ROOT = str(Path(__file__).resolve().parents[2])
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from notifier.recipients.workbook_reader import main; main()"
)
#: Address space of the reader beside what the sheet takes, in bytes: Python, calamine, buffers.
_BASE_MEMORY = 160_000_000
#: CPU seconds; a million rows take about 15.
_CPU_SECONDS = 120
_MAX_ENTRIES = 10_000
_CHUNK = 1 << 18
_LOCAL_HEADER = struct.Struct("<4s22xHH")
#: Pictures and the like are never looked into by the reader.
_PARTS = (".xml", ".rels", ".bin", ".vml")


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged range; rows and columns 0-based, both ends included."""

    top: int
    first: int
    bottom: int
    last: int


def check_zip(
    path: Path, limits: LimitSettings, scanner: Callable[[str], Scanner | None] | None = None
) -> None:
    """Refuse a workbook that inflates beyond the cap; really inflates it, believing no header.

    `scanner`: gives, by a part's name, what looks through it on the way; None for most.

    Raises:
        SheetError: too many parts, too many bytes, or a damaged archive.
    """
    try:
        with zipfile.ZipFile(path) as book, path.open("rb") as file:
            entries = [it for it in book.infolist() if it.filename.lower().endswith(_PARTS)]
            declared = sum(it.file_size for it in entries)
            if len(book.infolist()) > _MAX_ENTRIES or declared > limits.max_sheet_bytes:
                raise _bomb(path, limits)
            left = limits.max_sheet_bytes
            for entry in entries:
                watcher = scanner(entry.filename.replace("\\", "/")) if scanner else None
                left -= _inflated(file, entry, left, watcher)
                if left < 0:
                    raise _bomb(path, limits)
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError) as exc:
        raise damaged(path) from exc


def _bomb(path: Path, limits: LimitSettings) -> SheetError:
    return SheetError(
        _("{file} unpacks to more than {count} MB: it is not read.").format(
            file=path.name, count=limits.max_sheet_bytes // 1_000_000
        ),
        where=str(path),
        next_step=_(
            "Save only the sheet you need as CSV UTF-8, or raise max_sheet_bytes under [limits] "
            "in notifier.toml if you trust the file."
        ),
    )


def _inflated(file: IO[bytes], entry: zipfile.ZipInfo, cap: int, watcher: Scanner | None) -> int:
    """Bytes that the entry inflates to, counted up to just over `cap`; shown to the watcher."""
    if entry.flag_bits & 1:
        raise zipfile.BadZipFile(entry.filename)
    file.seek(entry.header_offset)
    _magic, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(name + extra, 1)
    if entry.compress_type == zipfile.ZIP_STORED:
        return entry.compress_size
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile(entry.filename)
    total = _inflate(file, entry.compress_size, cap, watcher)
    if watcher is not None:
        watcher.finish()
    return total


def _inflate(file: IO[bytes], size: int, cap: int, watcher: Scanner | None) -> int:
    inflator, total = zlib.decompressobj(-15), 0
    while size > 0 and total <= cap and not inflator.eof:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            raise zipfile.BadZipFile("truncated")
        size -= len(chunk)
        while chunk and total <= cap:
            piece = inflator.decompress(chunk, _CHUNK * 4)
            total += len(piece)
            if watcher is not None:
                watcher.feed(piece)
            chunk = inflator.unconsumed_tail
    return total


class Reader:
    """A running reader process and the facts of the sheet that it reads; use as iterator once."""

    def __init__(
        self, path: Path, kind: Kind, sheet: str | int | None, limits: LimitSettings
    ) -> None:
        """Start the process; `greet` tells what it found."""
        self.path = path
        request = {
            "path": str(path.resolve()), "kind": kind.value, "sheet": sheet,
            "memory": _BASE_MEMORY + 2 * limits.max_sheet_bytes, "seconds": _CPU_SECONDS,
            "max_cells": limits.max_sheet_cells, "locale": current(),
        }  # fmt: skip
        self._wanted, self._limits = sheet, limits
        self._process = subprocess.Popen(  # noqa: S603 - this very Python, our own module
            [sys.executable, "-P", "-c", _BOOT, _ROOT, json.dumps(request)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.name = ""
        #: Names of the visible sheets.
        self.sheets: tuple[str, ...] = ()
        self.merged: tuple[Merged, ...] = ()
        #: Columns left of the first one in use.
        self.left = 0

    def greet(self) -> None:
        """Wait until the process has opened the workbook, and learn what is in it.

        Raises:
            SheetError: protected, damaged, too large, or without such a sheet.
        """
        try:
            _tag, listed, self.name, _width, _height, merged, self.left = self._frame()
        except BaseException:
            self.close()
            raise
        self.sheets = tuple(name for name, is_visible in listed if is_visible)
        self.merged = tuple(Merged(*numbers) for numbers in merged)

    def rows(self) -> Iterator[list[Value]]:
        """The sheet's rows, the first being row 1. The process ends with the iteration."""
        try:
            while (frame := self._frame())[0] == "rows":
                yield from _unpacked(frame[1], frame[2]) if frame[2] else frame[1]
        finally:
            self.close()

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _frame(self) -> tuple[Any, ...]:
        pipe = self._process.stdout
        assert pipe is not None
        head = pipe.read(4)
        data = pipe.read(struct.unpack("!I", head)[0]) if len(head) == 4 else b""  # noqa: PLR2004 - a frame's length
        if not data:
            raise self._died(self._process.wait())
        frame: tuple[Any, ...] = marshal.loads(data)  # noqa: S302 - data only, from our own process
        if frame[0] == "fail":
            raise self._failed(frame[1], frame[2])
        return frame

    def _died(self, code: int) -> SheetError:
        """The process ended by a signal: a cap on memory or time, or a fault in the reader."""
        return _too_much(self.path) if code else damaged(self.path)

    def _failed(self, kind: str, detail: Any) -> SheetError:
        if kind == "password":
            return locked(self.path)
        if kind == "sheet":
            return _no_sheet(self.path, self._wanted, [name for name, visible in detail if visible])
        if kind == "empty":
            return _no_cells(self.path)
        if kind == "cells":
            return _too_many_cells(self.path, int(detail), self._limits)
        return _too_much(self.path) if kind == "memory" else damaged(self.path)


def _unpacked(rows: list[list[Any]], places: list[int]) -> Iterator[list[Value]]:
    """The rows with dates and times again, where `places` have any."""
    for row in rows:
        for at in places:
            if type(cell := row[at]) is tuple:
                row[at] = _moment(cell)
        yield row


@lru_cache(maxsize=8192)
def _moment(parts: tuple[int, ...]) -> Value:
    """A date, time or both, as the process packed it."""
    return _KINDS[len(parts)](*parts)


#: By how many numbers it is made of.
_KINDS: dict[int, Callable[..., Value]] = {3: date, 4: time, 7: datetime}


def _too_much(path: Path) -> SheetError:
    return SheetError(
        _("{file} takes too much memory or time to read: something in it is out of bounds.").format(
            file=path.name
        ),
        where=str(path),
        next_step=_("Copy the rows into a new workbook, or save the sheet as CSV UTF-8."),
    )


def _no_cells(path: Path) -> SheetError:
    return SheetError(
        _("{file} has no sheet with cells, only charts or macros.").format(file=path.name),
        where=str(path),
        next_step=_("Use the workbook that holds the list."),
    )


def _too_many_cells(path: Path, cells: int, limits: LimitSettings) -> SheetError:
    return SheetError(
        _("{file} claims {count} cells; at most {limit} are read.").format(
            file=path.name, count=f"{cells:,}", limit=f"{limits.max_sheet_cells:,}"
        ),
        where=str(path),
        next_step=_(
            "Delete what stands far right of or below the table, or copy it into a new workbook."
        ),
    )


def _no_sheet(path: Path, wanted: str | int | None, names: list[str]) -> SheetError:
    if isinstance(wanted, int):
        message = _("There is no sheet number {number}: the file has {count}.").format(
            number=wanted, count=len(names)
        )
    else:
        message = _("There is no sheet {name}.").format(name=wanted)
    near = nearest(wanted, names) if isinstance(wanted, str) else ""
    listed = _("The sheets are: {names}.").format(names=", ".join(names))
    return SheetError(
        message,
        where=str(path),
        next_step=_("Did you mean {name}?").format(name=near) + " " + listed if near else listed,
    )
