"""Relays that take so many messages in a session, and say so when the next one begins."""

from __future__ import annotations

import pytest

from notifier.model import Stage

ENOUGH = [
    "452 4.5.3 Too many recipients: Too many messages sent",
    "451 too many messages in this session",
]
MODES = [
    {"chunking": False},
    {"chunking": True, "pipeline_depth": 4},
    {"pipelining": False},
]


@pytest.mark.parametrize("options", MODES)
@pytest.mark.parametrize("reply", ENOUGH)
def test_another_session_is_opened_when_one_has_had_enough(
    bench, relay, make_ledger, reply, options
):
    """The message is given back at once, without a reply that would be held against anybody."""
    relay.capabilities = ("PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES")
    relay.on("MAIL", reply, nth=3)
    ledger = make_ledger(6)
    assert bench.deliver(ledger, max_connections=1, **options) is None
    ledger.check(relay)
    assert relay.connections == 2
    back = [number for number in ledger.settled if number not in ledger.accepted]
    assert back == [3]
    assert ledger.settled[3].stage is Stage.MAIL
    assert ledger.settled[3].reply is None


def test_a_session_that_begins_with_it_is_believed(bench, relay, make_ledger):
    """Where no message was taken before, it is the relay's reply to this one."""
    relay.on("MAIL", ENOUGH[0], nth=1)
    ledger = make_ledger(1)
    assert bench.deliver(ledger, max_connections=1) is None
    assert ledger.settled[1].reply.code == 452
