"""What an xlsx sheet hides from whoever reads its cells: looked for while it is unpacked.

    hidden rows   are read like all others; a person who filtered the sheet doesn't expect that
    links         the address that a click would mail, beside the text that is shown
    formulas      without a result: the file was made by a program and never opened in Excel

The sheet's XML comes in pieces, as `workbook.check_zip` inflates it; of most pieces only a few
words are looked for. Nothing here is trusted or needed: what can't be understood isn't told.
Known gap: xls and ods are not looked through.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from defusedxml.ElementTree import fromstring

from notifier.recipients.number_formats import column_number, sheet_part

if TYPE_CHECKING:
    from pathlib import Path

#: What is kept of each kind: enough to tell, and no more however large the sheet is.
_MOST = 10_000
#: A row, or what follows the last one, that is longer isn't looked at.
_MAX_REST = 16_000_000
_MAX_LINKS = 10_000_000
_ROW = re.compile(rb"<(?:\w+:)?row\s([^>]*)>")
_NUMBER = re.compile(rb"\br=\"(\d+)\"")
_HIDDEN = re.compile(rb"\bhidden=\"(?:1|true)\"")
_EMPTY_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s([^>]*)>(?:<(?:\w+:)?f[^>]*/>|<(?:\w+:)?f(?:\s[^>]*)?>[^<]*</(?:\w+:)?f>)"
    rb"(?:<(?:\w+:)?v\s?/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_PLACE = re.compile(rb"\br=\"([A-Z]{1,3})(\d+)\"")
_LINK = re.compile(rb"<(?:\w+:)?hyperlink\s([^>]*)>")
_REF = re.compile(rb"\bref=\"([A-Z]{1,3})(\d+)(?::[A-Z]+\d+)?\"")
_ID = re.compile(rb"\b\w+:id=\"([^\"]+)\"")


@dataclass(slots=True)
class Traps:
    """What was found in one sheet; rows 1-based, columns 0-based from column A."""

    hidden: list[int] = field(default_factory=list)
    #: (row, column) of formulas without a result.
    formulas: list[tuple[int, int]] = field(default_factory=list)
    #: (row, column) -> the address that the cell's link mails, in lower case.
    links: dict[tuple[int, int], str] = field(default_factory=dict)


class Scanner:
    """Looks for traps in one part of a workbook, piece by piece."""

    def __init__(self) -> None:
        self.traps = Traps()
        #: (row, column) -> the link's number in the part's relations.
        self.link_ids: dict[tuple[int, int], str] = {}
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the part."""
        text = self._rest + piece
        cut = text.rfind(b"row>") + 4
        if cut < 4:  # noqa: PLR2004 - rfind found none
            self._rest = text if len(text) <= _MAX_REST else b""
            return
        self._rest = text[cut:]
        self._look(text, cut)

    def finish(self) -> None:
        """The part is whole: what follows the rows has the links."""
        self._look(self._rest, len(self._rest))
        for found in _LINK.finditer(self._rest):
            ref, number = _REF.search(found[1]), _ID.search(found[1])
            if ref and number and len(self.link_ids) < _MOST:
                place = int(ref[2]), column_number(ref[1])
                self.link_ids[place] = number[1].decode("utf-8", "replace")
        self._rest = b""

    def _look(self, text: bytes, end: int) -> None:
        if b"hidden=" in text:
            self._note_hidden(text, end)
        if b"<f" in text or b":f" in text:
            self._note_formulas(text, end)

    def _note_hidden(self, text: bytes, end: int) -> None:
        for found in _ROW.finditer(text, 0, end):
            number = _NUMBER.search(found[1])
            if number and _HIDDEN.search(found[1]) and len(self.traps.hidden) < _MOST:
                self.traps.hidden.append(int(number[1]))

    def _note_formulas(self, text: bytes, end: int) -> None:
        for found in _EMPTY_FORMULA.finditer(text, 0, end):
            place = _PLACE.search(found[1])
            is_blank_text = b't="str"' in found[1]  # a formula that gives "" has a result
            if place and not is_blank_text and len(self.traps.formulas) < _MOST:
                self.traps.formulas.append((int(place[2]), column_number(place[1])))


class Scanners(dict[str, Scanner]):
    """A scanner for each sheet of a workbook, by its part's name."""

    def watch(self, part: str) -> Scanner | None:
        """What looks through the part; None for one that is no sheet."""
        if not part.startswith("xl/worksheets/") or not part.endswith(".xml"):
            return None
        return self.setdefault(part, Scanner())


def traps_of(path: Path, sheet: str, scanners: Scanners) -> Traps:
    """The traps of the sheet of that name, out of what was found in every part."""
    try:
        with zipfile.ZipFile(path) as book:
            part = sheet_part(book, sheet)
            scanner = scanners.get(part)
            if scanner is None:
                return Traps()
            targets = _targets(book, part) if scanner.link_ids else {}
    except Exception:  # noqa: BLE001 - the sheet can be read without
        return Traps()
    for place, number in scanner.link_ids.items():
        if number in targets:
            scanner.traps.links[place] = targets[number]
    return scanner.traps


def _targets(book: zipfile.ZipFile, part: str) -> dict[str, str]:
    """The part's relations that mail somebody: number -> address."""
    folder, _slash, name = part.rpartition("/")
    info = book.getinfo(f"{folder}/_rels/{name}.rels")
    if info.file_size > _MAX_LINKS:
        return {}
    found = {}
    for relation in fromstring(book.read(info)):
        scheme, _colon, rest = relation.get("Target", "").partition(":")
        if scheme.lower() == "mailto":
            found[relation.get("Id", "")] = unquote(rest.partition("?")[0]).strip().lower()
    return found


def spell_rows(rows: list[int]) -> str:
    """Row numbers as people write them: `5, 7-12`."""
    spans: list[list[int]] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)
