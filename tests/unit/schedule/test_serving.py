from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime

import pytest

from notifier.delivery.window import Hours
from notifier.errors import CampaignError, LedgerError, RelayUnreachable
from notifier.ledger.ledger import Ledger, NewRun
from notifier.ledger.schedules import FiringState
from notifier.model import Recipient, RunState, Stage
from notifier.schedule import serving
from notifier.schedule.office import Started
from notifier.schedule.serving import Server
from notifier.timetable import Window

BEGUN = datetime(2027, 1, 15, tzinfo=UTC).timestamp()


class Clock:
    """Unix seconds that move when told."""

    def __init__(self):
        self.now = BEGUN

    def __call__(self):
        return self.now


class Office:
    """A workspace whose campaigns do as they are told."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.troubles = {}
        self.windows = {}
        self.started, self.delivered, self.expired, self.alerts = [], [], [], []
        self.told = 0
        self.gate = None

    def start(self, firing):
        self.started.append((firing.campaign, firing.occurrence))
        if trouble := self.troubles.get(firing.campaign):
            raise trouble
        run = make_run(self.ledger, firing.campaign, firing.occurrence)
        return Started(FiringState.BEGUN, "has begun", run.id)

    def hours(self, campaign):
        return Hours(self.windows.get(campaign), UTC)

    async def deliver(self, run_id, stop):
        run = self.ledger.get_run(run_id)
        self.delivered.append(run_id)
        if trouble := self.troubles.get(run.campaign):
            raise trouble
        if self.gate is not None:
            await stop.wait()
            return run.state
        self.ledger.cancel(run_id)
        return RunState.CANCELLED

    def expire(self, run):
        self.expired.append(run.id)
        self.ledger.schedules.expire(run.id, "too late")

    def alert(self, firing, why):
        self.alerts.append((firing.campaign, why))

    def tell(self):
        self.told += 1

    def describe(self, run_id):
        return f"run {run_id}"


def make_run(ledger, campaign, occurrence="by hand", **more):
    """An active run of one."""
    run = ledger.start_run(NewRun(campaign, occurrence, "Marks", "main", **more))
    ledger.enrol(run.id, [Recipient(2, "K", "p@parents.example", "", {})], [])
    ledger.finish_enrolment(run.id, rows=1)
    return run


class Desk:
    """A server that looks when it is told to."""

    def __init__(self, ledger, clock):
        self.ledger, self.clock = ledger, clock
        self.office = Office(ledger)
        self.log = []
        self.server = self.another()

    def another(self):
        """One more on the same ledger."""
        server = Server(self.office, self.ledger, log=self.log.append, clock=self.clock)
        server._worker_id = self.ledger.register_worker("elsewhere", 7)
        return server

    def plan(self, campaign="grades", **spec):
        """Schedule a campaign."""
        spec = {"begun": BEGUN, "missed": "run", **spec}
        self.ledger.schedules.put(campaign, json.dumps(spec), "UTC")

    def look(self, times=1, *servers):
        """Let it look, and wait for what it began."""

        async def scene():
            for _number in range(times):
                for server in servers or (self.server,):
                    await server.look()
                    tasks = [*server._starting.values(), *server._running.values()]
                    await asyncio.gather(*tasks)
                    if server._telling is not None:
                        await server._telling
                        server._telling = None

        async def limited():
            async with asyncio.timeout(20):
                await scene()

        asyncio.run(limited())

    def states(self):
        """What became of each occurrence."""
        return {(it.campaign, it.occurrence): it.state for it in self.ledger.schedules.firings()}


@pytest.fixture
def desk(tmp_path):
    """A desk with a new ledger, at midnight of 15 January 2027."""
    clock = Clock()
    with Ledger.open(tmp_path / "ledger.sqlite", clock=clock) as ledger:
        yield Desk(ledger, clock)


def test_an_occurrence_becomes_a_run_when_it_is_due_and_is_sent(desk):
    """Not before, and once."""
    desk.plan(cron="0 7 * * *")
    desk.look()
    assert desk.office.started == []
    desk.clock.now += 7 * 3600
    desk.look(4)
    assert desk.office.started == [("grades", "2027-01-15T07:00")]
    assert len(desk.office.delivered) == 1
    assert desk.states() == {("grades", "2027-01-15T07:00"): FiringState.BEGUN}
    assert any("has begun" in line for line in desk.log)
    desk.clock.now += 86_400
    desk.look(2)
    assert len(desk.office.started) == 2


def test_a_clock_that_was_wrong_for_a_while_neither_doubles_nor_drops(desk):
    """Ahead by a month and set right again: what was noted stays so, what comes is sent."""
    desk.plan(cron="0 7 * * *", missed="skip")
    desk.clock.now += 30 * 86_400
    desk.look(2)
    desk.clock.now -= 30 * 86_400
    desk.clock.now += 7 * 3600
    desk.look(2)
    assert desk.office.started == [("grades", "2027-01-15T07:00")]
    desk.clock.now -= 60
    desk.look(2)
    desk.clock.now += 90
    desk.look(2)
    assert len(desk.office.started) == 1


def test_two_that_serve_start_one_run(desk):
    """Whoever comes second finds the row."""
    desk.plan(at="2027-01-15T07:00:00")
    other = desk.another()
    desk.clock.now += 7 * 3600
    desk.look(3, desk.server, other)
    assert desk.office.started == [("grades", "2027-01-15T07:00")]
    assert len(desk.office.delivered) == 1


def test_a_changed_paused_or_removed_schedule_is_noticed_with_the_next_look(desk):
    """What another process wrote counts at once."""
    desk.plan(at="2027-01-15T07:00:00")
    desk.look()
    desk.plan(at="2027-01-15T09:00:00")
    desk.clock.now += 8 * 3600
    desk.look(2)
    assert desk.office.started == []
    desk.ledger.schedules.set_paused("grades", is_paused=True)
    desk.clock.now += 2 * 3600
    desk.look(2)
    assert desk.office.started == []
    desk.ledger.schedules.set_paused("grades", is_paused=False)
    desk.look(2)
    assert desk.office.started == []  # what would have come meanwhile never comes
    desk.plan(at="2027-01-15T11:00:00")
    desk.look()
    desk.ledger.schedules.remove("grades")
    desk.clock.now += 2 * 3600
    desk.look(2)
    assert desk.office.started == []


def test_a_bad_campaign_fails_and_the_others_go_on(desk):
    """With the reason; the operator is told; a person may have it run again."""
    desk.plan("bad", at="2027-01-15T07:00:00")
    desk.plan("good", at="2027-01-15T07:00:00")
    desk.plan("broken", at="2027-01-15T07:00:00")
    desk.office.troubles = {
        "bad": CampaignError("no such column", where="campaigns/bad.yaml"),
        "broken": ZeroDivisionError("bug"),
    }
    desk.clock.now += 7 * 3600
    desk.look(3)
    states = {campaign: state for (campaign, _name), state in desk.states().items()}
    assert states == {
        "bad": FiringState.FAILED,
        "good": FiringState.BEGUN,
        "broken": FiringState.FAILED,
    }
    assert {campaign for campaign, _why in desk.office.alerts} == {"bad", "broken"}
    assert any("no such column" in line for line in desk.log)
    desk.office.troubles = {}
    assert desk.ledger.schedules.decide("bad", "2027-01-15T07:00", FiringState.DUE, "")
    desk.look(2)
    assert desk.states()["bad", "2027-01-15T07:00"] is FiringState.BEGUN


def test_a_damaged_schedule_is_told_once_and_the_others_go_on(desk):
    """Nobody else's mail suffers by it."""
    desk.ledger.schedules.put("bad", "{", "UTC")
    desk.plan("good", at="2027-01-15T07:00:00")
    desk.clock.now += 7 * 3600
    desk.look(3)
    assert desk.office.started == [("good", "2027-01-15T07:00")]
    assert sum("can't be read" in line for line in desk.log) == 1


def test_what_was_missed_is_asked_about(desk):
    """The operator is told; an answer runs it."""
    desk.plan(at="2027-01-15T07:00:00", missed="ask")
    desk.clock.now += 20 * 3600
    desk.look(2)
    assert desk.office.started == []
    assert desk.states() == {("grades", "2027-01-15T07:00"): FiringState.ASKED}
    assert len(desk.office.alerts) == 1
    desk.ledger.schedules.decide("grades", "2027-01-15T07:00", FiringState.DUE, "")
    desk.look()
    assert desk.office.started == [("grades", "2027-01-15T07:00")]


def test_runs_that_nobody_sends_are_sent_when_due_and_their_window_is_open(desk):
    """One begun by `send` in the evening goes on in the morning."""
    run = make_run(desk.ledger, "notice")
    desk.office.windows["notice"] = Window(hours="07:00-18:00")
    desk.look(2)
    assert desk.office.delivered == []
    desk.clock.now += 7 * 3600
    desk.look(2)
    assert desk.office.delivered == [run.id]


def test_a_run_that_somebody_else_sends_or_paused_is_left_alone(desk):
    """A terminal's `send`, and a person's word."""
    sent, paused = make_run(desk.ledger, "notice"), make_run(desk.ledger, "other")
    desk.ledger.register_worker("elsewhere", 9, sent.id)
    desk.ledger.pause(paused.id)
    desk.look(2)
    assert desk.office.delivered == []


def test_what_a_dead_sender_held_is_taken_over(desk):
    """Nothing of it is due: it was claimed."""
    run = make_run(desk.ledger, "notice")
    worker = desk.ledger.register_worker("elsewhere", 9, run.id)
    desk.ledger.claim(run.id, worker, 10)
    desk.look()
    assert desk.office.delivered == []
    desk.clock.now += 3600
    desk.look()
    assert desk.office.delivered == [run.id]


def test_a_relay_that_cant_be_reached_is_tried_less_and_less_often(desk):
    """30 seconds, a minute, two; told once; others go on."""
    run, other = make_run(desk.ledger, "notice"), make_run(desk.ledger, "other")
    desk.office.troubles["notice"] = RelayUnreachable("no answer", stage=Stage.CONNECT)
    tries = []
    for _second in range(0, 300, 10):
        before = desk.office.delivered.count(run.id)
        desk.look()
        if desk.office.delivered.count(run.id) > before:
            tries.append(desk.clock.now - BEGUN)
        desk.clock.now += 10
    assert tries == [0, 30, 90, 210]
    assert desk.office.delivered.count(other.id) == 1
    assert sum("no answer" in line for line in desk.log) == 1
    desk.office.troubles.clear()
    desk.clock.now += 600
    desk.look()
    assert desk.ledger.get_run(run.id).state is RunState.CANCELLED


def test_what_is_too_late_expires_whatever_it_waits_for(desk):
    """Also a paused run, and one outside its window."""
    run = make_run(desk.ledger, "notice", not_after=BEGUN + 60)
    desk.ledger.pause(run.id)
    desk.look()
    assert desk.office.expired == []
    desk.clock.now += 60
    desk.look(2)
    assert desk.office.expired == [run.id]
    assert desk.ledger.get_run(run.id).state is RunState.FINISHED


def test_a_ledger_that_is_locked_is_told_once_and_looked_at_again(desk, monkeypatch):
    """Nothing is lost: the occurrence is due still."""
    desk.plan(at="2027-01-15T07:00:00")
    desk.clock.now += 7 * 3600
    every = desk.ledger.schedules.every

    def locked():
        raise LedgerError("The ledger is locked by another program.")

    monkeypatch.setattr(desk.ledger.schedules, "every", locked)
    desk.look(3)
    assert sum("locked" in line for line in desk.log) == 1
    monkeypatch.setattr(desk.ledger.schedules, "every", every)
    desk.look(2)
    assert desk.office.started == [("grades", "2027-01-15T07:00")]


def test_a_ledger_that_locks_while_a_run_is_begun_leaves_the_occurrence_due(desk):
    """It is started with a later look."""
    desk.plan(at="2027-01-15T07:00:00")
    desk.office.troubles["grades"] = LedgerError("The disk is full.")
    desk.clock.now += 7 * 3600
    desk.look()
    assert desk.states() == {("grades", "2027-01-15T07:00"): FiringState.DUE}
    desk.office.troubles.clear()
    desk.look()
    assert desk.states() == {("grades", "2027-01-15T07:00"): FiringState.BEGUN}


def test_what_could_not_be_given_back_is_started_all_the_same(desk, monkeypatch):
    """The ledger stays locked for longer than a try takes, and nobody needs to start anew."""
    desk.plan(at="2027-01-15T07:00:00")
    locked = LedgerError("The ledger is locked by another program.")
    desk.office.troubles["grades"] = locked

    def give_back(*_names):
        raise locked

    monkeypatch.setattr(desk.ledger.schedules, "give_back", give_back)
    desk.clock.now += 7 * 3600
    desk.look()
    desk.office.troubles.clear()
    desk.look()
    assert desk.states() == {("grades", "2027-01-15T07:00"): FiringState.BEGUN}


@pytest.mark.parametrize("broken", ["hours", "expire"])
def test_a_mistake_about_one_run_stops_no_other_and_not_the_serving(desk, monkeypatch, broken):
    """It is told once and tried again later."""
    bad = make_run(desk.ledger, "bad", not_after=BEGUN - 1 if broken == "expire" else None)
    good = make_run(desk.ledger, "good")
    does = getattr(desk.office, broken)

    def fails(asked):
        if asked == "bad" or getattr(asked, "id", 0) == bad.id:
            raise ZeroDivisionError("bug")
        return does(asked)

    monkeypatch.setattr(desk.office, broken, fails)
    desk.look(3)
    assert desk.office.delivered == [good.id]
    assert sum("bug" in line for line in desk.log) == 1


def test_a_mistake_about_one_schedule_stops_no_other_and_not_the_serving(desk):
    """An instant beyond all calendars, say; told once."""
    desk.ledger.schedules.put(
        "bad", json.dumps({"at": "9999-12-31 23:00", "begun": BEGUN}), "Etc/GMT+12"
    )
    desk.plan("good", at="2027-01-15T07:00:00")
    desk.clock.now += 7 * 3600
    desk.look(3)
    assert desk.office.started == [("good", "2027-01-15T07:00")]
    assert sum(line.startswith("bad: ") for line in desk.log) == 1


@pytest.mark.parametrize(
    ("missed", "state"),
    [("ask", FiringState.ASKED), ("skip", FiringState.SKIPPED), ("run", FiringState.BEGUN)],
)
def test_what_was_due_when_the_machine_went_off_is_missed_days_later(desk, missed, state):
    """Found to be due, and killed before it had its run: Friday's notice is Monday's question.

    A person who then has it run is taken at their word.
    """
    desk.plan(at="2027-01-15T07:00:00", missed=missed)
    desk.clock.now += 7 * 3600
    desk.server._plan()
    assert desk.ledger.schedules.take(desk.ledger.register_worker("off", 9))
    desk.clock.now += 3 * 86_400
    server = desk.another()
    desk.look(2, server)
    assert desk.states() == {("grades", "2027-01-15T07:00"): state}
    assert bool(desk.office.alerts) == (missed == "ask")
    if missed == "ask":
        assert desk.ledger.schedules.decide("grades", "2027-01-15T07:00", FiringState.DUE, "")
        desk.look(2, server)
        assert desk.office.started == [("grades", "2027-01-15T07:00")]


def test_the_operator_is_told_now_and_then(desk):
    """Once a minute, and after each run."""
    desk.look(3)
    assert desk.office.told == 1
    desk.clock.now += serving.TELLING
    desk.look()
    assert desk.office.told == 2


def test_it_serves_until_it_is_stopped_and_says_good_bye(desk, monkeypatch):
    """Runs are asked to stop with it; an alarm has it look at once."""
    monkeypatch.setattr(serving, "LOOK", 30.0)
    make_run(desk.ledger, "notice")
    desk.office.gate = True
    rings = []

    class Bells:
        def __init__(self, listener):
            rings.append(listener)

        def start(self):
            pass

        def set_all(self, wanted):
            pass

        def stop(self):
            rings.append("stopped")

    server = Server(desk.office, desk.ledger, Bells, log=desk.log.append, clock=desk.clock)

    async def scene():
        stop = asyncio.Event()
        task = asyncio.create_task(server.run(stop))
        while not desk.office.delivered:  # noqa: ASYNC110 - a double has no event
            await asyncio.sleep(0)
        desk.plan(at="2027-01-15T00:00:01")
        desk.clock.now += 5
        threading.Thread(target=rings[0], args=("grades",)).start()
        while not desk.office.started:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0)
        assert len(desk.ledger.schedules.servers()) == 2  # the fixture's is one
        stop.set()
        await task

    async def limited():
        async with asyncio.timeout(20):
            await scene()

    asyncio.run(limited())
    assert rings[-1] == "stopped"
    assert len(desk.ledger.schedules.servers()) == 1
