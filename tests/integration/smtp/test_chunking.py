# ruff: noqa: PLR0917 - what a test asks for are its fixtures
"""Whole messages in one write (RFC 3030), several of them before the first is answered."""

from __future__ import annotations

import pytest

from notifier.errors import RelayError

DROP, RESET, HANG = "<drop>", "<reset>", "<hang>"
CAPABILITIES = ("PIPELINING", "CHUNKING", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES")
DEPTH = 4
OPTIONS = {
    "chunking": True,
    "pipeline_depth": DEPTH,
    "command_timeout": 0.05,
    "end_of_data_timeout": 0.05,
    "connect_attempts": 3,
}
FAULTS = {
    "says 4yz": "450 4.2.0 later",
    "says 5yz": "550 5.1.1 no",
    "says 421": "421 4.3.2 going down",
    "drops": DROP,
    "resets": RESET,
    "times out": HANG,
    "garbage": b"\x00\xff\x16\x03 what?\r\n",
    "endless line": b"354 " + b"x" * 10_000,
    "nonsense": "354 eh",
    "mixed codes": b"250-a\r\n550 b\r\n",
    "one too many": b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n",
}


@pytest.fixture
def chunking_relay(relay):
    """A relay that offers CHUNKING."""
    relay.capabilities = CAPABILITIES
    return relay


@pytest.mark.parametrize("trickles", [False, True])
def test_messages_leave_whole_and_several_at_a_time(bench, chunking_relay, make_ledger, trickles):
    """Without DATA; as many are taken before the first answer as the depth says, and no more."""
    relay = chunking_relay
    relay.trickles = trickles
    ledger = make_ledger(20)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(relay)
    assert len(ledger.accepted) == 20
    assert "DATA" not in relay.lines()
    assert max(ledger.on_their_way) == DEPTH


def test_dots_and_bytes_arrive_as_they_are(bench, chunking_relay, make_ledger):
    """No dot is stuffed, and the size counts bytes (RFC 3030 section 2)."""
    data = "Subject: é\r\n\r\n.\r\n..\r\n.a\r\nđiểm".encode()
    ledger = make_ledger(3, data=data)
    assert bench.deliver(ledger, **OPTIONS) is None
    assert {found for _sender, _address, found in chunking_relay.delivered} == {data + b"\r\n"}


def test_where_the_relay_does_not_offer_it_data_is_used(bench, relay, make_ledger):
    """The setting is a wish."""
    ledger = make_ledger(5)
    assert bench.deliver(ledger, **OPTIONS) is None
    assert len(ledger.accepted) == 5
    assert "DATA" in relay.lines()


@pytest.mark.parametrize("nth", [1, 3, 6])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "BDAT", "RSET"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_parcel_is_settled_once(bench, chunking_relay, make_ledger, fault, step, nth):
    """Whatever fails where: one true outcome each, none lost, none sent twice."""
    chunking_relay.on(step, FAULTS[fault], nth=nth)
    ledger = make_ledger(8, intents="soon")
    error = bench.deliver(ledger, **OPTIONS)
    ledger.check(chunking_relay)
    assert error is None or isinstance(error, RelayError)
    if error is None:
        assert set(ledger.settled) == set(range(1, 9))
    assert len(ledger.in_doubt) <= DEPTH


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "BDAT"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_one_refused_in_the_middle_leaves_the_others_their_own_replies(
    bench, chunking_relay, make_ledger, step, nth
):
    """The relay's transaction is reset in between, so what follows is taken."""
    chunking_relay.on(step, "550 5.7.1 not this one", nth=nth)
    ledger = make_ledger(8, intents="soon")
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert ledger.accepted == set(range(1, 9)) - {nth}
    assert ledger.settled[nth].reply.text == "not this one"
    assert not ledger.in_doubt


def test_an_answer_too_many_is_noticed_before_it_is_taken_for_another(
    bench, chunking_relay, make_ledger
):
    """The reply to RCPT would pass for that to the message: it is in doubt instead."""
    relay = chunking_relay
    relay.on("MAIL", FAULTS["one too many"], nth=2)
    relay.on("BDAT", "554 5.7.1 spam", nth=2)
    ledger = make_ledger(4, intents="soon")
    bench.deliver(ledger, **OPTIONS)
    ledger.check(relay)
    assert 2 not in ledger.accepted


def test_a_message_that_is_not_ours_any_more_does_not_leave(bench, chunking_relay, make_ledger):
    """And keeps nobody else."""
    ledger = make_ledger(9, denied={2, 5}, intents="soon")
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert ledger.accepted == set(range(1, 10)) - {2, 5}


def test_a_failed_intent_ends_the_run_and_nothing_leaves(bench, chunking_relay, make_ledger):
    """The ledger's error is the run's."""
    ledger = make_ledger(5, intents="fails")
    assert isinstance(bench.deliver(ledger, **OPTIONS), OSError)
    ledger.check(chunking_relay)
    assert chunking_relay.delivered == []
    assert not ledger.in_doubt


def test_what_must_not_leave_is_settled_and_the_others_go_on(bench, chunking_relay, make_ledger):
    """A bare line feed in the middle, say."""
    ledger = make_ledger(3, data=b"Subject: a\nb\r\n\r\nx\r\n")
    assert bench.deliver(ledger, **OPTIONS) is None
    assert {found.stage.value for found in ledger.settled.values()} == {"assemble"}
    assert chunking_relay.delivered == []
