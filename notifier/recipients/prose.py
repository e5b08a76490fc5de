"""Text that is no table: a README, a log or a program reads as a csv of one column.

Anything can be split at line ends, so the bytes don't tell; what stands in the cells does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.recipients.address import parse_addresses
from notifier.recipients.plain_text import plain
from notifier.recipients.vocabulary import is_known_word

if TYPE_CHECKING:
    from notifier.recipients.table import Table

#: "Email phụ huynh (bố hoặc mẹ)" has six; a sentence with "mail" in it has more.
_WORDS_OF_A_NAME = 8


def is_prose(table: Table) -> bool:
    """Whether the file is plain text in one column without an address in its first rows.

    A list of addresses under any name, or under none, is a table; so is a column that is called
    as sheets call theirs, whatever stands in it: its rows are told one by one.
    """
    if table.sheet.format not in {"csv", "tsv"} or len(table.header.names) != 1:
        return False
    (name,) = table.header.names
    words = plain(name).split()
    if table.header.row is not None and len(words) <= _WORDS_OF_A_NAME:
        is_named = is_known_word(" ".join(words))
    else:
        is_named = False
    cells = [value for row in table.sample for value in row.values() if value is not None]
    return not is_named and not any(
        isinstance(value, str) and _holds_address(value) for value in (name, *cells)
    )


def _holds_address(text: str) -> bool:
    return "@" in text and any(isinstance(found, str) for found in parse_addresses(text))
