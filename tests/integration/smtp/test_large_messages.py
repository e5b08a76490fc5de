"""Large messages, and what many of them have in common: in slices, in order, without copies."""

from __future__ import annotations

import pytest

from notifier.model import Message
from notifier.smtp import connection
from notifier.smtp.pool import Parcel

HEAD = b"Subject: rules\r\n\r\nHello\r\n"
TAIL = b"--b\r\n" + b"QUJD" * 19 + b"\r\n"
TAIL *= 3_000
LINES = (b"x" * 76 + b"\r\n") * 3_000
MODES = {
    "data": {"chunking": False},
    "chunks": {"chunking": True, "pipeline_depth": 4},
    "lockstep": {"pipelining": False},
}


def letters(messages):
    """Parcels of these (data, tail), all looked at."""
    return [
        Parcel(n, Message("office@x.example", f"p{n}@x.example", data, is_clean=True, tail=tail))
        for n, (data, tail) in enumerate(messages, 1)
    ]


@pytest.fixture(params=MODES)
def options(request, relay):
    """The relay's settings for each way to send."""
    relay.capabilities = ("PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES", "SIZE 99000000")
    return MODES[request.param]


def test_what_messages_share_arrives_with_each_of_them(bench, relay, make_ledger, options):
    """Each is whole, whatever stands between them; what is small may go beside what is large."""
    ledger = make_ledger(0)
    ledger.waiting += letters([(HEAD, TAIL), (HEAD, b""), (HEAD + LINES, TAIL), (LINES, b"")] * 2)
    assert bench.deliver(ledger, **options) is None
    ledger.check(relay)
    assert ledger.accepted == set(range(1, 9))
    arrived = {int(address[1:].split("@")[0]): data for _sender, address, data in relay.delivered}
    expected = {0: LINES, 1: HEAD + TAIL, 2: HEAD, 3: HEAD + LINES + TAIL}
    assert all(arrived[number] == expected[number % 4] for number in arrived)


def test_what_is_shared_is_not_copied(bench, relay, make_ledger, options, monkeypatch):
    """The socket is given views of the very object, so that it is in memory once."""
    given = []
    pump = connection.Connection._pump

    def watch(self):
        given.extend(view.obj for view in self._rest if len(view) == len(TAIL))
        pump(self)

    monkeypatch.setattr(connection.Connection, "_pump", watch)
    ledger = make_ledger(0)
    ledger.waiting += letters([(HEAD, TAIL)] * 4)
    assert bench.deliver(ledger, **options) is None
    assert len(given) >= 4
    assert all(it is TAIL for it in given)
