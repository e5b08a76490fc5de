"""Two runs side by side, as tables: figures, causes, and the persons for whom something changed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from notifier.ledger import comparison
from notifier.ledger.comparison import Change
from notifier.locale import N_, _
from notifier.model import State
from notifier.report.advice import advise
from notifier.report.tables import Column, Kind, Paper, Table, note_purged
from notifier.report.words import run_word, state_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from notifier.ledger.comparison import Pair, Side
    from notifier.ledger.reports import Reader, RunSummary

#: What changed for somebody, in the order in which it is worth reading.
_WORDS: dict[Change, str] = {
    Change.STILL_FAILING: N_("failed both times"),
    Change.FAILED_NOW: N_("arrived then, failed now"),
    Change.ARRIVED_NOW: N_("failed then, arrived now"),
    Change.MOVED: N_("another state now"),
    Change.ADDRESS: N_("another address now"),
    Change.ADDED: N_("new in the later run"),
    Change.GONE: N_("not in the later run"),
    Change.SAME: N_("the same"),
}
#: Persons whose names are looked up at a time.
_BATCH = 500


def paper(reader: Reader, before: int, after: int, zone: ZoneInfo) -> Paper:
    """The earlier run, `before`, and the later one as figures and lists. UsageError for none."""
    one, other = reader.summary(before), reader.summary(after)
    gone = [it.id for it in (one, other) if it.purged_at is not None]
    tables = [_figures(one, other), _causes(reader, one.id, other.id)]
    if gone:
        notes = note_purged(gone)
        changes = Table("changes", _("Who"), _change_columns(), [], notes)
    else:
        counted = Counter(it.change for it in comparison.compare(reader, before, after))
        tables.append(_counted(counted))
        changes = Table(
            "changes", _("Who"), _change_columns(), _Changes(reader, before, after, counted)
        )
    return Paper(
        title=_("Runs {before} and {after} side by side").format(before=before, after=after),
        lead=_lead(one, other, zone),
        tables=(*tables, changes),
        asked={"before": one.as_dict(), "after": other.as_dict()},
        flat=len(tables),
    )


def _lead(one: RunSummary, other: RunSummary, zone: ZoneInfo) -> str:
    from notifier.report.figures import moment  # noqa: PLC0415 - Babel, where it is needed

    return _("{first} ({first_at}) and {second} ({second_at}).").format(
        first=f"{one.campaign} @ {one.occurrence}",
        first_at=moment(one.started_at, zone) or run_word(one),
        second=f"{other.campaign} @ {other.occurrence}",
        second_at=moment(other.started_at, zone) or run_word(other),
    )


def _figures(one: RunSummary, other: RunSummary) -> Table:
    rows = [
        _figure("rows", _("rows"), one.rows, other.rows),
        _figure("rejections", _("rejected rows"), one.rejections, other.rejections),
        _figure("deliveries", _("recipients"), one.deliveries, other.deliveries),
    ]
    for state in State:
        counts = one.counts.get(state, 0), other.counts.get(state, 0)
        if any(counts):
            rows.append(_figure(state.value, state_word(state), *counts))
    for name, label in (
        ("sending_seconds", _("seconds of sending")),
        ("messages_per_second", _("messages/s")),
    ):
        rows.append(_figure(name, label, *(round(getattr(it, name), 1) for it in (one, other))))
    return Table("figures", _("Figures"), _side_columns(_("figure")), rows)


def _figure(
    name: str, label: str, before: float, after: float
) -> tuple[str, str, object, object, object]:
    return name, label, before, after, round(after - before, 1)


def _side_columns(label: str) -> tuple[Column, ...]:
    return (
        Column("name", ""),
        Column("label", label),
        Column("before", _("before"), Kind.NUMBER),
        Column("after", _("now"), Kind.NUMBER),
        Column("difference", _("difference"), Kind.CHANGE),
    )


def _causes(reader: Reader, before: int, after: int) -> Table:
    sides = [
        Counter({(it.cause, it.state): it.count for it in reader.causes(run_id)})
        for run_id in (before, after)
    ]
    rows = []
    for cause, state in sorted({*sides[0], *sides[1]}, key=lambda it: (-sides[1][it], it)):
        label = f"{advise(cause, state).label} ({state_word(state)})"
        counts = [side[cause, state] for side in sides]
        rows.append(_figure(f"{cause.value}:{state.value}", label, *counts))
    return Table("causes", _("Causes"), _side_columns(_("cause")), rows)


def _counted(counted: Counter[Change]) -> Table:
    rows = [(change.value, _(text), counted[change]) for change, text in _WORDS.items()]
    columns = (
        Column("change", ""),
        Column("label", _("what changed")),
        Column("count", _("recipients"), Kind.NUMBER),
    )
    return Table("persons", _("Person by person"), columns, rows)


def _change_columns() -> tuple[Column, ...]:
    return (
        Column("change", ""),
        Column("label", _("what changed"), letters=26),
        Column("key", _("key")),
        Column("name", _("name")),
        Column("address", _("address"), letters=34),
        Column("address_before", _("address before"), letters=34),
        Column("state_before", ""),
        Column("", _("before"), letters=16),
        Column("state_after", ""),
        Column("", _("now"), letters=16),
        Column("cause_after", ""),
        Column("", _("why"), letters=34),
        Column("delivery_after", _("delivery"), Kind.NUMBER),
        Column("advice", _("to do"), letters=80),
    )


class _Changes:
    """Rows of whom something changed for, the most urgent first; read anew each time."""

    def __init__(self, reader: Reader, before: int, after: int, counted: Counter[Change]) -> None:
        self._reader, self._before, self._after = reader, before, after
        self._counted = counted

    def __iter__(self) -> Iterator[Sequence[object]]:
        """One pass for each kind of change, so that memory doesn't grow with the runs."""
        for change in _WORDS:
            if change is not Change.SAME and self._counted[change]:
                yield from self._of(change)

    def _of(self, change: Change) -> Iterator[Sequence[object]]:
        batch: list[Pair] = []
        for pair in comparison.compare(self._reader, self._before, self._after):
            if pair.change is change:
                batch.append(pair)
            if len(batch) == _BATCH:
                yield from self._rows(batch)
                batch = []
        yield from self._rows(batch)

    def _rows(self, pairs: Sequence[Pair]) -> Iterator[Sequence[object]]:
        numbers = [side.delivery_id for it in pairs if (side := it.after or it.before)]
        names = comparison.names(self._reader, numbers) if numbers else {}
        for it in pairs:
            side = it.after or it.before
            assert side is not None
            yield _row(it, side, names.get(side.delivery_id, ""))


def _row(pair: Pair, side: Side, name: str) -> Sequence[object]:
    before, after = pair.before, pair.after
    is_moved = before is not None and before.address.lower() != side.address.lower()
    needs = after is not None and after.cause is not None and after.state in comparison.MISSED
    advice = advise(after.cause, after.state) if after and after.cause and needs else None
    return (
        pair.change.value,
        _(_WORDS[pair.change]),
        side.key,
        name,
        side.address,
        before.address if before is not None and is_moved else "",
        before.state.value if before else "",
        state_word(before.state) if before else "",
        after.state.value if after else "",
        state_word(after.state) if after else "",
        after.cause.value if after and after.cause else "",
        advice.label if advice else "",
        after.delivery_id if after else None,
        advice.action if advice else "",
    )
