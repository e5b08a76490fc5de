from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from notifier import locale

ROOT = Path(__file__).parents[2]


def load_tool():
    """`tools/messages.py`, which the Makefile runs."""
    spec = importlib.util.spec_from_file_location("messages", ROOT / "tools" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load_tool()


@pytest.fixture(scope="module")
def template():
    """Every sentence of the code."""
    return tool.extracted()


@pytest.fixture
def restored():
    """The language as it was before."""
    before = locale.current()
    yield
    locale.use(before)


@pytest.mark.parametrize("language", locale.LOCALES)
def test_every_sentence_is_in_the_catalogue(language, template):
    """What the code says is in both catalogues, and nothing else; else: make messages."""
    assert tool.missing(language, template) == []


@pytest.mark.parametrize("language", locale.LOCALES)
def test_every_sentence_is_translated(language):
    """Nobody meets an untranslated sentence, or one that nobody has confirmed."""
    assert tool.unfinished(language) == []


@pytest.mark.parametrize("language", locale.LOCALES)
def test_placeholders_survive_translation(language):
    """A translation fills in exactly what the sentence does."""
    assert tool.broken_placeholders(language) == []


@pytest.mark.parametrize("language", locale.LOCALES)
def test_the_compiled_catalogue_is_what_the_text_says(language):
    """The .mo is made from the .po as it stands; else: make messages."""
    assert tool.stale(language) == []


@pytest.mark.parametrize("language", locale.LOCALES)
def test_a_catalogue_tells_nothing_of_where_it_was_made(language):
    """No dates, people, line numbers or machine names: a diff is a sentence."""
    header, _blank, rest = tool.po_path(language).read_text(encoding="utf-8").partition("\n\n")
    assert "Date" not in header
    assert "Generated" not in header
    assert "\n#:" not in rest


def test_no_sentence_is_computed():
    """An f-string or sum inside `_()` is in no catalogue and would never be translated."""
    assert tool.computed_sentences() == []


@pytest.mark.parametrize(
    ("call", "is_computed"),
    [
        ("_('a')", False),
        ("_('a' 'b')", False),
        ("_(hint)", False),
        ("_(table[x])", False),
        ("_(a or '')", False),
        ("_(f'{a}')", True),
        ("_('a' + b)", True),
        ("_('a %s' % b)", True),
        ("_('a {}'.format(b))", True),
        ("N_(hint)", True),
        ("ngettext('a', f'{b}', n)", True),
        ("ngettext('a', 'b', f(n))", False),
    ],
)
def test_what_counts_as_computed(tmp_path, monkeypatch, call, is_computed):
    """Looking up by name is fine where N_ marked the sentence; putting one together is not."""
    (tmp_path / "a.py").write_text(call)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "SOURCE", tmp_path)
    assert bool(tool.computed_sentences()) is is_computed


def test_sentences_are_found_wherever_they_stand(tmp_path, monkeypatch):
    """In an f-string, over several lines, in a page; the same on every Python."""
    (tmp_path / "a.py").write_text(
        "f\"{_('in a string')}\"\n_('over '\n  'lines')\nngettext('{n} row', '{n} rows', n)\n"
        "TABLE = N_('later')\n_(TABLE)\n_('')\n"
    )
    (tmp_path / "b.html").write_text('<p>{{ _("on a page") }}</p>')
    monkeypatch.setattr(tool, "SOURCE", tmp_path)
    found = {message.id for message in tool.extracted() if message.id}
    assert found == {
        "in a string", "over lines", ("{n} row", "{n} rows"), "later", "on a page",
    }  # fmt: skip


def test_placeholders_are_names_in_braces():
    """Formats and conversions are no part of the name; braces that are shown are text."""
    assert tool.placeholders("{count:,} of {total!r}, {{no}}") == {"count", "total"}
    assert tool.placeholders(("{a}", "{b}")) == {"a", "b"}
    assert tool.placeholders("A brace { is not closed in {file}.") == {"file"}


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("vi", "vi"), ("vi_VN", "vi"), ("vi-VN", "vi"), ("VI", "vi"), ("fr", "en"), ("", "en")],
)
def test_a_region_falls_to_its_language_and_others_to_english(asked, spoken):
    """`use` never fails."""
    locale.use(asked)
    assert locale.current() == spoken


@pytest.mark.usefixtures("restored")
def test_the_language_is_chosen_when_the_sentence_is_made():
    """`use` may be called at any time before."""
    sentence = locale.N_("Did you mean {name}?")
    locale.use("vi")
    vietnamese = locale._(sentence)
    locale.use("en")
    assert locale._(sentence) == sentence
    assert vietnamese != sentence
    assert locale._("") == ""
    assert locale._("no such sentence") == "no such sentence"


@pytest.mark.usefixtures("restored")
def test_plurals_follow_the_language():
    """English has two forms, Vietnamese one."""
    locale.use("en")
    forms = {locale.ngettext("{count} more mistake:", "{count} more mistakes:", n) for n in (1, 2)}
    assert forms == {"{count} more mistake:", "{count} more mistakes:"}
    locale.use("vi")
    forms = {locale.ngettext("{count} more mistake:", "{count} more mistakes:", n) for n in (1, 2)}
    assert len(forms) == 1
