from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from notifier.complaints import PlacedComplaint, complaints, first_of, known_keys, spell
from notifier.errors import SettingsError

CLOSED = ConfigDict(extra="forbid")


class Inner(BaseModel):
    model_config = CLOSED
    number: int = Field(default=1, ge=1, le=9)
    word: str = Field(default="x", min_length=1)
    choice: Literal["red", "green", "blue"] = "red"
    flag: bool = False
    ratio: float = 0.5
    names: tuple[str, ...] = ()


class Outer(BaseModel):
    model_config = CLOSED
    sender: str = Field(alias="from")
    inner: Inner | None = None
    many: dict[str, Inner] = {}
    listed: tuple[Inner, ...] = ()


def only(data):
    """The single complaint about `data`."""
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"from": "x", **data})
    (complaint,) = complaints(caught.value, Outer)
    return complaint


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ({"number": "x"}, "inner.number must be a whole number."),
        ({"number": 1.5}, "inner.number must be a whole number."),
        ({"number": []}, "inner.number must be a whole number."),
        ({"number": 0}, "inner.number must be at least 1."),
        ({"number": 10}, "inner.number must be at most 9."),
        ({"word": 5}, "inner.word must be text."),
        ({"word": ""}, "inner.word must not be empty."),
        ({"choice": "rod"}, "inner.choice must be one of: red, green, blue."),
        ({"flag": "perhaps"}, "inner.flag must be true or false."),
        ({"ratio": "x"}, "inner.ratio must be a number."),
        ({"names": "x"}, "inner.names must be a list."),
        ({"names": [1]}, "inner.names[1] must be text."),
        (5, "inner must hold keys of its own, each with a value."),
    ],
)
def test_plain_words(inner, message):
    """What is expected, for each kind of mistake; never pydantic's own words."""
    found = only({"inner": inner})
    assert found.message == message
    if inner == 5:
        assert found.next_step.startswith("Known here: number, word, ")
    else:
        assert found.next_step == f"Correct {message.split()[0]} there."


def test_a_missing_key():
    """It says which."""
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({})
    (complaint,) = complaints(caught.value, Outer)
    assert complaint.message == "from is missing."
    assert complaint.path == ("from",)


def test_a_misspelt_key_is_not_missing_besides():
    """One slip is told once, as the key that was meant; what is missing besides is told too."""
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"form": "x"})
    (complaint,) = complaints(caught.value, Outer)
    assert complaint.message == "form is not a key that is known here."
    assert complaint.next_step == "Did you mean from?"
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"form": "x", "fron": "x", "zzz": 1})
    found = complaints(caught.value, Outer)
    assert [it.message.split()[0] for it in found] == ["form", "fron", "zzz"]


@pytest.mark.parametrize(
    ("data", "message", "step"),
    [
        ({"innner": {}}, "innner is not", "Did you mean inner?"),
        ({"inner": {"numbr": 1}}, "inner.numbr is not", "Did you mean number?"),
        ({"many": {"a": {"flg": 1}}}, "many.a.flg is not", "Did you mean flag?"),
        ({"listed": [{}, {"flg": 1}]}, "listed[2].flg is not", "Did you mean flag?"),
        ({"number": 1}, "number is not", "number belongs under inner."),
        ({"inner": {"from": 1}}, "inner.from is not", "belongs under the top of the file."),
        ({"zzz": 1}, "zzz is not", "Known here: from, inner, many, listed."),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest(data, message, step):
    """The nearest key known there, or where it belongs, or all that are known."""
    complaint = only(data)
    assert complaint.message.startswith(message)
    assert step in complaint.next_step
    assert complaint.is_about_key


def test_further_misspelt_keys_are_told_with_what_was_meant():
    """Also behind the first mistake a misspelt key says which one was meant."""
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"from": "x", "inner": {"numbr": 1, "wrod": "x"}})
    placed = [
        PlacedComplaint(c, f"f, line {n}", n) for n, c in enumerate(complaints(caught.value, Outer))
    ]
    error = first_of(placed, SettingsError)
    assert error.next_step.startswith("Did you mean number? ")
    assert error.next_step.endswith(
        "inner.wrod is not a key that is known here. Did you mean word?"
    )


def test_known_keys_follow_the_path():
    """Through tables that the user names and through lists."""
    assert known_keys(Outer, ()) == ["from", "inner", "many", "listed"]
    assert "number" in known_keys(Outer, ("many", "x"))
    assert "number" in known_keys(Outer, ("listed", 3))
    assert known_keys(Outer, ("nowhere",)) == []


def test_paths_as_people_write_them():
    """Dots between keys; list items counted from 1."""
    assert spell(("sandbox", "rules", 1, "reply")) == "sandbox.rules[2].reply"
    assert spell(()) == ""


def test_one_error_names_all_mistakes_in_the_files_order():
    """The first is the message, the others follow, so that a file is mended in one go."""
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"number": "x", "flag": "perhaps"}})
    lines = {"from": 1, "inner": 5}
    placed = [
        PlacedComplaint(c, f"f, line {lines[c.path[0]] + len(c.path)}", lines[c.path[0]])
        for c in complaints(caught.value, Outer)
    ]
    error = first_of(placed, SettingsError)
    assert error.message == "from is missing."
    assert "2 more mistakes: f, line 7: inner.number must be a whole number. " in error.next_step
