from __future__ import annotations

from collections import deque
from math import inf

from notifier.delivery.domains import Lanes
from notifier.delivery.heed import Heed
from notifier.delivery.pace import RECOVERY
from notifier.delivery.throttle import Throttle
from notifier.model import Message, Reply
from notifier.slowdowns import SlowdownRule
from notifier.smtp.parcel import Parcel

NOW = 1_800_000_000.0
SLOWER = Reply(451, "4.7.0", "slower, please")


def rule(**keys):
    """A rule as a file would have it."""
    return SlowdownRule.model_validate({"code": 451, **keys})


def parcels(*domains):
    """Messages, ready to leave."""
    return deque(
        Parcel(number, Message("a@b.example", f"p@{domain}", b""))
        for number, domain in enumerate(domains)
    )


class Run:
    """A run's throttle and lanes, and its ear."""

    def __init__(self, *rules):
        self.throttle, self.lanes = Throttle(), Lanes({}, None)
        self.heed = Heed(rules, self.throttle, self.lanes)

    def hear(self, reply=SLOWER, *, taken_at=NOW - 1, now=NOW, address="p@a.example"):
        return self.heed.hear(reply, address, taken_at=taken_at, now=now, seen=10.0)


def test_the_relay_is_sent_to_more_slowly_at_once_and_is_forgiven_some_day():
    """Half the speed for everybody; in the end it costs nothing again."""
    run = Run(rule(slow_to="50%"))
    assert run.throttle.limits == ()
    run.hear()
    assert run.throttle.admit(NOW + 0.1) > 0
    assert run.throttle.admit(NOW + 0.3) == 0
    assert 0.1 < run.throttle.admit(NOW + 0.3) < 0.2
    assert run.heed.reason(NOW + 1) == "451 4.7.0 slower, please"
    run.heed.forgive(NOW + RECOVERY)
    assert run.throttle.limits
    run.heed.forgive(NOW + 4 * RECOVERY)
    assert run.throttle.limits == ()
    assert run.heed.reason(NOW + 4 * RECOVERY) == ""


def test_many_replies_of_one_burst_slow_down_once():
    """They answer what was sent before we had heard."""
    run = Run(rule(slow_to="50%"))
    for _again in range(100):
        run.hear()
    assert run.heed.relay.speed(NOW) == 5.0
    run.hear(taken_at=NOW + 1, now=NOW + 2)
    assert run.heed.relay.speed(NOW + 2) < 2.6


def test_a_domain_is_slowed_down_alone():
    """And only from then on are domains looked at at all."""
    run = Run(rule(scope="domain", slow_to="10%"))
    assert not run.lanes.is_needed
    run.hear(address="p@Slow.example")
    assert run.throttle.limits == ()
    assert run.lanes.is_needed
    ready = parcels("slow.example", "a.example", "slow.example", "b.example")
    assert [run.lanes.draw(ready, NOW).id for _turn in range(2)] == [1, 3]
    assert run.lanes.draw(ready, NOW) is None
    assert NOW < run.lanes.opens_at <= NOW + 1
    assert run.lanes.draw(ready, NOW + 1).id == 0
    assert run.lanes.draw(ready, NOW + 1) is None


def test_one_connection_is_one_message_at_a_time():
    """To a domain, or to the relay."""
    run = Run(rule(scope="domain", one_connection=True))
    run.hear()
    ready = parcels("a.example", "a.example", "b.example")
    assert run.lanes.draw(ready, NOW).id == 0
    assert run.lanes.draw(ready, NOW).id == 2
    assert run.lanes.draw(ready, NOW) is None
    assert run.lanes.opens_at == inf
    assert run.lanes.settled("p@a.example") is True
    assert run.lanes.draw(ready, NOW).id == 1
    other = Run(rule(one_connection=True))
    assert not other.heed.is_single(NOW)
    other.hear()
    assert other.heed.is_single(NOW)
    assert not other.heed.is_single(NOW + RECOVERY)


def test_a_reply_that_no_rule_is_about_changes_nothing():
    """And a rule without a speed only does what it says."""
    run = Run(rule(slow_to="50%"), rule(code=550, suppress=True))
    assert run.hear(Reply(450, "", "busy")) is None
    assert run.hear(Reply(550, "5.1.1", "nobody")).suppress
    assert run.throttle.admit(NOW) == 0
