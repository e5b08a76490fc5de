from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import CampaignError
from notifier.yaml_lines import parse_yaml, read_text


def data_of(text):
    """The data alone."""
    return parse_yaml(text, "c.yaml").data


def test_scalars_are_what_people_mean():
    """`on`, `no` and `07` are text; numbers, truths and ISO dates are what they look like."""
    assert data_of(
        "on: no\nyes: 07\na: 7\nb: 8.5\nc: true\nd: null\ne:\nf: 1:30\ng: 1e3\nh: '7'\n"
        "i: 2027-01-15\nj: 2027-01-15 07:00\nk: 2027-01-15T07:00:30+07:00\nl: 2027-02-30\n"
        "m: 1_000\nn: 0x1F\no: =\n"
    ) == {
        "on": "no", "yes": "07", "a": 7, "b": 8.5, "c": True, "d": None, "e": None, "f": "1:30",
        "g": "1e3", "h": "7", "i": date(2027, 1, 15), "j": datetime(2027, 1, 15, 7),  # noqa: DTZ001 - naive is meant
        "k": datetime.fromisoformat("2027-01-15T07:00:30+07:00"), "l": "2027-02-30",
        "m": "1_000", "n": "0x1F", "o": "=",
    }  # fmt: skip


def test_places_of_keys_values_and_items():
    """Each key, value and list item knows its line and column."""
    document = parse_yaml("a: 1\nb:\n  c: [x, y]\n  d:\n    - z\n", "c.yaml")
    assert document.place(("b", "c"), of_key=True) == (3, 3)
    assert document.place(("b", "c")) == (3, 6)
    assert document.place(("b", "c", 1)) == (3, 10)
    assert document.place(("b", "d", 0)) == (5, 7)
    assert document.place(("b", "missing")) == (2, 1)
    assert document.place(("missing",)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "where", "message", "advice"),
    [
        ("", "line 1", "empty", "title"),
        ("# nothing\n", "line 1", "empty", "title"),
        ("- a\n- b\n", "line 1", "not a mapping", "title"),
        ("just text\n", "line 1", "not a mapping", "title"),
        ("a: 1\n\tb: 2\n", "line 2, column 1", "not YAML", "tab"),
        ("a:\n\t- b\n", "line 2, column 1", "not YAML", "tab"),
        ("a: 1\nb: x: y\n", "line 2, column 5", "not YAML", "colon"),
        ("a: 'x\nb: y\n", "line 3", "not YAML", "closed"),
        ("a: [1, 2\nb: 3\n", "line 2", "not YAML", "closed"),
        ("a: @x\n", "line 1, column 4", "not YAML", "quotes"),
        ("a: %x\n", "line 1, column 4", "not YAML", "quotes"),
        ("a: >=30\n", "line 1, column 5", "not YAML", "quotes"),
        ('a: "C:\\data"\n', "line 1", "not YAML", "backslash"),
        ("a: 1\n---\nb: 2\n", "line 2", "not YAML", "one campaign"),
        ("a: *name\n", "line 1", "not YAML", "quotes"),
        ("a:\n  b: 1\n c: 2\n", "line 3", "not YAML", "column"),
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1", "The key a stands twice", "line 1"),
        ("a: {{ row['x'] }}\n", "line 1", "not YAML", '"{{ ... }}"'),
        ("a: {{ email }}\n", "line 1, column 5", "A key must be a word", '"{{ ... }}"'),
        ("a: !!python/object/apply:os.system ['id']\n", "line 1", "tag", "quotes"),
        ("a: !x y\n", "line 1", "tag", "quotes"),
        ("a: &x [1]\nb: *x\n", "line 1, column 4", "alias", "quotes"),
        ("a: &x [*x]\n", "line 1", "alias", "quotes"),
        ("a: " + "[" * 30 + "]" * 30, "line 1", "nesting", ""),
        ("%YAML 9.0\n---\na: 1\n", "line 1", "not YAML", ""),
    ],
)
def test_what_is_not_a_plain_mapping_is_told_with_its_place(text, where, message, advice):
    """Line, column, what is wrong and what to do."""
    with pytest.raises(CampaignError) as caught:
        parse_yaml(text, "c.yaml")
    assert caught.value.where.startswith("c.yaml, ")
    assert where in caught.value.where
    assert message in caught.value.message
    assert advice in caught.value.next_step


def test_a_tower_of_brackets_is_an_error_and_no_crash():
    """Nesting deeper than the interpreter goes is refused like any other mistake."""
    with pytest.raises(CampaignError):
        parse_yaml("a: " + "[" * 5000, "c.yaml")


@given(st.text(st.sampled_from("ab:-[]{}\"'\n #|>&*!%@`\t,?đ0"), max_size=60))
def test_no_text_breaks_the_reader(text):
    """Every text is a mapping or a CampaignError with a place."""
    try:
        assert isinstance(data_of(text), dict)
    except CampaignError as exc:
        assert exc.where.startswith("c.yaml")  # noqa: PT017 - either way is fine


@pytest.mark.parametrize(
    "raw",
    [b"\x89PNG\r\n\x1a\n", b"PK\x03\x04\x00", b"a: \xff\xfe", b"a: b\x00", b"\xff\xfea"],
)
def test_what_is_not_text_is_refused(tmp_path, raw):
    """A workbook or picture by mistake, or another encoding: said so."""
    path = tmp_path / "c.yaml"
    path.write_bytes(raw)
    with pytest.raises(CampaignError, match="UTF-8"):
        read_text(path, "c.yaml")


def test_files_that_notepad_saves_are_read(tmp_path):
    """UTF-8 with a BOM, and UTF-16 with its mark."""
    path = tmp_path / "c.yaml"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes("a: Trường\r\n".encode(encoding))
        assert data_of(read_text(path, "c.yaml")[1]) == {"a": "Trường"}


def test_missing_and_huge_files(tmp_path):
    """Neither a missing file nor one of the wrong kind is read on and on."""
    path = tmp_path / "c.yaml"
    with pytest.raises(CampaignError, match="can't be read"):
        read_text(path, "c.yaml")
    path.write_bytes(b"a" * 300_000)
    with pytest.raises(CampaignError, match="too large"):
        read_text(path, "c.yaml")
