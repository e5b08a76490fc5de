"""What stands for an outcome in every picture: a pattern, a colour and a word, never colour alone.

Accepted is plain, taken as arrived is lined, put off is striped, in doubt is crossed, refused is
dotted, never sent is upright lines, and what still waits is an empty frame. Colours are Okabe and
Ito's (2008), which stay apart in every common form of colour blindness; the patterns stay apart on
a black and white printer too. The page's style sheet has the colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from notifier.locale import N_, _
from notifier.model import State
from notifier.report.figures import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: In the order in which bars are put together, with their words.
KINDS: dict[str, str] = {
    "accepted": N_("accepted"),
    "presumed": N_("taken as arrived"),
    "deferred": N_("put off"),
    "in_doubt": N_("in doubt"),
    "refused": N_("refused"),
    "unsent": N_("not sent on purpose"),
    "waiting": N_("waiting"),
}
#: Refused, given up and returned alike ended without reaching anybody.
KIND_OF: dict[State, str] = {
    State.ACCEPTED: "accepted",
    State.PRESUMED: "presumed",
    State.DEFERRED: "deferred",
    State.UNKNOWN: "in_doubt",
    State.REFUSED: "refused",
    State.EXPIRED: "refused",
    State.BOUNCED: "refused",
    State.SUPPRESSED: "unsent",
    State.CANCELLED: "unsent",
    State.PENDING: "waiting",
    State.CLAIMED: "waiting",
    State.SUBMITTING: "waiting",
}
#: Once a page, before its first picture.
PATTERNS = Markup(
    '<svg class="patterns" width="0" height="0" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="p-presumed" width="6" height="4" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="4" class="f-accepted"/><rect width="6" height="1.5" class="f-ground"/>'
    "</pattern>"
    '<pattern id="p-deferred" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" class="f-ground"/>'
    '<rect width="3.4" height="6" class="f-deferred"/></pattern>'
    '<pattern id="p-in_doubt" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" class="f-ground"/>'
    '<path d="M0 1H6M1 0V6" class="s-in_doubt"/></pattern>'
    '<pattern id="p-refused" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect width="5" height="5" class="f-refused"/><circle cx="2.5" cy="2.5" r="1.1" '
    'class="f-ground"/></pattern>'
    '<pattern id="p-unsent" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<rect width="4" height="4" class="f-ground"/><rect width="1.6" height="4" class="f-unsent"/>'
    "</pattern></defs></svg>"
)
#: The attribute that fills a shape.
FILLS: dict[str, Markup] = {
    "accepted": Markup('class="f-accepted"'),
    "waiting": Markup('class="f-waiting"'),
} | {
    kind: Markup('class="f-edge" fill="url(#p-{})"').format(kind)
    for kind in ("presumed", "deferred", "in_doubt", "refused", "unsent")
}
_KEY = Markup(
    '<li><svg class="key" width="16" height="16" aria-hidden="true">'
    '<rect x="1" y="1" width="14" height="14" {fill}/></svg>{word}{count}</li>'
)
_LEGEND = Markup('<ul class="legend">{keys}</ul>')


def by_kind(counts: Mapping[State, int]) -> dict[str, int]:
    """Counts of states as the pictures have them, in their order, zeros left out."""
    found = dict.fromkeys(KINDS, 0)
    for state, count in counts.items():
        found[KIND_OF[state]] += count
    return {kind: count for kind, count in found.items() if count}


def word(kind: str) -> str:
    """What the kind is called, in the language in use."""
    return _(KINDS[kind])


def told(counts: Mapping[str, int]) -> str:
    """The counts in words: `37 accepted, 2 refused`."""
    return ", ".join(
        _("{count} {state}").format(count=number(count), state=word(kind))
        for kind, count in counts.items()
        if count
    )


def legend(kinds: Iterable[str], counts: Mapping[str, int] | None = None) -> Markup:
    """What the patterns mean; with counts, how many there are of each."""
    found = set(kinds)
    return _LEGEND.format(
        keys=Markup().join(
            _KEY.format(
                fill=FILLS[kind],
                word=word(kind),
                count=f" {number(counts[kind])}" if counts and kind in counts else "",
            )
            for kind in KINDS
            if kind in found
        )
    )
