from __future__ import annotations

from notifier.ledger import mailboxes
from notifier.ledger.ledger import NewRun
from notifier.model import Recipient


def _enrolled(desk, addresses, occurrence="1"):
    run = desk.ledger.start_run(NewRun("grades", occurrence, "", "main"))
    people = [Recipient(n, f"K{n}", it, "", {}) for n, it in enumerate(addresses, 2)]
    desk.ledger.enrol(run.id, people, ())
    desk.ledger.finish_enrolment(run.id, rows=len(people))
    return run.id


def _mailboxes(desk):
    return desk.every("SELECT address, delivery_id FROM mailbox ORDER BY 1, 2")


def test_every_delivery_of_an_address_is_found(desk):
    """Over all runs, without regard to case, in any script: as suppressions are compared."""
    _enrolled(desk, ["Lan@X.example", "bà.Tư@x.example"])
    _enrolled(desk, ["BÀ.TƯ@x.example", "lan@x.example"], "2")
    assert _mailboxes(desk) == [
        ("bà.tư@x.example", 2),
        ("bà.tư@x.example", 3),
        ("lan@x.example", 1),
        ("lan@x.example", 4),
    ]


def test_a_large_run_is_put_in_order_a_part_at_a_time(desk, monkeypatch):
    """Many parts, uneven addresses, and none is lost or there twice."""
    monkeypatch.setattr(mailboxes, "SORTED", 16)
    monkeypatch.setattr(mailboxes, "SAMPLED", 3)
    many = [f"{'a' * (n % 7)}{n % 50}@x.example" for n in range(400)]
    run_id = _enrolled(desk, many)
    with desk.ledger._store.alone() as db:
        assert len(mailboxes._bounds(db, run_id, 25)) > 10
    assert _mailboxes(desk) == sorted((it, n) for n, it in enumerate(many, 1))


def test_equal_addresses_make_one_part(desk, monkeypatch):
    """A run to one address many times over has no bounds to be parted at."""
    monkeypatch.setattr(mailboxes, "SORTED", 16)
    _enrolled(desk, ["same@x.example"] * 300)
    assert len(_mailboxes(desk)) == 300
