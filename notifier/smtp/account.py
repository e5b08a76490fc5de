"""What a session needs to know of the account that it uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from notifier.settings import RelaySettings


@dataclass(frozen=True, slots=True)
class Account:
    """A relay's name and terms, without its times and numbers (those are the pool's)."""

    #: As the user calls it.
    name: str
    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    #: `auto`, or a mechanism's name in lower case.
    auth: str = "auto"
    allows_insecure_auth: bool = False
    #: Whether to send commands without waiting, where the relay offers it (RFC 2920).
    pipelining: bool = True

    @classmethod
    def of(cls, relay: RelaySettings) -> Account:
        """The account of `[relays.NAME]`; reads the password's file (SettingsError)."""
        return cls(
            name=relay.name or relay.host,
            host=relay.host.strip("[]"),
            port=relay.port,
            tls=relay.tls,
            username=relay.username,
            password=relay.secret() if relay.username else "",
            auth=relay.auth,
            allows_insecure_auth=relay.allow_insecure_auth,
            pipelining=relay.pipelining,
        )
