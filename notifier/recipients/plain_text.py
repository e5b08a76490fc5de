"""Text without accents, case and punctuation, for comparing what people type with what stands."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOT_WORDS = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """`Địa chỉ E-mail:` -> `dia chi e mail`."""
    bare = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    letters = "".join(char for char in bare if not unicodedata.combining(char))
    return _NOT_WORDS.sub(" ", letters).strip()


def nearest(wanted: str, known: Iterable[str]) -> str:
    """The known text nearest to `wanted`, accents and case aside; empty where none is near."""
    by_plain = {plain(text): text for text in reversed(list(known))}
    found = difflib.get_close_matches(plain(wanted), by_plain, n=1, cutoff=0.5)
    return by_plain[found[0]] if found else ""
