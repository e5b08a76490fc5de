# ruff: noqa: ASYNC110 - the loop's turns are what these tests are about
from __future__ import annotations

import asyncio

import pytest

from notifier.errors import RelayRefused
from notifier.model import Message, Stage
from notifier.smtp.pool import Parcel

HANG = "<hang>"


def test_carries_everything_over_one_connection(bench, relay, make_ledger):
    """One write and one read a message: the next envelope travels with the end of data."""
    ledger = make_ledger(20)
    assert bench.deliver(ledger) is None
    ledger.check(relay)
    assert ledger.accepted == set(range(1, 21))
    assert relay.connections == 1
    assert relay.lines()[-1] == "QUIT"
    assert bench.pool.size == 0


def test_an_empty_feed_opens_nothing(bench, relay, make_ledger):
    """Where there is nothing to send, the relay is left alone."""
    assert bench.deliver(make_ledger(0)) is None
    assert relay.connections == 0


def test_opens_gently_up_to_the_maximum(bench, relay, make_ledger):
    """One connection at first, one more for each success, never more than the settings allow."""
    ledger = make_ledger(400, intents="soon")
    assert bench.deliver(ledger, max_connections=4) is None
    ledger.check(relay)
    assert len(ledger.accepted) == 400
    assert relay.most_open == 4
    first = [number for number, line in relay.heard if line == "<body>"][:1]
    assert first == [1]


def test_a_relay_that_takes_no_more_connections_gets_no_more(bench, relay, make_ledger):
    """421 to another connection while some work: fewer connections, and no failure."""
    for number in range(3, 50):
        relay.on("GREETING", "421 4.7.0 too many connections", connection=number)
    ledger = make_ledger(300, intents="soon")
    assert bench.deliver(ledger, max_connections=8) is None
    assert len(ledger.accepted) == 300
    assert "fewer" in bench.events
    assert relay.connections <= 6


def test_recycles_by_count(bench, relay, make_ledger):
    """A connection carries so many messages (a little fewer, by chance), then another one does."""
    ledger = make_ledger(60)
    assert bench.deliver(ledger, max_messages_per_connection=20) is None
    ledger.check(relay)
    counts = [relay.lines(number).count("<body>") for number in (1, 2, 3)]
    assert all(18 <= count <= 20 for count in counts)
    assert relay.lines().count("QUIT") == relay.connections


def test_closes_what_is_idle(bench, relay, make_ledger):
    """After `idle_timeout` QUIT; when there is work again, another connection is opened."""
    ledger = make_ledger(1)
    ledger.keeps_open = True

    async def beside(pool, feed):
        running = asyncio.create_task(pool.run(feed))
        while "QUIT" not in relay.lines():
            await asyncio.sleep(0)
        while pool.size:
            await asyncio.sleep(0)
        feed.add(2)
        while 2 not in feed.settled:
            await asyncio.sleep(0)
        pool.stop()
        await running

    assert bench.deliver(ledger, beside=beside, idle_timeout=0.02) is None
    ledger.check(relay)
    assert ledger.accepted == {1, 2}
    assert relay.connections == 2


def test_an_idle_connection_that_the_relay_closes_is_no_failure(bench, relay, make_ledger):
    """421 or a dropped link while nothing is on it: the next message gets a fresh connection."""
    ledger = make_ledger(1)
    ledger.keeps_open = True

    async def beside(pool, feed):
        running = asyncio.create_task(pool.run(feed))
        while 1 not in feed.settled:
            await asyncio.sleep(0)
        for task in list(relay._tasks):
            task.cancel()
        while pool.size:
            await asyncio.sleep(0)
        feed.add(2)
        while 2 not in feed.settled:
            await asyncio.sleep(0)
        pool.stop()
        await running

    assert bench.deliver(ledger, beside=beside) is None
    assert ledger.accepted == {1, 2}
    assert bench.pool.stats.lost == 0


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
def test_stop_finishes_what_is_on_the_wire(bench, relay, make_ledger, pipelining):
    """Nothing new is taken, what was taken is settled by the relay's answer, and QUIT is said."""
    ledger = make_ledger(1000, intents="soon")

    async def beside(pool, feed):
        running = asyncio.create_task(pool.run(feed))
        while len(feed.settled) < 10:
            await asyncio.sleep(0)
        pool.stop()
        await running

    assert bench.deliver(ledger, beside=beside, max_connections=3, pipelining=pipelining) is None
    ledger.check(relay)
    assert ledger.accepted == set(ledger.taken)
    assert len(ledger.taken) < 1000
    assert relay.lines().count("QUIT") == bench.pool.stats.opened


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "BODY"])
@pytest.mark.parametrize("intents", ["at once", "soon"])
def test_cancelling_settles_everything(bench, relay, make_ledger, step, intents):
    """In doubt is what may have left; the rest isn't; nothing is forgotten, no task is left."""
    relay.on(step, HANG, nth=1 if step in {"GREETING", "EHLO"} else 5)
    ledger = make_ledger(50, intents=intents)

    async def beside(pool, feed):
        running = asyncio.create_task(pool.run(feed))
        for _turn in range(300):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert len(asyncio.all_tasks()) <= 2 + len(relay._tasks)

    assert bench.deliver(ledger, beside=beside) is None
    ledger.check(relay)
    assert bench.pool.size == 0
    assert len(ledger.in_doubt) <= 1


def test_cancelling_at_every_turn_settles_everything(bench, relay, make_ledger):
    """Wherever the loop stands when it is cancelled, the account is complete."""

    async def cancel_after(turns):
        ledger = make_ledger(6, intents="soon")
        pool = None
        from notifier.smtp.pool import Pool

        pool = Pool(bench.settings(max_connections=2))
        relay.delivered.clear()
        running = asyncio.create_task(pool.run(ledger))
        for _turn in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for _turn in range(20):
            await asyncio.sleep(0)
        ledger.check(relay)
        assert pool.size == 0

    async def main():
        async with relay:
            for turns in range(80):
                await cancel_after(turns)

    bench.run(main())


# --- intents ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@pytest.mark.parametrize("intents", ["at once", "soon"])
def test_a_refused_intent_sends_nothing(bench, relay, make_ledger, intents, pipelining):
    """Not ours any more: no end of data, no settlement; the others go on."""
    ledger = make_ledger(6, intents=intents, denied={1, 4})
    assert bench.deliver(ledger, pipelining=pipelining) is None
    ledger.check(relay)
    assert ledger.accepted == {2, 3, 5, 6}
    assert [address for _sender, address, _data in relay.delivered] == [
        f"p{number}@parents.example" for number in (2, 3, 5, 6)
    ]


def test_a_failed_intent_ends_the_run(bench, relay, make_ledger):
    """The ledger's error is the run's; nothing was sent, and the parcels are settled."""
    ledger = make_ledger(5, intents="fails")
    error = bench.deliver(ledger)
    assert isinstance(error, OSError)
    ledger.check(relay)
    assert relay.delivered == []
    assert not ledger.in_doubt


def test_the_body_waits_for_the_intent(bench, relay, make_ledger):
    """After 354 nothing leaves before the intent is durable."""
    ledger = make_ledger(1)
    asked = []

    def intend(parcel):
        asked.append(asyncio.get_running_loop().create_future())
        ledger.intended.append(parcel.id)
        return asked[0]

    ledger.intend = intend

    async def beside(pool, feed):
        running = asyncio.create_task(pool.run(feed))
        while "DATA" not in relay.lines():
            await asyncio.sleep(0)
        for _turn in range(50):
            await asyncio.sleep(0)
        assert "<body>" not in relay.lines()
        asked[0].set_result(True)
        await running

    assert bench.deliver(ledger, beside=beside) is None
    assert ledger.accepted == {1}


@pytest.mark.parametrize("depth", [1, 2])
def test_no_more_intents_per_connection_than_its_depth(bench, relay, make_ledger, depth):
    """So many may be in doubt when the program is killed; the second one costs no time."""
    ledger = make_ledger(30, intents="soon")
    most = []
    intend = ledger.intend

    def counting(parcel):
        future = intend(parcel)
        most.append(len(set(ledger.intended) - set(ledger.settled)))
        return future

    ledger.intend = counting
    assert bench.deliver(ledger, pipeline_depth=depth) is None
    assert max(most) == depth
    ledger.check(relay)
    assert len(ledger.accepted) == 30


@pytest.mark.parametrize("depth", [1, 2])
def test_a_refusal_that_overtakes_its_intent_makes_no_room_for_another(
    bench, relay, make_ledger, depth
):
    """The relay says no to an address while its intent is being written: that one counts too."""
    ledger = make_ledger(30)
    most = []

    def intend(parcel):
        ledger.intended.append(parcel.id)
        most.append(len(set(ledger.intended) - set(ledger.settled)))
        future = asyncio.get_running_loop().create_future()
        _later(50, lambda: future.done() or future.set_result(True))
        return future

    ledger.intend = intend
    for number in (3, 4, 9, 15):
        relay.on("RCPT", "550 5.1.1 no such user", match=f"p{number}@")
    assert bench.deliver(ledger, pipeline_depth=depth) is None
    assert max(most) == depth
    ledger.check(relay)
    assert len(ledger.accepted) == 26


def _later(turns, function):
    """Call it after so many turns of the event loop."""
    if turns:
        asyncio.get_running_loop().call_soon(_later, turns - 1, function)
    else:
        function()


def test_a_second_intent_that_is_refused_leaves_the_first_message_alone(bench, relay, make_ledger):
    """It isn't ours any more: it doesn't leave, and the one before it is answered as ever."""
    ledger = make_ledger(9, denied={4})
    assert bench.deliver(ledger, max_connections=1) is None
    ledger.check(relay)
    assert ledger.accepted == set(range(1, 10)) - {4}
    assert not ledger.in_doubt


@pytest.mark.parametrize("method", ["take", "wait", "settle", "intend"])
def test_a_feed_that_raises_ends_the_run(bench, relay, make_ledger, method):
    """Its error comes out of `run`, and no connection is left."""
    ledger = make_ledger(10)
    calls = []
    honest = getattr(ledger, method)

    def broken(*args):
        calls.append(args)
        if len(calls) > (0 if method == "wait" else 2):
            raise ZeroDivisionError
        return honest(*args)

    setattr(ledger, method, broken)
    assert isinstance(bench.deliver(ledger), ZeroDivisionError)
    assert bench.pool.size == 0
    if method != "settle":
        ledger.check(relay)


def test_a_lost_link_before_the_intent_is_known_waits_for_it(bench, relay, make_ledger):
    """A parcel whose intent turns out refused is not settled, whatever became of the link."""
    relay.on("RCPT", "<drop>", nth=1)
    ledger = make_ledger(2, intents="soon", denied={1})
    bench.deliver(ledger, connect_attempts=3)
    ledger.check(relay)
    assert ledger.accepted == {2}


# --- messages --------------------------------------------------------------------------------


def test_large_bodies_flow(bench, relay, make_ledger):
    """A body larger than the socket's buffer is written in slices, and arrives whole."""
    data = b"Subject: large\r\n\r\n" + b".0123456789" * 7 + b"\r\n"
    data += (b".x" * 38 + b"\r\n") * 20_000
    ledger = make_ledger(3, data=data)
    assert bench.deliver(ledger) is None
    assert ledger.accepted == {1, 2, 3}
    assert {body for _sender, _address, body in relay.delivered} == {data}


def test_a_relay_that_stops_reading_is_given_up(bench, relay, make_ledger):
    """`body_timeout` limits how long the socket may take nothing: nothing is in doubt then."""
    data = b"x" * 70 + b"\r\n"
    ledger = make_ledger(1, data=data * 100_000)
    relay.stops_reading = True
    error = bench.deliver(ledger, body_timeout=0.1)
    ledger.check(relay)
    assert error is not None
    assert error.stage is Stage.BODY
    assert not ledger.in_doubt


def test_what_must_not_leave_is_settled_alone(bench, relay, make_ledger):
    """A broken message or address is that parcel's own end, and the connection goes on."""
    ledger = make_ledger(1)
    bad = [
        Message("office@school.example", "p2@parents.example", b"a\nb\r\n"),
        Message("office@school.example", "p3@parents.example\r\nRSET", b"a\r\n"),
        Message("office@school.example", "phụ4@parents.example", b"a\r\n"),
    ]
    ledger.waiting += [Parcel(number, message) for number, message in enumerate(bad, 2)]
    ledger.add(5)
    relay.capabilities = ("PIPELINING",)
    assert bench.deliver(ledger) is None
    assert ledger.accepted == {1, 5}
    assert [ledger.settled[number].stage.value for number in (2, 3, 4)] == [
        "assemble",
        "assemble",
        "mail",
    ]
    assert ledger.settled[4].reply.enhanced == "5.6.7"
    assert ledger.intended == [1, 5]


def test_reads_replies_cut_at_every_byte(bench, relay, make_ledger):
    """However slowly the relay's bytes come, the messages are the same."""
    relay.trickles = True
    ledger = make_ledger(3)
    assert bench.deliver(ledger) is None
    ledger.check(relay)
    assert ledger.accepted == {1, 2, 3}


def test_falls_back_to_helo(bench, relay, make_ledger):
    """A relay from before EHLO still takes mail, step by step."""
    relay.on("EHLO", "502 5.5.1 what?")
    ledger = make_ledger(3)
    assert bench.deliver(ledger) is None
    assert ledger.accepted == {1, 2, 3}
    assert relay.lines()[1].startswith("HELO ")


def test_a_script_reads_as_a_conversation(bench, relay, make_ledger):
    """The wire, line by line."""
    relay.script(
        "220 hello", "250-relay.example", "250 SIZE 1000",
        "250 sender", "550 5.1.1 nobody", "250 reset",
        "250 sender", "250 recipient", "354 go", "250 2.0.0 queued as 42",
        "221 bye",
    )  # fmt: skip
    ledger = make_ledger(2)
    assert bench.deliver(ledger) is None
    assert str(ledger.settled[1].reply) == "550 5.1.1 nobody"
    assert str(ledger.settled[2].reply) == "250 2.0.0 queued as 42"


def test_is_given_up_when_refused_for_good(bench, relay, make_ledger):
    """The error carries the relay's own words."""
    relay.on("GREETING", "554 5.7.1 your address is blocked")
    error = bench.deliver(make_ledger(1))
    assert isinstance(error, RelayRefused)
    assert "your address is blocked" in error.message
