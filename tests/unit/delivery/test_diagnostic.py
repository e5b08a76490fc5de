from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.diagnostic import Judgement, judge_text
from notifier.model import Cause, Scope

R, M, US = Scope.RECIPIENT, Scope.MESSAGE, Scope.RELAY
TOLD = [
    (
        "smtp; 550 5.1.1 <a@b.example>: Recipient address rejected: User unknown",
        "no_such_mailbox",
        R,
        True,
    ),
    ("SMTP;452 4.2.2 mailbox full", "mailbox_full", R, False),
    (
        "X-Postfix; host mx.example[192.0.2.1] said: 554 5.7.1 blocked using zen.spamhaus.org",
        "blocked",
        US,
        True,
    ),
    (
        "smtp; 550-5.7.26 blocked because the sender is\n550-5.7.26 unauthenticated, by\n550 x",
        "unauthenticated",
        US,
        True,
    ),
    (
        "550-5.1.1 The email account that you tried to\n550-5.1.1 reach does\n550 5.1.1 not exist",
        "no_such_mailbox",
        R,
        True,
    ),
    ("sorry, no mailbox here by that name. (#5.1.1)", "no_such_mailbox", R, True),
    ("The user's mailbox is over quota", "mailbox_full", R, False),
    ("Message will be retried for 2 more days; delivery has been delayed", "unreachable", R, False),
    ("host mx.example refused to talk to me: 554 go away", "blocked", US, True),
    ("host mx.example said: 550 no (in reply to RCPT TO command)", "no_such_mailbox", R, True),
    ("host mx.example said: 550 no (in reply to end of DATA command)", "content_refused", M, True),
    ("connect to mx.example[192.0.2.1]:25: Connection timed out", "unreachable", R, True),
    ("Name service error for name=b.example type=MX: Host not found", "domain_not_found", R, True),
    ("450 4.4.1 timed out. I'm not going to try again", "unreachable", R, True),
    ("554 5.6.0 message too large, 5500 kB of 550 kB", "too_large", M, True),
    ("552 5.3.4 size limit exceeded", "too_large", M, True),
    ("451 4.7.1 Greylisted", "greylisted", R, False),
    ("Người nhận không tồn tại", "no_such_mailbox", R, True),
    ("Hộp thư người nhận đã đầy", "mailbox_full", R, False),
    ("", "other", R, True),
    ("\x00\ufffd", "other", R, True),
]


@pytest.mark.parametrize(("text", "cause", "scope", "is_permanent"), TOLD)
def test_reads_what_returned_mail_says(text, cause, scope, is_permanent):
    """With codes or without, in one line or many, with a type before it or a sentence around it."""
    found = judge_text(text)
    assert (found.cause, found.scope, found.is_permanent) == (Cause(cause), scope, is_permanent)


def test_the_codes_are_found_in_the_text():
    """The basic and the enhanced code; an address, a port, a size or a date is neither."""
    found = judge_text("SIZE=552 [192.0.2.222:25] 2025-02-20 host said: 421 4.7.28 slow down")
    assert (found.code, found.enhanced) == (421, "4.7.28")
    assert judge_text("no code at all").code == 0
    assert judge_text("421").code == 421


def test_a_code_that_says_nothing_gives_way_to_one_that_does():
    """Who returned the mail writes 5.0.0; the reply inside says 5.2.2."""
    assert judge_text("5.0.0 failed: 552 5.2.2 no").enhanced == "5.2.2"


def test_a_wait_is_told_too():
    """What the reply asks for is kept for whoever tries again."""
    assert judge_text("451 4.7.1 Greylisted, try again in 300 seconds").wait == 300
    assert judge_text("550 5.1.1 try again in 300 seconds").wait is None


@given(st.text(max_size=3000))
def test_any_text_has_a_judgement(text):
    """Garbage is `other`, and never an error."""
    assert isinstance(judge_text(text), Judgement)
    assert isinstance(judge_text("550 5.1.1 " + text), Judgement)


@pytest.mark.parametrize(
    "piece", ["550 ", "5.1.1 ", "5.", "\n550-", "smtp; ", "user is ", "a@b", "1" * 50]
)
def test_a_text_of_100_kb_costs_little(piece):
    """Returned mail is written by strangers: its length is bounded before anything is searched."""
    begin = time.perf_counter()
    judge_text(piece * (100_000 // len(piece)))
    assert time.perf_counter() - begin < 0.5
