"""`[sandbox]`: the built-in capture server, and what it does to whom, as notifier.toml says."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from notifier.locale import _
from notifier.measures import single_line
from notifier.relays import Seconds, Table, Whole


class SandboxRule(Table):
    """`[[sandbox.rules]]`: what the capture server does to a recipient that matches."""

    #: A glob on the recipient's address: `*@full.example`.
    match: str = Field(min_length=1)
    action: Literal["refuse", "defer", "drop", "delay"]
    #: The reply, code included; empty: the action's own.
    reply: str = ""
    #: 0: always; n: the first n tries of each address.
    times: Whole = Field(default=0, ge=0)
    #: How long `delay` waits before it answers.
    seconds: Seconds = 0.0

    @model_validator(mode="after")
    def _reply_fits_action(self) -> SandboxRule:
        first = {"refuse": "5", "defer": "4"}.get(self.action)
        if self.reply and first and not re.match(rf"{first}[0-9]{{2}}( |$)", self.reply):
            raise ValueError(
                _("the reply of {action} begins with a code {first}xx.").format(
                    action=self.action, first=first
                )
            )
        return self

    @field_validator("reply", "match")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return single_line(value)


class SandboxSettings(Table):
    """`[sandbox]`: the built-in capture server."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: Whole = Field(default=2525, ge=0, le=65535)
    maildir: str = Field(default="data/sandbox", min_length=1)
    rules: tuple[SandboxRule, ...] = ()
