"""What must hold before a campaign's first message leaves, and while it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from notifier.fields import CLOSED, schema
from notifier.locale import _
from notifier.measures import parse_count_range
from notifier.model import Cause, State
from notifier.nearest import nearest

__all__ = ["USUAL_GROWTH", "USUAL_STOP", "Expect", "StopRule", "StopRules", "parse_stop_rules"]

#: Of which deliveries a rule may speak: those in a state, or of a cause, in whatever state.
COUNTED: dict[str, State | Cause] = {
    **{str(it): it for it in (State.REFUSED, State.DEFERRED, State.EXPIRED, State.UNKNOWN)},
    **{str(it): it for it in Cause if it not in (Cause.ACCEPTED, Cause.SUPPRESSED)},
}
_RULE = re.compile(r"([a-z][a-z0-9_]*)\s*>\s*(\d+(?:\.\d+)?)\s*(%?)(?:\s+after\s+(\d+))?")
#: A share of fewer says nothing: two wrong addresses of the first three are no disaster.
SHARED_AFTER = 20


@dataclass(frozen=True, slots=True)
class StopRule:
    """A run pauses itself where more of its deliveries than so many came to this."""

    what: State | Cause
    #: How many, or a share of those that were tried: 0.05 is 5 %.
    most: float
    is_share: bool
    #: Not before so many were tried.
    after: int = 0

    def __str__(self) -> str:
        much = f"{self.most * 100:.10g}%" if self.is_share else f"{self.most:.10g}"
        return f"{self.what} > {much}" + (f" after {self.after}" if self.after else "")

    def is_broken(self, count: int, tried: int) -> bool:
        """Whether `count` such deliveries, of `tried` ones, are too many."""
        if tried < max(self.after, 1):
            return False
        return count > (self.most * tried if self.is_share else self.most)


#: How many times the usual recipients are a surprise, where a campaign says nothing.
USUAL_GROWTH = 3.0
#: What stops a run whose campaign says nothing: half of a hundred refused is no matter of single
#: addresses. The account, the sender or the content is refused, or it is the wrong sheet, and each
#: further message harms the sender's name with whoever receives it.
USUAL_STOP = (StopRule(State.REFUSED, 0.5, is_share=True, after=100),)


def parse_stop_rules(value: object) -> tuple[StopRule, ...]:
    """`refused > 5% after 50`, `blocked > 3`, several with commas or as a list; `never`: none.

    Raises:
        ValueError: it is not written like that.
    """
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise _not_a_rule()
    rules = [it.strip() if isinstance(it, str) else it for it in items]
    if rules == ["never"]:
        return ()
    return tuple(it if isinstance(it, StopRule) else _parse_rule(it) for it in rules)


def _parse_rule(value: object) -> StopRule:
    found = _RULE.fullmatch(value.lower()) if isinstance(value, str) else None
    if found is None or (found[3] and float(found[2]) > 100):  # noqa: PLR2004 - %
        raise _not_a_rule()
    what = COUNTED.get(found[1])
    if what is None:
        raise ValueError(
            _("{word} is nothing that is counted; did you mean {name}?").format(
                word=found[1], name=nearest(found[1], COUNTED) or State.REFUSED
            )
        )
    is_share = bool(found[3])
    most = float(found[2]) / (100 if is_share else 1)
    after = int(found[4]) if found[4] else SHARED_AFTER if is_share else 0
    return StopRule(what, most, is_share, after)


def _not_a_rule() -> ValueError:
    return ValueError(_('a rule such as "refused > 5% after 50" is expected, or "never".'))


StopRules = Annotated[
    tuple[StopRule, ...] | None,
    BeforeValidator(lambda value: None if value is None else parse_stop_rules(value)),
    WithJsonSchema(
        {
            "type": ["string", "array"],
            "items": {"type": "string"},
            "examples": ["refused > 5% after 50", "never"],
        }
    ),
]


def spell_approval(value: object) -> object:
    """`required` or `none`, where somebody wrote true or false."""
    return {True: "required", False: "none"}[value] if isinstance(value, bool) else value


class Expect(BaseModel):
    """What must hold before the first message leaves."""

    model_config = CLOSED

    #: Lowest and highest; None: no highest.
    recipients: Annotated[
        tuple[int, int | None],
        BeforeValidator(parse_count_range),
        schema(["string", "integer"], examples=["30..60", ">=30", 45]),
    ] = Field(default=(0, None), description='How many: 30..60, ">=30", "<=60" or a number.')

    growth: float = Field(
        default=USUAL_GROWTH,
        ge=0,
        description="So many times the usual number of recipients, or as many times fewer, is "
        "asked about first; 0: never.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Expect:
        if not self.model_fields_set:
            raise ValueError(_("recipients or growth is expected."))
        return self

    def admits(self, count: int) -> bool:
        """Whether so many recipients were expected."""
        low, high = self.recipients
        return low <= count and (high is None or count <= high)
