# ruff: noqa: PLR0917 - what a test asks for are its fixtures
"""A relay fails before it is given any mail, or while it is told to forget a refused message.

STARTTLS, AUTH, HELO and RSET, which not every session has; the other steps are in
`test_faults.py`. The promise is the same: an error with place and next step, nobody's parcel
taken that is not settled, and no secret over a link that is not what it should be.
"""

from __future__ import annotations

import pytest

from notifier.errors import RelayError

FAULTS = {
    "drops": "<drop>",
    "resets": "<reset>",
    "times out": "<hang>",
    "says 421": "421 4.3.2 going down",
    "garbage": b"\x00\xff\x16\x03 what?\r\n",
    "endless line": b"250 " + b"x" * 10_000,
    "endless reply": b"250-x\r\n" * 400,
}
QUICK = dict.fromkeys(
    (
        "greeting_timeout", "command_timeout", "data_timeout", "end_of_data_timeout",
        "connect_timeout",
    ),
    0.1,
)  # fmt: skip
CANARY = "canary-5d1e"


def _told(error):
    """What people see of it."""
    assert isinstance(error, RelayError)
    assert error.message
    assert error.where.startswith("relay main, step: ")
    assert error.next_step
    return f"{error} {error!r} {error.as_dict()}"


@pytest.mark.parametrize("step", ["STARTTLS", "AUTH"])
@pytest.mark.parametrize("fault", FAULTS)
def test_before_the_first_message_a_fault_takes_no_parcel(
    bench, relay, make_ledger, ca_file, server_context, fault, step
):
    """Whatever comes instead of TLS or the welcome: no envelope leaves, no password shows."""
    relay.context = server_context("localhost")
    relay.capabilities = ("PIPELINING", "STARTTLS", "AUTH PLAIN")
    relay.on(step, FAULTS[fault])
    ledger = make_ledger(3)
    error = bench.deliver(
        ledger, host="localhost", ca_file=ca_file, tls="starttls", username="office",
        password=CANARY, connect_attempts=2, **QUICK,
    )  # fmt: skip
    assert CANARY not in _told(error)
    assert ledger.taken == []
    assert relay.connections <= 2
    lines = relay.lines()
    assert not any(line.startswith("MAIL") for line in lines)
    if step == "STARTTLS":
        assert not any(line.startswith("AUTH") for line in lines)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_helo_takes_no_parcel(bench, relay, make_ledger, fault):
    """A relay that knows no EHLO, and does not answer HELO either."""
    relay.on("EHLO", "502 5.5.1 what?").on("HELO", FAULTS[fault])
    ledger = make_ledger(3)
    _told(bench.deliver(ledger, connect_attempts=2, **QUICK))
    assert ledger.taken == []


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_rset_settles_everybody(bench, relay, make_ledger, fault, pipelining):
    """The refused one is refused, and the others go out over another connection."""
    relay.on("RCPT", "550 5.1.1 nobody", nth=2).on("RSET", FAULTS[fault], nth=1)
    ledger = make_ledger(4, intents="soon")
    error = bench.deliver(ledger, pipelining=pipelining, connect_attempts=3, **QUICK)
    ledger.check(relay)
    assert error is None
    assert set(ledger.settled) == {1, 2, 3, 4}
    assert not ledger.settled[2].in_doubt
    assert 2 not in ledger.accepted
    assert len(ledger.accepted) >= 2
