from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.errors import SettingsError
from notifier.toml_lines import line_of, parse_toml, read_toml

TEXT = '''\
# a comment with [brackets] and = signs
title = """
[not.a.table]
x = 1
"""
[workspace]
locale = "vi" # the language
"quoted key" = 'a = "b"'
[relays.main]
host = "smtp.example"
limits.per.day = 5
rate = [
    "20/second",  # one
    "10000/day",
]
tls = { mode = "none", deep = { er = 1 } }
[relays."other.one"]
port = 25
[[sandbox.rules]]
match = "*"
[[sandbox.rules]]
match = "a"
action = "nope"
[sandbox.rules.extra]
x = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("workspace",), 6),
        (("workspace", "locale"), 7),
        (("workspace", "quoted key"), 8),
        (("relays", "main", "host"), 10),
        (("relays", "main", "limits", "per", "day"), 11),
        (("relays", "main", "rate", 1), 14),
        (("relays", "main", "tls", "mode"), 16),
        (("relays", "main", "tls", "deep", "er"), 16),
        (("relays", "other.one", "port"), 18),
        (("sandbox", "rules", 0, "match"), 20),
        (("sandbox", "rules", 1, "action"), 23),
        (("sandbox", "rules", 1, "extra", "x"), 25),
        (("relays", "main", "missing"), 9),
        (("relays",), 9),
        (("nothing",), None),
    ],
)
def test_the_line_of_a_key(path, line):
    """Each way to write a key has its line; what is missing has its table's."""
    tomllib.loads(TEXT)
    assert line_of(TEXT, path) == line


def test_lines_end_as_windows_ends_them():
    """CRLF counts as one line end."""
    assert line_of(TEXT.replace("\n", "\r\n"), ("relays", "main", "host")) == 10


keys = st.text(st.sampled_from("abc_-. đ#=[]\"'\\"), min_size=1, max_size=6)
scalars = st.one_of(
    st.integers(-5, 5), st.booleans(), st.text(st.sampled_from("a#=[]{}\"'\\,\n đ"), max_size=8)
)
tables = st.dictionaries(keys, st.dictionaries(keys, scalars, max_size=4), max_size=4)


@given(tables)
def test_every_key_is_found_on_its_line(data):
    """Whatever stands in keys and strings, a key's line is the one it was written on."""
    lines, expected = [], {}
    for table, pairs in data.items():
        lines.append(f"[{json.dumps(table, ensure_ascii=False)}]")
        for key, value in pairs.items():
            text = json.dumps(value, ensure_ascii=False)
            lines.append(f"{json.dumps(key, ensure_ascii=False)} = {text} # = [x]")
            expected[table, key] = len(lines)
    text = "\n".join(lines)
    assert tomllib.loads(text) == data
    assert {path: line_of(text, path) for path in expected} == expected


@example("a=[}")
@example("a={]")
@given(st.text(st.sampled_from("a=[]{}\"'\n.#\\ 1,"), max_size=40))
def test_no_text_breaks_the_scan(text):
    """The scan ends and answers, TOML or not."""
    line_of(text, ("a", "a"))
    try:
        parse_toml(text, "notifier.toml")
    except SettingsError as exc:
        assert "notifier.toml, line" in exc.where  # noqa: PT017 - either way is fine


@pytest.mark.parametrize(
    ("text", "where", "advice"),
    [
        ("[workspace]\nlocale = vi\n", "line 2, column 10", "quotes"),
        ("[workspace]\nlocale\n", "line 2", "key ="),
        ('a = "x\nb = 1\n', "line 1", "quote"),
        ("a = 1\na = 2\n", "line 2", "twice"),
        ("[a]\n[a]\n", "line 2", "twice"),
        ("a = [1,\n", "line 2", "not closed"),
        ('a = "C:\\data"\n', "line 1", "backslash"),
        ("[a\n", "line 1", "heading"),
        ("a = 1 b = 2\n", "line 1", "One key a line"),
        ("đ = 1\n", "line 1", "key"),
    ],
)
def test_what_is_not_toml_is_told_with_its_place(text, where, advice):
    """Line, column, and what is expected there."""
    with pytest.raises(SettingsError) as caught:
        parse_toml(text, "notifier.toml")
    assert where in caught.value.where
    assert advice in caught.value.next_step


def test_a_file_that_is_no_text(tmp_path):
    """Unreadable, or in another encoding: said so."""
    path = tmp_path / "notifier.toml"
    with pytest.raises(SettingsError, match="can't be read"):
        read_toml(path)
    path.write_bytes("[workspace]\n# Trường".encode("cp1258", "replace") + b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        read_toml(path)


def test_notepads_mark_is_no_mistake(tmp_path):
    """A BOM at the beginning is passed over."""
    path = tmp_path / "notifier.toml"
    path.write_bytes(b"\xef\xbb\xbf[workspace]\r\n")
    assert parse_toml(read_toml(path), "notifier.toml") == {"workspace": {}}
