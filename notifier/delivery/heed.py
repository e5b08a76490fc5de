"""Heeding what replies say of our speed: rules (`slowdowns.toml`) become paces (`pace.py`).

The relay's account has one pace, which joins the run's limits with the first word that slows it;
each domain behind it has one in its gate. The engine exchanges them with the ledger (`news`,
`adopt`), so that they outlive this process and hold for all. Where no reply ever says "slower",
there is nothing here and nothing is spent. Only replies at steps of a message count: what is said
before one is about connecting, and the pool's and `patience`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.delivery.pace import Pace
from notifier.measures import spell_domain
from notifier.slowdowns import first_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notifier.delivery.domains import Lanes
    from notifier.delivery.throttle import Throttle
    from notifier.ledger.relays import PaceRow
    from notifier.model import Reply
    from notifier.slowdowns import SlowdownRule


class Heed:
    """The paces of one relay: what this process was told, and what others were."""

    def __init__(
        self, rules: Sequence[SlowdownRule], throttle: Throttle, lanes: Lanes, scope: str = ""
    ) -> None:
        """`scope` is the relay's name in the ledger."""
        self._rules = tuple(rules)
        self._throttle = throttle
        self._lanes = lanes
        #: The relay's own; None until it is told something.
        self.relay: Pace | None = None
        self._scope = scope
        self._sharers = 1
        #: What was heard and not told to the ledger yet.
        self._news: dict[str, Pace] = {}

    def hear(
        self, reply: Reply, address: str, *, taken_at: float, now: float, seen: float
    ) -> SlowdownRule | None:
        """Do as the first rule says that is about the reply; the rule, if there is one.

        `taken_at`: when the message was sent that it answers; `seen`: messages a second lately.
        """
        domain = spell_domain(address.rpartition("@")[2])
        rule = first_match(self._rules, reply, domain)
        if rule is None or not rule.slows:
            return rule
        pace = self._lanes.pace_of(domain) if rule.scope == "domain" else self._pace_of_relay()
        if not pace.has_heard(taken_at):
            _slow(pace, rule, now, seen)
            pace.why = str(reply)
            behind = f" @{domain}" if rule.scope == "domain" else ""
            self._news[self._scope + behind] = pace
        return rule

    def news(self) -> list[PaceRow]:
        """What was heard since this was asked last."""
        told, self._news = self._news, {}
        return [pace.told(scope) for scope, pace in told.items()]

    def adopt(self, rows: Iterable[PaceRow], sharers: int, now: float) -> None:
        """Go by what others were told, and by how many share the relay."""
        self._sharers = sharers
        for row in rows:
            name, _at, domain = row.scope.partition(" @")
            if name != self._scope or _is_over(row, now):
                continue
            pace = self._lanes.pace_of(domain) if domain else self._pace_of_relay()
            pace.sharers = sharers
            pace.adopt(row, now)

    def is_single(self, now: float) -> bool:
        """Whether the relay is to be sent one message at a time."""
        return self.relay is not None and self.relay.is_single(now)

    def forgive(self, now: float) -> None:
        """Let go of a pace that holds nobody back any more."""
        if self.relay is not None and self.relay.is_over(now):
            self._throttle.part(self.relay)
            self.relay = None

    def reason(self, now: float) -> str:
        """The relay's own words, while it is being sent to more slowly because of them."""
        return self.relay.why if self.relay is not None and not self.relay.is_over(now) else ""

    def _pace_of_relay(self) -> Pace:
        if self.relay is None:
            self.relay = Pace()
            self._throttle.join(self.relay)
        self.relay.sharers = self._sharers
        return self.relay


def _is_over(row: PaceRow, now: float) -> bool:
    pace = Pace()
    pace.adopt(row, now)
    return pace.is_over(now)


def _slow(pace: Pace, rule: SlowdownRule, now: float, seen: float) -> None:
    if rule.slow_to is not None:
        pace.slow(now, rule.slow_to, seen)
    if rule.pause_for:
        pace.pause(now, rule.pause_for)
    if rule.one_connection:
        pace.go_single(now)
