"""The run's course as a picture: stacked bars in plain SVG, told apart without colour.

What was accepted is plain, what was put off is striped, what was refused is dotted; colours are
Okabe and Ito's (2008), which stay apart in every common form of colour blindness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from notifier.locale import _
from notifier.report.figures import clock, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from notifier.ledger.reports import Bucket

_WIDTH, _HEIGHT = 560, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 6, 16, 26
_KINDS = ("accepted", "deferred", "refused")

#: Fills of the three kinds; the page's style sheet colours them.
PATTERNS = Markup(
    '<pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" class="ground"/>'
    '<rect width="3" height="6" class="deferred"/></pattern>'
    '<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect width="5" height="5" class="refused"/><circle cx="2.5" cy="2.5" r="1.1" '
    'class="ground"/></pattern>'
)
_BAR = Markup('<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {fill}/>')
_FILLS = {
    "accepted": Markup('class="accepted"'),
    "deferred": Markup('fill="url(#stripes)"'),
    "refused": Markup('fill="url(#dots)"'),
}
_GRID = Markup(
    '<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
    '<text x="{at}" y="{base:.1f}" text-anchor="end">{label}</text>'
)
_TICK = Markup('<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{label}</text>')
_PICTURE = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{told}">'
    "<defs>{patterns}</defs>{body}</svg>"
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
    """The picture, and what its bars add up to, by kind and in the reader's language."""

    picture: Markup
    sums: dict[str, str]


def chart(buckets: Sequence[Bucket], zone: ZoneInfo) -> Chart:
    """The picture with its sums, for the legend."""
    return Chart(picture(buckets, zone), _sums(buckets))


def picture(buckets: Sequence[Bucket], zone: ZoneInfo) -> Markup:
    """The SVG element; empty where nothing was tried yet."""
    highest = max((_total(it) for it in buckets), default=0)
    if not highest:
        return Markup()
    scale = _Scale(nice_ceiling(highest))
    body = Markup().join([*_grid(scale), *_bars(buckets, scale), *_ticks(buckets, zone)])
    return _PICTURE.format(
        width=_WIDTH, height=_HEIGHT, told=_told(buckets, zone), patterns=PATTERNS, body=body
    )


def nice_ceiling(value: int) -> int:
    """The next of 1, 2, 4, 10, 20, 40, 100, ...: an axis whose half is a whole number too."""
    power = int("1".ljust(len(str(value)), "0"))
    return next(step * power for step in (1, 2, 4, 10) if step * power >= value)


def _total(bucket: Bucket) -> int:
    return bucket.accepted + bucket.deferred + bucket.refused


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
                        fill=_FILLS[kind],
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
    return _(
        "From {first} to {last}: {accepted} accepted, {deferred} put off, {refused} refused."
    ).format(
        first=clock(buckets[0].at, zone, buckets[0].at),
        last=clock(buckets[-1].at, zone, buckets[0].at),
        **_sums(buckets),
    )


def _sums(buckets: Sequence[Bucket]) -> dict[str, str]:
    return {kind: number(sum(getattr(it, kind) for it in buckets)) for kind in _KINDS}
