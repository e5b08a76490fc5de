"""The name that was probably meant: keys, relays, columns, zones that are almost known."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: A list of names longer than this helps nobody.
_MAX_LISTED = 12


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was probably meant by `word`; None if nothing is like it."""
    by_form = {_form(name): name for name in known}
    found = difflib.get_close_matches(_form(word), by_form, n=1, cutoff=0.6)
    return by_form[found[0]] if found else None


def _form(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A next step: the nearest known name, or the known ones where none is near; else empty."""
    match = nearest(word, known)
    if match:
        return _("Did you mean {name}?").format(name=match)
    return known_here(known) if known else ""


def known_here(known: Sequence[str]) -> str:
    """A next step: the names that can be chosen from, a few at most."""
    more = ", …" if len(known) > _MAX_LISTED else ""
    return _("Known here: {names}.").format(names=", ".join(known[:_MAX_LISTED]) + more)
