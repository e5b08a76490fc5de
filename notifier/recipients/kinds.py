"""What a file is, whatever its name says."""

from __future__ import annotations

import re
import zipfile
from enum import StrEnum
from typing import TYPE_CHECKING

from notifier.errors import SheetError
from notifier.locale import N_, _
from notifier.recipients.plain_text import nearest

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = 8192
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: The stream that holds an encrypted xlsx inside an OLE file (MS-OFFCRYPTO 2.3.4.4).
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|table|meta|style)\b", re.IGNORECASE)
_XML = re.compile(r"<\?xml|<\?mso-application|<(?:\w+:)?(?:workbook|document)\b", re.IGNORECASE)
_FOREIGN = {
    b"%PDF": N_("PDF document"),
    b"\x1f\x8b": N_("gzip archive"),
    b"Rar!": N_("RAR archive"),
    b"7z\xbc\xaf": N_("7-Zip archive"),
    b"\x89PNG": N_("picture"),
    b"\xff\xd8\xff": N_("picture"),
    b"GIF8": N_("picture"),
    b"SQLite format 3\0": N_("SQLite database"),
    b"{\\rtf": N_("RTF document"),
}


class Kind(StrEnum):
    """How a file is read."""

    XLSX = "xlsx"
    XLSB = "xlsb"
    XLS = "xls"
    ODS = "ods"
    HTML = "html"
    CSV = "csv"
    TSV = "tsv"


def _save_as() -> str:
    return _("Open it and save it as .xlsx or as CSV UTF-8, then use that file.")


def look(path: Path) -> Kind:
    """Tell what the file is, by its content.

    Raises:
        SheetError: it is not there, can't be read, or is not a sheet; says what to do.
    """
    _refuse_lock_file(path)
    try:
        if path.is_dir():
            raise SheetError(
                _("{file} is a folder, not a sheet.").format(file=path.name),
                where=str(path),
                next_step=_("Name a file in it: .xlsx, .xls, .ods, .csv or .tsv."),
            )
        if path.exists() and not path.is_file():
            raise SheetError(
                _("{file} is not an ordinary file.").format(file=path.name),
                where=str(path),
                next_step=_save_as(),
            )
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as exc:
        raise _missing(path) from exc
    except OSError as exc:
        raise unreadable(path, exc) from exc
    if not head:
        raise SheetError(
            _("{file} is empty: it has no bytes at all.").format(file=path.name),
            where=str(path),
            next_step=_("Export or save the sheet again."),
        )
    return _kind_of(path, head)


def unreadable(path: Path, error: OSError) -> SheetError:
    """The file can't be opened: permission, a bad disk."""
    return SheetError(
        _("{file} can't be read: {reason}.").format(file=path.name, reason=error.strerror or error),
        where=str(path),
        next_step=_("Check the file's permissions, or copy it into the workspace."),
    )


def _refuse_lock_file(path: Path) -> None:
    real = path.name[2:] if path.name.startswith("~$") else ""
    if path.name.startswith(".~lock."):
        real = path.name.removeprefix(".~lock.").removesuffix("#")
    if real:
        raise SheetError(
            _("{file} is a lock file that shows the sheet is open; it holds no rows.").format(
                file=path.name
            ),
            where=str(path),
            next_step=_("Use {name} instead.").format(name=real),
        )


def _missing(path: Path) -> SheetError:
    try:
        names = sorted(
            it.name for it in path.parent.iterdir() if not it.name.startswith((".", "~"))
        )
    except OSError:
        names = []
    near = nearest(path.name, names)
    return SheetError(
        _("There is no file {file}.").format(file=path.name),
        where=str(path),
        next_step=_("Did you mean {name}?").format(name=near)
        if near
        else _("Check the name and the folder."),
    )


def _kind_of(path: Path, head: bytes) -> Kind:
    if head.startswith(b"PK"):
        return _kind_of_zip(path)
    if head.startswith(_OLE):
        return _kind_of_ole(path)
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise not_a_sheet(path, _(name))
    return _kind_of_text(path, head)


def not_a_sheet(path: Path, what: str) -> SheetError:
    """The file is something else."""
    return SheetError(
        _("{file} is not a sheet but a {what}.").format(file=path.name, what=what),
        where=str(path),
        next_step=_save_as(),
    )


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as book:
            names = {name.replace("\\", "/") for name in book.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as exc:
        raise damaged(path) from exc
    if "xl/workbook.bin" in names:
        return Kind.XLSB
    if any(name.startswith("xl/") for name in names):
        return Kind.XLSX
    if "content.xml" in names:
        return Kind.ODS
    if any(name.endswith(".iwa") or name == "Index.zip" for name in names):
        raise not_a_sheet(path, _("document of Apple Numbers, Pages or Keynote"))
    if any(name.startswith(("word/", "ppt/")) for name in names):
        raise not_a_sheet(path, _("document of Word or PowerPoint"))
    raise not_a_sheet(path, _("zip archive"))


def damaged(path: Path) -> SheetError:
    """The file begins as a workbook, and is broken."""
    return SheetError(
        _("{file} is damaged: it is not a whole workbook.").format(file=path.name),
        where=str(path),
        next_step=_("Copy or download it again; if it opens in Excel, save it under a new name."),
    )


def locked(path: Path) -> SheetError:
    """The workbook is protected by a password."""
    return SheetError(
        _("{file} is protected by a password.").format(file=path.name),
        where=str(path),
        next_step=_("Open it, save a copy without the password, and use the copy."),
    )


def _kind_of_ole(path: Path) -> Kind:
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if _ENCRYPTED in tail + chunk:
                raise locked(path)
            tail = chunk[-len(_ENCRYPTED) :]
    return Kind.XLS


def _kind_of_text(path: Path, head: bytes) -> Kind:
    text = head.decode("utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "latin-1", "replace")
    text = text.removeprefix("ï»¿").lstrip()
    if text.startswith("<"):
        if _HTML.match(text) or (_XML.match(text) and re.search(r"<html\b", text, re.IGNORECASE)):
            return Kind.HTML
        if _XML.match(text):
            raise SheetError(
                _("{file} is XML; only workbooks, csv and HTML tables are read.").format(
                    file=path.name
                ),
                where=str(path),
                next_step=_save_as(),
            )
    return Kind.TSV if path.suffix.lower() in {".tsv", ".tab"} else Kind.CSV
