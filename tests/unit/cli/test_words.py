from __future__ import annotations

from notifier.cli.words import spell_rates
from notifier.locale import use
from notifier.model import Rate


def test_limits_are_told_in_the_readers_language():
    """In English as they stand in notifier.toml; a span without a name stays as it is."""
    use("vi")
    assert spell_rates([Rate(20, 1.0), Rate(5, 90.0)]) == "20/giây, 5/90s"
    use("en")
    assert spell_rates([Rate(20, 1.0), Rate(10000, 86400.0)]) == "20/second, 10000/day"
    assert spell_rates([]) == ""
