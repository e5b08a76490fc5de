"""Which files of a workspace name somebody: sheets, reports, captured mail, copies of the ledger.

Files are looked through as bytes, in any case of ASCII letters and in UTF-16 as well, and so are
the members of workbooks, which are zip archives. What is compressed otherwise (PDF), encoded
(base64) or older than zip in a way that splits texts can't be looked into: that is said in
docs/keeping.md. An address in a formula is not found either.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

#: Bytes read at a time, and of one archive's members together.
CHUNK = 1 << 20
MOST_INFLATED = 500_000_000
_SKIPPED = (".git", ".venv", "node_modules", "__pycache__")


def files_naming(root: Path, ledger: Path, addresses: Collection[str]) -> list[Path]:
    """Files below `root` that one of the addresses stands in, but for the ledger; in order."""
    needles = [
        needle
        for address in addresses
        for needle in (address.encode(), address.encode("utf-16-le"))
        if needle
    ]
    own = {
        ledger.resolve(),
        *(ledger.with_name(ledger.name + it).resolve() for it in ("-wal", "-shm")),
    }
    return [
        path
        for path in _files(root)
        if needles and path.resolve() not in own and _names(path, needles)
    ]


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink():
            continue
        if entry.is_dir() and entry.name not in _SKIPPED:
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def _names(path: Path, needles: list[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            if _holds(file, needles):
                return True
        return zipfile.is_zipfile(path) and _any_member_holds(path, needles)
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError):
        return False  # unreadable, or locked by a password: it can't be looked into


def _any_member_holds(path: Path, needles: list[bytes]) -> bool:
    left = MOST_INFLATED
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            left -= member.file_size
            if left < 0:
                return False
            with archive.open(member) as file:
                if _holds(file, needles):
                    return True
    return False


def _holds(file: IO[bytes], needles: list[bytes]) -> bool:
    overlap = max(len(it) for it in needles) - 1
    tail = b""
    while chunk := file.read(CHUNK):
        text = (tail + chunk).lower()
        if any(needle in text for needle in needles):
            return True
        tail = text[-overlap:] if overlap else b""
    return False
