"""`[[slowdown]]`: which replies mean "slower", and what to do about them.

The rules that ship with the program are in `slowdowns.toml` beside this file, in the same form as
those that a user adds in notifier.toml. The user's come first; the first rule that matches counts.
"""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from notifier.locale import _
from notifier.measures import parse_domain, parse_rate
from notifier.model import Rate
from notifier.relays import Seconds, Table

if TYPE_CHECKING:
    from notifier.model import Reply

#: The rules that ship with the program.
SHIPPED = Path(__file__).with_name("slowdowns.toml")
#: Characters of a reply's text that are looked at.
LONGEST_TEXT = 2000

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_CODE = re.compile(r"[45][0-9x]{2}")
_ENHANCED = re.compile(r"[45*]\.[0-9*]{1,3}\.[0-9*]{1,3}")


def _many(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


def _parse_speed(value: object) -> Rate | float:
    """`50%` as a share of the speed, or a rate."""
    found = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found and 0 < float(found[1]) < 100:  # noqa: PLR2004 - per cent
        return float(found[1]) / 100
    if isinstance(value, float):
        return value
    try:
        return parse_rate(value)
    except ValueError:
        wanted = _("a share such as 50% or a rate such as 10/minute is wanted.")
        raise ValueError(wanted) from None


class SlowdownRule(Table):
    """`[[slowdown]]`: what a reply must look like, and what then happens."""

    #: `421`, `45x`; any of several.
    code: Annotated[tuple[str | int, ...], BeforeValidator(_many)] = ()
    #: The enhanced status code (RFC 3463), `*` for any number: `4.7.*`.
    enhanced: Annotated[tuple[str, ...], BeforeValidator(_many)] = ()
    #: A regular expression that is found somewhere in the text, without regard to case.
    text: str = ""
    #: The recipient's domain.
    domain: Annotated[tuple[str, ...], BeforeValidator(_many)] = ()
    #: Who is slowed down: the relay's account, or the recipient's domain behind it.
    scope: Literal["relay", "domain"] = "relay"
    #: A share of the speed, or a rate.
    slow_to: Annotated[Rate | float | None, BeforeValidator(_parse_speed)] = None
    #: Seconds without a message.
    pause_for: Seconds = Field(default=0.0, le=86_400)
    #: One message on its way at a time, until it is forgiven.
    one_connection: bool = False
    #: Never write to this address again.
    suppress: bool = False

    @field_validator("code")
    @classmethod
    def _are_codes(cls, value: tuple[str | int, ...]) -> tuple[str, ...]:
        codes = tuple(str(code).lower() for code in value)
        if not all(_CODE.fullmatch(code) for code in codes):
            raise ValueError(_("a code such as 421, or 45x for several, is expected."))
        return codes

    @field_validator("enhanced")
    @classmethod
    def _are_enhanced(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_ENHANCED.fullmatch(code) for code in value):
            raise ValueError(_("a code such as 4.7.28, or 4.7.* for several, is expected."))
        return value

    @field_validator("text")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as exc:
            raise ValueError(
                _("it is not a regular expression: {reason}.").format(reason=exc)
            ) from None
        return value

    @field_validator("domain")
    @classmethod
    def _are_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(parse_domain(name) for name in value)

    @model_validator(mode="after")
    def _says_when_and_what(self) -> SlowdownRule:
        if not (self.code or self.enhanced or self.text):
            raise ValueError(_("a slowdown needs one of: code, enhanced, text."))
        if not (self.slows or self.suppress):
            raise ValueError(
                _("a slowdown needs one of: slow_to, pause_for, one_connection, suppress.")
            )
        return self

    @property
    def slows(self) -> bool:
        """Whether it is about the speed at all."""
        return bool(self.slow_to or self.pause_for or self.one_connection)

    def matches(self, reply: Reply, domain: str) -> bool:
        """Whether the rule is about this reply, given for a recipient in this domain."""
        return (
            (not self.code or any(_fits(reply.code, str(code)) for code in self.code))
            and (
                not self.enhanced
                or any(fnmatchcase(reply.enhanced, wanted) for wanted in self.enhanced)
            )
            and (not self.domain or "*" in self.domain or domain in self.domain)
            and (not self.text or bool(_pattern(self.text).search(reply.text[:LONGEST_TEXT])))
        )


class _Shipped(Table):
    slowdown: tuple[SlowdownRule, ...]


def first_match(rules: tuple[SlowdownRule, ...], reply: Reply, domain: str) -> SlowdownRule | None:
    """The first rule that is about this reply; None for what is no refusal, or said nowhere."""
    if reply.is_positive:
        return None
    return next((rule for rule in rules if rule.matches(reply, domain)), None)


@cache
def shipped_rules() -> tuple[SlowdownRule, ...]:
    """The rules that ship with the program."""
    return _Shipped.model_validate(tomllib.loads(SHIPPED.read_text("utf-8"))).slowdown


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _fits(code: int, wanted: str) -> bool:
    return all(one in (other, "x") for one, other in zip(wanted, str(code), strict=True))
