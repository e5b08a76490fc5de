from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.waits import LONGEST_WAIT, told_wait

TOLD = [
    ("Greylisted, please try again in 300 seconds", 300),
    ("4.7.1 Greylisting in action, please come back in 00:04:59", 299),
    ("Greylisted for 5 minutes", 300),
    ("Greylisting enabled, try again in 15 minutes", 900),
    ("Please retry after 1 hour", 3600),
    ("Try again later in 60s", 60),
    ("try again in a few minutes", 300),
    ("Please try again in an hour", 3600),
    ("You may retry in two hours", 7200),
    ("deferred for 4m", 240),
    ("greylisted, come back in 04:30", 270),
    ("Rate limit reached. Please wait 120 sec before you send more", 120),
    ("In 10 minutes, try again", 600),
    ("Vui lòng thử lại sau 5 phút", 300),
    ("please retry in 500 ms", 0.5),
    ("come back in 3 days", LONGEST_WAIT),
    ("try again in 2.5 minutes", 150),
]


@pytest.mark.parametrize(("text", "seconds"), TOLD)
def test_reads_how_long_a_reply_asks_us_to_wait(text, seconds):
    """Numbers, clocks and words, in the units that servers use; a day at most."""
    assert told_wait(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Greylisted, see http://postgrey.example/help/x.html",
        "Try again later",
        "More than 10 messages in 5 minutes are not allowed",
        "user unknown after 30 seconds",
        "450 4.2.0 temporarily deferred 12345",
        "Message 00:04:59 not accepted",
        "retry 7 m0",
    ],
)
def test_no_time_without_words_that_ask_for_another_attempt(text):
    """Limits, ids and sizes are no appointment."""
    assert told_wait(text) is None


@given(st.text(max_size=2000))
def test_any_text_gives_a_bounded_wait_or_none(text):
    """Nothing raises, and nothing waits for more than a day."""
    wait = told_wait("try again in " + text)
    assert wait is None or 0 <= wait <= LONGEST_WAIT


def test_hostile_text_costs_little():
    """A hundred texts of 100 kB that nearly match take under a second."""
    hostile = [
        "try again in 1 " * 7000,
        "again " * 17_000,
        "in 5 " * 20_000,
        "wait" + "1" * 100_000,
    ]
    begin = time.perf_counter()
    for _ in range(25):
        for text in hostile:
            told_wait(text)
    assert time.perf_counter() - begin < 1.0
