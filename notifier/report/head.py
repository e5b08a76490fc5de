"""The head of the report: what was sent, by whom, when, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.model import RunState, State
from notifier.report.figures import duration, moment, number, percent
from notifier.report.words import (
    TROUBLED,
    mark,
    run_word,
    state_word,
    tone,
    under_way,
    verdict,
    waiting_word,
)

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from notifier.ledger.reports import RunSummary


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: a count, what is counted, and a sign beside the colour."""

    count: str
    label: str
    tone: str
    mark: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the reader sees first."""

    title: str
    sender: str
    when: str
    verdict: str
    #: good | bad | wait
    tone: str
    #: Why the run stands still; empty where it doesn't.
    reason: str
    tiles: tuple[Tile, ...]
    facts: tuple[tuple[str, str], ...]


def head_of(summary: RunSummary, zone: ZoneInfo, sender: str) -> Head:
    """The head of the run's report."""
    return Head(
        title=summary.title or summary.campaign,
        sender=sender,
        when=_when(summary, zone),
        verdict=verdict(summary),
        tone=_tone(summary),
        reason=summary.reason,
        tiles=tuple(_tiles(summary)),
        facts=tuple(_facts(summary, zone)),
    )


def gone_note(summary: RunSummary, zone: ZoneInfo) -> str:
    """That the run's persons were purged; empty where they were not."""
    if summary.purged_at is None:
        return ""
    return _(
        "Who they were was purged on {time}; how many there were, and how it ended, stays."
    ).format(time=moment(summary.purged_at, zone))


def _when(summary: RunSummary, zone: ZoneInfo) -> str:
    if summary.started_at is None:
        return run_word(summary)
    return _("{time}, through {relay}").format(
        time=moment(summary.started_at, zone), relay=summary.relay
    )


def _tone(summary: RunSummary) -> str:
    if any(summary.counts.get(state) for state in TROUBLED) or summary.rejections:
        return "bad"
    return "good" if summary.state is RunState.FINISHED else "wait"


def _tiles(summary: RunSummary) -> list[Tile]:
    counts = summary.counts
    accepted = counts.get(State.ACCEPTED, 0)
    share = percent(accepted, summary.deliveries)
    tiles = [
        Tile(
            number(accepted),
            _("accepted by the relay ({share})").format(share=share),
            "good",
            mark(State.ACCEPTED),
        )
    ]
    tiles += [
        Tile(number(counts[state]), state_word(state), tone(state), mark(state))
        for state in (State.PRESUMED, *TROUBLED)
        if counts.get(state)
    ]
    if waiting := under_way(counts):
        tiles.append(Tile(number(waiting), waiting_word(summary), "wait", mark(State.DEFERRED)))
    if summary.rejections:
        tiles.append(Tile(number(summary.rejections), _("rows not usable"), "bad", "✕"))
    return tiles


def _facts(summary: RunSummary, zone: ZoneInfo) -> list[tuple[str, str]]:
    speed = summary.messages_per_second
    facts = [
        (_("Campaign"), summary.campaign),
        (_("Occurrence"), summary.occurrence),
        (_("Relay"), summary.relay),
        (_("State"), run_word(summary)),
        (_("Started"), moment(summary.started_at, zone)),
        (_("Finished"), moment(summary.finished_at, zone)),
        (_("Sending took"), duration(summary.sending_seconds) if summary.sending_seconds else ""),
        (_("Messages per second"), number(speed) if speed else ""),
    ]
    return [(label, value) for label, value in facts if value]
