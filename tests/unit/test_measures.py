from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.measures import (
    check_timezone,
    parse_age,
    parse_count_range,
    parse_domain,
    parse_duration,
    parse_rate,
    parse_rates,
    single_line,
    spell_domain,
)
from notifier.model import Rate


@pytest.mark.parametrize(
    ("text", "count", "seconds"),
    [
        ("20/second", 20, 1),
        ("600/hour", 600, 3600),
        ("10000/day", 10000, 86400),
        ("10_000 / day", 10000, 86400),
        ("30 per minute", 30, 60),
        ("100/10s", 100, 10),
        ("5/1.5m", 5, 90),
        ("600/giờ", 600, 3600),
        ("20/Second", 20, 1),
    ],
)
def test_rates_as_people_write_them(text, count, seconds):
    """A rate is a count in a span."""
    assert parse_rate(text) == Rate(count, float(seconds))


@pytest.mark.parametrize(
    "text",
    [
        *["", "20", "/second", "20/", "20/fortnight", "-1/second", "0/day", "1/0s", "x/day"],
        *["20/second/day", "9999999999/second", "1/999999 days", "1.5/second"],
        *[20, None, True, ["20/second"]],
    ],
)
def test_what_is_no_rate_is_refused(text):
    """Anything else is told how a rate is written."""
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)


@given(st.integers(1, 10**9), st.sampled_from([1.0, 60.0, 3600.0, 86400.0, 10.0, 90.0, 604800.0]))
def test_a_rate_reads_back_as_it_prints(count, seconds):
    """`str(rate)` is a rate that can be put into a file."""
    rate = Rate(count, seconds)
    assert parse_rate(str(rate)) == rate


@given(st.text())
def test_no_text_breaks_the_readers(text):
    """Each reader answers or raises ValueError, whatever it is given."""
    for reader in (parse_rate, parse_rates, parse_duration, parse_count_range, check_timezone):
        try:
            reader(text)
        except ValueError as exc:
            assert str(exc)  # noqa: PT017 - either way is fine


def test_several_rates():
    """One rate, several in a text, or a list."""
    expected = (Rate(20, 1.0), Rate(10000, 86400.0))
    assert parse_rates("20/second, 10000/day") == expected
    assert parse_rates(["20/second", "10000/day"]) == expected
    assert parse_rates(expected) == expected
    assert parse_rates(None) == ()
    assert parse_rates("600/hour") == (Rate(600, 3600.0),)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5m", 300),
        ("2d", 172800),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("90", 90),
        (90, 90),
        (1.5, 1.5),
        ("250ms", 0.25),
        ("4 giờ", 14400),
        ("0", 0),
        ("2 weeks", 1209600),
    ],
)
def test_durations_as_people_write_them(value, seconds):
    """A duration is seconds."""
    assert parse_duration(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    ["", "m5", "5 parsecs", "-5m", -1, True, None, [], "5m x", "x5m", float("inf"), "9999w"],
)
def test_what_is_no_duration_is_refused(value):
    """Anything else is told how a duration is written."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30..60", (30, 60)),
        ("30 .. 60", (30, 60)),
        ("30-60", (30, 60)),
        ("30…60", (30, 60)),
        (45, (45, 45)),
        ("45", (45, 45)),
        (">=30", (30, None)),
        (">= 30", (30, None)),
        ("<=60", (0, 60)),
        (0, (0, 0)),
    ],
)
def test_counts_as_people_write_them(value, expected):
    """A count is a range; None: no highest."""
    assert parse_count_range(value) == expected


@pytest.mark.parametrize("value", ["", "60..30", "many", -1, 4.5, True, None, [1, 2], "30..", "²"])
def test_what_is_no_count_is_refused(value):
    """Anything else is told how a count is written."""
    with pytest.raises(ValueError, match="count"):
        parse_count_range(value)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_range_reads_back(low, size):
    """What is written low..high is read as (low, high)."""
    assert parse_count_range(f"{low}..{low + size}") == (low, low + size)


def test_zones():
    """A zone of the IANA database; else the nearest is named."""
    assert check_timezone("Asia/Ho_Chi_Minh") == "Asia/Ho_Chi_Minh"
    with pytest.raises(ValueError, match="Asia/Ho_Chi_Minh"):
        check_timezone("Asia/HoChiMinh")
    with pytest.raises(ValueError, match="Europe/Berlin"):
        check_timezone("Berlin")
    with pytest.raises(ValueError, match="time zone"):
        check_timezone("../../etc/passwd")


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\x00", "a\x85b", "a\u2028b", "\x7f"])
def test_no_control_character_on_a_line(text):
    """What could break a header or command is refused."""
    with pytest.raises(ValueError, match="line breaks"):
        single_line(text)


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("gmail.com", "gmail.com"),
        ("GMail.COM", "gmail.com"),
        ("*", "*"),
        ("đại-học.vn", "xn--i-hc-zua2256b5ia.vn"),
        ("localhost", "localhost"),
    ],
)
def test_a_domain_is_spelt_as_domains_are_compared(written, domain):
    """In lower case, and in ASCII."""
    assert parse_domain(written) == domain


@pytest.mark.parametrize("written", ["a@b.example", "*.example", "", "a..b", ".a", "a b"])
def test_what_is_no_domain_is_refused(written):
    """An address, a pattern, nothing."""
    with pytest.raises(ValueError, match="domain"):
        parse_domain(written)


def test_a_domain_that_ascii_cannot_spell_stays():
    """It is compared as it is."""
    assert spell_domain("ß" * 70 + ".example") == "ß" * 70 + ".example"


@pytest.mark.parametrize(
    ("text", "days"), [("90d", 90), ("12w", 84), (" 2 Y ", 730), ("0d", 0), ("100y", 36_500)]
)
def test_how_long_something_is_kept(text, days):
    """In days, weeks or years: not in months, which are of several lengths."""
    assert parse_age(text) == days * 86_400


@pytest.mark.parametrize("text", ["", "90", "90h", "-1d", "1m", "101y", "999999d", "d", None, 7])
def test_what_is_no_time_to_keep_something_is_refused(text):
    """A bare number above all: of what?"""
    with pytest.raises(ValueError, match="90d"):
        parse_age(text)
