# ruff: noqa: PLR0917 - what a test asks for are its fixtures
"""A relay fails at each step, in each way; the promise is the same each time.

Each parcel that was taken is settled exactly once; what is accepted was delivered; what was
delivered is accepted or in doubt; in doubt is only what may have left.
"""

from __future__ import annotations

import pytest

from notifier.errors import RelayError, RelayProtocolError, RelayRefused, RelayUnreachable

DROP, RESET, HANG = "<drop>", "<reset>", "<hang>"

#: How a relay can fail when it should answer.
FAULTS = {
    "drops": DROP,
    "resets": RESET,
    "times out": HANG,
    "says 421": "421 4.3.2 going down",
    "garbage": b"\x00\xff\x16\x03 what?\r\n",
    "endless line": b"250 " + b"x" * 10_000,
    "endless reply": b"250-x\r\n" * 400,
    "nonsense": "354 eh",
    "mixed codes": b"250-a\r\n550 b\r\n",
}
STEPS = ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "QUIT"]
#: Steps that come once in a session.
ONCE = {"GREETING", "EHLO", "QUIT"}
QUICK = dict.fromkeys(
    ("greeting_timeout", "command_timeout", "data_timeout", "end_of_data_timeout"), 0.05
)


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@pytest.mark.parametrize(
    ("step", "nth"),
    [(step, nth) for step in STEPS for nth in ((1,) if step in ONCE else (1, 2, 3))],
)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_parcel_is_settled_once(bench, relay, make_ledger, fault, step, pipelining, nth):
    """Exactly one settlement, whatever fails where; and the run goes on or says why."""
    answer = FAULTS[fault]
    if step == "DATA" and fault == "nonsense":
        answer = "250 not 354"
    relay.on(step, answer, nth=nth)
    ledger = make_ledger(4, intents="soon")
    error = bench.deliver(ledger, pipelining=pipelining, connect_attempts=3, **QUICK)
    ledger.check(relay)
    assert error is None or isinstance(error, RelayError)
    if error is None:
        assert set(ledger.settled) == {1, 2, 3, 4}
        assert len(ledger.accepted) >= 2
    if step == "QUIT":
        assert error is None
        assert ledger.accepted == {1, 2, 3, 4}
    if step == "BODY" and fault != "says 421":
        assert ledger.in_doubt == {nth}


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@pytest.mark.parametrize("step", STEPS[:-1])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_relay_that_always_fails_ends_the_run(bench, relay, make_ledger, fault, step, pipelining):
    """After `connect_attempts` the run ends with an error that names the step and what to do.

    Pipelining is given up first, which takes two more connections.
    """
    answer = FAULTS[fault]
    if step == "DATA" and fault == "nonsense":
        answer = "250 not 354"
    relay.on(step, answer)
    ledger = make_ledger(20)
    error = bench.deliver(ledger, pipelining=pipelining, connect_attempts=2, **QUICK)
    ledger.check(relay)
    assert isinstance(error, RelayError)
    assert error.message
    assert error.where
    assert error.next_step
    assert len(ledger.taken) <= (6 if pipelining else 2)
    assert relay.connections <= (4 if pipelining else 2)


@pytest.mark.parametrize(
    ("step", "answer", "kind"),
    [
        ("GREETING", "554 5.7.1 no", RelayRefused),
        ("GREETING", "421 too many", RelayRefused),
        ("EHLO", "421 no", RelayRefused),
        ("GREETING", b"HTTP/1.1 400 Bad Request\r\n\r\n", RelayProtocolError),
        ("GREETING", DROP, RelayUnreachable),
        ("GREETING", HANG, RelayUnreachable),
    ],
)
def test_tells_what_kind_of_trouble_it_is(bench, relay, make_ledger, step, answer, kind):
    """A refusal, garbage and silence are different things, and no parcel is taken for them."""
    relay.on(step, answer)
    ledger = make_ledger(3)
    error = bench.deliver(ledger, **QUICK)
    assert type(error) is kind
    assert ledger.taken == []


def test_a_plain_no_is_not_asked_again(bench, relay, make_ledger):
    """554 at the greeting will be the same in a second; 421 may not."""
    relay.on("GREETING", "554 5.7.1 no")
    assert isinstance(bench.deliver(make_ledger(1), connect_attempts=4), RelayRefused)
    assert relay.connections == 1


def test_a_passing_trouble_is_waited_out(bench, relay, make_ledger):
    """Three connections fail, the fourth works: nobody notices but the log."""
    relay.on("GREETING", "421 busy", connection=1)
    relay.on("GREETING", DROP, connection=2)
    relay.on("EHLO", "451 later", connection=3)
    ledger = make_ledger(3)
    assert bench.deliver(ledger, connect_attempts=4) is None
    assert ledger.accepted == {1, 2, 3}
    assert bench.events == ["retry", "retry", "retry", "opened"]


def test_nobody_listens(bench, make_ledger):
    """A refused connection says host, port and what to check."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        error = bench.deliver(make_ledger(1), port=port)
    assert isinstance(error, RelayUnreachable)
    assert str(port) in error.message
    assert "notifier.toml" in error.next_step


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@pytest.mark.parametrize(
    ("verb", "reply", "stage"),
    [
        ("MAIL", "452 4.3.1 full", "mail"),
        ("RCPT", "550 5.1.1 no such user", "rcpt"),
        ("RCPT", "450 4.2.1 greylisted", "rcpt"),
        ("DATA", "451 4.3.0 later", "data"),
        ("BODY", "554 5.6.0 spam", "body"),
        ("BODY", "452 4.3.1 full", "body"),
    ],
)
def test_one_refused_among_good_ones(bench, relay, make_ledger, pipelining, verb, reply, stage):
    """The others are accepted, over the same connection, each body for its own recipient."""
    relay.on(verb, reply, nth=2)
    ledger = make_ledger(4)
    assert bench.deliver(ledger, pipelining=pipelining) is None
    ledger.check(relay)
    assert ledger.accepted == {1, 3, 4}
    assert (ledger.settled[2].stage.value, str(ledger.settled[2].reply)) == (stage, reply)
    assert relay.connections == 1
    assert relay.lines().count("RSET") == (1 if verb in {"RCPT", "DATA"} else 0)
    assert relay.delivered[0] == (
        "office@school.example",
        "p1@parents.example",
        b"Subject: hello\r\n\r\nHello\r\n.dots\r\n",
    )


def test_a_refused_recipient_never_gets_the_body(bench, relay, make_ledger):
    """The relay says 354 although it refused the recipient: a lone dot, and no message."""
    relay.on("RCPT", "550 5.1.1 nobody", match="p2@")
    ledger = make_ledger(3)
    assert bench.deliver(ledger) is None
    assert ledger.accepted == {1, 3}
    assert relay.lines().count(".") == 1
    assert relay.lines().count("<body>") == 2
