"""`[alerts]` in notifier.toml: how whoever looks after the workspace is told that a run needs them.

By mail, through a relay that need not be the campaigns', and by a webhook. Neither carries
anything personal: counts, causes and a few domains.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from notifier.locale import _
from notifier.mailbox import parse_address, parse_mailbox
from notifier.relays import Table, Timeout
from notifier.secret_file import read_secret

#: Over TLS, or not off this computer: the text and the secret go there.
_PRIVATE_URL = re.compile(
    r"(?:https://[^\s/@?#]+|http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]+)?)(?:[/?][^\s#]*)?"
)


class AlertKind(StrEnum):
    """What somebody is told of."""

    PAUSED = "paused"  # a run stopped by itself: stop_if, or too late to be sent
    RELAY_DOWN = "relay_down"  # a relay can't be used, and a run waits for it
    FAILURES = "failures"  # a run ended, and some of it failed or is in doubt
    APPROVAL = "approval"  # a run waits for somebody's approval
    SCHEDULE = "schedule"  # a planned occurrence was missed, refused, or could not be begun
    TEST = "test"  # a trial, sent whatever `on` says


def _spell_addresses(value: object) -> object:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(it, str) for it in items):
        raise ValueError(_('an address is expected, such as "it@school.example".'))
    return tuple(parse_address(it.strip()) for it in items if it.strip())


def _spell_kinds(value: object) -> object:
    items = value.split(",") if isinstance(value, str) else value
    known = [kind.value for kind in AlertKind if kind is not AlertKind.TEST]
    words = [str(it).strip() for it in items] if isinstance(items, (list, tuple)) else [""]
    if any(word not in known for word in words):
        raise ValueError(_("it takes any of: {choices}.").format(choices=", ".join(known)))
    return tuple(words)


class AlertSettings(Table):
    """`[alerts]`. Nothing is told where there is neither `mail` nor `webhook`."""

    #: To whom; several with commas, or a list.
    mail: Annotated[tuple[str, ...], BeforeValidator(_spell_addresses)] = ()
    #: Through which relay: another than the campaigns', so that its failure can be told.
    relay: str = ""
    #: The sender; not given: the relay's account, where that is an address, else who is told first.
    sender: str = Field(default="", alias="from")
    #: An address that JSON is posted to. Often a secret by itself: nothing repeats it.
    webhook: SecretStr | None = None
    #: From the environment only; sent as `Authorization: Bearer ...`.
    webhook_secret: SecretStr | None = None
    webhook_secret_file: Path | None = None
    #: Seconds for each of the two ways.
    timeout: Timeout = 15.0
    #: What is told of.
    on: Annotated[tuple[AlertKind, ...], BeforeValidator(_spell_kinds)] = tuple(
        kind for kind in AlertKind if kind is not AlertKind.TEST
    )

    @field_validator("sender")
    @classmethod
    def _is_mailbox(cls, value: str) -> str:
        if value:
            parse_mailbox(value)
        return value

    @field_validator("webhook")
    @classmethod
    def _is_private(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _PRIVATE_URL.fullmatch(value.get_secret_value()):
            raise ValueError(_("an address that begins with https:// is expected."))
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> AlertSettings:
        if (self.webhook_secret or self.webhook_secret_file) and self.webhook is None:
            raise ValueError(_("webhook_secret needs webhook as well."))
        if (self.relay or self.sender) and not self.mail:
            raise ValueError(_("relay and from need mail as well: whom to tell."))
        return self

    @property
    def is_on(self) -> bool:
        """Whether there is a way to tell anybody."""
        return bool(self.mail) or self.webhook is not None

    def wants(self, kind: str) -> bool:
        """Whether this kind of event is told of."""
        return self.is_on and (kind == AlertKind.TEST or kind in self.on)

    @property
    def webhook_host(self) -> str:
        """Where the webhook is, without what may be a secret; empty where there is none."""
        if self.webhook is None:
            return ""
        return urlsplit(self.webhook.get_secret_value()).hostname or ""

    def secret(self) -> str:
        """What the webhook is shown as proof; empty if there is none. SettingsError as files do."""
        if self.webhook_secret is not None and self.webhook_secret.get_secret_value():
            return self.webhook_secret.get_secret_value()
        return read_secret(self.webhook_secret_file) if self.webhook_secret_file else ""
