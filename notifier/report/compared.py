"""Two runs side by side, as tables: figures, causes, and the persons for whom something changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from notifier.ledger import comparison
from notifier.ledger.comparison import Change
from notifier.locale import N_, _
from notifier.model import State
from notifier.report.advice import advise
from notifier.report.overview import note_left_out, run_table
from notifier.report.tables import Column, Kind, Paper, Table, note_purged
from notifier.report.words import run_word, state_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
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
}
#: Persons whose names are looked up at a time.
_BATCH = 500
#: Changes kept in memory: some 20 MB.
MOST_KEPT = 50_000


def paper(reader: Reader, before: int, after: int, zone: ZoneInfo) -> Paper:
    """The earlier run, `before`, and the later one as figures and lists. UsageError for none."""
    one, other = reader.summary(before), reader.summary(after)
    gone = [it.id for it in (one, other) if it.purged_at is not None]
    drawn = replace(run_table([one, other]), name="runs", title=_("Both runs"), is_only_drawn=True)
    tables = [drawn, _figures(one, other), _causes(reader, one.id, other.id)]
    if gone:
        notes = note_purged(gone)
        changes = Table("changes", _("Who"), _change_columns(), [], notes)
    else:
        found = _Changes(reader, one.id, other.id)
        tables.append(_counted(found.counted))
        changes = Table("changes", _("Who"), _change_columns(), found)
    return Paper(
        title=_("Runs {before} and {after} side by side").format(before=before, after=after),
        lead=" ".join(
            it for it in (_lead(one, other, zone), note_left_out(reader, other.id)) if it
        ),
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
    rows = [(it.value, _(text), counted[it]) for it, text in _WORDS.items() if counted[it]]
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
        Column("why", _("why"), letters=34),
        Column("delivery_after", _("delivery"), Kind.NUMBER),
        Column("advice", _("to do"), letters=80, about="why"),
    )


class _Changes:
    """Rows of those for whom something changed, the most urgent first; may be read again.

    Up to `MOST_KEPT` are kept when they are counted; where there are more, the runs are read once
    for each kind of change, so that memory doesn't grow with them.
    """

    def __init__(self, reader: Reader, before: int, after: int) -> None:
        self._reader, self._before, self._after = reader, before, after
        self.counted: Counter[Change] = Counter()
        self._kept: list[Pair] | None = []
        for pair in comparison.compare(reader, before, after):
            self.counted[pair.change] += 1
            if self._kept is not None:
                self._kept.append(pair)
                if len(self._kept) > MOST_KEPT:
                    self._kept = None

    def __iter__(self) -> Iterator[Sequence[object]]:
        """Each row as it is read."""
        for change in _WORDS:
            if self.counted[change]:
                yield from self._of(change)

    def _of(self, change: Change) -> Iterator[Sequence[object]]:
        pairs: Iterable[Pair] | None = self._kept
        if pairs is None:
            pairs = comparison.compare(self._reader, self._before, self._after)
        of_kind = (it for it in pairs if it.change is change)
        while batch := list(islice(of_kind, _BATCH)):
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
