"""Relays that offer more than they can: each is found out, and all messages arrive once."""

from __future__ import annotations

import pytest

from notifier.smtp.ladder import PROOFS, Step

DROP, SWALLOW = "<drop>", "<swallow>"
CHUNKING = ("PIPELINING", "CHUNKING", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES")
OPTIONS = {"pipeline_depth": 4, "command_timeout": 0.1, "end_of_data_timeout": 0.1}
TWICE = b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"


def step_of(bench):
    """Where the ladder stands."""
    return bench.pool._dialler.ladder.step


@pytest.fixture
def chunking_relay(relay):
    """A relay that offers CHUNKING."""
    relay.capabilities = CHUNKING
    return relay


def test_a_relay_that_proves_itself_is_sent_whole_messages(bench, chunking_relay, make_ledger):
    """A stray chunk first, then messages one at a time, then several; nobody asked for it."""
    ledger = make_ledger(20)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert len(ledger.accepted) == 20
    lines = chunking_relay.lines()
    assert lines[1] == "BDAT 6 LAST"
    assert lines[2].startswith("EHLO")
    assert "DATA" not in lines
    assert ledger.on_their_way[:PROOFS] == [1] * PROOFS
    assert max(ledger.on_their_way) == 4
    assert step_of(bench) is Step.CHUNKED


def test_other_connections_need_not_be_tested_again(bench, chunking_relay, make_ledger):
    """What one has shown, all know."""
    ledger = make_ledger(20)
    assert bench.deliver(ledger, max_messages_per_connection=5, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert chunking_relay.connections >= 4
    assert chunking_relay.lines().count("BDAT 6 LAST") == 1


@pytest.mark.parametrize(
    ("capabilities", "options"),
    [
        (CHUNKING[:-1], {}),  # without ENHANCEDSTATUSCODES
        (CHUNKING, {"pipeline_depth": 1}),
        (CHUNKING, {"chunking": "off"}),
        (CHUNKING, {"pipelining": False}),
    ],
)
def test_where_nothing_is_gained_or_known_chunks_are_not_tried(
    bench, relay, make_ledger, capabilities, options
):
    """Without codes an answer too many can't be told; one at a time is no faster."""
    relay.capabilities = capabilities
    ledger = make_ledger(5)
    assert bench.deliver(ledger, **{**OPTIONS, **options}) is None
    assert len(ledger.accepted) == 5
    assert not any(line.startswith("BDAT") for line in relay.lines())


@pytest.mark.parametrize(
    "answer",
    [DROP, "<hang>", "421 4.7.0 strange", "250 2.0.0 Ok", b"\xff\xff what?\r\n", TWICE],
)
def test_a_relay_that_flunks_the_test_gets_envelopes_first(
    bench, chunking_relay, make_ledger, answer
):
    """No message was touched by it."""
    chunking_relay.on("BDAT", answer, nth=1)
    ledger = make_ledger(6)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert len(ledger.accepted) == 6
    assert step_of(bench) is Step.PIPELINED
    assert "slower" in bench.events


def test_a_relay_that_reads_refused_chunks_as_commands_is_found_out(
    bench, chunking_relay, make_ledger
):
    """Before any message could be read so."""
    chunking_relay.reads_chunks = True
    ledger = make_ledger(6)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert len(ledger.accepted) == 6
    assert step_of(bench) is Step.PIPELINED


def test_a_relay_that_takes_no_second_ehlo_gets_envelopes_first(bench, chunking_relay, make_ledger):
    """Nothing else shows that the count is right."""
    chunking_relay.on("EHLO", "503 5.0.0 duplicate EHLO", nth=2)
    ledger = make_ledger(6)
    assert bench.deliver(ledger, **OPTIONS) is None
    assert len(ledger.accepted) == 6
    assert step_of(bench) is Step.PIPELINED


@pytest.mark.parametrize(("verb", "answer"), [("RCPT", "250 2.0.0 Ok"), ("BDAT", "250 Ok")])
def test_replies_that_don_t_tell_what_they_answer_end_the_trial(
    bench, chunking_relay, make_ledger, verb, answer
):
    """The message was taken, and the same connection goes on with envelopes first or ends well."""
    chunking_relay.on(verb, answer, nth=2 if verb == "BDAT" else 1)
    ledger = make_ledger(6)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert len(ledger.accepted) == 6
    assert step_of(bench) is Step.PIPELINED
    assert "lost" not in bench.events


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "BDAT", "RSET"])
@pytest.mark.parametrize("nth", [2, 6])
def test_an_answer_too_many_never_counts_for_another(bench, chunking_relay, make_ledger, verb, nth):
    """In the trial and after it: some may be in doubt, none is accepted that was refused."""
    chunking_relay.on(verb, TWICE, nth=nth)
    chunking_relay.on("BDAT", "554 5.7.1 spam", match="p5@")
    ledger = make_ledger(12, intents="soon")
    assert bench.deliver(ledger, connect_attempts=3, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert step_of(bench) is Step.PIPELINED
    assert len(ledger.in_doubt) <= 4


def test_a_relay_that_offers_chunks_and_does_not_know_them(bench, chunking_relay, make_ledger):
    """The message goes back, not in doubt, and it is asked no more."""
    chunking_relay.on("BDAT", "502 5.5.1 not implemented", nth=3)
    ledger = make_ledger(6)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert len(ledger.accepted) == 5
    assert ledger.settled[2].reply is None
    assert not ledger.in_doubt
    assert step_of(bench) is Step.PIPELINED


@pytest.mark.parametrize("answer", [DROP, SWALLOW, b"\xff\xff what?\r\n"])
def test_a_relay_that_can_t_be_told_two_things_at_a_time(bench, relay, make_ledger, answer):
    """It offers PIPELINING and does not cope: one command after the other, from then on."""
    relay.minds_crowds = answer
    ledger = make_ledger(6)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(relay)
    assert step_of(bench) is Step.LOCKSTEP
    assert not ledger.in_doubt
    assert len(ledger.accepted) >= 4
    assert "slower" in bench.events


@pytest.mark.parametrize("answer", [DROP, SWALLOW, b"\xff\xff what?\r\n"])
def test_a_relay_that_can_t_takes_both_steps_down(bench, chunking_relay, make_ledger, answer):
    """From whole messages to one command after the other."""
    chunking_relay.minds_crowds = answer
    ledger = make_ledger(8)
    assert bench.deliver(ledger, **OPTIONS) is None
    ledger.check(chunking_relay)
    assert step_of(bench) is Step.LOCKSTEP
    assert not ledger.in_doubt
    assert len(ledger.accepted) >= 5
