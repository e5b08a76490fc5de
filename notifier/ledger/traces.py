r"""Where somebody's address stands in a text, and the text without it.

An address is a whole one: `an@x.example` does not stand in `lan@x.example`, nor in
`an@x.example.vn`; but in `an@x.example.pdf`, which is a file of theirs. Case doesn't matter.
Contexts are looked through as what they hold, not as JSON's spelling of it, which puts letters of
its own beside an address (`\\n`).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

#: Ends of files' names that stand behind an address.
_FILES = (
    "pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|txt|csv|json|html?|ics|vcf|eml|zip|png|jpe?g|gif|webp|svg"
)
#: What stands for an address that was taken out.
GONE = "(forgotten)"


class Eraser:
    """Finds, and takes out, some addresses."""

    def __init__(self, addresses: Collection[str]) -> None:
        found = "|".join(re.escape(it) for it in sorted(addresses, key=len, reverse=True))
        edge = r"[\w.!#$%&'*+=?^`{|}~-]"  # and `/`, behind which a file is named, far more often
        self._pattern = re.compile(
            rf"(?<!{edge})(?:{found})(?![\w-]|\.(?!(?:{_FILES})\b)[\w-])" if found else r"(?!)",
            re.IGNORECASE,
        )

    def is_in(self, text: str) -> bool:
        """Whether one of the addresses stands in the text."""
        return self._pattern.search(text) is not None

    def without(self, text: str) -> str:
        """The text with `GONE` where an address stood."""
        return self._pattern.sub(GONE, text)

    def is_in_json(self, text: str) -> bool:
        """Whether one of them stands in a string, or a name, of the JSON text."""
        return self.without_json(text) != text

    def without_json(self, text: str) -> str:
        """The JSON text with `GONE` in its strings and names where an address stood."""
        value = json.loads(text)
        cleared = self._cleared(value)
        if cleared == value:
            return text
        return json.dumps(cleared, ensure_ascii=False, separators=(",", ":"))

    def _cleared(self, value: object) -> object:
        if isinstance(value, str):
            return self.without(value)
        if isinstance(value, list):
            return [self._cleared(it) for it in value]
        if isinstance(value, dict):
            return {self.without(name): self._cleared(it) for name, it in value.items()}
        return value
