"""How many round trips messages take on one connection: counted, not timed.

The wire is a pair of pockets. A round trip is all that the courier has to say, handed to the relay,
and all that the relay says to that, handed back.
"""

from __future__ import annotations

import asyncio
import importlib.util
from math import ceil
from pathlib import Path

import pytest

from notifier.model import Message
from notifier.settings import RelaySettings
from notifier.smtp.account import Account
from notifier.smtp.connection import Connection
from notifier.smtp.courier import Courier
from notifier.smtp.ladder import PROOFS
from notifier.smtp.parcel import Parcel
from notifier.smtp.protocol import Session

DATA = b"Subject: hello\r\n\r\nHello\r\n"
PIPELINING = ("PIPELINING", "ENHANCEDSTATUSCODES")
CHUNKING = (*PIPELINING, "CHUNKING")
MESSAGES = 48


@pytest.fixture(scope="module")
def quick_relay():
    """The module `tests/quick_relay.py`."""
    path = Path(__file__).parents[2] / "quick_relay.py"
    spec = importlib.util.spec_from_file_location("quick_relay", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Pocket:
    """A transport that keeps what is written to it."""

    def __init__(self):
        self.written = b""

    def write(self, data):
        self.written += data

    def get_extra_info(self, _name):
        return None

    def empty(self):
        """What was written since the last time."""
        written, self.written = self.written, b""
        return written


class Desk:
    """A dispatcher with so many parcels, whose intents are durable at once."""

    def __init__(self, count):
        self.waiting = count
        self.settled = []

    def take(self):
        if not self.waiting:
            return None
        self.waiting -= 1
        number = MESSAGES - self.waiting
        return Parcel(number, Message("office@school.example", f"p{number}@parents.example", DATA))

    def intend(self, _parcel):
        intent = asyncio.get_running_loop().create_future()
        intent.set_result(True)
        return intent

    def settle(self, parcel, submission):
        assert submission.reply.code == 250
        self.settled.append(parcel.id)

    def succeeded(self):
        """One more."""

    def idle(self, _courier):
        """No more."""


async def _count(relay, **options):
    settings = RelaySettings(host="quick.example", tls="none", **options)
    account = Account.of(settings)
    pocket, desk = Pocket(), Desk(MESSAGES)
    connection = Connection(account, settings, lambda name: Session(account, name))
    connection.connection_made(pocket)
    connection.data_received(relay.greeting)
    while said := pocket.empty():
        connection.data_received(relay.answer(said))
    depth = settings.pipeline_depth
    Courier(connection, desk, messages=1000, expires_at=0.0, depth=depth).serve()
    trips = 0
    while len(desk.settled) < MESSAGES:
        await asyncio.sleep(0)  # callbacks of intents
        await asyncio.sleep(0)
        said = pocket.empty()
        assert said, "nobody says anything"
        connection.data_received(relay.answer(said))
        trips += 1
    assert desk.settled == list(range(1, MESSAGES + 1))
    return trips


@pytest.fixture
def count_trips(quick_relay):
    """Count the round trips of all messages through a relay that offers so much."""

    def count(capabilities, **options):
        relay = quick_relay.QuickRelay(capabilities)
        relay.greeting = quick_relay.GREETING
        return asyncio.run(_count(relay, **options))

    return count


def test_one_command_after_the_other_takes_four(count_trips):
    """MAIL, RCPT, DATA and the message, where the relay offers nothing better."""
    assert count_trips(("8BITMIME",)) == 4 * MESSAGES


@pytest.mark.parametrize("depth", [2, 8])
def test_pipelining_takes_one(count_trips, depth):
    """The next envelope travels with the end of each message; only the first one's goes alone."""
    assert count_trips(PIPELINING, pipeline_depth=depth) == MESSAGES + 1


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_chunking_takes_as_many_as_the_depth_says_at_a_time(count_trips, depth):
    """Whole messages, several of them before the first is answered."""
    assert count_trips(CHUNKING, pipeline_depth=depth, chunking=True) == MESSAGES // depth


@pytest.mark.parametrize("depth", [2, 8])
def test_a_relay_that_has_to_prove_itself_costs_three_more(count_trips, depth):
    """One for each of the first messages, which leave one at a time."""
    assert count_trips(CHUNKING, pipeline_depth=depth) == PROOFS + ceil((MESSAGES - PROOFS) / depth)
