"""A scripted wire for the session: what the relay says, and what is said to it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from notifier.model import Message
from notifier.smtp.account import Account
from notifier.smtp.protocol import Session
from notifier.smtp.transitions import Decided, Failed

EHLO = b"250-relay.example\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
PLAIN_EHLO = b"250 relay.example\r\n"


def letter(number=1, data=b"Subject: hello\r\n\r\nHello\r\n", **fields):
    """A message to the n-th parent."""
    return Message("office@school.example", f"parent{number}@parents.example", data, **fields)


class Wire:
    """A session, the events so far, and everything it wanted to say."""

    def __init__(self, *, size=0, **account):
        account = {"tls": "none", **account}
        self.account = Account("main", "relay.example", 25, **account)
        self.lines = []
        self.session = Session(
            self.account,
            "client.example",
            trace=lambda who, line: self.lines.append(f"{who}: {line}"),
        )
        self.events = []
        self.said = b""
        self.size = size

    def hear(self, *parts):
        """Give the bytes to the session, in pieces of `size` where that is set; the new events."""
        new = []
        for part in parts:
            step = self.size or len(part)
            for at in range(0, len(part), step):
                new += self.session.receive(part[at : at + step])
                self.said += self.session.take_output()
        self.events += new
        return new

    def words(self):
        """What was said since the last look, as text."""
        said, self.said = self.said + self.session.take_output(), b""
        return said.decode()

    def send_body(self):
        """Let the oldest message's body leave."""
        body = self.session.start_body()
        self.session.end_body()
        self.said += body

    @property
    def submissions(self):
        """What was decided."""
        return [event.submission for event in self.events if isinstance(event, Decided)]

    @property
    def error(self):
        """Why it failed."""
        return next((event.error for event in self.events if isinstance(event, Failed)), None)


@pytest.fixture
def make_wire():
    """Make a wire; `ready=True` opens it up to messages."""

    def make(*, ready=False, pipelining=True, size=0, **account):
        wire = Wire(size=size, **account)
        if ready:
            wire.hear(b"220 hi\r\n", EHLO if pipelining else PLAIN_EHLO)
            wire.words()
        return wire

    return make


@pytest.fixture(scope="session")
def sasl_server():
    """The module `tests/sasl_server.py`: the relay's side of signing in."""
    path = Path(__file__).parents[2] / "sasl_server.py"
    spec = importlib.util.spec_from_file_location("sasl_server", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
