"""How much was sent to recipient domains lately: a limit for a domain that is new knows of it.

A relay's own limits have a count of attempts by the second; of domains there is none, so attempts
are read one by one, of the runs that sent anything in the limits' spans: a second or two for a
million, once at the start of a run, and only where a relay has limits by domain.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from notifier.ledger import permits
from notifier.measures import ANY_DOMAIN, spell_domain
from notifier.model import Stage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from notifier.model import Rate

#: Seconds to which attempts are told, and the span from which the coarser is exact enough.
FINE, COARSE = 1, 10
LONG = 60.0

_ATTEMPTS = """
SELECT substr(p.address, instr(p.address, '@') + 1), CAST(a.at AS INTEGER) / ?3 * ?3 + ?3, count(*)
FROM run r
CROSS JOIN recipient p ON p.run_id = r.id
CROSS JOIN attempt a ON a.delivery_id = p.delivery_id
WHERE instr(', ' || r.relay || ', ', ', ' || ?1 || ', ')
    AND EXISTS (SELECT 1 FROM tick t WHERE t.run_id = r.id AND t.second >= ?2)
    AND a.relay = ?1 AND a.at >= ?2 AND a.stage <> ?4
GROUP BY 1, 2 ORDER BY 2
"""


def keep_limits(
    db: sqlite3.Connection,
    relay: str,
    scope: str,
    limits: Mapping[str, Sequence[Rate]],
    now: float,
) -> None:
    """Have the limits of domains behind the relay know what was sent before they were kept.

    `scope` is what comes before the domain in the limits' scopes; `*` among `limits` is for each
    domain that has none of its own.
    """
    longest = max((rate.seconds for rates in limits.values() for rate in rates), default=0.0)
    if not longest:
        return
    used: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for domain, at, count in _attempts(
        db, relay, now - longest, FINE if longest <= LONG else COARSE
    ):
        if domain in limits or ANY_DOMAIN in limits:
            used[domain].append((min(at, now), count))
    for domain, attempts in used.items():
        for rate in limits.get(domain, limits.get(ANY_DOMAIN, ())):
            instants = _latest(attempts, now - rate.seconds, rate.count)
            permits.take_up(db, scope + domain, rate, instants, now)


def _attempts(
    db: sqlite3.Connection, relay: str, since: float, step: int
) -> Iterator[tuple[str, float, int]]:
    """(domain, the end of a stretch of time, attempts in it), oldest first."""
    rows = db.execute(_ATTEMPTS, (relay, int(since), step, Stage.ASSEMBLE))
    for domain, at, count in rows:
        yield spell_domain(domain.rpartition("@")[2]), float(at), count


def _latest(attempts: Sequence[tuple[float, int]], since: float, limit: int) -> list[float]:
    """An instant for each of the latest attempts, oldest first."""
    found: list[float] = []
    for at, count in reversed(attempts):
        if at <= since or len(found) >= limit:
            break
        found.extend([at] * min(count, limit - len(found)))
    return found[::-1]
