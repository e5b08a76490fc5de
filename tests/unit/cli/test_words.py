from __future__ import annotations

from notifier.cli.words import spell_rates
from notifier.locale import use
from notifier.model import Rate


def test_limits_are_told_as_they_are_written():
    """The ceilings read as they stand in notifier.toml."""
    use("en")
    assert spell_rates([Rate(20, 1.0), Rate(10000, 86400.0)]) == "20/second, 10000/day"
    assert spell_rates([]) == ""
