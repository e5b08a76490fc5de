"""The engine with a real ledger and a relay that does as it is told, over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

import pytest

from notifier.delivery import dues, engine, grants, line, patience
from notifier.delivery.engine import Job, deliver
from notifier.errors import LedgerError, MessageError, RelayRefused
from notifier.ledger import history, relays
from notifier.ledger.ledger import Ledger, NewRun
from notifier.ledger.reports import Reader
from notifier.model import Message, Rate, Recipient, RunState, State
from notifier.settings import RelaySettings, RetrySettings
from notifier.slowdowns import SlowdownRule

#: Longer than any test takes, so that a run that hangs fails by its own limit.
LIMIT = 20.0
#: Retries that come soon, for runs that wait for them.
SOON = RetrySettings(first=0.02, factor=1, jitter=0)


class Letters:
    """In the place of a compiled campaign: `trouble(recipient)` may raise."""

    digest = ""

    def __init__(self, trouble=lambda _recipient: None):
        self.trouble = trouble

    def assemble(self, recipient, *, token, at, splits=False):
        self.trouble(recipient)
        text = f"Subject: marks\r\nMessage-ID: <{token}@school.example>\r\n\r\n{at}\r\n"
        return Message("office@school.example", recipient.address, text.encode())


class School:
    """A ledger and what is sent from it."""

    def __init__(self, path):
        self.path = path
        self._open = contextlib.ExitStack()
        self.ledger = self.another_ledger()

    def another_ledger(self):
        """The same file, opened as another program would."""
        return self._open.enter_context(Ledger.open(self.path))

    def run(self, count, occurrence="2027-01-15"):
        """An active run of so many recipients, p0@ and on."""
        run = self.ledger.start_run(NewRun("grades", occurrence, "Marks", "main"))
        people = [
            Recipient(n + 2, f"K{n}", f"p{n}@parents.example", f"Người {n}", {})
            for n in range(count)
        ]
        self.ledger.enrol(run.id, people, [])
        self.ledger.finish_enrolment(run.id, rows=count)
        return self.ledger.get_run(run.id)

    async def send(self, run, relay, *, ledger=None, trouble=None, limits=(), **options):
        """Deliver the run; the state that it is in afterwards."""
        callbacks = {it: options.pop(it) for it in ("stop", "on_progress") if it in options}
        job = Job(
            run,
            Letters(trouble) if trouble else Letters(),
            RelaySettings(
                name="main",
                host="127.0.0.1",
                port=relay.port,
                tls="none",
                rate=limits,
                **options.pop("account", {}),
            ),
            options.pop("retry", SOON),
            **options,
        )
        async with asyncio.timeout(LIMIT):
            return await deliver(job, ledger or self.ledger, **callbacks)

    def counts(self, run):
        """Deliveries by state."""
        return self.ledger.counts(run.id)

    def attempts(self, run, key):
        """Every try of one recipient's delivery."""
        with Reader.open(self.path) as reader:
            (row,) = [it for it in reader.deliveries(run.id) if it.key == key]
            return reader.delivery(row.id).attempts

    def close(self):
        self._open.close()


@pytest.fixture
def school(tmp_path, monkeypatch):
    """A new ledger; the engine looks around it often, and its pauses are short."""
    monkeypatch.setattr(engine, "TICK", 0.01)
    monkeypatch.setattr(engine, "shipped_rules", tuple)  # their pauses would be waited out
    monkeypatch.setattr(dues, "SOONEST", 0.02)
    monkeypatch.setattr(dues, "COMPANY", 0.02)
    monkeypatch.setattr(grants, "PATIENCE", 0.05)
    monkeypatch.setattr(grants, "IDLE", 0.1)
    monkeypatch.setattr(patience, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.02)
    school = School(tmp_path / "ledger.sqlite")
    yield school
    school.close()


@pytest.fixture
def relay(relay_script):
    """A good relay, not started yet; `relay.hears(verb, line)` is told of each command."""

    class Relay(relay_script.ScriptedRelay):
        def hears(self, verb, line):
            """Nothing, until a test says otherwise."""

        def _rule(self, verb, number, line):
            self.hears(verb, line)
            return super()._rule(verb, number, line)

        @property
        def recipients(self):
            """Who was sent a message that was taken, and how many."""
            return Counter(address for _sender, address, _data in self.delivered)

    return Relay()


def _each_once(count):
    return Counter({f"p{n}@parents.example": 1 for n in range(count)})


# --- whatever breaks ends the run ------------------------------------------------------------


def test_whatever_breaks_in_assembly_ends_the_run_with_that_error(school, relay):
    """A mistake of ours is told, and what was claimed is given back; nothing hangs."""
    run = school.run(5)

    def trouble(recipient):
        if recipient.key == "K2":
            raise ZeroDivisionError("foreign")

    async def scene():
        async with relay:
            await school.send(run, relay, trouble=trouble)

    with pytest.raises(ZeroDivisionError, match="foreign"):
        asyncio.run(scene())
    counts = school.counts(run)
    assert set(counts) <= {State.PENDING, State.ACCEPTED}
    assert counts.get(State.ACCEPTED, 0) == len(relay.delivered)
    assert school.ledger.get_run(run.id).state is RunState.ACTIVE


def test_whatever_breaks_while_claiming_ends_the_run_with_that_error(school, relay, monkeypatch):
    """The filler can't go on: who waits for its messages is not left waiting."""
    run = school.run(3)

    def claim(*_arguments):
        raise ZeroDivisionError("foreign")

    monkeypatch.setattr(school.ledger, "claim", claim)

    async def scene():
        async with relay:
            await school.send(run, relay)

    with pytest.raises(ZeroDivisionError, match="foreign"):
        asyncio.run(scene())
    assert school.counts(run) == {State.PENDING: 3}


def test_a_message_that_cant_be_made_is_refused_and_the_others_go_out(school, relay):
    """And it uses nothing of the relay's limits."""
    run = school.run(4)

    def trouble(recipient):
        if recipient.key != "K3":
            raise MessageError("too large")

    async def scene():
        async with relay:
            return await school.send(run, relay, trouble=trouble)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert school.counts(run) == {State.ACCEPTED: 1, State.REFUSED: 3}
    with school.ledger._store.alone() as db:
        assert len(history.recent_attempts(db, "main", 0, 10, None, now=time.time())) == 1


# --- people say stop -------------------------------------------------------------------------


def test_a_display_that_breaks_doesnt_keep_anybody_from_pausing(school, relay):
    """A closed terminal raises; the pause from elsewhere is noticed all the same."""
    run = school.run(5)
    calls = []

    def show(_progress):
        calls.append(1)
        school.ledger.pause(run.id)
        raise OSError("the terminal is gone")

    async def scene():
        async with relay:
            return await school.send(run, relay, limits=["1/hour"], on_progress=show)

    assert asyncio.run(scene()) is RunState.PAUSED
    assert len(calls) == 1
    assert school.counts(run)[State.PENDING] >= 4


def test_a_display_that_breaks_doesnt_keep_anybody_from_stopping(school, relay):
    """The same for Ctrl-C: what is on the wire is finished, and the run stays active."""
    run = school.run(5)

    async def scene():
        stop, is_broken = asyncio.Event(), asyncio.Event()

        def show(_progress):
            is_broken.set()
            raise OSError("the terminal is gone")

        async def interrupt():
            await is_broken.wait()
            stop.set()

        async with relay, asyncio.TaskGroup() as tasks:
            tasks.create_task(interrupt())
            return await school.send(run, relay, limits=["1/hour"], stop=stop, on_progress=show)

    assert asyncio.run(scene()) is RunState.ACTIVE
    assert school.counts(run)[State.PENDING] >= 4


def test_a_pause_from_elsewhere_stops_the_run_and_resuming_sends_the_rest(school, relay):
    """Another program writes it into the ledger; nobody is sent to twice, nobody is left out."""
    run, other = school.run(10), school.another_ledger()

    def hears(verb, _line):
        if verb == "BODY" and len(relay.delivered) == 2:
            other.pause(run.id)

    async def scene():
        async with relay:
            relay.hears = hears
            assert await school.send(run, relay, limits=["3/hour"]) is RunState.PAUSED
            assert school.counts(run) == {State.ACCEPTED: 3, State.PENDING: 7}
            other.resume(run.id)
            relay.hears = lambda _verb, _line: None
            return await school.send(run, relay)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert relay.recipients == _each_once(10)


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ("250 2.0.0 queued", State.ACCEPTED),
        ("451 4.3.0 try again later", State.CANCELLED),
        ("421 4.3.2 shutting down", State.CANCELLED),
        ("554 5.7.1 spam", State.REFUSED),
    ],
)
def test_a_cancellation_from_elsewhere_lets_the_wire_finish_and_nothing_more(
    school, relay, reply, state
):
    """The message that is on the wire has its own outcome; what would be sent again is not."""
    run, other = school.run(10), school.another_ledger()

    def hears(verb, _line):
        if verb == "BODY":
            other.cancel(run.id)

    async def scene():
        relay.hears = hears
        relay.on("BODY", reply)
        async with relay:
            return await school.send(run, relay, limits=["1/hour"])

    assert asyncio.run(scene()) is RunState.CANCELLED
    expected = Counter({State.CANCELLED: 9})
    expected[state] += 1
    assert school.counts(run) == expected
    assert len(school.attempts(run, "K0")) == 1


# --- limits are the account's ----------------------------------------------------------------


def test_two_senders_through_a_relay_share_its_limit(school, relay):
    """Together they send what it allows and not one more, and nor does whoever comes later."""
    runs = [school.run(30, "a"), school.run(30, "b")]
    ledgers = [school.ledger, school.another_ledger()]

    async def send(run, ledger):
        stop = asyncio.Event()

        def show(progress):
            if progress.limited_by and len(relay.delivered) == 20:
                stop.set()

        return await school.send(
            run, relay, ledger=ledger, limits=["20/hour"], stop=stop, on_progress=show
        )

    async def scene():
        async with relay:
            await asyncio.gather(*(send(*it) for it in zip(runs, ledgers, strict=True)))
            assert len(relay.delivered) == 20
            for run in runs:
                assert await send(run, school.another_ledger()) is RunState.ACTIVE
            assert len(relay.delivered) == 20
            await school.send(runs[0], relay)
            return await school.send(runs[1], relay)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert len(relay.delivered) == 60
    assert set(relay.recipients.values()) == {2}


def test_a_domain_at_its_limit_holds_up_nobody_else(school, relay):
    """The others are all sent; of that domain's only as many as it allows, in whichever process."""
    run = school.run(30)
    with school.ledger._store.write() as db:
        db.execute("UPDATE recipient SET address = key || '@slow.example' WHERE line % 2 = 0")
    slow = {"slow.example": {"rate": "3/hour"}}

    async def send(ledger, stop, is_done):
        def show(_progress):
            if is_done():
                stop.set()

        return await school.send(
            run, relay, ledger=ledger, account={"domains": slow}, stop=stop, on_progress=show
        )

    async def scene():
        async with relay:
            await send(school.ledger, asyncio.Event(), lambda: len(relay.delivered) == 18)
            await send(school.another_ledger(), asyncio.Event(), lambda: True)
            assert len(relay.delivered) == 18
            return await school.send(run, relay)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert len(relay.delivered) == 30
    assert set(relay.recipients.values()) == {1}


def test_only_so_many_are_on_their_way_to_a_domain(school, relay):
    """Though the relay would take more connections."""
    run = school.run(40)
    busy, most = set(), []

    def hears(verb, line):
        if verb == "RCPT":
            busy.add(line)
            most.append(len(busy))
        elif verb == "BODY":
            busy.pop()

    relay.hears = hears

    async def scene():
        async with relay:
            account = {"domains": {"*": {"connections": 1}}, "max_connections": 8}
            return await school.send(run, relay, account=account)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert max(most) == 1
    assert relay.recipients == _each_once(40)


def test_only_so_many_are_on_their_way_to_a_domain_from_all_processes(school, relay, monkeypatch):
    """Two runs at a time, and never more than one message: each has its turn."""
    monkeypatch.setattr(engine, "SHARING", 0.02)
    monkeypatch.setattr(relays, "TURN", 0.1)
    runs = [school.run(20, "a"), school.run(20, "b")]
    busy, most = set(), []

    def hears(verb, line):
        if verb == "RCPT":
            busy.add(line)
            most.append(len(busy))
        elif verb == "BODY":
            busy.pop()

    relay.hears = hears
    account = {"domains": {"parents.example": {"connections": 1}}, "max_connections": 8}

    async def scene():
        async with relay:
            return await asyncio.gather(
                school.send(runs[0], relay, account=account),
                school.send(runs[1], relay, account=account, ledger=school.another_ledger()),
            )

    assert asyncio.run(scene()) == [RunState.FINISHED] * 2
    assert max(most) == 1
    assert set(relay.recipients.values()) == {2}


def test_a_relay_that_asks_for_less_is_sent_to_more_slowly_and_tells_why(school, relay):
    """At once, by its own words; what it put off is sent in the end, and nobody twice."""
    run, seen = school.run(12), []
    relay.on("RCPT", "451 4.7.0 please, slower", match="p3@", nth=4)
    rule = SlowdownRule(code=(451,), slow_to=Rate(40, 1.0), pause_for=0.05)

    async def scene():
        async with relay:
            return await school.send(
                run,
                relay,
                slowdowns=[rule],
                account={"max_connections": 1},
                on_progress=lambda it: seen.append(it.limited_by),
            )

    assert asyncio.run(scene()) is RunState.FINISHED
    assert relay.recipients == _each_once(12)
    assert any("please, slower" in it for it in seen)


def test_an_address_that_a_rule_suppresses_is_never_written_to_again(school, relay):
    """`suppress = true`, with the relay's reply as the reason."""
    run = school.run(3)
    relay.on("RCPT", "550 5.1.1 user unknown", match="p1@")
    rule = SlowdownRule(enhanced=("5.1.1",), suppress=True)

    async def scene():
        async with relay:
            return await school.send(run, relay, slowdowns=[rule])

    assert asyncio.run(scene()) is RunState.FINISHED
    (found,) = school.ledger.suppressions()
    assert (found.address, found.source) == ("p1@parents.example", "slowdown")
    assert found.reason == "550 5.1.1 user unknown"


def test_a_suppression_that_cant_be_written_down_ends_the_run(school, relay, monkeypatch):
    """The address would be written to again: that is told, and not passed over."""
    run = school.run(3)
    relay.on("RCPT", "550 5.1.1 no such user", match="p1@")
    rule = SlowdownRule(enhanced=("5.1.1",), suppress=True)

    def suppress(*_arguments):
        raise ZeroDivisionError("foreign")

    monkeypatch.setattr(school.ledger, "suppress", suppress)

    async def scene():
        async with relay:
            await school.send(run, relay, slowdowns=(rule,))

    with pytest.raises(ZeroDivisionError, match="foreign"):
        asyncio.run(scene())


def test_two_who_send_one_run_share_its_own_limit(school, relay):
    """A campaign's ceiling is the run's, however many send it."""
    run = school.run(30)

    async def scene():
        stop = asyncio.Event()

        def show(progress):
            if progress.limited_by:
                stop.set()

        async def send(ledger):
            rate = [Rate(7, 3600.0)]
            return await school.send(
                run, relay, ledger=ledger, rate=rate, stop=stop, on_progress=show
            )

        async with relay:
            ended = await asyncio.gather(send(school.ledger), send(school.another_ledger()))
            assert ended == [RunState.ACTIVE] * 2
            # A permit counts as used where the message turned out to be the other one's.
            assert 4 <= len(relay.delivered) <= 7
            return await school.send(run, relay)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert relay.recipients == _each_once(30)


def test_without_limits_two_runs_share_a_relay(school, relay):
    """Both are sent, at the same time."""
    runs = [school.run(20, "a"), school.run(20, "b")]
    ledgers = [school.ledger, school.another_ledger()]

    async def scene():
        async with relay:
            return await asyncio.gather(
                *(school.send(run, relay, ledger=it) for run, it in zip(runs, ledgers, strict=True))
            )

    assert asyncio.run(scene()) == [RunState.FINISHED] * 2
    assert len(relay.delivered) == 40


# --- trouble, and whose it is ----------------------------------------------------------------

ODD = {
    "RCPT": "454 4.7.1 <p2@parents.example>: Relay access denied",
    "BODY": "421 4.3.0 the filter has crashed",
}


@pytest.mark.parametrize("verb", list(ODD))
def test_one_message_that_is_never_taken_expires_and_holds_nobody_up(school, relay, verb):
    """Whatever the words: while others are taken it is its own trouble, and ends some day."""
    run = school.run(6)
    relay.on(verb, ODD[verb], match="p2@")
    retry = RetrySettings(first=0.02, factor=1, jitter=0, horizon=0.1)

    async def scene():
        async with relay:
            return await school.send(run, relay, retry=retry)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert school.counts(run) == {State.ACCEPTED: 5, State.EXPIRED: 1}
    assert school.attempts(run, "K2")[-1].burns


@pytest.mark.parametrize(("verb", "chances"), [("RCPT", 0), ("BODY", 2)])
def test_one_message_that_is_not_taken_now_is_deferred_with_its_attempt_counted(
    school, relay, verb, chances
):
    """Trouble of the whole session is forgiven twice; from the third time on it counts."""
    run = school.run(6)
    relay.on(verb, ODD[verb], match="p2@")
    retry = RetrySettings(first=0.02, factor=100, jitter=0)  # the second wait is too long for it

    async def scene():
        async with relay:
            return await school.send(run, relay, waits=False, retry=retry)

    assert asyncio.run(scene()) is RunState.ACTIVE
    assert school.counts(run) == {State.ACCEPTED: 5, State.DEFERRED: 1}
    burns = [it.burns for it in school.attempts(run, "K2")]
    assert burns == [False] * chances + [True] * 2


def test_a_burst_of_trouble_is_borne(school, relay):
    """A relay whose disk is full for a moment: everybody gets their message, nobody's try burns."""
    run = school.run(30)
    for nth in range(5, 25):
        relay.on("MAIL", "452 4.3.1 Insufficient system storage", nth=nth)

    async def scene():
        async with relay:
            return await school.send(run, relay)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert relay.recipients == _each_once(30)
    with Reader.open(school.path) as reader:
        assert {row.attempts for row in reader.deliveries(run.id)} == {1}


def test_trouble_that_lasts_pauses_the_run_with_the_relays_words(school, relay, monkeypatch):
    """Nobody's attempt is burnt, however often they were tried."""
    monkeypatch.setattr(line, "PATIENCE", 0.2)
    run = school.run(5)
    relay.on("MAIL", "452 4.3.1 Insufficient system storage")

    async def scene():
        async with relay:
            await school.send(run, relay)

    with pytest.raises(RelayRefused, match="Insufficient system storage"):
        asyncio.run(scene())
    _check_paused_unburnt(school, run, 5)


def test_a_refusal_of_the_sender_pauses_the_run_at_once(school, relay):
    """5yz at MAIL would meet everybody: nobody's attempt is burnt, and the reason is kept.

    No connection asks a second time meanwhile.
    """
    run = school.run(200)
    relay.on("MAIL", "550 5.7.1 not allowed to send as office@school.example")

    async def scene():
        async with relay:
            await school.send(run, relay)

    with pytest.raises(RelayRefused, match="not allowed to send as"):
        asyncio.run(scene())
    assert "not allowed to send as" in school.ledger.get_run(run.id).reason
    asked = [line for line in relay.lines() if line.startswith("MAIL FROM")]
    assert len(asked) <= RelaySettings(host="x").max_connections
    _check_paused_unburnt(school, run, 200)


def _check_paused_unburnt(school, run, count):
    assert school.ledger.get_run(run.id).state is RunState.PAUSED
    assert school.counts(run) == {State.PENDING: count}
    with Reader.open(school.path) as reader:
        assert {row.attempts for row in reader.deliveries(run.id)} == {0}


def test_who_is_given_back_for_the_relays_trouble_is_still_sent_to_without_waiting(school, relay):
    """`--no-wait` leaves retries for later, but not those whom nobody has refused."""
    run = school.run(6)
    relay.on("MAIL", "421 4.3.2 too many messages on this connection", nth=4)

    async def scene():
        async with relay:
            return await school.send(run, relay, waits=False)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert relay.recipients == _each_once(6)


# --- doubt -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resends", "after"),
    [
        (False, (RunState.HELD, {State.ACCEPTED: 4, State.UNKNOWN: 1})),
        (True, (RunState.ACTIVE, {State.ACCEPTED: 4, State.DEFERRED: 1})),
    ],
)
def test_a_link_that_is_lost_after_the_body_leaves_a_doubt(
    school, relay, relay_script, resends, after
):
    """The message may have arrived: held for a person, or due again if the campaign says so."""
    run = school.run(5)
    relay.on("BODY", relay_script.DROP, match="p2@")

    async def scene():
        async with relay:
            return await school.send(
                run, relay, resends_doubt=resends, waits=False, retry=RetrySettings()
            )

    assert (asyncio.run(scene()), school.counts(run)) == after
    assert [it.burns for it in school.attempts(run, "K2")] == [True]


def test_a_worker_that_was_taken_for_dead_starts_over_and_doubles_nobody(school, relay):
    """It slept past its lease, say, and another took over: it claims afresh, without haste."""
    run, other = school.run(200), school.another_ledger()
    thefts, claims = [20, 120], []

    def hears(verb, _line):
        if verb == "BODY" and thefts and len(relay.delivered) >= thefts[0]:
            thefts.pop(0)
            with other._store.write() as db:
                db.execute("UPDATE worker SET heartbeat_at = 0")
            other.recover(run.id)

    claim = school.ledger.claim
    school.ledger.claim = lambda *arguments: (claims.append(1), claim(*arguments))[1]

    async def scene():
        relay.hears = hears
        async with relay:
            return await school.send(run, relay)

    assert asyncio.run(scene()) is RunState.FINISHED
    assert not thefts
    assert school.counts(run) == {State.ACCEPTED: 200}
    assert relay.recipients == _each_once(200)
    assert len(claims) < 50


@pytest.mark.parametrize("is_one_deferred", [False, True], ids=["alone", "one is deferred"])
def test_what_another_held_that_died_in_mid_run_is_sent_by_who_is_left(
    school, relay, is_one_deferred
):
    """It is due again when the survivor has sent its own, and the survivor doesn't leave it."""
    run, other = school.run(50), school.another_ledger()
    worker = other.register_worker("elsewhere", 1, run.id)
    assert len(other.claim(run.id, worker, 30)) == 30

    def hears(verb, _line):
        if verb == "BODY" and len(relay.delivered) == 10:
            with other._store.write() as db:
                db.execute("UPDATE worker SET heartbeat_at = 0 WHERE id = ?", (worker,))

    async def scene():
        relay.hears = hears
        if is_one_deferred:
            relay.on("RCPT", "450 4.2.1 later", match="p40@")
        async with relay:
            return await school.send(run, relay, waits=False, retry=RetrySettings())

    state = asyncio.run(scene())
    if is_one_deferred:
        assert state is RunState.ACTIVE
        assert school.counts(run) == {State.ACCEPTED: 49, State.DEFERRED: 1}
    else:
        assert state is RunState.FINISHED
        assert school.counts(run) == {State.ACCEPTED: 50}


# --- the ledger ------------------------------------------------------------------------------


def test_a_disk_that_fills_up_ends_the_run_and_with_space_again_it_goes_on(school, relay):
    """Nobody is sent to twice: what the ledger could not hold any more is in doubt, and no more."""
    run = school.run(200)

    def hears(verb, _line):
        if verb == "BODY" and len(relay.delivered) == 20:
            with school.ledger._store.alone() as db:
                (pages,) = db.execute("PRAGMA page_count").fetchone()
                db.execute(f"PRAGMA max_page_count = {pages}")

    async def scene():
        async with relay:
            relay.on("BODY", f"250 2.0.0 queued as {'x' * 400}")
            relay.hears = hears
            with pytest.raises(LedgerError, match="disk is full"):
                await school.send(run, relay)
            relay.hears = lambda _verb, _line: None
            with school.ledger._store.alone() as db:
                db.execute("PRAGMA max_page_count = 1000000")
            return await school.send(run, relay)

    assert asyncio.run(scene()) in {RunState.FINISHED, RunState.HELD}
    counts = school.counts(run)
    assert counts[State.ACCEPTED] + counts.get(State.UNKNOWN, 0) == 200
    usual = RelaySettings(host="x")
    assert counts.get(State.UNKNOWN, 0) <= usual.max_connections * usual.pipeline_depth
    assert max(relay.recipients.values()) == 1
    assert len(relay.recipients) >= counts[State.ACCEPTED]
