"""Answers to whole messages, held until it shows that they are theirs."""

from __future__ import annotations

import pytest

from notifier.model import Message
from notifier.smtp.ladder import PROOFS
from notifier.smtp.transitions import Decided, Failed, Signal

EHLO = (
    b"250-relay.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-SIZE 100000\r\n"
    b"250 ENHANCEDSTATUSCODES\r\n"
)
ADDRESSED = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"
TAKEN = b"250 2.0.0 queued\r\n"
RESET = b"250 2.0.0 Ok\r\n"
LATER = b"451 4.3.0 not now\r\n"


def letter(number):
    """A message to the n-th parent."""
    data = b"Subject: hello\r\n\r\nHello\r\n"
    return Message("office@school.example", f"parent{number}@parents.example", data)


@pytest.fixture
def wire(make_wire):
    """A relay that has shown that it can take whole messages; two are on their way."""
    wire = make_wire(chunking="auto")
    for _proof in range(PROOFS):
        wire.session._ladder.prove()
    wire.hear(b"220 hi\r\n")
    wire.hear(EHLO)
    for number in (1, 2):
        assert wire.session.begin_whole(letter(number)) is None
    wire.words()
    return wire


def decided(events):
    """The replies' codes (0: none) and whether it is in doubt, of each answer."""
    return [
        (it.submission.reply.code if it.submission.reply else 0, it.submission.in_doubt)
        for it in events
        if type(it) is Decided
    ]


def test_an_answer_is_held_until_the_next_mail_has_its_own(wire):
    """RSET's reply looks like any other; MAIL's does not."""
    assert wire.hear(ADDRESSED + TAKEN) == []
    assert wire.hear(RESET) == []
    assert decided(wire.hear(ADDRESSED)) == [(250, False)]
    assert decided(wire.hear(TAKEN)) == [(250, False)]  # nothing more is due


@pytest.mark.parametrize(
    ("surplus", "code"), [(b"250 2.0.0 Ok\r\n", 0), (LATER, 451)], ids=["positive", "refusal"]
)
def test_a_reply_too_many_leaves_it_in_doubt(wire, surplus, code):
    """It took the place of the right one: neither accepted nor sent again."""
    assert wire.hear(ADDRESSED + surplus + TAKEN) == []
    events = wire.hear(RESET + ADDRESSED)
    assert decided(events) == [(code, True)]
    assert type(events[-1]) is Failed
    assert [it.in_doubt for it in wire.session.abandon(events[-1].error)] == [True]


def test_a_link_that_is_lost_takes_nothing_back(wire):
    """There is no sign that the count was wrong."""
    wire.hear(ADDRESSED + TAKEN)
    error = object.__new__(type("Lost", (), {"message": "lost", "reply": None}))
    found = wire.session.abandon(error)
    assert [(it.in_doubt, it.reply is not None) for it in found] == [(False, True), (True, False)]


def test_the_last_refusal_is_asked_about(wire):
    """EHLO's reply can't be taken for another; it ends the transaction as well."""
    wire.hear(ADDRESSED + TAKEN + RESET + ADDRESSED)
    assert wire.hear(LATER) == []
    assert wire.words().startswith("EHLO ")
    assert decided(wire.hear(EHLO)) == [(451, False)]
    wire.session.begin_whole(letter(3))
    assert wire.words().startswith("MAIL ")


@pytest.mark.parametrize("late", [TAKEN, LATER])
def test_a_last_refusal_that_was_one_too_many_is_in_doubt(wire, late):
    """The message's own answer comes instead of EHLO's."""
    wire.hear(ADDRESSED + TAKEN + RESET + ADDRESSED)
    wire.hear(LATER)
    events = wire.hear(late)
    assert decided(events) == [(451, True)]
    assert type(events[-1]) is Failed


def test_a_refusal_and_more_at_once_is_in_doubt(wire):
    """What comes before EHLO can have left is no answer to it."""
    wire.hear(ADDRESSED + TAKEN + RESET + ADDRESSED)
    assert decided(wire.hear(LATER + TAKEN)) == [(451, True)]


def test_where_the_user_vouches_for_the_relay_nothing_is_held(make_wire):
    """`chunking = on`: replies need not have codes."""
    wire = make_wire(chunking="on")
    wire.hear(b"220 hi\r\n")
    assert wire.hear(EHLO) == [Signal.READY]
    for number in (1, 2):
        wire.session.begin_whole(letter(number))
    assert decided(wire.hear(ADDRESSED + TAKEN)) == [(250, False)]
