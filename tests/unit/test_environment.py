from __future__ import annotations

import pytest

from notifier.environment import overlay, variable_for
from notifier.errors import SettingsError

SECTIONS = ("workspace", "relays", "sandbox")


def test_variables_lie_over_the_file():
    """A variable sets its key and remembers that it did; the rest of the table stays."""
    table = {"relays": {"main": {"host": "a.example", "port": 25}}}
    origins = overlay(table, {"NOTIFIER_RELAYS__MAIN__PORT": "587"}, SECTIONS)
    assert table == {"relays": {"main": {"host": "a.example", "port": "587"}}}
    assert origins == {("relays", "main", "port"): "NOTIFIER_RELAYS__MAIN__PORT"}


@pytest.mark.parametrize("name", ["main-office", "Main_Office", "main.office", "MAIN OFFICE"])
def test_a_relay_is_found_in_any_spelling(name):
    """A shell can't name a variable with a dash: the file's own spelling is found."""
    table = {"relays": {name: {}}}
    overlay(table, {"NOTIFIER_RELAYS__MAIN_OFFICE__PASSWORD": "x"}, SECTIONS)
    assert table == {"relays": {name: {"password": "x"}}}
    assert variable_for(("relays", name, "password")) == "NOTIFIER_RELAYS__MAIN_OFFICE__PASSWORD"


def test_a_relay_may_live_in_the_environment_alone():
    """Containers need no file for it."""
    table = {}
    overlay(table, {"NOTIFIER_RELAYS__MAIN__HOST": "a.example"}, SECTIONS)
    assert table == {"relays": {"main": {"host": "a.example"}}}


def test_the_short_locale_wins():
    """NOTIFIER_LOCALE is the one that people know."""
    table = {"workspace": {"locale": "vi"}}
    variables = {"NOTIFIER_LOCALE": "en", "NOTIFIER_WORKSPACE__LOCALE": "vi"}
    origins = overlay(table, variables, SECTIONS)
    assert table["workspace"]["locale"] == "en"
    assert origins["workspace", "locale"] == "NOTIFIER_LOCALE"


@pytest.mark.parametrize(
    "variables",
    [
        {"NOTIFIER_PORT": "tcp://10.0.0.1:80", "NOTIFIER_SERVICE_HOST": "10.0.0.1"},
        {"NOTIFIER_RELAYS__MAIN__PASSWORD": ""},
        {"NOTIFIER_LOCALE": "", "NOTIFIER_WORKSPACE": "x", "NOTIFIER_DEBUG": "1"},
        {"HOME": "/", "notifier_relays__main__port": "1"},
    ],
)
def test_what_is_not_ours_is_left_alone(variables):
    """Other programs' variables, empty ones, and those that are no keys change nothing."""
    table = {}
    assert overlay(table, variables, SECTIONS) == {}
    assert table == {}


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("NOTIFIER_LOCAL", "NOTIFIER_LOCALE"),
        ("NOTIFIER_WORKSPCE", "NOTIFIER_WORKSPACE"),
        ("NOTIFIER_RELAY__MAIN__PASSWORD", "NOTIFIER_RELAYS__MAIN__PASSWORD"),
        ("NOTIFIER_ZZZ__MAIN", "notifier.toml"),
    ],
)
def test_a_misspelt_variable_is_told_with_the_nearest(variable, meant):
    """A password that would silently not be used is a mistake worth stopping for."""
    with pytest.raises(SettingsError) as caught:
        overlay({}, {variable: "canary-7f3a"}, SECTIONS)
    assert variable in caught.value.where
    assert meant in caught.value.next_step
    assert "canary-7f3a" not in str(caught.value.as_dict())


def test_a_value_in_a_tables_place_is_left_for_the_check():
    """`relays = 5` is told by the check of types, not by a crash here."""
    table = {"relays": 5}
    assert overlay(table, {"NOTIFIER_RELAYS__MAIN__PORT": "1"}, SECTIONS) == {}
