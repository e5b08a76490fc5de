"""What an xlsx cell shows, where its number format makes that differ from what it holds.

python-calamine gives values only: 7 for a cell that shows `007`, 8.466666 for one that shows
`8.5`, and nothing at all for `#N/A`. So the sheet's XML is scanned a second time for cells in
such formats and for errors. Known gap: xls and ods are not scanned; there a padded number
loses its zeros and an error is a blank cell.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import IO, TYPE_CHECKING, TypeAlias

from defusedxml.ElementTree import fromstring

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

#: A cell as the reader process passes it on.
Shown: TypeAlias = "str | float | tuple[str | int | float, ...]"

_CHUNK = 1 << 20
#: A part this large is not looked into; no office's styles come near.
_MAX_PART = 30_000_000
#: A row longer than this is not XML of any spreadsheet.
_MAX_ROW = 16 * _CHUNK
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
#: ECMA-376 part 1, section 18.8.30: formats that are known by number alone.
_BUILT_IN = {1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%",
             37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00"}  # fmt: skip
_UNSEEN = re.compile(r"_.|\*.|\[[^\]]*\]|\\(?=[ ./-])")
_DECIMALS = re.compile(r"[#,]*[0#,]*0(?:\.([0#]+))?(%?)")
_PADDED = re.compile(r'(?:"([^"]*)")?(0[0 ./-]*0|0)')


@dataclass(frozen=True, slots=True)
class Format:
    """How a number is shown: padded by a pattern, or rounded, or as percent."""

    #: Zeros and separators, filled from the right; empty where numbers are only rounded.
    pattern: str = ""
    prefix: str = ""
    decimals: int = 0
    is_percent: bool = False

    def show(self, number: float) -> Shown:
        """The cell that is passed on instead of `number`."""
        if self.is_percent:
            return ("p", number, self.decimals)
        if not self.pattern:
            return _rounded(number, self.decimals)
        if number < 0 or not float(number).is_integer():
            return number
        return self.prefix + _filled(self.pattern, str(int(number)))


def _rounded(number: float, decimals: int) -> float:
    if float(number).is_integer() or abs(number) > 1e15:  # noqa: PLR2004 - a float's digits
        return number
    step = Decimal(1).scaleb(-decimals)
    return float(Decimal(f"{number:.15g}").quantize(step, rounding=ROUND_HALF_UP))


def _filled(pattern: str, digits: str) -> str:
    slots = pattern.count("0")
    left = list(digits.rjust(slots, "0"))
    out = [left.pop() if char == "0" else char for char in reversed(pattern)]
    return "".join(left + out[::-1])


def parse_format(code: str) -> Format | None:
    """The format that `code` stands for, where it changes what is seen; else None."""
    first = _UNSEEN.sub("", code.split(";", 1)[0]).strip()
    if found := _PADDED.fullmatch(first):
        prefix, pattern = found.group(1) or "", found.group(2)
        is_plain = pattern == "0" and not prefix
        is_decimal = "." in pattern and pattern.count(".") == 1 and not re.search("[ /-]", pattern)
        if not is_plain and not is_decimal:
            return Format(pattern=pattern, prefix=prefix)
    if found := _DECIMALS.fullmatch(re.sub(r'"[^"]*"', "", first).strip()):
        return Format(decimals=len(found.group(1) or ""), is_percent=bool(found.group(2)))
    return None


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _entry(book: zipfile.ZipFile, name: str) -> zipfile.ZipInfo | None:
    """The entry by its name; some exporters write backslashes."""
    return next((it for it in book.infolist() if it.filename.replace("\\", "/") == name), None)


def _part(book: zipfile.ZipFile, name: str) -> Element | None:
    info = _entry(book, name)
    if info is None or info.file_size > _MAX_PART:
        return None
    root: Element = fromstring(book.read(info))
    return root


def _formats(styles: Element | None) -> dict[int, Format]:
    """Style index -> format, of those that change what is seen."""
    if styles is None:
        return {}
    codes = dict(_BUILT_IN)
    for element in styles.iter():
        if _local(element) == "numFmt":
            codes[int(element.get("numFmtId", "0"))] = element.get("formatCode", "")
    table = next((it for it in styles if _local(it) == "cellXfs"), None)
    numbers = [int(xf.get("numFmtId", "0")) for xf in table] if table is not None else []
    found = ((at, parse_format(codes.get(number, ""))) for at, number in enumerate(numbers))
    return {at: form for at, form in found if form is not None}


def sheet_part(book: zipfile.ZipFile, sheet: str) -> str:
    """The name of the part that holds the sheet; empty where there is none."""
    workbook = _part(book, "xl/workbook.xml")
    links = _part(book, "xl/_rels/workbook.xml.rels")
    if workbook is None or links is None:
        return ""
    wanted = next((it.get(_RELATION) for it in workbook.iter() if it.get("name") == sheet), None)
    target = next((it.get("Target", "") for it in links if it.get("Id") == wanted), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def column_number(letters: bytes) -> int:
    """`A` is 0, `AA` is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _cells(formats: Mapping[int, Format]) -> re.Pattern[bytes]:
    """Matches cells in one of the formats, and cells with errors (`t="e"`) with their value."""
    styles = b"|".join(str(at).encode() for at in formats) or b"none"
    return re.compile(
        rb"<(?:\w+:)?c\s(?=[^>]*?\b(?:s=\"(?:" + styles + rb")\"|t=\"e\"))([^>]*)>"
        rb"(?:<(?:\w+:)?f[^>]*(?:/>|>[^<]*</(?:\w+:)?f>))?(?:<(?:\w+:)?v>([^<]*)<)?"
    )


_PLACE = re.compile(rb"\br=\"([A-Z]+)(\d+)\"")
_STYLE = re.compile(rb"\bs=\"(\d+)\"")


def _scan(stream: IO[bytes], formats: Mapping[int, Format]) -> Iterator[tuple[int, int, object]]:
    """(row, column, Format or error text), rows in order; both numbers 0-based."""
    pattern, rest = _cells(formats), b""
    signs = [b't="e"', *(f's="{at}"'.encode() for at in formats)]
    while chunk := stream.read(_CHUNK):
        text = rest + chunk
        cut = text.rfind(b"row>") + 4
        if cut < 4:  # noqa: PLR2004 - rfind found none
            if len(text) > _MAX_ROW:
                return
            rest = text
            continue
        rest = text[cut:]
        if not any(sign in text for sign in signs):
            continue  # a plain table: the search for substrings costs next to nothing
        for found in pattern.finditer(text, 0, cut):
            yield from _read(found, formats)


def _read(
    found: re.Match[bytes], formats: Mapping[int, Format]
) -> Iterator[tuple[int, int, object]]:
    attributes, value = found.groups()
    place = _PLACE.search(attributes)
    if place is None or not value:
        return
    at = int(place.group(2)) - 1, column_number(place.group(1))
    if b't="e"' in attributes:
        yield *at, value.decode("utf-8", "replace").replace("&amp;", "&")
    elif b't="' not in attributes or b't="n"' in attributes:
        style = _STYLE.search(attributes)
        if style is not None:
            yield *at, formats[int(style.group(1))]


def shown_cells(path: str, sheet: str) -> Iterator[tuple[int, int, object]]:
    """Cells of an xlsx sheet that show something else than they hold.

    Yields (row, column, Format or the error's text), rows in order, 0-based. Never raises for
    a file that calamine could read: what can't be understood is left as it is.
    """
    try:
        with zipfile.ZipFile(path) as book:
            part = _entry(book, sheet_part(book, sheet))
            if part is None:
                return
            formats = _formats(_part(book, "xl/styles.xml"))
            with book.open(part) as stream:
                yield from _scan(stream, formats)
    except Exception:  # noqa: BLE001 - what a cell holds is right, only less pretty
        return
