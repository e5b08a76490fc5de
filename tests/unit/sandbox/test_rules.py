from __future__ import annotations

import pytest

from notifier.sandbox import rules as rules_module
from notifier.sandbox.rules import Rules, reply_of
from notifier.settings import SandboxRule


def _rule(match="*", action="refuse", **options):
    return SandboxRule(match=match, action=action, **options)


def test_the_first_rule_that_matches_decides():
    """Rules are read from top to bottom, as globs, in any case of letters."""
    first, second = _rule("an@*"), _rule("*@full.example", "defer")
    rules = Rules([first, second])
    assert rules.meet("AN@full.example") == (0.0, first)
    assert rules.meet("binh@FULL.example") == (0.0, second)
    assert rules.meet("binh@free.example") == (0.0, None)


def test_a_rule_may_hold_for_the_first_tries_of_each_address():
    """`times: 2` meets the first two tries of every address, and lets the third pass."""
    rule = _rule(action="defer", times=2)
    rules = Rules([rule])
    assert [rules.meet("a@x.example")[1] for _ in range(4)] == [rule, rule, None, None]
    assert rules.meet("b@x.example")[1] is rule


def test_once_a_rule_is_used_up_the_next_one_holds():
    """Deferred twice, then refused: rules stand in for one another."""
    defer, refuse = _rule(action="defer", times=2), _rule()
    rules = Rules([defer, refuse])
    assert [rules.meet("a@x.example")[1] for _ in range(3)] == [defer, defer, refuse]


def test_delays_add_up_and_decide_nothing():
    """A delay goes before whatever else happens."""
    refuse = _rule("*@no.example")
    rules = Rules(
        [_rule(action="delay", seconds=2), _rule("*@no.example", "delay", seconds=0.5), refuse]
    )
    assert rules.meet("a@no.example") == (2.5, refuse)
    assert rules.meet("a@yes.example") == (2.0, None)


def test_memory_is_bounded(monkeypatch):
    """The tries of a bounded number of addresses are remembered, the latest."""
    monkeypatch.setattr(rules_module, "MAX_REMEMBERED", 10)
    rule = _rule(action="defer", times=1)
    rules = Rules([rule])
    for number in range(30):
        rules.meet(f"{number}@x.example")
    assert len(rules._tries) == 10
    assert rules.meet("29@x.example")[1] is None
    assert rules.meet("0@x.example")[1] is rule


@pytest.mark.parametrize(
    ("rule", "reply"),
    [
        (
            _rule(),
            "550 5.1.1 <a@x.example>: Recipient address rejected: User unknown in the sandbox",
        ),
        (_rule(reply="552 5.2.2 {address} is full"), "552 5.2.2 a@x.example is full"),
        (
            _rule(action="defer"),
            "450 4.2.0 <a@x.example>: Recipient address rejected: Greylisted, try again later",
        ),
        (_rule(action="defer", reply="451 4.3.0 later"), "451 4.3.0 later"),
        (_rule(reply="550"), "550 5.1.1 550"),
    ],
)
def test_the_reply_is_the_rule_s_or_the_action_s(rule, reply):
    """Without words of its own a rule says what a mail server would say."""
    assert reply_of(rule, "a@x.example") == reply
