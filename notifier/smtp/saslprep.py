"""SASLprep (RFC 4013): the one spelling of a name or password, however it was typed.

An accented letter has two spellings in Unicode, and a password typed on a phone and one typed on
a PC may differ in bytes: without this, a digest of the one never fits a digest of the other.
"""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0 as unicode_3_2

from notifier.smtp.mechanism import UnpreparedError

#: RFC 4013 section 2.3.
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """The prepared text, as a "query" (RFC 3454 section 7): letters newer than 2002 may stand.

    Raises UnpreparedError for control characters and the like, for texts that mix directions
    (RFC 3454 section 6), and where nothing is left.
    """
    if text.isascii() and text.isprintable() and text:
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter
        for letter in text
        if not stringprep.in_table_b1(letter)
    )
    prepared = unicode_3_2.normalize("NFKC", mapped)
    if not prepared or _is_prohibited(prepared) or _mixes_directions(prepared):
        raise UnpreparedError
    return prepared


def _is_prohibited(text: str) -> bool:
    return any(table(letter) for letter in text for table in _PROHIBITED)


def _mixes_directions(text: str) -> bool:
    from_right = [stringprep.in_table_d1(letter) for letter in text]
    if not any(from_right):
        return False
    return any(map(stringprep.in_table_d2, text)) or not (from_right[0] and from_right[-1])
