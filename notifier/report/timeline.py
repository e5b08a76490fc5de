"""The run's course as a picture: stacked bars in plain SVG, told apart without colour.

What fills them is `fills.py`'s; the figures stand below as a table, for those who can't see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from notifier.locale import _
from notifier.report.figures import clock, number
from notifier.report.fills import FILLS, legend, told, word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from notifier.ledger.reports import Bucket

_WIDTH, _HEIGHT = 560, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 6, 16, 26
_KINDS = ("accepted", "deferred", "in_doubt", "refused")

_BAR = Markup('<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {fill}/>')
_GRID = Markup(
    '<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
    '<text x="{at}" y="{base:.1f}" text-anchor="end">{label}</text>'
)
_TICK = Markup('<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{label}</text>')
_PICTURE = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
    'aria-labelledby="{name} {name}-d">'
    '<title id="{name}">{title}</title><desc id="{name}-d">{told}</desc>{body}</svg>'
)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From counts to heights."""

    top: int

    def height(self, count: int) -> float:
        return count / self.top * (_HEIGHT - _TOP - _BOTTOM)

    def y(self, count: int) -> float:
        return _HEIGHT - _BOTTOM - self.height(count)


@dataclass(frozen=True, slots=True)
class Chart:
    """The picture, its legend, and its figures as rows: a time, then a count of each kind."""

    picture: Markup
    legend: Markup
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def chart(buckets: Sequence[Bucket], zone: ZoneInfo) -> Chart:
    """The picture with what explains it; only kinds that there are."""
    sums = _sums(buckets)
    kinds = [kind for kind in _KINDS if sums[kind]]
    rows = tuple(
        (clock(it.at, zone, buckets[0].at), *(number(getattr(it, kind)) for kind in kinds))
        for it in buckets
        if _total(it)
    )
    return Chart(
        picture(buckets, zone),
        legend(kinds, sums),
        (_("From"), *(word(kind) for kind in kinds)),
        rows,
    )


def picture(buckets: Sequence[Bucket], zone: ZoneInfo) -> Markup:
    """The SVG element; empty where nothing was tried yet."""
    highest = max((_total(it) for it in buckets), default=0)
    if not highest:
        return Markup()
    scale = _Scale(nice_ceiling(highest))
    body = Markup().join([*_grid(scale), *_bars(buckets, scale), *_ticks(buckets, zone)])
    return _PICTURE.format(
        width=_WIDTH,
        height=_HEIGHT,
        name="course-picture",
        title=_("Course of the run"),
        told=_told(buckets, zone),
        body=body,
    )


def nice_ceiling(value: int) -> int:
    """The next of 1, 2, 4, 10, 20, 40, 100, ...: an axis whose half is a whole number too."""
    power = int("1".ljust(len(str(value)), "0"))
    return next(step * power for step in (1, 2, 4, 10) if step * power >= value)


def _total(bucket: Bucket) -> int:
    return sum(getattr(bucket, kind) for kind in _KINDS)


def _grid(scale: _Scale) -> list[Markup]:
    marks = sorted({0, scale.top // 2, scale.top})
    return [
        _GRID.format(
            left=_LEFT,
            right=_WIDTH - _RIGHT,
            at=_LEFT - 6,
            y=scale.y(mark),
            base=scale.y(mark) + 4,
            label=number(mark),
        )
        for mark in marks
    ]


def _bars(buckets: Sequence[Bucket], scale: _Scale) -> list[Markup]:
    step = (_WIDTH - _LEFT - _RIGHT) / len(buckets)
    width = min(max(step * 0.82, 0.8), 28.0)
    bars = []
    for index, bucket in enumerate(buckets):
        x = _LEFT + step * index + (step - width) / 2
        below = 0
        for kind in _KINDS:
            count = getattr(bucket, kind)
            if count:
                below += count
                bars.append(
                    _BAR.format(
                        x=x,
                        y=scale.y(below),
                        width=width,
                        height=scale.height(count),
                        fill=FILLS[kind],
                    )
                )
    return bars


def _ticks(buckets: Sequence[Bucket], zone: ZoneInfo) -> list[Markup]:
    first, last = buckets[0].at, buckets[-1].at
    places = [(_LEFT, "start", first)]
    if len(buckets) > 1:
        places.append((_WIDTH - _RIGHT, "end", last))
    return [
        _TICK.format(x=x, y=_HEIGHT - 6, anchor=anchor, label=clock(at, zone, first))
        for x, anchor, at in places
    ]


def _told(buckets: Sequence[Bucket], zone: ZoneInfo) -> str:
    return _("From {first} to {last}: {counts}.").format(
        first=clock(buckets[0].at, zone, buckets[0].at),
        last=clock(buckets[-1].at, zone, buckets[0].at),
        counts=told(_sums(buckets)),
    )


def _sums(buckets: Sequence[Bucket]) -> dict[str, int]:
    return {kind: sum(getattr(it, kind) for it in buckets) for kind in _KINDS}
