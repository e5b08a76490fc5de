"""A relay that does as it is told, a feed that keeps account, and a pool between them."""

from __future__ import annotations

import asyncio
import ssl
from random import Random

import pytest
import trustme

from notifier.model import Message
from notifier.settings import RelaySettings
from notifier.smtp.pool import Parcel, Pool
from notifier.smtp.redial import Redial

DATA = b"Subject: hello\r\n\r\nHello\r\n.dots\r\n"
#: Longer than any test takes, so that a test that hangs fails by its own limit.
LIMIT = 20.0


class Ledger:
    """A feed that remembers everything, and counts settlements."""

    def __init__(self, count, *, data=DATA, intents="at once", denied=()):
        self.waiting = [
            Parcel(n, Message("office@school.example", f"p{n}@parents.example", data))
            for n in range(1, count + 1)
        ]
        self.intents = intents
        self.denied = set(denied)
        self.taken = []
        self.intended = []
        self.settled = {}
        #: How many were taken and not settled, whenever one was about to be.
        self.on_their_way = []
        self.times = {}
        self.more = None
        self.keeps_open = False

    def take(self):
        if not self.waiting:
            return None
        parcel = self.waiting.pop(0)
        self.taken.append(parcel.id)
        return parcel

    async def wait(self):
        if self.waiting:
            return True
        if self.keeps_open:
            self.more = asyncio.get_running_loop().create_future()
            return await self.more
        return False

    def add(self, number):
        """One more parcel arrives."""
        self.waiting.append(
            Parcel(number, Message("office@school.example", f"p{number}@parents.example", DATA))
        )
        if self.more is not None and not self.more.done():
            self.more.set_result(True)

    def intend(self, parcel):
        self.intended.append(parcel.id)
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        answer = parcel.id not in self.denied
        if self.intents == "at once":
            future.set_result(answer)
        elif self.intents == "soon":
            loop.call_soon(
                lambda: loop.call_soon(lambda: future.done() or future.set_result(answer))
            )
        elif self.intents == "fails":
            future.set_exception(OSError("disk full"))
        return future

    def settle(self, parcel, submission):
        self.on_their_way.append(len(self.taken) - len(self.settled))
        self.times[parcel.id] = self.times.get(parcel.id, 0) + 1
        self.settled[parcel.id] = submission

    # --- what tests ask

    @property
    def accepted(self):
        return {
            number
            for number, found in self.settled.items()
            if found.stage.value == "body" and found.reply and 200 <= found.reply.code < 300
        }

    @property
    def in_doubt(self):
        return {number for number, found in self.settled.items() if found.in_doubt}

    def check(self, relay):
        """What must hold whatever happened: each taken once settled, and nothing made up."""
        assert all(count == 1 for count in self.times.values()), self.times
        assert set(self.settled) == set(self.taken) - (self.denied & set(self.intended))
        delivered = [
            int(address[1:].partition("@")[0]) for _sender, address, _data in relay.delivered
        ]
        assert self.accepted <= set(delivered) <= self.accepted | self.in_doubt
        assert self.in_doubt <= set(self.intended)
        assert not self.accepted & self.in_doubt


class Bench:
    """Runs a pool over a ledger and a scripted relay."""

    def __init__(self, relay, uses_uvloop):
        self.relay = relay
        self.uses_uvloop = uses_uvloop
        self.pool = None
        self.events = []

    def settings(self, **options):
        defaults = {
            "name": "main",
            "host": "127.0.0.1",
            "port": self.relay.port,
            "tls": "none",
            "max_connections": 1,
            "connect_attempts": 1,
            "connect_timeout": LIMIT,
        }
        return RelaySettings(**{**defaults, **options})

    async def _deliver(self, ledger, beside, redial, options):
        async with self.relay:
            self.pool = Pool(
                self.settings(**options),
                random=Random(1),
                redial=redial,
                on_event=lambda kind, _text: self.events.append(kind),
            )
            async with asyncio.timeout(LIMIT):
                if beside is None:
                    await self.pool.run(ledger)
                else:
                    await beside(self.pool, ledger)

    def run(self, coroutine):
        """Run it on the loop under test; nothing may be left behind."""
        factory = None
        if self.uses_uvloop:
            import uvloop

            factory = uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(coroutine)

    def deliver(self, ledger, *, beside=None, redial=None, **options):
        """Carry the ledger's parcels; the error that ended it, or None."""
        attempts = options.get("connect_attempts", 1)
        redial = redial or Redial(attempts, Random(1), first=0.001, longest=0.001)
        try:
            self.run(self._deliver(ledger, beside, redial, options))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test looks at it
            return exc
        return None


@pytest.fixture(params=["asyncio", "uvloop"])
def bench(request, relay_script):
    """A pool and a relay, on both event loops."""
    return Bench(relay_script.ScriptedRelay(), request.param == "uvloop")


@pytest.fixture
def relay(bench):
    """The relay that the pool will meet."""
    return bench.relay


@pytest.fixture
def make_ledger():
    """Make a feed with so many parcels."""
    return Ledger


@pytest.fixture(scope="session")
def authority():
    """Somebody who signs certificates."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority, tmp_path_factory):
    """The authority's certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def server_context(authority):
    """Make a server's context for these names."""

    def make(*names, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names, **options).configure_cert(context)
        return context

    return make
