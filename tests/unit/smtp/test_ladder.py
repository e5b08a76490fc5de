"""The ladder: what takes a relay down a step, and what does not."""

from __future__ import annotations

import pytest

from notifier.errors import RelayProtocolError, RelayRefused, RelayUnreachable
from notifier.model import Reply, Stage
from notifier.smtp.account import Account
from notifier.smtp.ladder import PROOFS, Ladder, Step

LOST = RelayUnreachable("The link was lost.", stage=Stage.DATA)
NONSENSE = RelayProtocolError("What it sends is not SMTP.", stage=Stage.DATA)
REFUSED = RelayRefused("Not now.", stage=Stage.DATA, reply=Reply(421, "4.3.2", "not now"))


def end(ladder, error, step, **facts):
    """A session that began just now ends so."""
    facts = {"is_crowded": True, "has_coped": False, "is_silent": False, **facts}
    return ladder.hear_of_end(error, step, age=facts.pop("age", ladder.age), **facts)


@pytest.mark.parametrize(
    ("settings", "step", "is_proven"),
    [
        ({"chunking": "auto"}, Step.CHUNKED, False),
        ({"chunking": "on"}, Step.CHUNKED, True),
        ({"chunking": "off"}, Step.PIPELINED, True),
        ({"chunking": "auto", "pipelining": False}, Step.LOCKSTEP, False),
    ],
)
def test_settings_say_where_it_begins(settings, step, is_proven):
    """`on` takes the user's word for what `auto` has shown to it."""
    ladder = Ladder.of(Account("main", "relay.example", 25, **settings))
    assert ladder.step is step
    assert ladder.is_proven == is_proven


@pytest.mark.parametrize("step", [Step.CHUNKED, Step.PIPELINED])
def test_nonsense_takes_it_down_at_once(step):
    """By one step, and people are told which, with the reason."""
    told = []
    ladder = Ladder("main", step)
    ladder.on_fall = told.append
    assert end(ladder, NONSENSE, step)
    assert ladder.step == step - 1
    assert told == [ladder.note]
    assert "main" in ladder.note
    assert NONSENSE.message in ladder.note


@pytest.mark.parametrize("error", [NONSENSE, LOST])
def test_it_goes_no_lower_than_the_lowest(error):
    """Then it is the relay's trouble."""
    ladder = Ladder("main", Step.LOCKSTEP)
    assert not end(ladder, error, Step.LOCKSTEP)
    assert ladder.step is Step.LOCKSTEP


@pytest.mark.parametrize("has_coped", [False, True])
@pytest.mark.parametrize("is_silent", [False, True])
def test_a_whole_message_lost_takes_it_down_at_once(has_coped, is_silent):
    """Each such session leaves several messages in doubt."""
    ladder = Ladder("main")
    assert end(ladder, LOST, Step.CHUNKED, has_coped=has_coped, is_silent=is_silent)
    assert ladder.step is Step.PIPELINED


def test_the_second_loss_in_a_row_ends_pipelining():
    """The first may be the network's."""
    ladder = Ladder("main", Step.PIPELINED)
    assert end(ladder, LOST, Step.PIPELINED)
    assert ladder.step is Step.PIPELINED
    assert end(ladder, LOST, Step.PIPELINED)
    assert ladder.step is Step.LOCKSTEP


def test_sessions_that_began_before_count_once():
    """A network that fails takes all its connections with it."""
    ladder = Ladder("main", Step.PIPELINED)
    age = ladder.age
    assert end(ladder, LOST, Step.PIPELINED, age=age)
    for _other in range(5):
        assert not end(ladder, LOST, Step.PIPELINED, age=age)
    assert ladder.step is Step.PIPELINED


def test_a_session_that_went_well_in_between_clears_it():
    """Whatever ended it."""
    ladder = Ladder("main", Step.PIPELINED)
    end(ladder, LOST, Step.PIPELINED)
    end(ladder, None, Step.PIPELINED, is_crowded=False, has_coped=True)
    end(ladder, LOST, Step.PIPELINED)
    assert ladder.step is Step.PIPELINED


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (None, {}),
        (REFUSED, {}),
        (LOST, {"is_crowded": False}),
        (LOST, {"has_coped": True}),
    ],
)
def test_what_is_not_held_against_pipelining(error, facts):
    """A farewell, a refusal, a link lost at rest, or by a session that had carried messages."""
    ladder = Ladder("main", Step.PIPELINED)
    for _time in range(5):
        assert not end(ladder, error, Step.PIPELINED, **facts)
    assert ladder.step is Step.PIPELINED


def test_silence_counts_even_after_messages():
    """A relay that loses a command now and then answers no more."""
    ladder = Ladder("main", Step.PIPELINED)
    for _time in range(2):
        end(ladder, LOST, Step.PIPELINED, has_coped=True, is_silent=True)
    assert ladder.step is Step.LOCKSTEP


def test_whole_messages_are_earned():
    """By so many that went well one at a time."""
    ladder = Ladder("main")
    for _message in range(PROOFS):
        assert not ladder.is_proven
        ladder.prove()
    assert ladder.is_proven
