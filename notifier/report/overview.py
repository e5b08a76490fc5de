"""Reports across runs: by run, campaign, domain, cause, relay, day, hour, or column of the sheet.

Each is a table (`tables.py`) that all formats write; on the page every row has its bar.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notifier.ledger import totals
from notifier.ledger.scope import Scope
from notifier.locale import N_, _, ngettext
from notifier.model import State
from notifier.report.advice import advise
from notifier.report.asked import asked, lead
from notifier.report.tables import Column, Kind, Paper, Table, note_purged
from notifier.report.words import run_word, state_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from notifier.ledger.reports import Reader, RunSummary

#: What `--by` takes besides a column's name, each with its title.
GROUPINGS: dict[str, str] = {
    "run": N_("By run"),
    "campaign": N_("By campaign"),
    "domain": N_("By recipient domain"),
    "cause": N_("By cause"),
    "relay": N_("By relay"),
    "day": N_("By day"),
    "hour": N_("By hour"),
}
#: Runs that `--by run` looks at.
MOST_RUNS = 100_000
#: Runs among which the one for everybody before a correction is looked for.
_LOOKED_BACK = 100
#: A column of counts: its name, and the states that it adds up.
_COUNTS: tuple[tuple[str, str, tuple[State, ...]], ...] = (
    ("accepted", N_("accepted"), (State.ACCEPTED,)),
    ("presumed", N_("taken as arrived"), (State.PRESUMED,)),
    ("refused", N_("refused"), (State.REFUSED,)),
    ("expired", N_("given up"), (State.EXPIRED,)),
    ("bounced", N_("returned"), (State.BOUNCED,)),
    ("in_doubt", N_("in doubt"), (State.UNKNOWN,)),
    ("deferred", N_("put off"), (State.DEFERRED,)),
    ("waiting", N_("waiting"), (State.PENDING, State.CLAIMED, State.SUBMITTING)),
    ("unsent", N_("not sent on purpose"), (State.SUPPRESSED, State.CANCELLED)),
)
_TRIES: tuple[tuple[str, str, tuple[State, ...]], ...] = (
    ("accepted", N_("accepted"), (State.ACCEPTED,)),
    ("refused", N_("refused"), (State.REFUSED, State.EXPIRED)),
    ("in_doubt", N_("in doubt"), (State.UNKNOWN,)),
    ("deferred", N_("put off"), (State.DEFERRED,)),
    ("given_back", N_("given back"), (State.PENDING,)),
)


def paper(reader: Reader, scope: Scope, by: str, zone: ZoneInfo) -> Paper:
    """The report of the scope, grouped; `by` is one of GROUPINGS, or a column of the sheet."""
    build = _BUILDERS.get(by)
    tables = (
        (build(reader, scope, zone),)
        if build
        else (_by_column(reader, scope, by), _missed(reader, scope, by))
    )
    title = _(GROUPINGS[by]) if by in GROUPINGS else _("By {column}").format(column=_line(by))
    told = lead(scope, zone)
    if scope.run_id is not None and (note := note_left_out(reader, scope.run_id)):
        told = f"{told} {note}"
    return Paper(title=title, lead=told, tables=tables, asked=asked(scope, by))


def note_left_out(reader: Reader, run_id: int) -> str:
    """That the run was a correction, not meant for everybody; empty where it was."""
    run = reader.summary(run_id)
    if not run.left_out:
        return ""
    note = ngettext(
        "Run {run} was a correction: {count} recipient of the sheet was left out of it on purpose.",
        "Run {run} was a correction: {count} recipients of the sheet were left out of it on "
        "purpose.",
        run.left_out,
    ).format(run=run.id, count=run.left_out)
    earlier = (
        it for it in reader.runs(_LOOKED_BACK, Scope(campaign=run.campaign)) if it.id < run.id
    )
    whole = next((it.id for it in earlier if not it.left_out), None)
    if whole is None:
        return note
    return f"{note} " + _("The run for everybody before it: {run}.").format(run=whole)


def _line(text: str) -> str:
    """A header of the sheet in one line."""
    return " ".join(text.split())


def _summed(
    counts: Mapping[State, int], groups: Iterable[tuple[str, str, tuple[State, ...]]]
) -> list[int]:
    return [sum(counts.get(state, 0) for state in states) for _name, _label, states in groups]


def _count_columns(groups: Iterable[tuple[str, str, tuple[State, ...]]]) -> tuple[Column, ...]:
    return tuple(Column(name, _(label), Kind.COUNT) for name, label, _states in groups)


def _arrived(counts: Mapping[State, int]) -> float | None:
    """The share that was accepted; None where there is nothing."""
    whole = sum(counts.values())
    return counts.get(State.ACCEPTED, 0) / whole if whole else None


def _share() -> Column:
    return Column("accepted_share", _("accepted, share"), Kind.SHARE)


def _by_run(reader: Reader, scope: Scope, zone: ZoneInfo) -> Table:  # noqa: ARG001 - a row of the table below
    return run_table(reader.runs(MOST_RUNS, scope))


def run_table(found: Sequence[RunSummary]) -> Table:
    """A row for each run."""
    rows = [
        (
            it.id,
            it.campaign,
            it.occurrence,
            run_word(it),
            it.started_at,
            it.deliveries,
            *_summed(it.counts, _COUNTS),
            it.rejections,
            _arrived(it.counts),
            it.sending_seconds or None,
            it.messages_per_second or None,
        )
        for it in found
    ]
    columns = (
        Column("run", _("run"), Kind.COUNT),
        Column("campaign", _("campaign")),
        Column("occurrence", _("occurrence")),
        Column("state", _("state"), letters=18),
        Column("started_at", _("started"), Kind.MOMENT),
        Column("deliveries", _("recipients"), Kind.COUNT),
        *_count_columns(_COUNTS),
        Column("rejections", _("rejected rows"), Kind.COUNT),
        _share(),
        Column("sending_seconds", _("sending took"), Kind.SECONDS),
        Column("messages_per_second", _("messages/s"), Kind.NUMBER),
    )
    return Table("groups", _("By run"), columns, rows)


def _by_campaign(reader: Reader, scope: Scope, zone: ZoneInfo) -> Table:  # noqa: ARG001 - a row of the table below
    rows = [
        (
            it.key,
            it.runs,
            datetime.fromtimestamp(it.last_at, UTC) if it.last_at is not None else None,
            it.deliveries,
            *_summed(it.counts, _COUNTS),
            it.rejections,
            _arrived(it.counts),
        )
        for it in totals.by_campaign(reader, scope)
    ]
    columns = (
        Column("campaign", _("campaign")),
        Column("runs", _("runs"), Kind.COUNT),
        Column("last_at", _("last sent"), Kind.MOMENT),
        Column("deliveries", _("recipients"), Kind.COUNT),
        *_count_columns(_COUNTS),
        Column("rejections", _("rejected rows"), Kind.COUNT),
        _share(),
    )
    return Table("groups", _("By campaign"), columns, rows)


def _by_domain(reader: Reader, scope: Scope, zone: ZoneInfo | None) -> Table:  # noqa: ARG001 - a row of the table below
    rows = [
        (
            it.key or _("(forgotten)"),
            it.deliveries,
            *_summed(it.counts, _COUNTS),
            _arrived(it.counts),
            it.retried,
            it.seconds_to_accept,
        )
        for it in totals.by_domain(reader, scope)
    ]
    columns = (
        Column("domain", _("domain")),
        Column("deliveries", _("recipients"), Kind.COUNT),
        *_count_columns(_COUNTS),
        _share(),
        Column("retried", _("took more tries"), Kind.COUNT),
        Column("seconds_to_accept", _("first try to acceptance, mean"), Kind.SECONDS),
    )
    notes = note_purged(totals.purged(reader, scope))
    return Table("groups", _("By recipient domain"), columns, rows, notes)


def _by_column(reader: Reader, scope: Scope, column: str) -> Table:
    rows = [
        (
            it.key or _("(empty)"),
            it.deliveries,
            *_summed(it.counts, _COUNTS),
            it.rejections,
            _arrived(it.counts),
        )
        for it in totals.by_column(reader, scope, column)
    ]
    columns = (
        Column("value", _line(column)),
        Column("deliveries", _("recipients"), Kind.COUNT),
        *_count_columns(_COUNTS),
        Column("rejections", _("rejected rows"), Kind.COUNT),
        _share(),
    )
    notes = note_purged(totals.purged(reader, scope))
    return Table("groups", _("By {column}").format(column=_line(column)), columns, rows, notes)


def _missed(reader: Reader, scope: Scope, column: str) -> Table:
    """By name who did not get it, in the order of the column's values."""
    found = sorted(totals.missed(reader, scope, column), key=lambda it: it.value.casefold())
    columns = (
        Column("value", _line(column)),
        Column("key", _("key"), letters=14),
        Column("name", _("name")),
        Column("address", _("address"), letters=34),
        Column("state", ""),
        Column("", _("state"), letters=18),
        Column("why", _("why"), letters=50),
        Column("delivery", _("delivery"), Kind.NUMBER),
        Column("advice", _("to do"), letters=80, about="why"),
    )
    title = _("Who did not get it")
    return Table("missed", title, columns, [_missed_row(it) for it in found])


def _missed_row(it: totals.Missed) -> tuple[object, ...]:
    advice = advise(it.cause, it.state) if it.cause else None
    return (
        it.value or _("(empty)"),
        it.key,
        it.name if it.state else _("line {line} of the sheet").format(line=it.line),
        it.address,
        it.state.value if it.state else "rejected",
        state_word(it.state) if it.state else _("rejected row"),
        advice.label if advice else it.reason,
        it.delivery_id,
        advice.action if advice else "",
    )


def _by_cause(reader: Reader, scope: Scope, zone: ZoneInfo) -> Table:  # noqa: ARG001 - a row of the table below
    rows = []
    for it in totals.by_cause(reader, scope):
        advice = advise(it.cause, it.state)
        rows.append(
            (
                it.cause.value,
                advice.label,
                it.state.value,
                state_word(it.state),
                it.count,
                it.sample_reply,
                ", ".join(it.domains),
                advice.action,
            )
        )
    columns = (
        Column("cause", ""),
        Column("label", _("cause")),
        Column("state", ""),
        Column("", _("state"), letters=18),
        Column("count", _("count"), Kind.COUNT),
        Column("sample_reply", _("a reply"), letters=50),
        Column("domains", _("domains"), letters=40),
        Column("advice", _("to do"), letters=80, about="label"),
    )
    return Table("groups", _("By cause"), columns, rows, is_share=False)


def _by_relay(reader: Reader, scope: Scope, zone: ZoneInfo) -> Table:  # noqa: ARG001 - a row of the table below
    return relay_table(totals.by_relay(reader, scope))


def relay_table(found: Sequence[totals.Tries]) -> Table:
    """What attempts through each relay came to."""
    rows = [
        (
            it.key or _("(unknown)"),
            it.count,
            *_summed(it.outcomes, _TRIES),
            it.seconds / it.count if it.seconds and it.count else None,
        )
        for it in found
    ]
    columns = (
        Column("relay", _("relay")),
        Column("tries", _("tries"), Kind.COUNT),
        *_count_columns(_TRIES),
        Column("seconds_per_try", _("a try took, mean"), Kind.SECONDS),
    )
    return Table("groups", _("By relay"), columns, rows)


def _by_day(reader: Reader, scope: Scope, zone: ZoneInfo) -> Table:
    def day_of(at: datetime) -> object:
        return at.astimezone(zone).date()

    return _over_time(reader, scope, day_of, Column("day", _("day"), Kind.DAY, 16), _("By day"))


def _by_hour(reader: Reader, scope: Scope, zone: ZoneInfo) -> Table:
    def hour_of(at: datetime) -> object:
        return at.astimezone(zone).replace(minute=0, second=0, microsecond=0)  # keeps `fold`

    return _over_time(reader, scope, hour_of, Column("hour", _("hour"), Kind.MOMENT), _("By hour"))


def _over_time(
    reader: Reader, scope: Scope, part_of: Callable[[datetime], Any], column: Column, title: str
) -> Table:
    # `fold` is in the key: an hour that the clocks show twice is two hours
    found: dict[Any, totals.Tries] = {}
    for second, outcomes in totals.by_time(reader, scope):
        part = part_of(datetime.fromtimestamp(second, UTC))
        tries = found.setdefault((part, getattr(part, "fold", 0)), totals.Tries(""))
        for outcome, count in outcomes.items():
            tries.add(outcome, count)
    rows = [
        (part, tries.count, *_summed(tries.outcomes, _TRIES))
        for (part, _fold), tries in found.items()
    ]
    columns = (column, Column("tries", _("tries"), Kind.COUNT), *_count_columns(_TRIES))
    note = _("Each try counts; a message that was put off counts again when it is retried.")
    return Table("groups", title, columns, rows, (note,) if rows else (), is_share=False)


def run_tables(reader: Reader, summary: RunSummary) -> list[Table]:
    """What the page of one run has besides: its relays where there are several, its domains."""
    scope, found = Scope(run_id=summary.id), []
    if ", " in summary.relay:
        found.append(replace(relay_table(totals.by_relay(reader, scope)), name="relays"))
    domains = _by_domain(reader, scope, None)
    if len(list(domains.rows)) > 1:
        step = _("All domains: `{command}`").format(
            command=f"notifier report {summary.id} --by domain"
        )
        found.append(replace(domains, name="domains", notes=(step,)))
    return found


_BUILDERS: dict[str, Callable[[Reader, Scope, ZoneInfo], Table]] = {
    "run": _by_run,
    "campaign": _by_campaign,
    "domain": _by_domain,
    "cause": _by_cause,
    "relay": _by_relay,
    "day": _by_day,
    "hour": _by_hour,
}
