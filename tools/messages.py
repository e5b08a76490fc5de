"""The message catalogues: extracted from the code, kept in step, compiled. `make messages`.

    python tools/messages.py            extract, update notifier/locale/*/…/notifier.po, compile
    python tools/messages.py --check    change nothing; list what is missing; exit code 1 if any

English is the language of the code, so its catalogue fills itself. What is new in Vietnamese is
left empty for a translator. Files carry no dates, line numbers or machine names, and entries are
sorted: a change of the catalogue is a change of a sentence.
"""

from __future__ import annotations

import ast
import io
import re
import string
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notifier"
LOCALES = ("en", "vi")
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
#: The files that may hold sentences.
SUFFIXES = {".py", ".html"}
#: The names of calls whose first arguments are sentences.
_SENTENCES = {"_": 1, "N_": 1, "ngettext": 2}
_HEADERS = {
    "Project-Id-Version",
    "Language",
    "Plural-Forms",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
}


class QuietCatalog(Catalog):
    """A catalogue whose header tells nothing that changes by itself."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """The header without dates, people and tools."""
        return [(name, value) for name, value in super().mime_headers if name in _HEADERS]


def sources() -> Iterator[Path]:
    """The files that may hold sentences, in a stable order."""
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in SUFFIXES and not {"samples", "starter"} & set(path.parts):
            yield path


def extracted() -> Catalog:
    """Every sentence that the code marks."""
    catalog = Catalog(domain="notifier")
    for path in sources():
        for message in _in_code(path) if path.suffix == ".py" else _in_page(path):
            flags = ["python-brace-format"] if placeholders(message) else []
            catalog.add(message, flags=flags)
    return catalog


def _in_code(path: Path) -> Iterator[str | tuple[str, ...]]:
    """By the syntax tree: Babel's tokens miss a call inside an f-string before Python 3.12."""
    for call in _calls(path):
        texts = [getattr(a, "value", None) for a in call.args[: _SENTENCES[call.func.id]]]
        if texts and all(isinstance(text, str) and text for text in texts):
            yield texts[0] if len(texts) == 1 else tuple(texts)


def _in_page(path: Path) -> Iterator[str | tuple[str, ...]]:
    with path.open("rb") as file:
        options = {"silent": "false"}
        for _line, message, _c, _x in extract(
            "jinja2.ext.babel_extract", file, KEYWORDS, (), options
        ):
            yield message


def _calls(path: Path) -> Iterator[ast.Call]:
    """The calls that mark or look up sentences."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if is_named and node.func.id in _SENTENCES:
            yield node


def placeholders(message: str | tuple[str, ...]) -> set[str]:
    """The names in braces of a sentence; other braces are text."""
    texts = message if isinstance(message, tuple) else (message,)
    try:
        return {
            name for text in texts for _t, name, _f, _c in string.Formatter().parse(text) if name
        }
    except ValueError:  # a sentence that shows braces and is not formatted
        return set(re.findall(r"\{(\w+)\}", " ".join(texts)))


def po_path(locale: str) -> Path:
    """Where the locale's catalogue is kept as text."""
    return SOURCE / "locale" / locale / "LC_MESSAGES" / "notifier.po"


def load(locale: str) -> Catalog:
    """The catalogue as it is kept; an empty one where there is none yet."""
    path = po_path(locale)
    if not path.exists():
        return Catalog(locale=locale, domain="notifier")
    with path.open("rb") as file:
        return read_po(file, locale=locale, domain="notifier")


def updated(locale: str, template: Catalog) -> QuietCatalog:
    """The kept translations of what the code says now; English says what the code says."""
    kept = load(locale)
    fresh = QuietCatalog(
        locale=locale, domain="notifier", project="notifier", header_comment="", fuzzy=False
    )
    for message in template:
        if not message.id:
            continue
        old = kept.get(message.id, message.context)
        fresh.add(
            message.id,
            _english(message, fresh) if locale == "en" else _kept(message, old, fresh),
            flags=message.flags | ({"fuzzy"} & old.flags if old and locale != "en" else set()),
            user_comments=old.user_comments if old else (),
            context=message.context,
        )
    return fresh


def _english(message: Message, catalog: Catalog) -> str | tuple[str, ...]:
    return message.id if isinstance(message.id, str) else tuple(message.id[: catalog.num_plurals])


def _kept(message: Message, old: Message | None, catalog: Catalog) -> str | tuple[str, ...]:
    if old and isinstance(old.string, str) == isinstance(message.id, str):
        return old.string
    return "" if isinstance(message.id, str) else ("",) * catalog.num_plurals


def po_bytes(catalog: Catalog) -> bytes:
    """The catalogue as text."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, no_location=True, sort_output=True, ignore_obsolete=True)
    return buffer.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    quiet = QuietCatalog(locale=catalog.locale, domain="notifier", project="notifier", fuzzy=False)
    for message in catalog:
        if message.id and not message.fuzzy and all(_strings(message)):
            quiet.add(message.id, message.string, context=message.context)
    buffer = io.BytesIO()
    write_mo(buffer, quiet)
    return buffer.getvalue()


def write_all() -> None:
    """Bring every catalogue in step with the code, and compile it."""
    template = extracted()
    for locale in LOCALES:
        catalog = updated(locale, template)
        path = po_path(locale)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(po_bytes(catalog))
        path.with_suffix(".mo").write_bytes(mo_bytes(load(locale)))


def missing(locale: str, template: Catalog) -> list[str]:
    """Sentences of the code that the catalogue lacks, and those it keeps for nobody."""
    kept = load(locale)
    said = {message.id for message in template if message.id}
    found = {message.id for message in kept if message.id}
    return [
        *(f"{locale}: not in the catalogue: {one}" for one in sorted(map(str, said - found))),
        *(f"{locale}: no longer in the code: {one}" for one in sorted(map(str, found - said))),
    ]


def unfinished(locale: str) -> list[str]:
    """Sentences without a translation, or with one that nobody has confirmed."""
    return [
        f"{locale}: {'fuzzy' if message.fuzzy else 'not translated'}: {message.id}"
        for message in load(locale)
        if message.id and (message.fuzzy or not all(_strings(message)))
    ]


def broken_placeholders(locale: str) -> list[str]:
    """Translations whose names in braces are not those of the sentence."""
    return [
        f"{locale}: placeholders differ: {message.id} -> {text}"
        for message in load(locale)
        if message.id
        for text, meant in _paired(message)
        if text and placeholders(text) != placeholders(meant)
    ]


def _paired(message: Message) -> list[tuple[str, str]]:
    """Each translation beside the sentence it stands for: the plural where there is one form."""
    strings = _strings(message)
    meant = (message.id,) if isinstance(message.id, str) else message.id[-len(strings) :]
    return list(zip(strings, meant, strict=True))


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def stale(locale: str) -> list[str]:
    """A compiled catalogue that is not what its text says."""
    path = po_path(locale).with_suffix(".mo")
    if path.exists() and path.read_bytes() == mo_bytes(load(locale)):
        return []
    return [f"{locale}: {path.name} is older than the text"]


def computed_sentences() -> list[str]:
    """Calls of `_` and its kin whose sentence is put together and so in no catalogue."""
    return [
        f"{path.relative_to(ROOT)}, line {call.lineno}: the sentence is computed"
        for path in sources()
        if path.suffix == ".py"
        for call in _calls(path)
        if any(_is_computed(a, call.func.id) for a in call.args[: _SENTENCES[call.func.id]])
    ]


def _is_computed(argument: ast.expr, function: str) -> bool:
    if function != "_":
        return not isinstance(argument, ast.Constant)
    if isinstance(argument, ast.Call):  # _("...".format()): filled before it is looked up
        return getattr(argument.func, "attr", "") in {"format", "join", "replace"}
    return isinstance(argument, (ast.JoinedStr, ast.BinOp))


def problems() -> list[str]:
    """Everything that keeps the catalogues from being complete and true."""
    template = extracted()
    found = computed_sentences()
    for locale in LOCALES:
        found += missing(locale, template) + unfinished(locale)
        found += broken_placeholders(locale) + stale(locale)
    return found


def main(arguments: list[str]) -> int:
    """Update, or check."""
    if arguments == ["--check"]:
        found = problems()
        print("\n".join(found) or "The catalogues are complete.")
        return 1 if found else 0
    write_all()
    left = unfinished("vi")
    print("\n".join(left) or "Every sentence is translated.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
