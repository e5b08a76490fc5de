"""The pool against the sandbox: what a rehearsal shows is what the engine does."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import pytest

from notifier.delivery.verdict import judge
from notifier.errors import AuthenticationError
from notifier.model import Cause, Message, Scope, State
from notifier.sandbox import Sandbox
from notifier.sandbox.certificate import rehearsal_tls
from notifier.settings import RelaySettings, SandboxRule, SandboxSettings
from notifier.smtp.pool import Parcel, Pool

DATA = b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\n.dot\r\nline\r\n"


class Feed:
    """Some messages, and what became of them; given back ones are taken again."""

    def __init__(self, addresses: list[str], data: bytes = DATA) -> None:
        self._waiting = deque(
            Parcel(number, Message("office@school.example", address, data))
            for number, address in enumerate(addresses)
        )
        self._open = len(addresses)
        self._stirred = asyncio.Event()
        self.outcomes = {}
        self.tries = dict.fromkeys(addresses, 0)

    def take(self) -> Parcel | None:
        return self._waiting.popleft() if self._waiting else None

    async def wait(self) -> bool:
        while not self._waiting and self._open:
            self._stirred.clear()
            await self._stirred.wait()
        return bool(self._waiting)

    async def intend(self, parcel: Parcel) -> bool:
        return True

    def settle(self, parcel, submission) -> None:
        address = parcel.message.address
        self.tries[address] += 1
        outcome = judge(submission)
        self.outcomes[address] = outcome
        if outcome.state in {State.PENDING, State.DEFERRED} and self.tries[address] < 5:
            self._waiting.append(parcel)
        else:
            self._open -= 1
        self._stirred.set()


def _relay(box: Sandbox, **options) -> RelaySettings:
    terms = {"name": "sandbox", "host": box.host, "port": box.port, "tls": "none"}
    return RelaySettings(**terms | options)


def _send(box: Sandbox, addresses: list[str], data: bytes = DATA, **options) -> Feed:
    async def run() -> Feed:
        feed = Feed(addresses, data)
        async with asyncio.timeout(60):
            await Pool(_relay(box, **options)).run(feed)
        return feed

    return asyncio.run(run())


@pytest.fixture
def open_sandbox(tmp_path):
    """Start a sandbox on a free port; it is stopped at the end."""
    opened = []

    def start(*rules: SandboxRule, **options) -> Sandbox:
        settings = SandboxSettings(port=0, rules=rules)
        opened.append(Sandbox(settings, tmp_path / "mail", **options).__enter__())
        return opened[-1]

    yield start
    for box in opened:
        box.__exit__(None, None, None)


@pytest.mark.parametrize("pipelining", [True, False])
def test_every_message_is_kept_once_and_byte_for_byte(open_sandbox, pipelining):
    """What was accepted is in the Maildir exactly once, with its envelope."""
    box = open_sandbox()
    addresses = [f"{number}@pupils.example" for number in range(200)]
    feed = _send(box, addresses, pipelining=pipelining, max_connections=4)
    kept = list(box.messages())
    assert sorted(it.recipients[0] for it in kept) == sorted(addresses)
    assert {it.data for it in kept} == {DATA}
    assert {it.sender for it in kept} == {"office@school.example"}
    assert {outcome.state for outcome in feed.outcomes.values()} == {State.ACCEPTED}


def test_each_recipient_meets_its_own_trouble(open_sandbox):
    """Refused, full, deferred then accepted: one's trouble touches nobody else."""
    box = open_sandbox(
        SandboxRule(match="gone*", action="refuse"),
        SandboxRule(match="full*", action="refuse", reply="552 5.2.2 {address} is over quota"),
        SandboxRule(match="later*", action="defer", times=2),
    )
    good = [f"{number}@pupils.example" for number in range(40)]
    others = [f"{name}{n}@pupils.example" for name in ("gone", "full", "later") for n in range(5)]
    addresses = [it for pair in zip(good, others + [""] * 25, strict=True) for it in pair if it]
    feed = _send(box, addresses, max_connections=3)
    found = {
        name: {(feed.outcomes[it].state, feed.outcomes[it].cause) for it in others if name in it}
        for name in ("gone", "full", "later")
    }
    assert found == {
        "gone": {(State.REFUSED, Cause.NO_SUCH_MAILBOX)},
        "full": {(State.REFUSED, Cause.MAILBOX_FULL)},
        "later": {(State.ACCEPTED, Cause.ACCEPTED)},
    }
    assert {feed.outcomes[it].state for it in good} == {State.ACCEPTED}
    assert {feed.tries[it] for it in others if "later" in it} == {3}
    assert box.counts == {"kept": 45, "refused": 10, "deferred": 10}


def test_a_dropped_line_burns_nobody(open_sandbox):
    """Whoever was on a line that dropped is given back, and gets the message once."""
    box = open_sandbox(SandboxRule(match="drop*", action="drop", times=1))
    addresses = [f"{'drop' if n % 10 == 5 else 'ok'}{n}@pupils.example" for n in range(40)]
    feed = _send(box, addresses, max_connections=2)
    assert {outcome.state for outcome in feed.outcomes.values()} == {State.ACCEPTED}
    assert sorted(it.recipients[0] for it in box.messages()) == sorted(addresses)
    assert box.counts["dropped"] == 4


def test_a_delay_is_waited_out(open_sandbox):
    """A slow recipient gets its message, and the delay is the sandbox's alone."""
    asked = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    box = open_sandbox(SandboxRule(match="slow*", action="delay", seconds=9), sleep=sleep)
    feed = _send(box, ["slow@pupils.example", "quick@pupils.example"])
    assert {outcome.state for outcome in feed.outcomes.values()} == {State.ACCEPTED}
    assert asked == [9.0]


def test_addresses_beyond_ascii_arrive_as_they_are(open_sandbox):
    """SMTPUTF8 end to end (RFC 6531)."""
    box = open_sandbox()
    _send(box, ["đỗ@trường.example"])
    (kept,) = box.messages()
    assert kept.recipients == ("đỗ@trường.example",)


def test_tls_and_signing_in_can_be_rehearsed(open_sandbox, tmp_path):
    """STARTTLS with the sandbox's own certificate, verified, and AUTH inside."""
    box = open_sandbox(tls=rehearsal_tls(tmp_path, "127.0.0.1"), password="right")
    terms = {
        "tls": "starttls",
        "ca_file": tmp_path / "sandbox-cert.pem",
        "username": "office",
    }
    addresses = [f"{number}@pupils.example" for number in range(20)]
    feed = _send(box, addresses, **terms, password="right")
    assert {outcome.state for outcome in feed.outcomes.values()} == {State.ACCEPTED}
    with pytest.raises(AuthenticationError):
        _send(box, addresses, **terms, password="wrong")


def test_a_line_that_is_too_long_is_the_message_s_fault(open_sandbox):
    """What RFC 5321 forbids is refused in the rehearsal, for that message alone."""
    box = open_sandbox()
    feed = _send(box, ["a@pupils.example"], b"Subject: x\r\n\r\n" + b"x" * 1200 + b"\r\n")
    (outcome,) = feed.outcomes.values()
    assert (outcome.state, outcome.scope) == (State.REFUSED, Scope.MESSAGE)


def test_a_thousand_messages_take_seconds(open_sandbox):
    """The sandbox is no bottleneck of a demonstration: well above 100 messages a second."""
    box = open_sandbox()
    begin = time.perf_counter()
    _send(box, [f"{number}@pupils.example" for number in range(1000)], DATA + b"x" * 70 + b"\r\n")
    seconds = time.perf_counter() - begin
    assert box.counts == {"kept": 1000}
    assert seconds < 10
