from __future__ import annotations

from types import SimpleNamespace

import pytest

from notifier.settings import RelaySettings
from notifier.smtp.pool import Plan, Pool


@pytest.fixture
def pool():
    """A pool at rest, with its clock at 0."""
    relay = RelaySettings(
        name="main", host="relay.example", tls="none", max_connections=4, idle_timeout=30
    )
    return Pool(relay, clock=lambda: 0.0)


class Worker(SimpleNamespace):
    """As much of a courier as a plan looks at."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def courier(**fields):
    """A courier, young and busy unless told otherwise."""
    return Worker(**{"expires_at": 1000.0, "idle_since": 0.0, "is_worn": False, **fields})


def hold(pool, *busy, idle=()):
    """Put couriers into the pool."""
    pool._crew.couriers, pool._crew.idle = {*busy, *idle}, list(idle)


def test_without_work_nothing_is_opened(pool):
    """A connection is opened for work, not for its own sake."""
    assert pool.plan(0.0) == Plan(0, (), (), None, is_done=False)
    assert repr(pool) == "<Pool main: 0 busy, 0 idle, 0 opening, window 1/4>"


def test_the_first_work_opens_one(pool):
    """One at first, however much work there is."""
    pool._is_fed = True
    assert pool.plan(0.0).connect == 1


def test_opens_up_to_its_window(pool):
    """What the successes so far allow, less what there is; never while one is idle."""
    pool._is_fed = True
    pool._crew.window = 3
    hold(pool, courier())
    assert pool.plan(0.0).connect == 2
    hold(pool, courier(), idle=(courier(),))
    assert pool.plan(0.0).connect == 0


def test_waits_for_its_next_try(pool):
    """After a failure nothing is opened before the instant that was set."""
    pool._is_fed = True
    pool._crew.retry_at = 5.0
    assert pool.plan(4.9) == Plan(0, (), (), 5.0, is_done=False)
    assert pool.plan(5.0).connect == 1


def test_closes_idle_ones_and_retires_old_ones(pool):
    """Idle too long, or too old: leave. Busy and too old: finish, then leave."""
    stale, fresh = courier(idle_since=0.0), courier(idle_since=20.0)
    old = courier(expires_at=29.0)
    hold(pool, old, idle=(stale, fresh))
    plan = pool.plan(31.0)
    assert plan.close == (stale,)
    assert plan.retire == (old,)
    assert plan.wake_at == 50.0


def test_stopping_closes_what_is_idle_and_waits_for_the_rest(pool):
    """Done is when nobody is left."""
    hold(pool, courier(), idle=(courier(),))
    pool.stop()
    plan = pool.plan(0.0)
    assert (plan.connect, len(plan.close), plan.is_done) == (0, 1, False)
    hold(pool)
    assert pool.plan(0.0).is_done
