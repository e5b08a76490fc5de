from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.report.account import Account, account_of


def test_the_run_of_the_fixture_is_balanced(ledger):
    """The sum: rows + further addresses = deliveries + rejections + folded."""
    account = account_of(ledger.told)
    assert account.left == account.right == 44
    assert account.is_balanced


@given(*[st.integers(0, 10**7)] * 4)
def test_a_missing_row_shows(extra, deliveries, rejections, folded):
    """One row less than became of it, and the account does not balance."""
    rows = deliveries + rejections + folded - extra
    fair = Account(rows, extra, deliveries, rejections, folded, 0, 0)
    short = Account(rows - 1, extra, deliveries, rejections, folded, 0, 0)
    assert fair.is_balanced
    assert not short.is_balanced
