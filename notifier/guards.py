"""What must hold before a campaign's first message leaves, and while it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from notifier.fields import CLOSED, schema
from notifier.locale import _
from notifier.measures import parse_count_range
from notifier.model import State

__all__ = ["Expect", "StopRule", "StopRules", "parse_stop_rules"]

#: Of which deliveries a rule may speak.
COUNTED = (State.REFUSED, State.DEFERRED, State.UNKNOWN)
_RULE = re.compile(r"([a-z]+)\s*>\s*(\d+(?:\.\d+)?)\s*(%?)(?:\s+after\s+(\d+))?")


@dataclass(frozen=True, slots=True)
class StopRule:
    """A run pauses itself where more of its deliveries than so many are in a state."""

    state: State
    #: How many, or a share of those that were tried: 0.05 is 5 %.
    most: float
    is_share: bool
    #: Not before so many were tried.
    after: int = 0

    def __str__(self) -> str:
        much = f"{self.most * 100:g}%" if self.is_share else f"{self.most:g}"
        return f"{self.state} > {much}" + (f" after {self.after}" if self.after else "")

    def is_broken(self, count: int, tried: int) -> bool:
        """Whether `count` deliveries in that state, of `tried` ones, are too many."""
        if tried < max(self.after, 1):
            return False
        return count > (self.most * tried if self.is_share else self.most)


def parse_stop_rules(value: object) -> tuple[StopRule, ...]:
    """`refused > 5% after 50`, `refused > 20`, or a list of such; `never`: none.

    Raises:
        ValueError: it is not written like that.
    """
    if value is None or value == "never":
        return ()
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(it if isinstance(it, StopRule) else _parse_rule(it) for it in items)


def _parse_rule(value: object) -> StopRule:
    found = _RULE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    states = {str(state): state for state in COUNTED}
    if not found or found[1] not in states or (found[3] and float(found[2]) > 100):  # noqa: PLR2004 - %
        raise ValueError(
            _('a rule such as "refused > 5% after 50" is expected, of one of: {states}.').format(
                states=", ".join(states)
            )
        )
    most = float(found[2]) / (100 if found[3] else 1)
    return StopRule(states[found[1]], most, bool(found[3]), int(found[4] or 0))


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
        default=3,
        ge=0,
        description="So many times the usual number of recipients is asked about first; 0: never.",
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
