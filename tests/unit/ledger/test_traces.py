from __future__ import annotations

import json

import pytest

from notifier.ledger.traces import GONE, Eraser


@pytest.fixture
def eraser():
    """Of one person with two addresses."""
    return Eraser(["an@x.example", "bà.tư@x.example"])


@pytest.mark.parametrize(
    "text",
    [
        "an@x.example",
        "to <AN@X.example>, or",
        "a;an@x.example;b",
        "BÀ.TƯ@X.EXAMPLE.",
        "no file data/An@x.example.pdf.",
    ],
)
def test_an_address_is_found_whatever_stands_beside_it(eraser, text):
    """In any case, in any script; nothing of it is left."""
    assert eraser.is_in(text)
    assert GONE in eraser.without(text)
    assert "@" not in eraser.without(text)


@pytest.mark.parametrize(
    "text",
    ["lan@x.example", "t.an@x.example", "an@x.example.vn", "an@x.examples", "an+b@x.example"],
)
def test_another_persons_address_is_left(eraser, text):
    """That ends or begins alike."""
    assert not eraser.is_in(text)
    assert eraser.without(text) == text


def test_a_context_is_cleared_as_what_it_holds(eraser):
    """JSON's spelling puts letters beside an address; names of columns count; dates stay."""
    context = json.dumps(
        [
            {"Email": "lan@x.example\nan@x.example", "d": {"$date": "2027-01-15"}, "n": 1.5},
            {},
            [{"an@x.example": None}],
        ]
    )
    assert eraser.is_in_json(context)
    assert json.loads(eraser.without_json(context)) == [
        {"Email": f"lan@x.example\n{GONE}", "d": {"$date": "2027-01-15"}, "n": 1.5},
        {},
        [{GONE: None}],
    ]
    other = '[{"Email": "lan@x.example"}, {}, []]'
    assert eraser.without_json(other) is other


def test_nobody_is_found_nowhere():
    """No addresses: no text is touched."""
    assert not Eraser([]).is_in("an@x.example")
