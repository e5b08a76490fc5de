"""Everything that a relay can do wrong, once, at every step; then the ledger is held to the truth.

The engine and a real ledger send five messages through one connection at a time to a relay that
keeps account of what it really took (`faulty_relay`); `fault_matrix` lists the cases, and
`virtual_time` makes minutes of silence, and the waits for the next try, cost nothing. In each case:

    each message has one outcome, and it is the true one
        accepted     the relay took it, once, and the ledger has that very reply
        unknown      its end had left, and no reply to it came that could be understood
        refused      the relay said so, in the words that the ledger has
    no message is lost, and none is sent again whose end had left, unless the relay refused it
    the sender goes on: what is neither refused nor in doubt is accepted in the end, over another
    connection where need be; where it stops instead, the run says why, and goes on when told to
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import ssl
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
import trustme

from notifier.delivery import engine
from notifier.delivery.engine import Job, deliver
from notifier.errors import RelayError
from notifier.ledger.ledger import Ledger, NewRun
from notifier.ledger.reports import Reader
from notifier.model import Message, Recipient, RunState, State
from notifier.settings import RelaySettings, RetrySettings
from notifier.smtp import ladder
from notifier.smtp.pool import Pool


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


fault_matrix = _load("fault_matrix")
faulty_relay = _load("faulty_relay")
virtual_time = _load("virtual_time")

#: Messages of a run; whatever happens to the first ones, the last finds a healthy sender.
COUNT = 5
#: Messages by which a relay shows that it takes whole ones.
PROOFS = ladder.PROOFS
#: Of the ways to send, what the relay offers and what is asked of it.
WAYS = {
    "lockstep": ((), {"pipelining": False}),
    "pipelined": (("PIPELINING",), {"chunking": "off"}),
    "chunked": (("PIPELINING", "CHUNKING"), {"chunking": "on", "pipeline_depth": 3}),
    "by itself": (("PIPELINING", "CHUNKING"), {"pipeline_depth": 3}),
}
#: Unix time of the beginning.
EPOCH = 1_800_000_000.0
RETRY = RetrySettings(first=60, factor=1, jitter=0)
CASES = fault_matrix.cases()


class Letters:
    """In the place of a compiled campaign."""

    digest = ""

    def assemble(self, recipient, *, token, at, splits=False):
        text = f"Subject: marks\r\nMessage-ID: <{token}@school.example>\r\n\r\n.{recipient.key}\r\n"
        return Message("office@school.example", recipient.address, text.encode())


class PromptWriter:
    """`ledger.writer.Writer` without its thread: a batch is what one turn of the loop brought."""

    failed = None
    backlog = 0

    def __init__(self, ledger):
        self._ledger = ledger
        self._intents, self._futures, self._results = [], [], []
        self.on_lost = lambda _delivery_id: None

    async def __aenter__(self):
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *exc):
        self._write()

    def intend(self, intent):
        self._intents.append(intent)
        self._futures.append(self._loop.create_future())
        self._write_soon()
        return self._futures[-1]

    def settle(self, result):
        self._results.append(result)
        self._write_soon()

    async def call(self, function, /, *args, **kwargs):
        self._write()
        return function(*args, **kwargs)

    async def drain(self):
        self._write()

    def _write_soon(self):
        if len(self._intents) + len(self._results) == 1:
            self._loop.call_soon(self._loop.call_soon, self._write)

    def _write(self):
        intents, futures, results = self._intents, self._futures, self._results
        self._intents, self._futures, self._results = [], [], []
        if not intents and not results:
            return
        lost = self._ledger.record(intents, results)
        for intent, future in zip(intents, futures, strict=True):
            if not future.done():
                future.set_result(intent.delivery_id not in lost)
                if intent.delivery_id in lost:
                    self.on_lost(intent.delivery_id)


class School:
    """One ledger for all cases, each with a run of its own."""

    def __init__(self, path, clock):
        self.clock = clock
        self.ledger = Ledger.open(path, clock=self.unix)
        with self.ledger._store.alone() as db:
            db.execute("PRAGMA synchronous = OFF")  # nobody cuts the power here
        self.reader = Reader.open(path)

    def unix(self):
        return EPOCH + self.clock()

    def enrol(self, case):
        """An active run; p1@ and on."""
        count = COUNT + PROOFS * (case.mode == "by itself")
        run = self.ledger.start_run(NewRun("grades", str(case), "Marks", "main"))
        people = [
            Recipient(n, f"K{n}", f"p{n}@parents.example", "", {}) for n in range(1, count + 1)
        ]
        self.ledger.enrol(run.id, people, [])
        self.ledger.finish_enrolment(run.id, rows=count)
        return self.ledger.get_run(run.id)

    def rows(self, run):
        """Deliveries by address."""
        return {row.address: row for row in self.reader.deliveries(run.id)}

    def close(self):
        self.reader.close()
        self.ledger.close()


@pytest.fixture(scope="module")
def clock():
    """Goes on from case to case, as the ledger's does."""
    return virtual_time.Clock()


@pytest.fixture(scope="module")
def school(tmp_path_factory, clock):
    """The ledger of all cases."""
    school = School(tmp_path_factory.mktemp("faults") / "ledger.sqlite", clock)
    yield school
    school.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A server's context, and the file with who signed its certificate."""
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("relay.example").configure_cert(context)
    return context, path


@pytest.fixture(autouse=True)
def _virtual(monkeypatch, clock, school):
    """The engine's clocks are the test's, it writes at once, and looks around seldom."""
    monkeypatch.setattr(
        engine,
        "time",
        SimpleNamespace(time=school.unix, clock_gettime=lambda _kind: clock(), CLOCK_MONOTONIC=0),
    )
    monkeypatch.setattr(engine, "TICK", 15.0)
    monkeypatch.setattr(engine, "Writer", PromptWriter)
    monkeypatch.setitem(Pool.__init__.__kwdefaults__, "clock", clock)
    monkeypatch.setitem(Pool.__init__.__kwdefaults__, "random", Random(1))


def _make_relay(case, tls):
    """The relay of that case, and the settings to reach it."""
    extensions, options = WAYS[case.mode]
    nth, refused = case.nth, ()
    is_whole = case.mode in fault_matrix.WHOLE
    if case.step == "lone dot" or (case.step == "rset" and not is_whole):
        nth, refused = 1, {f"p{case.nth}@parents.example"}
    if case.mode == "by itself" and case.step in fault_matrix.MESSAGE and case.step != "rset":
        nth += PROOFS
    if case.step not in fault_matrix.MESSAGE:
        options = {**options, "max_messages_per_connection": 2}
    if case.step in {"starttls", "ehlo after tls"}:
        extensions = (*extensions, "STARTTLS")
        options = {**options, "tls": "starttls", "ca_file": tls[1]}
    if case.step == "auth":
        extensions = (*extensions, "AUTH PLAIN")
        options = {
            **options,
            "username": "office",
            "password": "canary-77",
            "allow_insecure_auth": True,
        }
    relay = faulty_relay.FaultyRelay(
        step=case.step,
        fault=case.fault,
        nth=nth,
        extensions=(*extensions, "ENHANCEDSTATUSCODES"),
        refused=refused,
        knows_ehlo=case.step != "helo",
        context=tls[0],
    )
    settings = {
        "name": str(case),  # what the ledger learns of it is about no other case
        "host": "relay.example",
        "port": 25,
        "tls": "none",
        "helo_name": "client.example",
        "max_connections": 1,
        **options,
    }
    return relay, RelaySettings(**settings)


def _send(school, run, relay, settings):
    """Deliver what is due; the reason why the run stopped, where it did."""
    loop = virtual_time.Loop(school.clock)
    loop.listen(25, relay.connect)
    job = Job(run, Letters(), settings, RETRY)
    with (
        asyncio.Runner(loop_factory=lambda: loop) as runner,
        contextlib.suppress(RelayError),
    ):
        runner.run(deliver(job, school.ledger))
    assert not loop.mishaps
    run = school.ledger.get_run(run.id)
    return run.reason if run.state is RunState.PAUSED else ""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_message_has_its_true_outcome(school, tls, case):
    """Whatever goes wrong: none is lost, none is doubled, and the sender goes on or says why."""
    relay, settings = _make_relay(case, tls)
    run = school.enrol(case)
    reason = _send(school, run, relay, settings)
    assert relay.has_happened, "the fault never came"
    _check(case, school.rows(run), relay, is_over=not reason)
    if reason:
        assert _may_stop(case), f"it gave up: {reason}"
        school.ledger.resume(run.id)
        assert not _send(school, run, relay, settings)
        _check(case, school.rows(run), relay, is_over=True)


def _may_stop(case):
    """Whether a person has to look: the relay says no for good, or what it says is no SMTP."""
    if case.fault == "5yz":
        return case.step in {*fault_matrix.SESSION, "mail"}
    if case.fault in {"garbage", "over-long line", "over-long reply", "extra reply"}:
        return case.step in fault_matrix.SESSION or case.place == "first"
    return case.step == "starttls"


def _check(case, rows, relay, *, is_over):
    """The ledger against the relay's account, message by message."""
    assert len(rows) == COUNT + PROOFS * (case.mode == "by itself")
    for address, row in rows.items():
        taken = [it for it in relay.takings if it.address == address]
        ended = [it for it in relay.endings if it.address == address]
        assert len(taken) <= 1, f"{address} was sent twice"
        assert all(it.refusal for it in ended[:-1]), f"{address} left again, unasked"
        assert all(b"\r\n..K" in it.data or b"\r\n.K" in it.data for it in taken)
        if taken and case.is_ambiguous and row.state is State.UNKNOWN:
            continue
        if taken and taken[0].reply:
            assert (row.state, _reply(row)) == (State.ACCEPTED, taken[0].reply)
        elif taken and row.state is State.ACCEPTED:
            assert case.is_indistinguishable
        elif taken:
            assert row.state is State.UNKNOWN
        else:
            _check_untaken(row, ended, relay, is_over=is_over)


def _check_untaken(row, ended, relay, *, is_over):
    """What the relay did not take is refused by it, in doubt for a reason, or not yet sent."""
    if row.state is State.REFUSED:
        assert _reply(row) in relay.said
    elif row.state is State.UNKNOWN:
        assert ended
        assert not ended[-1].refusal
    else:
        assert row.state in {State.PENDING, State.DEFERRED}, row.state
        assert not is_over, f"{row.address} was lost"
        assert not ended or ended[-1].refusal


def _reply(row):
    return " ".join(str(part) for part in (row.code, row.enhanced, row.text) if part)


def test_the_matrix_is_whole(record_property):
    """As many cases as there can be; what is left out has its reason."""
    left_out = [case for case in fault_matrix.candidates() if fault_matrix.why_not(case)]
    record_property(
        "fault matrix", f"fault matrix: {len(CASES)} cases ({len(left_out)} can't exist)"
    )
    assert len(CASES) + len(left_out) == 4 * 18 * 13 * 3
    assert len({str(case) for case in CASES}) == len(CASES)
    assert len(CASES) >= 1000
