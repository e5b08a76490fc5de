"""What people read, in their language: gettext catalogues, `vi` and `en`.

Code writes English and marks it: `_("{count} rows").format(count=n)`. The catalogue is looked up
when the sentence is made, so `use()` may be called at any time before. Placeholders are named and
filled after the look-up, so that a translation may put them in another order.
"""

from __future__ import annotations

import gettext as _gettext
from functools import lru_cache
from pathlib import Path

#: The languages with a complete catalogue; the first is used where nobody chose.
LOCALES = ("en", "vi")
DOMAIN = "notifier"
CATALOGUES = Path(__file__).parent

_current = LOCALES[0]


@lru_cache(maxsize=len(LOCALES))
def _catalogue(locale: str) -> _gettext.NullTranslations:
    return _gettext.translation(DOMAIN, CATALOGUES, [locale], fallback=True)


def use(locale: str) -> None:
    """Speak `locale` from now on; an unknown one (or a region, `vi_VN`) falls to its language."""
    global _current  # noqa: PLW0603 - one program speaks one language
    language = locale.replace("-", "_").split("_", 1)[0].lower()
    _current = language if language in LOCALES else LOCALES[0]


def current() -> str:
    """The language in use: `vi` or `en`."""
    return _current


def _(message: str) -> str:
    """The sentence in the language in use."""
    return _catalogue(_current).gettext(message) if message else ""


def ngettext(singular: str, plural: str, count: int) -> str:
    """The sentence for `count`, in the language in use."""
    return _catalogue(_current).ngettext(singular, plural, count)


def N_(message: str) -> str:  # noqa: N802 - gettext's name for "translate later"
    """Mark a sentence for the catalogue that is looked up later, with `_`."""
    return message
