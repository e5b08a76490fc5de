import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.cli.estimate import shortest_seconds, spell_rates
from notifier.locale import use
from notifier.model import Rate


@pytest.fixture(autouse=True)
def _english():
    use("en")


@pytest.mark.parametrize(
    ("count", "rates", "seconds"),
    [
        (0, [Rate(20, 1)], 0),
        (20, [Rate(20, 1)], 0),
        (21, [Rate(20, 1)], 1),
        (1000, [Rate(20, 1)], 49),
        (601, [Rate(600, 3600), Rate(20, 1)], 3600),
        (1000, [], 0),
    ],
)
def test_the_tightest_limit_decides_how_long_it_takes(count, rates, seconds):
    """Each limit lets a full burst through at its start; the slowest one counts."""
    assert shortest_seconds(count, rates) == seconds


@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_more_messages_never_take_less_time(count, limit):
    """The estimate grows with the number of messages."""
    rates = [Rate(limit, 60.0)]
    assert shortest_seconds(count + 1, rates) >= shortest_seconds(count, rates)


def test_limits_are_told_as_they_are_written():
    """The ceilings read as they stand in notifier.toml."""
    assert spell_rates([Rate(20, 1.0), Rate(10000, 86400.0)]) == "20/second, 10000/day"
