"""Bytes of a csv -> its encoding, judged by whether the text could be Vietnamese.

A byte order mark decides; then UTF-16 by its zero bytes; then UTF-8, which text in any other
encoding practically never is. What is left is one of the old code pages: Windows-1258 writes
tones as combining marks (`Trần` is `Tr`, `â`, grave, `n`), Windows-1252 has accented letters at
some of the same places, so both decode and the words decide. charset-normalizer is asked for the
rest.
Files in the font encodings of the 1990s (TCVN3, VNI) are not recognised.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import TYPE_CHECKING

from charset_normalizer import from_bytes

from notifier.errors import SheetError
from notifier.locale import _
from notifier.recipients.kinds import unreadable

if TYPE_CHECKING:
    from pathlib import Path

#: What is judged where words decide.
_SAMPLE = 1 << 18
_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_WORD = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f]+[^\W\d_]*)*")
#: A Vietnamese syllable without its tone: onset, vowels, coda.
_SYLLABLE = re.compile(
    r"(?:ngh|ng|nh|gh|gi|kh|ph|qu|th|tr|ch|[bcdđghklmnpqrstvx])?"
    r"(?:[aăâeêioôơuưy]{1,3})(?:ch|ng|nh|[cmnpt])?"
)
_TONES = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}


def detect_encoding(path: Path) -> str:
    """The codec that reads this file whole.

    Raises:
        SheetError: it is binary, or UTF-8 with a few bytes that are not (names the line).
    """
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    for mark, codec in _BOMS:
        if sample.startswith(mark):
            return codec
    if codec := _utf16_by_zeros(sample):
        return codec
    if _CONTROLS.search(sample):
        raise _binary(path)
    spoiled = _first_spoiled(path)
    if spoiled is None:
        return "utf-8"
    if _is_mostly_utf8(sample):
        raise SheetError(
            _("{file} is UTF-8 text with spoiled letters.").format(file=path.name),
            where=_("{file}, line {line}").format(file=path.name, line=spoiled),
            next_step=_("Mend that line in an editor, or export the sheet again as CSV UTF-8."),
        )
    return _code_page(path, sample)


def _binary(path: Path) -> SheetError:
    return SheetError(
        _("{file} is not text: it has bytes that no csv has.").format(file=path.name),
        where=str(path),
        next_step=_("Save the sheet as .xlsx or as CSV UTF-8, then use that file."),
    )


def _utf16_by_zeros(sample: bytes) -> str:
    pairs = len(sample) // 2
    if not pairs:
        return ""
    first, second = sample[0 : pairs * 2 : 2].count(0), sample[1 : pairs * 2 : 2].count(0)
    if second > pairs * 0.3 and first < pairs * 0.02:
        return "utf-16-le"
    if first > pairs * 0.3 and second < pairs * 0.02:
        return "utf-16-be"
    return ""


def _first_spoiled(path: Path) -> int | None:
    """The first line that is not UTF-8; None where all are."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as exc:
                return line + exc.object.count(b"\n", 0, exc.start)
            line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return None


def _is_mostly_utf8(sample: bytes) -> bool:
    text = sample.decode("utf-8", "replace")
    spoiled = text.count("\ufffd")
    return sum(char > "\x7f" for char in text) - spoiled > 10 * spoiled


def _code_page(path: Path, sample: bytes) -> str:
    vietnamese, western = _plausible(sample, "cp1258"), _plausible(sample, "cp1252")
    if vietnamese > western:
        return "cp1258"
    if western >= 0:
        return "cp1252"
    best = from_bytes(sample).best()
    if best is None:
        raise _binary(path)
    return best.encoding


def _plausible(sample: bytes, codec: str) -> int:
    """How many accented words could be Vietnamese, less those that look broken; -1: no text."""
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return -1
    words = {word for word in _WORD.findall(text) if not word.isascii()}
    return max(0, sum(1 if _is_vietnamese(word) else -1 for word in words))


def _is_vietnamese(word: str) -> bool:
    bare = [char for char in unicodedata.normalize("NFD", word.lower()) if char not in _TONES]
    text = unicodedata.normalize("NFC", "".join(bare))
    tones = sum(char in _TONES for char in unicodedata.normalize("NFD", word))
    return tones <= 1 and _SYLLABLE.fullmatch(text) is not None
