from __future__ import annotations


def test_a_suppression_is_kept_as_it_was_first_given(desk):
    """Case doesn't matter; the first reason stays; lifting it makes the address free again."""
    assert desk.ledger.suppress(" Bà.Tư@X.example ", "asked", "command")
    assert not desk.ledger.suppress("bà.tư@x.EXAMPLE", "bounced", "bounce")
    (found,) = desk.ledger.suppressions()
    assert (found.address, found.reason, found.source) == ("Bà.Tư@X.example", "asked", "command")
    assert found.at == desk.clock()
    assert desk.ledger.is_suppressed("BÀ.TƯ@x.example")
    assert desk.ledger.unsuppress("bà.tư@x.example")
    assert not desk.ledger.unsuppress("bà.tư@x.example")
    assert not desk.ledger.is_suppressed("bà.tư@x.example")
