"""What many deliveries came to, added up: by campaign, domain, column of the sheet, relay, time.

By campaign, and by time, it costs by the number of runs and of seconds in which something was sent:
counters and ticks have it. By domain and by a column each recipient of the scope is read once, in
pages; memory grows by the number of domains, or of the column's values, alone. By relay a run that
had only one is told by its ticks, one that had several by reading its attempts.

A run whose persons were purged has its sums, states and causes, but neither domains nor cells:
they are left out of these figures, and `purged` names them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from notifier.ledger.summaries import CauseGroup
from notifier.measures import spell_domain
from notifier.model import Cause, Stage, State, load_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notifier.ledger.reports import Reader
    from notifier.ledger.scope import Scope

#: Final, and nobody got the message.
FAILED = (State.REFUSED, State.EXPIRED, State.BOUNCED)
#: Seconds of a stretch of `by_time`: every zone's offset is a multiple of it.
STRETCH = 900

_RUNS = "SELECT r.id, r.campaign, r.relay FROM run r WHERE {where} ORDER BY r.id"
_BY_DOMAIN = """
SELECT substr(p.address, instr(p.address, '@') + 1), d.state, count(*), sum(d.attempts > 1),
    sum(iif(d.state = 'accepted', d.changed_at - d.first_attempt_at, NULL)),
    sum(d.state = 'accepted' AND d.first_attempt_at IS NOT NULL)
FROM recipient p CROSS JOIN delivery d ON d.id = p.delivery_id
WHERE p.run_id = ? GROUP BY 1, 2
"""
_BY_COLUMN = """
SELECT {cell}, d.state, count(*), sum(d.attempts > 1),
    sum(iif(d.state = 'accepted', d.changed_at - d.first_attempt_at, NULL)),
    sum(d.state = 'accepted' AND d.first_attempt_at IS NOT NULL)
FROM recipient p CROSS JOIN delivery d ON d.id = p.delivery_id
WHERE p.run_id = ? GROUP BY 1, 2
"""
_CELL = "json_extract(p.context, '$[0].\"' || ? || '\"')"
#: For a header with line breaks or quotation marks, which JSON writes otherwise: slower.
_ODD_CELL = "(SELECT e.value FROM json_each(p.context, '$[0]') e WHERE e.key = ?)"
_MISSED = """
SELECT {cell}, p.key, p.name, p.address, d.id, d.state, d.cause, '', p.line
FROM delivery d CROSS JOIN recipient p ON p.delivery_id = d.id
WHERE d.run_id = ? AND d.cause <> 'accepted'
    AND d.state IN ('refused', 'expired', 'bounced', 'unknown', 'suppressed', 'cancelled')
ORDER BY p.line, p.delivery_id
"""
_BY_RELAY = """
SELECT a.relay, a.outcome, count(*), sum(a.at - a.started_at)
FROM recipient p CROSS JOIN attempt a ON a.delivery_id = p.delivery_id
WHERE p.run_id = ? AND a.stage <> ? GROUP BY 1, 2
"""


@dataclass(slots=True)
class Total:
    """What the deliveries came to that have something in common."""

    #: A campaign's name, a domain, a cell's text.
    key: str
    counts: dict[State, int] = field(default_factory=dict)
    rejections: int = 0
    runs: int = 0
    #: Deliveries that took more than one try.
    retried: int = 0
    #: Accepted deliveries of which it is known how long they took, and the seconds of all of them.
    timed: int = 0
    seconds: float = 0.0
    #: When the last of them began to be sent, Unix seconds.
    last_at: float | None = None

    @property
    def deliveries(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    @property
    def failed(self) -> int:
        """How many ended without reaching anybody."""
        return sum(self.counts.get(state, 0) for state in FAILED)

    @property
    def seconds_to_accept(self) -> float | None:
        """The mean from the first try to the reply that accepted it; None where none was."""
        return self.seconds / self.timed if self.timed else None

    def add(self, state: str, count: int, retried: int, seconds: float | None, timed: int) -> None:
        """Count deliveries of one state."""
        self.counts[State(state)] = self.counts.get(State(state), 0) + count
        self.retried += retried
        self.seconds += seconds or 0.0
        self.timed += timed


@dataclass(slots=True)
class Tries:
    """What attempts came to, by outcome."""

    key: str
    outcomes: dict[State, int] = field(default_factory=dict)
    #: Seconds from the first command to the reply, of all attempts; 0.0 where that isn't known.
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.outcomes.values())

    def add(self, outcome: str, count: int, seconds: float = 0.0) -> None:
        """Count attempts of one outcome."""
        state = State(outcome)
        self.outcomes[state] = self.outcomes.get(state, 0) + count
        self.seconds += seconds


def worst_first(total: Total) -> tuple[int, int, int, str]:
    """The order in which somebody should look: failures, doubts, put off, and then by size."""
    counts = total.counts
    waits = counts.get(State.UNKNOWN, 0) + counts.get(State.DEFERRED, 0)
    return -(total.failed + total.rejections), -waits, -total.deliveries, total.key


def by_campaign(reader: Reader, scope: Scope) -> list[Total]:
    """Each campaign's runs together, the one that was sent last first."""
    where, values = scope.of_runs()
    rows = reader.query(
        "SELECT r.campaign, r.rejections, coalesce(r.started_at, r.created_at),"  # noqa: S608 - constants
        " (SELECT json_group_object(c.state, c.count) FROM counter c"
        f" WHERE c.run_id = r.id AND c.count > 0) FROM run r WHERE {where} ORDER BY r.id",
        *values,
    )
    found: dict[str, Total] = {}
    for campaign, rejections, at, counts in rows:
        total = found.setdefault(campaign, Total(campaign))
        total.runs += 1
        total.rejections += rejections
        total.last_at = max(at, total.last_at or 0.0)
        for state, count in json.loads(counts).items():
            total.add(state, count, 0, None, 0)
    return sorted(found.values(), key=lambda it: -(it.last_at or 0.0))


def by_domain(reader: Reader, scope: Scope) -> list[Total]:
    """Each recipient domain, the worst first. Who was forgotten has none."""
    found: dict[str, Total] = {}
    for run_id in _unpurged(reader, scope):
        for domain, *counted in reader.query(_BY_DOMAIN, run_id):
            name = spell_domain(domain.rpartition("@")[2])
            found.setdefault(name, Total(name)).add(*counted)
    return sorted(found.values(), key=worst_first)


class Missed(NamedTuple):
    """Somebody who did not get a message, as far as is known."""

    #: What the column has for them.
    value: str
    key: str
    name: str
    #: Of a rejected row: what it has instead of one.
    address: str
    #: None: a rejected row.
    delivery_id: int | None
    state: State | None
    cause: Cause | None
    #: Why the row was rejected.
    reason: str
    #: The row's number in the sheet.
    line: int


def missed(reader: Reader, scope: Scope, column: str) -> Iterator[Missed]:
    """Who did not get it, run by run; first those who were refused, then rejected rows.

    Costs by the number of failures.
    """
    sql = _MISSED.format(cell=_cell_of(column))
    for run_id in _unpurged(reader, scope):
        for value, key, name, address, number, state, cause, *rest in reader.query(
            sql, column, run_id
        ):
            who = key, name, address, number
            yield Missed(_cell(value), *who, State(state), Cause(cause), *rest)
        for it in reader.rejections(run_id):
            yield Missed(
                _cell(it.row.get(column)), "", "", it.value, None, None, None, it.reason, it.line
            )


def _cell_of(column: str) -> str:
    is_plain = json.dumps(column, ensure_ascii=False) == f'"{column}"'
    return _CELL if is_plain else _ODD_CELL


def by_column(reader: Reader, scope: Scope, column: str) -> list[Total]:
    """Each value of a column of the sheet, in the order of the values; rejected rows too."""
    sql = _BY_COLUMN.format(cell=_cell_of(column))
    found: dict[str, Total] = {}
    for run_id in _unpurged(reader, scope):
        for value, *counted in reader.query(sql, column, run_id):
            found.setdefault(_cell(value), Total(_cell(value))).add(*counted)
        for (context,) in reader.query("SELECT context FROM rejection WHERE run_id = ?", run_id):
            value = _cell(load_context(context)[0].get(column))
            found.setdefault(value, Total(value)).rejections += 1
    return [found[value] for value in sorted(found, key=str.casefold)]


def columns(reader: Reader, scope: Scope) -> list[str]:
    """The columns of the sheet that the latest run of the scope was made from."""
    where, values = scope.of_runs()
    rows = reader.query(
        f"SELECT p.context FROM run r JOIN recipient p ON p.run_id = r.id WHERE {where}"  # noqa: S608 - constants
        " AND r.purged_at IS NULL AND p.address <> '' ORDER BY r.id DESC, p.line LIMIT 1",
        *values,
    )
    return [name for (context,) in rows for name in load_context(context)[0]]


def by_relay(reader: Reader, scope: Scope) -> list[Tries]:
    """What attempts through each relay came to, the most used first."""
    found: dict[str, Tries] = {}
    for run_id, _campaign, relays in _runs(reader, scope):
        for relay, outcome, count, seconds in _tries(reader, run_id, relays):
            found.setdefault(relay, Tries(relay)).add(outcome, count, seconds)
    return sorted(found.values(), key=lambda it: (-it.count, it.key))


def _tries(reader: Reader, run_id: int, relays: str) -> Iterator[tuple[str, str, int, float]]:
    if ", " in relays:
        rows = reader.query(_BY_RELAY, run_id, Stage.ASSEMBLE)
        yield from ((relay, outcome, count, seconds) for relay, outcome, count, seconds in rows)
        return
    rows = reader.query(
        "SELECT outcome, sum(count) FROM tick WHERE run_id = ? GROUP BY outcome", run_id
    )
    for outcome, count in rows:
        yield relays, outcome, count, 0.0


def by_time(reader: Reader, scope: Scope) -> Iterator[tuple[int, Mapping[State, int]]]:
    """What attempts came to in each `STRETCH` in which there were any, in order.

    Of a time that is asked for, its own attempts count, whenever their runs began.
    """
    where, values = _of_ticks(scope)
    rows = reader.query(
        f"SELECT t.second / {STRETCH}, t.outcome, sum(t.count)"  # noqa: S608 - constants
        f" FROM run r CROSS JOIN tick t ON t.run_id = r.id WHERE {where} GROUP BY 1, 2 ORDER BY 1",
        *values,
    )
    at, sums = None, dict[State, int]()
    for stretch, outcome, count in rows:
        if stretch != at and at is not None:
            yield at * STRETCH, sums
            sums = {}
        at = stretch
        sums[State(outcome)] = count
    if at is not None:
        yield at * STRETCH, sums


def _of_ticks(scope: Scope) -> tuple[str, list[object]]:
    pairs = (
        ("r.id = ?", scope.run_id),
        ("r.campaign = ?", scope.campaign),
        ("t.second >= ?", scope.since),
        ("t.second < ?", scope.until),
    )
    chosen = [(text, value) for text, value in pairs if value is not None]
    return " AND ".join(text for text, _value in chosen) or "1", [it for _t, it in chosen]


def by_cause(reader: Reader, scope: Scope) -> list[CauseGroup]:
    """Why deliveries of the scope stand where they stand, the most frequent first."""
    found: dict[tuple[Cause, State], CauseGroup] = {}
    for run_id, _campaign, _relay in _runs(reader, scope):
        for group in reader.causes(run_id):
            seen = found.get((group.cause, group.state))
            found[group.cause, group.state] = _together(seen, group) if seen else group
    return sorted(found.values(), key=lambda it: (-it.count, it.cause, it.state))


def _together(one: CauseGroup, other: CauseGroup) -> CauseGroup:
    return CauseGroup(
        one.cause,
        one.state,
        one.count + other.count,
        other.sample_reply or one.sample_reply,
        tuple(dict.fromkeys((*one.domains, *other.domains)))[:5],
    )


def purged(reader: Reader, scope: Scope) -> list[int]:
    """The runs of the scope whose persons were taken out of the ledger."""
    where, values = scope.of_runs()
    rows = reader.query(
        f"SELECT r.id FROM run r WHERE {where} AND r.purged_at IS NOT NULL ORDER BY r.id",  # noqa: S608 - constants
        *values,
    )
    return [run_id for (run_id,) in rows]


def _runs(reader: Reader, scope: Scope) -> list[tuple[int, str, str]]:
    where, values = scope.of_runs()
    rows = reader.query(_RUNS.format(where=where), *values)
    return [(run_id, campaign, relay) for run_id, campaign, relay in rows]


def _unpurged(reader: Reader, scope: Scope) -> list[int]:
    gone = set(purged(reader, scope))
    return [run_id for run_id, _campaign, _relay in _runs(reader, scope) if run_id not in gone]


def _cell(value: object) -> str:
    """A cell as text: as JSON keeps dates, and whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = "" if value is None else str(value)
    if text.startswith('{"$'):
        (text,) = json.loads(text).values()
    return text
