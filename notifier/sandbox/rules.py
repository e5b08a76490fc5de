"""Rehearsed trouble: which recipient meets what, and the words for it."""

from __future__ import annotations

import re
from collections import OrderedDict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifier.settings import SandboxRule

#: Addresses whose tries are remembered, the latest.
MAX_REMEMBERED = 100_000

REFUSAL = "550 5.1.1 <{address}>: Recipient address rejected: User unknown in the sandbox"
DEFERRAL = "450 4.2.0 <{address}>: Recipient address rejected: Greylisted, try again later"

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_REPLY = re.compile(r"[45]\d\d[ -]")


class Rules:
    """Which trouble a recipient meets. The first rule that still applies decides; delays add up."""

    def __init__(self, rules: Sequence[SandboxRule]) -> None:
        self._rules = tuple(rules)
        self._tries: OrderedDict[tuple[int, str], int] = OrderedDict()

    def meet(self, address: str) -> tuple[float, SandboxRule | None]:
        """Seconds to wait, and the rule to carry out; counts one try of this address."""
        seconds = 0.0
        for index, rule in enumerate(self._rules):
            if not fnmatchcase(address.lower(), rule.match.lower()):
                continue
            if rule.times and self._count(index, address) > rule.times:
                continue
            if rule.action != "delay":
                return seconds, rule
            seconds += rule.seconds
        return seconds, None

    def _count(self, index: int, address: str) -> int:
        key = index, address.lower()
        count = self._tries.pop(key, 0) + 1
        self._tries[key] = count
        if len(self._tries) > MAX_REMEMBERED:
            self._tries.popitem(last=False)
        return count


def reply_of(rule: SandboxRule, address: str) -> str:
    """The reply that a `refuse` or `defer` rule gives; `{address}` in it is filled in."""
    default = REFUSAL if rule.action == "refuse" else DEFERRAL
    text = _CONTROLS.sub(" ", rule.reply).strip() or default
    if not _REPLY.match(text):
        text = f"{default[:9]} {text}"
    return text.replace("{address}", address)
