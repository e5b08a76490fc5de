"""What a session needs to know of the account that it uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from notifier.smtp.mechanism import Credentials

if TYPE_CHECKING:
    from notifier.settings import RelaySettings
    from notifier.smtp.mechanism import ChannelBinding


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
    #: Whether to send whole messages by BDAT, where the relay offers it (RFC 3030): `auto` where it
    #: has shown that it can (`ladder`), `on` without asking.
    chunking: Literal["auto", "on", "off"] = "off"
    #: What to be notified of, where the relay offers it (RFC 3461): `NEVER`, or SUCCESS, FAILURE,
    #: DELAY with commas; empty: nothing is said of it.
    notify: str = ""
    #: An OAuth access token; each session has the one that is good then.
    token: str = field(default="", repr=False)
    #: Who gives out tokens: `microsoft365`, `google`, `custom`; empty: there are none.
    oauth: str = ""
    #: Whether TLS shows a certificate of ours.
    has_certificate: bool = False
    #: The least version of TLS.
    tls_minimum: str = "1.2"
    #: Where returned mail goes; empty: to each message's sender.
    envelope_from: str = ""
    #: The largest message in bytes, where that is known beforehand; 0: as the relay announces.
    largest_message: int = 0

    @property
    def signs_in(self) -> bool:
        """Whether there is anything to sign in with."""
        return bool(self.username) or self.auth == "external"

    def credentials(self, binding: ChannelBinding | None, *, binds: bool) -> Credentials:
        """What a mechanism needs to know; `binds`: whether the relay announced one that does."""
        return Credentials(
            username=self.username,
            password=self.password,
            token=self.token,
            host=self.host,
            port=self.port,
            has_certificate=self.has_certificate,
            binding=binding,
            binds=binds,
        )

    @classmethod
    def of(cls, relay: RelaySettings) -> Account:
        """The account of `[relays.NAME]`; reads the password's file (SettingsError)."""
        return cls(
            name=relay.name or relay.host,
            host=relay.host.strip("[]"),
            port=relay.port,
            tls=relay.tls,
            username=relay.username,
            password=relay.secret() if relay.username and relay.oauth is None else "",
            auth=relay.auth,
            allows_insecure_auth=relay.allow_insecure_auth,
            pipelining=relay.pipelining,
            chunking=chunking_of(relay),
            notify="" if relay.dsn == "off" else relay.dsn.upper(),
            oauth=relay.oauth.provider if relay.oauth is not None else "",
            has_certificate=relay.client_cert_file is not None,
            tls_minimum=relay.tls_minimum,
            envelope_from=relay.envelope_from,
            largest_message=relay.max_message_bytes,
        )


def chunking_of(relay: RelaySettings) -> Literal["auto", "on", "off"]:
    """Whether whole messages are to be sent.

    One at a time takes as many round trips as its envelope ahead: no gain, unless it is wanted.
    """
    return "off" if relay.chunking == "auto" and relay.pipeline_depth == 1 else relay.chunking
