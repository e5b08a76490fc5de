"""A relay breaks the order of things: what the session makes of it, step by step.

What comes of it for whole runs is in `tests/integration/faults`.
"""

from __future__ import annotations

import pytest

from notifier.errors import RelayError, RelayProtocolError
from notifier.model import Message, Reply, Stage, Submission
from notifier.smtp.transitions import Decided, Phase, Signal

CHUNKING = b"250-relay.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
TAKEN = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 queued\r\n"
QUEUED = Submission(Stage.BODY, Reply(250, "2.0.0", "queued"))


def letter(number=1):
    """A message to the n-th parent."""
    data = b"Subject: hello\r\n\r\nHello\r\n"
    return Message("office@school.example", f"parent{number}@parents.example", data)


@pytest.fixture
def chunking(make_wire):
    """A wire that has two whole messages on it."""
    wire = make_wire(chunking=True)
    wire.hear(b"220 hi\r\n", CHUNKING)
    for number in (1, 2):
        assert wire.session.begin_whole(letter(number)) is None
    wire.words()
    return wire


@pytest.mark.parametrize(
    "behind", [b"250 2.0.0 Ok\r\n", b"550 no\r\n", b"421 bye\r\n", b"junk\r\n"]
)
def test_no_body_leaves_after_354_with_nonsense_behind_it(make_wire, behind):
    """The session is over in the same instant: the message was not sent, and is not in doubt."""
    wire = make_wire(ready=True)
    wire.session.begin(letter())
    wire.words()
    wire.hear(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n" + behind)
    assert Signal.GO_AHEAD not in wire.events
    assert isinstance(wire.error, RelayError)
    (fate,) = wire.session.abandon(wire.error)
    assert not fate.in_doubt


@pytest.mark.parametrize("said", [b"451 4.3.0 later\r\n", b"554 5.5.0 never\r\n"])
def test_a_refused_rset_leaves_whole_messages_their_own_replies(chunking, said):
    """They have left, and what answers them answers them."""
    chunking.hear(TAKEN + said + TAKEN)
    assert chunking.submissions == [QUEUED, QUEUED]
    assert chunking.session.phase is Phase.READY


def test_a_message_that_the_refused_rset_may_have_spoilt_is_given_back(chunking):
    """A nested MAIL is our trouble with the relay, and says nothing about that recipient."""
    chunking.hear(TAKEN + b"502 5.5.1 what?\r\n503 nested\r\n503 no\r\n503 no\r\n")
    assert chunking.submissions == [QUEUED, Submission(Stage.RSET, None, "502 5.5.1 what?")]
    assert chunking.session.begin_whole(letter(3)) is None
    assert chunking.words().startswith("RSET\r\n")


def test_a_link_lost_behind_a_refused_rset_leaves_a_whole_message_in_doubt(chunking):
    """It may have been taken."""
    chunking.hear(TAKEN + b"502 5.5.1 what?\r\n")
    chunking.hear(b"junk\r\n")
    (fate,) = chunking.session.abandon(chunking.error)
    assert fate.in_doubt


@pytest.mark.parametrize("said", [b"451 4.3.0 later\r\n", b"554 5.5.0 never\r\n"])
def test_a_refused_rset_is_not_taken_for_the_next_message_s_refusal(make_wire, said):
    """The session ends, and the message goes elsewhere: nobody has said anything about it."""
    wire = make_wire(ready=True)
    wire.session.begin(letter(1))
    wire.hear(b"250 a\r\n550 5.1.1 no\r\n503 no\r\n")
    wire.session.begin(letter(2))
    wire.hear(said)
    (fate,) = wire.session.abandon(wire.error)
    assert (fate.stage, fate.reply, fate.in_doubt) == (Stage.RSET, None, False)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    ("said", "is_over"),
    [
        (b"250 2.0.0 Ok\r\n", False),
        (b"450 later\r\n", False),
        (b"502 5.5.1 what?\r\n", False),
        (b"421 4.3.2 going down\r\n", True),
        (b"\x00\xff\x16 what?\r\n", True),
        (b"250 " + b"x" * 10_000 + b"\r\n", True),
        (b"250-x\r\n" * 400, True),
        (b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n", True),
        (b"354 go on\r\n", True),
        (b"250 2.0.", None),
    ],
)
def test_noop_changes_nothing_or_ends_the_session(make_wire, said, is_over, size):
    """NOOP's answer, whatever it is, is about the link; a part of it is waited for."""
    wire = make_wire(ready=True, size=size)
    wire.session.noop()
    assert wire.words() == "NOOP\r\n"
    wire.hear(said)
    assert wire.submissions == []
    if is_over:
        assert isinstance(wire.error, RelayError)
        assert wire.session.phase is Phase.CLOSED
    else:
        assert wire.error is None
        assert (wire.session.awaited is None) == (is_over is False)
        assert is_over is None or wire.session.can_begin


def test_a_reply_too_many_is_an_error_with_its_place(make_wire):
    """Nobody had asked."""
    wire = make_wire(ready=True)
    wire.hear(b"250 2.0.0 Ok\r\n")
    assert isinstance(wire.error, RelayProtocolError)
    assert not [event for event in wire.events if isinstance(event, Decided)]
