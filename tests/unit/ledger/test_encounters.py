"""What is known of relays beyond a run: steps, and what they took, said and offered."""

from __future__ import annotations

from notifier.ledger.encounters import AGE, Encounter, StepRow
from notifier.ledger.relays import Trouble
from notifier.model import Rate

NOW = 1_800_000_000.0


def test_who_found_out_last_is_right(desk):
    """An older step never replaces a newer one."""
    new = StepRow("main", 1, "garbage", NOW, NOW + 60, 2)
    old = StepRow("main", 2, "lost", NOW - 9, NOW + 51, 1)
    other = StepRow("other", 2, "lost", NOW - 9, NOW + 51, 1)
    desk.ledger.traffic.note_relays([new, other], [])
    desk.ledger.traffic.note_relays([old], [])
    assert set(desk.ledger.traffic.relay_standing().steps) == {new, other}


def test_a_process_is_told_of_its_own_relays_steps(desk):
    """With the exchange that it makes anyway."""
    from notifier.ledger.relays import Wish

    mine = StepRow("main", 1, "garbage", NOW, NOW + 60, 1)
    other = StepRow("other", 1, "garbage", NOW, NOW + 60, 1)
    wish = Wish("main", 8, 8, 0, works=False)
    worker = desk.worker(desk.run())
    assert desk.ledger.traffic.sync_relays(worker, [wish], [], ([mine, other], [])).steps == [mine]


def test_a_step_is_forgotten_long_after_it_may_be_tried_again(desk):
    """Until then a relay that fails again is left alone for longer."""
    desk.ledger.traffic.note_relays([StepRow("main", 1, "garbage", NOW, NOW + 60, 1)], [])
    for now, count in [(NOW + 60 + AGE - 1, 1), (NOW + 60 + AGE + 1, 0)]:
        desk.ledger.traffic.keep_limit("relay main", Rate(5, 60.0), "main", now)
        assert len(desk.ledger.traffic.relay_standing().steps) == count


def test_of_each_the_newest_is_kept(desk):
    """What says nothing takes nothing away."""
    note = desk.ledger.traffic.note_relays
    note([], [Encounter("main", accepted_at=NOW)])
    note([], [Encounter("main", offered_at=NOW + 1, smtputf8=1, largest=5000)])
    note([], [Encounter("main", tried_at=NOW + 2, trial="no answer")])
    note([], [Encounter("main", accepted_at=NOW - 5)])
    (found,) = desk.ledger.traffic.relay_standing().encounters
    assert found == Encounter("main", NOW, NOW + 2, "no answer", NOW + 1, 1, 5000)


def test_a_trial_that_went_well_ends_a_relays_trouble(desk):
    """It answers again; one that failed leaves it."""
    desk.ledger.traffic.set_relay_trouble(Trouble("main", "no answer", NOW, None))
    desk.ledger.traffic.note_relays([], [Encounter("main", tried_at=NOW, trial="still none")])
    assert desk.ledger.traffic.relay_standing().troubles
    desk.ledger.traffic.note_relays([], [Encounter("main", tried_at=NOW, trial="")])
    assert desk.ledger.traffic.relay_standing().troubles == []
