"""How a relay is doing, from what the ledger knows: pure."""

from __future__ import annotations

from math import inf

import pytest

from notifier.delivery.acquaintance import HOLD
from notifier.delivery.pace import Pace
from notifier.delivery.standing import Health, stand
from notifier.ledger.encounters import Encounter, StepRow
from notifier.ledger.relays import PaceRow, Standing, Trouble
from notifier.model import Rate
from notifier.settings import RelaySettings
from notifier.smtp.ladder import Step

NOW = 1_800_000_000.0
RELAY = RelaySettings(
    name="main", host="x.example", rate=["20/second", "1000/day"], max_connections=4
)


def slowed(scope="relay main", at=NOW - 60):
    """A pace of 30 a minute for the last minute, as the ledger has it."""
    pace = Pace()
    pace.slow(at, Rate(30, 60.0), seen=10.0)
    pace.why = "450 slower"
    return pace.told(scope)


USED = (Encounter("main", accepted_at=NOW - 100),)


def look(
    *,
    paces=(),
    troubles=(),
    connections=None,
    used=lambda _scope, _rate: 0,
    steps=(),
    met=USED,
    relay=RELAY,
):
    """How the relay is doing, where that is known of it."""
    known = Standing(list(paces), list(troubles), connections or {}, steps, met)
    return stand(relay, known, used, NOW)


def test_a_relay_of_which_nothing_else_is_known_is_healthy():
    """What others of a similar name did is not its own."""
    found = look(
        paces=[slowed("relay mainly")],
        troubles=[Trouble("other", "down", NOW, None)],
        connections={"other": 3, "main": 2},
    )
    assert (found.health, found.why, found.connections) == (Health.HEALTHY, "", 2)
    assert [quota.used for quota in found.quotas] == [0, 0]


def test_a_relay_that_was_never_met_is_not_called_healthy():
    """Neither took it a message, nor did anybody try it out."""
    assert look(met=[Encounter("other", accepted_at=NOW)]).health is Health.UNTRIED
    tried = [Encounter("main", tried_at=NOW, trial="")]
    assert look(met=tried).health is Health.HEALTHY


@pytest.mark.parametrize(("accepted_at", "health"), [(NOW - 9, "down"), (NOW, "healthy")])
def test_a_trial_that_failed_counts_until_it_takes_a_message(accepted_at, health):
    """Whatever comes later is right."""
    met = [Encounter("main", accepted_at=accepted_at, tried_at=NOW - 5, trial="no answer")]
    found = look(met=met)
    assert found.health.value == health
    assert found.why == ("no answer" if health == "down" else "")


def test_what_it_could_not_take_is_told_with_the_time_of_the_next_try():
    """Until it is where the settings let it begin."""
    row = StepRow("main", Step.LOCKSTEP, "it fell silent", NOW - 2 * HOLD, NOW - HOLD, 1)
    found = look(steps=[row._replace(since=NOW, until=NOW + HOLD)])
    assert found.health is Health.HEALTHY
    assert (found.below.step, found.below.until) == (Step.LOCKSTEP, NOW + HOLD)
    assert found.as_dict()["below"]["step"] == "lockstep"
    next_one = look(steps=[row._replace(since=NOW - 90_000, until=NOW - 3_600)]).below
    assert (next_one.step, next_one.until) == (Step.PIPELINED, NOW - 3_600 + HOLD)
    assert look(steps=[row]).below is None
    modest = RELAY.model_copy(update={"pipelining": False})
    assert look(steps=[row._replace(until=NOW + 9)], relay=modest).below is None


def test_programs_read_instants_as_everywhere():
    """ISO 8601, in UTC."""
    found = look(troubles=[Trouble("main", "refused us", NOW, NOW + 25.5)]).as_dict()
    assert found["since"] == "2027-01-15T08:00:00.000+00:00"
    assert found["until"] == "2027-01-15T08:00:25.500+00:00"
    assert found["accepted_at"] == "2027-01-15T07:58:20.000+00:00"
    assert found["tried_at"] is None


def test_a_slowed_relay_tells_to_what_why_and_since_when():
    """It climbs: after a minute it is a little quicker than what it was slowed to."""
    found = look(paces=[slowed()])
    assert found.health is Health.SLOWED
    assert 30 < found.per_minute < 120
    assert (found.why, found.since, found.until) == ("450 slower", NOW - 60, None)


def test_a_paused_relay_tells_until_when():
    """And a pause that is over is told no more."""
    row = PaceRow("relay main", inf, inf, -inf, NOW + 90, -inf, NOW - 10, "421 wait")
    found = look(paces=[row])
    assert (found.health, found.until, found.per_minute) == (Health.PAUSED, NOW + 90, None)
    over = row._replace(paused_until=NOW - 1)
    assert look(paces=[over]).health is Health.HEALTHY


def test_a_limit_that_is_used_up_is_named():
    """The longest one: it is what is waited for."""
    found = look(used=lambda _scope, rate: rate.count)
    assert (found.health, found.why) == (Health.LIMITED, "1000/day")
    assert found.as_dict()["limits"][1] == {"rate": "1000/day", "count": 1000, "used": 1000}


def test_a_relay_that_is_down_is_that_before_all_else():
    """Whatever its limits and paces say."""
    found = look(
        paces=[slowed()],
        troubles=[Trouble("main", "refused us", NOW - 5, NOW + 25)],
        used=lambda _scope, rate: rate.count,
    )
    assert (found.health, found.why) == (Health.DOWN, "refused us")
    assert (found.since, found.until) == (NOW - 5, NOW + 25)


def test_domains_behind_it_are_told_by_their_names():
    """Those that are slowed or paused, and no others."""
    old = slowed("relay main @yahoo.com", at=NOW - 90_000)
    found = look(paces=[slowed("relay main @gmail.com"), old])
    assert found.health is Health.HEALTHY
    (domain,) = found.domains
    assert (domain.name, domain.health) == ("gmail.com", Health.SLOWED)
    assert found.as_dict()["domains"][0]["domain"] == "gmail.com"


@pytest.mark.parametrize("moment", [NOW, NOW + 300, NOW + 900])
def test_a_pace_that_was_stored_is_the_same_pace(moment):
    """Its speed at any later moment, and what it has heard."""
    pace = Pace()
    pace.slow(NOW, 0.5, seen=10.0)
    pace.go_single(NOW)
    other = Pace()
    other.adopt(pace.told("relay main"), NOW)
    assert other.speed(moment) == pace.speed(moment)
    assert other.is_single(moment) == pace.is_single(moment)
    assert other.has_heard(NOW)


def test_those_who_share_a_pace_have_a_part_of_it_each():
    """Two processes at half of it are as fast as one."""
    pace = Pace()
    pace.slow(NOW, Rate(60, 60.0), seen=10.0)
    pace.sharers = 2
    pace.use(NOW + 10)
    assert pace.opens_at(NOW + 10) - (NOW + 10) == pytest.approx(2.0, rel=0.2)
