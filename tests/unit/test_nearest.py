from __future__ import annotations

from notifier.nearest import did_you_mean, nearest


def test_the_nearest_name_is_found_through_case_and_dashes():
    """A slip of the hand, another case or a dash for an underscore still finds the name."""
    known = ["header_row", "max_connections", "Email phụ huynh"]
    assert nearest("header-row", known) == "header_row"
    assert nearest("MAX_CONECTIONS", known) == "max_connections"
    assert nearest("email phu huynh", known) == "Email phụ huynh"
    assert nearest("zzz", known) is None
    assert nearest("", []) is None


def test_where_nothing_is_near_the_known_names_are_listed():
    """The reader is never left without a hint, unless there is none to give."""
    assert did_you_mean("zzz", ["a", "b"]) == "Known here: a, b."
    assert did_you_mean("zzz", [str(n) for n in range(30)]).endswith("11, ….")
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("titel", ["title"]) == "Did you mean title?"
