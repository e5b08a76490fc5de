"""Which relays a campaign names, and what is refused."""

from __future__ import annotations

import pytest

from notifier.campaign import load_campaign
from notifier.errors import CampaignError
from notifier.routing import chosen, spell_routes

HEAD = """\
title: T
from: a@x.example
recipients: {file: a.csv}
template: t
"""


@pytest.fixture
def routes(tmp_path):
    """The routes of a campaign with these lines: (name, weight, priority) each."""
    (tmp_path / "campaigns").mkdir()

    def load(text):
        (tmp_path / "campaigns" / "c.yaml").write_text(HEAD + text)
        found = load_campaign(tmp_path, "c").routes
        return [(it.name, it.weight, it.priority) for it in found]

    return load


def test_one_name_is_one_relay(routes):
    """As it always was; a number is a name, too."""
    assert routes("relay: main") == [("main", 1, 1)]
    assert routes("relay: 7") == [("7", 1, 1)]
    assert routes("") == []


def test_several_names_are_an_order(routes):
    """The first goes first; each of the others only while those before it can't."""
    assert routes("relay: [main, backup]") == [("main", 1, 1), ("backup", 1, 2)]


def test_the_longer_form_shares_by_weight_and_ranks_by_priority(routes):
    """Weight and priority are 1 where nothing is said."""
    text = "relays: [{name: main, weight: 3}, {name: second}, {name: backup, priority: 2}]"
    assert routes(text) == [("main", 3, 1), ("second", 1, 1), ("backup", 1, 2)]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("relay: true", "line 5, column 8", "quotes"),
        ("relay: []", "line 5, column 8", "a relay's name"),
        ("relay: [a, a]", "line 5, column 8", "named twice"),
        ("relay: {name: a}", "line 5, column 8", "relays: [{name"),
        ("relay: [{name: a}]", "line 5, column 9", "relays: [{name"),
        ("relay: [main, sandbox]", "line 5, column 8", "sandbox"),
        ("relays: [{name: a}, {name: sandbox}]", "line 5, column 9", "sandbox"),
        ("relays: []", "line 5, column 9", "a relay's name"),
        ("relays: [a]", "line 5, column 10", "{name: a}"),
        ("relays: [{name: a, weight: 0}]", "line 5, column 28", "at least 1"),
        ("relays: [{name: a, weight: true}]", "line 5, column 28", "number"),
        ("relays: [{name: a, wieght: 2}]", "line 5, column 20", "wieght"),
        ("relays: [{weight: 2}]", "line 5, column 10", "name is missing"),
        ("relay: a\nrelays: [{name: b}]", "line 6, column 9", "stands for relay"),
    ],
)
def test_a_mistake_is_told_with_its_place(routes, text, place, words):
    """Line and column, and what is expected there."""
    with pytest.raises(CampaignError) as caught:
        routes(text)
    assert caught.value.where.endswith(place)
    assert words in caught.value.message
    assert caught.value.next_step


def test_relays_are_told_in_their_order(tmp_path):
    """Those that go first stand first, in whatever order they were written."""
    (tmp_path / "campaigns").mkdir()
    file = tmp_path / "campaigns" / "c.yaml"
    file.write_text(HEAD + "relays: [{name: late, priority: 5}, {name: first}]")
    campaign = load_campaign(tmp_path, "c")
    assert spell_routes(campaign.routes) == "first, late"
    assert campaign.relay == "first"


def test_what_a_run_keeps_is_found_again(tmp_path):
    """Its relays by their names, with what the campaign says of them where it still does."""
    (tmp_path / "campaigns").mkdir()
    file = tmp_path / "campaigns" / "c.yaml"
    file.write_text(HEAD + "relays: [{name: main, weight: 3}, {name: second}]")
    routes = load_campaign(tmp_path, "c").routes
    assert chosen(routes, spell_routes(routes)) == routes
    assert [it.weight for it in chosen(routes, "main")] == [3]
    assert [(it.name, it.priority) for it in chosen(routes, "main, gone")] == [
        ("main", 1),
        ("gone", 2),
    ]
    assert [it.name for it in chosen((), "other")] == ["other"]
