"""A run with several relays: a real ledger, and relays that do as they are told, over loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import pytest

from notifier.delivery import acquaintance, branch, dues, engine, grants, patience, supply
from notifier.delivery.engine import Job, Route, deliver
from notifier.errors import RelayRefused, RelayUnreachable
from notifier.ledger.ledger import Ledger, NewRun
from notifier.ledger.reports import Reader
from notifier.model import Message, Rate, Recipient, RunState, State
from notifier.settings import RelaySettings, RetrySettings
from notifier.slowdowns import SlowdownRule

#: Longer than any test takes, so that a run that hangs fails by its own limit.
LIMIT = 20.0
SOON = RetrySettings(first=0.02, factor=1, jitter=0)


class Letters:
    """In the place of a compiled campaign."""

    digest = ""

    def __init__(self, size=0):
        self.size = size

    def assemble(self, recipient, *, token, at, splits=False):
        text = f"Subject: marks\r\nMessage-ID: <{token}@school.example>\r\n\r\n{at}\r\n"
        text += "x" * 60 + "\r\n" if recipient.key in {"K1", "K2"} and self.size else ""
        return Message("office@school.example", recipient.address, text.encode())


class School:
    """A ledger, and runs of so many recipients."""

    def __init__(self, path):
        self.path = path
        self._open = contextlib.ExitStack()
        self.ledger = self.another_ledger()

    def another_ledger(self):
        """The same file, opened as another program would."""
        return self._open.enter_context(Ledger.open(self.path))

    def run(self, count, occurrence="2027-01-15"):
        """An active run, p0@ and on."""
        run = self.ledger.start_run(NewRun("grades", occurrence, "Marks", "main, backup"))
        people = [
            Recipient(n + 2, f"K{n}", f"p{n}@parents.example", f"Người {n}", {})
            for n in range(count)
        ]
        self.ledger.enrol(run.id, people, [])
        self.ledger.finish_enrolment(run.id, rows=count)
        return self.ledger.get_run(run.id)

    async def send(self, run, *routes, ledger=None, letters=None, **options):
        """Deliver the run through these routes; the state that it is in afterwards."""
        callbacks = {it: options.pop(it) for it in ("stop", "on_progress") if it in options}
        first = min(routes, key=lambda it: it.priority).relay
        job = Job(run, letters or Letters(), first, SOON, routes=routes, **options)
        async with asyncio.timeout(LIMIT):
            return await deliver(job, ledger or self.ledger, **callbacks)

    def attempts(self, run):
        """Every try of the run: (relay, outcome)."""
        with Reader.open(self.path) as reader:
            rows = list(reader.deliveries(run.id))
            return [
                (it.relay, it.outcome) for row in rows for it in reader.delivery(row.id).attempts
            ]

    def accepted_by(self, run):
        """How many messages each relay took, as the ledger has it."""
        return Counter(name for name, outcome in self.attempts(run) if outcome is State.ACCEPTED)

    def close(self):
        self._open.close()


@pytest.fixture
def school(tmp_path, monkeypatch):
    """A new ledger; the engine looks around it often, and its waits are short."""
    monkeypatch.setattr(engine, "TICK", 0.01)
    monkeypatch.setattr(engine, "shipped_rules", tuple)
    monkeypatch.setattr(dues, "SOONEST", 0.02)
    monkeypatch.setattr(dues, "COMPANY", 0.02)
    monkeypatch.setattr(supply, "LOOK", 0.02)
    monkeypatch.setattr(grants, "PATIENCE", 0.05)
    monkeypatch.setattr(grants, "IDLE", 0.1)
    monkeypatch.setattr(patience, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(branch, "CONNECT_ATTEMPTS", 1)
    school = School(tmp_path / "ledger.sqlite")
    yield school
    school.close()


@pytest.fixture
def relays(relay_script):
    """Three good relays, not started yet; `hears(verb)` is told of each command."""

    class Relay(relay_script.ScriptedRelay):
        def hears(self, verb):
            """Nothing, until a test says otherwise."""

        def _rule(self, verb, number, line):
            self.hears(verb)
            return super()._rule(verb, number, line)

        async def die(self):
            """Listen no more, and drop every connection."""
            await self.__aexit__()

    return Relay(), Relay(), Relay()


def route(name, relay, *, weight=1, priority=1, **account):
    """The relay as a run is sent through it."""
    port = relay if isinstance(relay, int) else relay.port
    settings = RelaySettings(name=name, host="127.0.0.1", port=port, tls="none", **account)
    return Route(settings, weight, priority)


def each_once(count):
    """What `taken` is when nobody was left out and nobody was doubled."""
    return Counter({f"p{n}@parents.example": 1 for n in range(count)})


def taken(*relays):
    """Who was sent a message that was taken, and how many, over all relays."""
    return Counter(address for it in relays for _sender, address, _data in it.delivered)


def test_weights_share_the_messages_of_a_priority_and_the_ledger_knows_who_took_which(
    school, relays
):
    """Three to one, whatever the relays' speeds; each attempt has its relay's name."""
    main, second, _third = relays
    run = school.run(400)

    async def scene():
        async with main, second:
            return await school.send(run, route("main", main, weight=3), route("second", second))

    assert asyncio.run(scene()) is RunState.FINISHED
    assert taken(main, second) == each_once(400)
    assert abs(len(main.delivered) - 300) <= 10
    assert school.accepted_by(run) == {"main": len(main.delivered), "second": len(second.delivered)}


def test_a_backup_is_not_even_connected_to_while_the_first_can_be_used(school, relays):
    """Priority comes before speed."""
    main, backup, _third = relays
    run = school.run(50)

    async def scene():
        async with main, backup:
            return await school.send(run, route("main", main), route("backup", backup, priority=2))

    assert asyncio.run(scene()) is RunState.FINISHED
    assert len(main.delivered) == 50
    assert backup.connections == 0


@pytest.mark.parametrize("trouble", ["unreachable", "greeting", "sign_in", "sender"])
def test_a_relay_that_cant_be_used_leaves_everything_to_the_next(school, relays, trouble):
    """Nobody is refused, nobody's attempt is burnt, and the run ends as if nothing were."""
    main, backup, _third = relays
    run = school.run(30)
    account = {}
    if trouble == "greeting":
        main.on("GREETING", "554 5.7.1 no service for you")
    if trouble == "sign_in":
        main.capabilities = (*main.capabilities, "AUTH PLAIN")
        main.on("AUTH", "535 5.7.8 no")
        account = {"username": "u", "password": "p", "allow_insecure_auth": True}
    if trouble == "sender":
        main.on("MAIL", "550 5.7.1 Sender not allowed")

    async def scene():
        async with main, backup:
            if trouble == "unreachable":
                await main.die()
            return await school.send(
                run, route("main", main, **account), route("backup", backup, priority=2)
            )

    assert asyncio.run(scene()) is RunState.FINISHED
    assert taken(backup) == each_once(30)
    assert main.delivered == []


def test_a_relay_that_dies_in_the_middle_doubles_nobody_and_loses_nobody(school, relays):
    """What was on its wire is in doubt and stays so; all else goes through the other."""
    main, second, _third = relays
    run = school.run(300)

    async def scene():
        async with main, second:
            deaths = []

            def hears(verb):
                if verb == "BODY" and len(main.delivered) == 40 and not deaths:
                    deaths.append(asyncio.create_task(main.die()))

            main.hears = hears
            state = await school.send(run, route("main", main), route("second", second))
            await asyncio.gather(*deaths)
            return state

    assert asyncio.run(scene()) in {RunState.FINISHED, RunState.HELD}
    counts = school.ledger.counts(run.id)
    in_doubt = counts.get(State.UNKNOWN, 0)
    assert counts.get(State.ACCEPTED, 0) + in_doubt == 300
    assert in_doubt <= 16
    assert max(taken(main, second).values()) == 1
    assert len(second.delivered) > 200


def test_a_relay_that_answers_again_is_used_again(school, relays, monkeypatch):
    """It is tried out without a message, and takes over from its backup by itself."""
    main, backup, _third = relays
    monkeypatch.setattr(branch, "RETURN_FIRST", 0.02)
    run = school.run(600)
    main.on("GREETING", "554 5.7.1 not now", connection=1)

    async def scene():
        async with main, backup:
            return await school.send(
                run,
                route("main", main),
                route("backup", backup, priority=2, rate=[Rate(150, 0.2)]),
            )

    assert asyncio.run(scene()) is RunState.FINISHED
    assert taken(main, backup) == each_once(600)
    assert main.delivered
    assert backup.delivered


def test_when_all_are_down_the_run_is_paused_with_every_reason(school, relays):
    """As with one relay; resumed, it goes on with what is left."""
    main, backup, third = relays
    run = school.run(40)
    backup.on("GREETING", "554 5.7.1 nor here")

    async def scene():
        async with main, backup:
            await main.die()
            with pytest.raises(RelayUnreachable, match="None of the relays") as caught:
                await school.send(run, route("main", main), route("backup", backup, priority=2))
            return caught.value

    error = asyncio.run(scene())
    assert "nor here" in error.message
    for name in ("main", "backup"):
        assert f"notifier relay check {name}" in error.next_step
    paused = school.ledger.get_run(run.id)
    assert paused.state is RunState.PAUSED
    assert "None of the relays" in paused.reason
    assert school.ledger.counts(run.id) == {State.PENDING: 40}
    school.ledger.resume(run.id)

    async def again():
        async with third:
            return await school.send(paused, route("main", 1), route("backup", third, priority=2))

    assert asyncio.run(again()) is RunState.FINISHED
    assert taken(third) == each_once(40)


def test_a_relay_over_its_quota_leaves_the_rest_to_the_next(school, relays):
    """A day's limit is not waited out while another can send; nothing goes beyond it."""
    main, backup, _third = relays
    run = school.run(200)

    async def scene():
        async with main, backup:
            return await school.send(
                run,
                route("main", main, rate=[Rate(70, 86400.0)]),
                route("backup", backup, priority=2),
            )

    assert asyncio.run(scene()) is RunState.FINISHED
    assert taken(main, backup) == each_once(200)
    assert len(main.delivered) == 70
    assert len(backup.delivered) == 130


def test_a_relay_whose_provider_says_that_the_quota_is_spent_leaves_the_rest_to_the_next(
    school, relays
):
    """By its reply alone: no limit of ours knew."""
    main, backup, _third = relays
    run = school.run(100)
    for number in range(31, 400):
        main.on("MAIL", "550 5.4.5 Daily user sending limit exceeded.", nth=number)

    async def scene():
        async with main, backup:
            return await school.send(run, route("main", main), route("backup", backup, priority=2))

    assert asyncio.run(scene()) is RunState.FINISHED
    assert taken(main, backup) == each_once(100)
    assert len(main.delivered) <= 30


def test_a_message_that_one_relay_cant_carry_goes_through_another_that_can(school, relays):
    """Too large for the first, though it takes all others; only where nobody can it is refused."""
    main, backup, _third = relays
    main.capabilities = ("PIPELINING", "SIZE 130", "8BITMIME")
    run = school.run(20)

    async def scene():
        async with main, backup:
            return await school.send(
                run,
                route("main", main),
                route("backup", backup, priority=2),
                letters=Letters(size=1),
            )

    assert asyncio.run(scene()) is RunState.FINISHED
    assert taken(main, backup) == each_once(20)
    assert {address for _sender, address, _data in backup.delivered} == {
        "p1@parents.example",
        "p2@parents.example",
    }


def test_stopping_finishes_the_wire_and_gives_everything_back(school, relays):
    """Ctrl-C: nothing is in doubt, and what was handed out is due again."""
    main, second, _third = relays
    run = school.run(500)

    async def scene():
        async with main, second:
            stop = asyncio.Event()

            def hears(verb):
                if verb == "BODY" and len(main.delivered) >= 30:
                    stop.set()

            main.hears = hears
            await school.send(run, route("main", main), route("second", second), stop=stop)

    asyncio.run(scene())
    counts = school.ledger.counts(run.id)
    assert set(counts) == {State.PENDING, State.ACCEPTED}
    assert counts[State.ACCEPTED] == len(main.delivered) + len(second.delivered)


# --- what outlives a process, and is shared by several ------------------------------------------


def test_what_a_relay_asked_for_outlives_the_process(school, relays, monkeypatch):
    """Slowed down in one run, it is sent to as slowly in the next, by the same words."""
    main, _backup, _third = relays
    rule = SlowdownRule(code=("450",), slow_to="20/second")
    main.on("RCPT", "450 4.2.1 slower, please", nth=1)
    first, second = school.run(1), school.run(8, "later")
    seen = []

    async def scene():
        async with main:
            await school.send(first, route("main", main), slowdowns=(rule,), waits=False)
            began = asyncio.get_running_loop().time()
            with school.another_ledger() as ledger:
                await school.send(
                    second,
                    route("main", main),
                    ledger=ledger,
                    slowdowns=(rule,),
                    on_progress=lambda it: seen.append(it.limited_by),
                )
            return asyncio.get_running_loop().time() - began

    monkeypatch.setattr(engine, "SHARING", 0.01)
    assert asyncio.run(scene()) > 0.25  # seven gaps of about 50 ms, at first
    assert any("slower, please" in told for told in seen)
    (pace,) = school.ledger.traffic.relay_standing().paces
    assert pace.scope == "relay main"


def test_a_step_down_outlives_the_process_and_is_tried_again_in_time(school, relays):
    """Found out in one run, the next is careful from its first message on, until a day is over."""
    main, _backup, _third = relays
    main.minds_crowds = "<drop>"
    account = {"pipeline_depth": 1, "connect_attempts": 3, "max_connections": 1}

    async def scene(name):
        run, before = school.run(4, name), main.connections
        await school.send(run, route("main", main, **account))
        return main.connections - before

    async def scenes():
        async with main:
            assert await scene("first") > 1
            (row,) = school.ledger.traffic.relay_standing().steps
            assert (row.step, row.falls, row.until - row.since) == (1, 1, acquaintance.HOLD)
            assert await scene("second") == 1
            at = row.since + 0.001
            school.ledger.traffic.note_relays([row._replace(since=at, until=at)], [])
            assert await scene("third") > 1  # it was asked for more, and dropped that again
            return school.ledger.traffic.relay_standing().steps

    (row,) = asyncio.run(scenes())
    assert (row.step, row.falls, row.until - row.since) == (1, 2, 2 * acquaintance.HOLD)
    assert taken(main) == Counter({f"p{n}@parents.example": 3 for n in range(4)})


def test_a_relay_that_was_down_is_left_alone_after_a_restart(school, relays):
    """Until its time has come: the first message goes to the other at once."""
    main, backup, _third = relays
    main.on("GREETING", "554 5.7.1 go away")
    first, second = school.run(10), school.run(10, "later")

    async def scene():
        async with main, backup:
            routes = route("main", main), route("backup", backup, priority=2)
            await school.send(first, *routes)
            tried = main.connections
            with school.another_ledger() as ledger:
                await school.send(second, *routes, ledger=ledger)
            return tried

    assert asyncio.run(scene()) == 1
    assert main.connections == 1
    assert len(backup.delivered) == 20
    (trouble,) = school.ledger.traffic.relay_standing().troubles
    assert trouble.relay == "main"
    assert "go away" in trouble.why
    assert trouble.until is not None


def test_a_relay_that_stopped_a_run_is_known_and_forgiven_when_it_works(school, relays):
    """One relay alone is always tried: a person said so. What it did before is told until then."""
    main, _backup, _third = relays
    main.on("GREETING", "554 5.7.1 go away", connection=1)
    run = school.run(5)

    async def scene():
        async with main:
            with pytest.raises(RelayRefused):
                await school.send(run, route("main", main))
            (trouble,) = school.ledger.traffic.relay_standing().troubles
            school.ledger.resume(run.id)
            await school.send(school.ledger.get_run(run.id), route("main", main))
            return trouble

    trouble = asyncio.run(scene())
    assert "go away" in trouble.why
    assert trouble.until is None
    assert school.ledger.traffic.relay_standing().troubles == []


def test_two_who_send_through_one_relay_share_its_connections(school, relays, monkeypatch):
    """Together they never have more than the account allows, and both send."""
    monkeypatch.setattr(engine, "SHARING", 0.02)
    main, _backup, _third = relays
    first, second = school.run(400), school.run(400, "other")

    async def scene():
        async with main:
            account = {"max_connections": 4, "max_messages_per_connection": 10}
            full = asyncio.Event()
            main.hears = lambda _verb: full.set() if main.open_now == 4 else None
            one = asyncio.create_task(school.send(first, route("main", main, **account)))
            await full.wait()
            other = school.another_ledger()
            two = asyncio.create_task(
                school.send(second, route("main", main, **account), ledger=other)
            )
            return await asyncio.gather(one, two)

    assert asyncio.run(scene()) == [RunState.FINISHED, RunState.FINISHED]
    assert main.most_open <= 5  # a connection that took its leave may still be closing
    assert sum(taken(main).values()) == 800


def test_a_new_limit_for_a_domain_knows_what_was_sent_to_it_today(school, relays):
    """Of three a day two are gone already: one leaves, the rest waits."""
    main, _backup, _third = relays
    first, second = school.run(2), school.run(5, "later")
    domains = {"parents.example": {"rate": ["3/day"]}}

    async def scene():
        async with main:
            await school.send(first, route("main", main))
            stop = asyncio.Event()
            await school.send(
                second,
                route("main", main, domains=domains),
                stop=stop,
                on_progress=lambda it: stop.set() if it.counts.get(State.ACCEPTED) else None,
            )

    asyncio.run(scene())
    assert len(main.delivered) == 3
