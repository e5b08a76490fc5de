"""Failures grouped by cause, each with what to do and whom it met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.locale import ngettext
from notifier.model import State
from notifier.report.advice import advise
from notifier.report.bars import bar
from notifier.report.figures import number
from notifier.report.fills import KIND_OF
from notifier.report.words import TROUBLED, mark, state_word, tone

if TYPE_CHECKING:
    from markupsafe import Markup

    from notifier.ledger.reports import CauseGroup, DeliveryRow, Reader
    from notifier.model import Cause

#: People named under a cause; the list of recipients has them all.
MOST_NAMED = 25
#: Shown as failures: what troubles somebody, and what is put off now.
_SHOWN = (*TROUBLED, State.DEFERRED)


@dataclass(frozen=True, slots=True)
class Group:
    """One cause, as the page shows it."""

    label: str
    action: str
    count: str
    tone: str
    mark: str
    #: One of the replies that belong to it.
    reply: str
    people: tuple[str, ...]
    #: "and 12 more"; empty where all are named.
    more: str
    #: Its part of what is shown, as a picture.
    bar: Markup


def group_causes(reader: Reader, run_id: int) -> list[Group]:
    """The run's failures, the worst state first, then by number."""
    found = [it for it in reader.causes(run_id) if it.state in _SHOWN]
    found.sort(key=lambda it: (_SHOWN.index(it.state), -it.count))
    named = _named(reader, run_id) if found else {}
    most = max((it.count for it in found), default=0)
    return [_group(it, named.get((it.cause, it.state), []), most) for it in found]


def _named(reader: Reader, run_id: int) -> dict[tuple[Cause | None, State], list[str]]:
    """The first people of each group: one pass, memory bounded by the number of causes."""
    named: dict[tuple[Cause | None, State], list[str]] = {}
    for row in reader.deliveries(run_id, states=_SHOWN):
        people = named.setdefault((row.cause, row.state), [])
        if len(people) < MOST_NAMED and row.address:  # else purged, or forgotten
            people.append(_person(row))
    return named


def _person(row: DeliveryRow) -> str:
    return f"{row.name} <{row.address}>" if row.name else row.address


def _group(found: CauseGroup, people: list[str], most: int) -> Group:
    advice = advise(found.cause, found.state)
    left = found.count - len(people)
    return Group(
        label=advice.label,
        action=advice.action,
        count=f"{number(found.count)} {state_word(found.state)}",
        tone=tone(found.state),
        mark=mark(found.state),
        reply=found.sample_reply,
        people=tuple(people),
        more=ngettext("and {count} more", "and {count} more", left).format(count=number(left))
        if people and left
        else "",
        bar=bar({KIND_OF[found.state]: found.count}, most, about=advice.label),
    )
