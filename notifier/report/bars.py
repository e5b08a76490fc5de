"""Lying bars in plain SVG: one for each row of a table, whose figures stand beside it.

Widths are in percent of the cell, so that a bar fits a phone as it fits paper, and patterns are
never stretched. Each bar tells itself by its `<title>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from notifier.report.fills import FILLS, KINDS, told

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is there at all is seen: percent of the bar.
_LEAST = 0.8
_BAR = Markup(
    '<svg class="bar {size}" role="img" height="{height}"><title>{told}</title>{parts}</svg>'
)
_PART = Markup('<rect x="{x:.2f}%" y="1" width="{width:.2f}%" height="{height}" {fill}/>')


def bar(counts: Mapping[str, int], whole: int, *, height: int = 16, about: str = "") -> Markup:
    """A bar of parts by kind (`fills.KINDS`); `whole` is as long as the cell is wide.

    `about` is what its words begin with: whose bar it is.
    """
    parts = [(kind, counts[kind]) for kind in KINDS if counts.get(kind)]
    widths = _widths([count for _kind, count in parts], max(whole, 1))
    x, drawn = 0.0, []
    for (kind, _count), width in zip(parts, widths, strict=True):
        drawn.append(_PART.format(x=x, width=width, height=height - 2, fill=FILLS[kind]))
        x += width
    told_of = told(dict(parts))
    return _BAR.format(
        size="tall" if height > 20 else "",  # noqa: PLR2004 - the style sheet's two sizes
        height=height,
        told=f"{about}: {told_of}" if about else told_of,
        parts=Markup().join(drawn),
    )


def _widths(counts: list[int], whole: int) -> list[float]:
    """Percent of each part; small ones are widened at the cost of the largest."""
    widths = [max(count * 100 / whole, _LEAST) for count in counts]
    excess = sum(widths) - 100
    if excess > 0:
        largest = widths.index(max(widths))
        widths[largest] -= excess
    return widths
