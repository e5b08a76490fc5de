"""`[relays.NAME]`: an SMTP account to submit through, as notifier.toml describes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from notifier.locale import _
from notifier.mailbox import parse_address
from notifier.measures import parse_domain, parse_duration, parse_rates, single_line
from notifier.model import Rate
from notifier.presets import with_preset
from notifier.secret_file import read_secret

#: RFC 8314 section 3.3 (submissions), RFC 6409 section 3.1 (submission), RFC 5321 section 4.5.4.2.
_PORTS = {"implicit": 465, "starttls": 587, "none": 25}
_HOST = re.compile(r"[^\s/@\[\]]+")
#: A GUID or a domain; it becomes a part of an address.
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
#: A secret goes there: over TLS, or not off this computer (as RFC 8252 section 8.3 has it).
_PRIVATE_URL = re.compile(
    r"(?:https://[^\s/@?#]+|http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]+)?)(?:[/?][^\s#]*)?"
)
#: Ways to sign in with a token.
_TOKEN_WAYS = frozenset({"xoauth2", "oauthbearer"})

#: Keys that belong into the environment or a file of their own, and never into notifier.toml;
#: the key that names such a file, where there is one.
SECRET_KEYS: dict[tuple[str, ...], str] = {
    ("password",): "password_file",
    ("client_key_password",): "",
    ("oauth", "client_secret"): "client_secret_file",
    ("oauth", "refresh_token"): "refresh_token_file",
}


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(_("a number is expected here, not true or false."))  # noqa: TRY004 - pydantic's contract
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]
Seconds = Annotated[float, BeforeValidator(parse_duration)]
Timeout = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Number = Annotated[float, BeforeValidator(_no_bool)]
Rates = Annotated[tuple[Rate, ...], BeforeValidator(parse_rates)]


class Table(BaseModel):
    """A table of notifier.toml: frozen, closed, and never repeating its input in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DomainSettings(Table):
    """`[relays.NAME.domains."gmail.com"]`: limits for one recipient domain behind the relay."""

    rate: Rates = ()
    #: Messages that may be on their way to it at a time; 0: as many as there are connections.
    connections: Whole = Field(default=0, ge=0, le=1000)


def _spell_switch(value: object) -> object:
    """True and false are how the key was written at first."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


#: RFC 3461 section 4.1, in the order in which they are told.
_WISHES = ("success", "failure", "delay")


def _spell_wishes(value: object) -> object:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError(_('words are expected, as in "failure,delay".'))
    wanted = {word.strip().lower() for word in words}
    if wanted in ({"never"}, {"off"}):
        return wanted.pop()
    if not wanted or not wanted <= set(_WISHES):
        raise ValueError(
            _('failure, delay and success are expected, with commas; or "never" or "off" alone.')
        )
    return ",".join(word for word in _WISHES if word in wanted)


def _spell_domains(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {parse_domain(name): limits for name, limits in value.items()}


def _key_names(value: object) -> object:
    """true, false, or the names of tables in notifier.toml."""
    if value is None or isinstance(value, bool):
        return value
    names = [value] if isinstance(value, str) else value
    if isinstance(names, (list, tuple)) and names and all(isinstance(it, str) for it in names):
        return tuple(names)
    raise ValueError(_("true, false, or the names of keys in notifier.toml are expected."))


class OAuthSettings(Table):
    """`[relays.NAME.oauth]`: where the access tokens come from that a relay wants.

    `microsoft365`: `tenant`, `client_id`, and the client secret or a refresh token. `google`: a
    service account's file, or `client_id`, the client secret and a refresh token. `custom`: the
    same with a `token_url`, or a command or file that holds the token itself.
    """

    provider: Literal["microsoft365", "google", "custom"]
    tenant: str = ""
    client_id: str = ""
    #: From the environment only.
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    #: From the environment only.
    refresh_token: SecretStr | None = None
    #: Rewritten when the provider gives a new one.
    refresh_token_file: Path | None = None
    #: Google's JSON.
    service_account_file: Path | None = None
    #: Whose mailbox a service account sends for; the relay's username.
    subject: str = ""
    #: The provider's own, where not given.
    token_url: str = ""
    scope: str = ""
    #: A program and its arguments: it prints the token, or RFC 6749's JSON object with it.
    token_command: tuple[str, ...] = ()
    token_file: Path | None = None

    @field_validator("tenant", "client_id", "subject", "scope")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return single_line(value)

    @field_validator("tenant")
    @classmethod
    def _is_tenant(cls, value: str) -> str:
        if value and not _TENANT.fullmatch(value):
            raise ValueError(_("the tenant's ID or domain is expected."))
        return value

    @field_validator("token_url")
    @classmethod
    def _is_private(cls, value: str) -> str:
        if value and not _PRIVATE_URL.fullmatch(value):
            raise ValueError(_("an address that begins with https:// is expected."))
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> OAuthSettings:
        missing = self._missing()
        if missing:
            raise ValueError(
                _("{provider} needs {keys} as well.").format(provider=self.provider, keys=missing)
            )
        return self

    def _missing(self) -> str:
        """The keys without which there can be no token; empty where all is there."""
        if self.token_command or self.token_file or self.service_account_file:
            return ""
        if not self.client_id:
            by_itself = {"google": "service_account_file", "custom": "token_command"}
            other = by_itself.get(self.provider)
            return _("client_id (or {key})").format(key=other) if other else "client_id"
        if self.provider == "microsoft365" and not (self.tenant or self.token_url):
            return "tenant"
        if self.provider == "custom" and not self.token_url:
            return "token_url"
        return ""


class RelaySettings(Table):
    """`[relays.NAME]`: an SMTP account to submit through. Times are in seconds."""

    name: str = Field(default="", exclude=True)
    #: A provider whose keys these begin with (`presets.toml`); empty: none.
    preset: str = ""
    host: str = Field(min_length=1)
    #: 587; 465 where TLS is implicit, 25 where there is none.
    port: Whole = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    #: From the environment only.
    password: SecretStr | None = None
    password_file: Path | None = None
    auth: Literal[
        "auto",
        "plain",
        "login",
        "cram-md5",
        "scram-sha-256",
        "scram-sha-256-plus",
        "scram-sha-1",
        "scram-sha-1-plus",
        "xoauth2",
        "oauthbearer",
        "external",
    ] = "auto"
    #: Access tokens instead of a password.
    oauth: OAuthSettings | None = None
    #: AUTH over a link without TLS: only when told.
    allow_insecure_auth: bool = False
    #: Authorities that count instead of the system's.
    ca_file: Path | None = None
    verify: bool = True
    tls_minimum: Literal["1.2", "1.3"] = "1.2"
    #: A certificate of ours, for relays that ask for one; PEM, with its chain.
    client_cert_file: Path | None = None
    #: Its key, where it is not in the same file.
    client_key_file: Path | None = None
    #: From the environment only.
    client_key_password: SecretStr | None = None
    max_connections: Whole = Field(default=8, ge=1, le=1000)
    max_messages_per_connection: Whole = Field(default=500, ge=1)
    max_connection_age: Timeout = 600.0
    idle_timeout: Timeout = 30.0
    rate: Rates = ()
    #: Limits by recipient domain; `"*"` is for each of the others.
    domains: Annotated[dict[str, DomainSettings], BeforeValidator(_spell_domains)] = Field(
        default_factory=dict
    )
    #: Whether what goes through it is signed, and by which keys; not given: as the campaign says.
    dkim: Annotated[bool | tuple[str, ...] | None, BeforeValidator(_key_names)] = None
    #: Where returned mail goes (the envelope's sender); empty: to the campaign's sender.
    envelope_from: str = ""
    #: The largest message that it takes, in bytes; 0: as it announces (SIZE).
    max_message_bytes: Whole = Field(default=0, ge=0)
    connect_timeout: Timeout = 30.0
    #: RFC 5321 section 4.5.3.2 gives the following.
    greeting_timeout: Timeout = 300.0
    command_timeout: Timeout = 300.0
    data_timeout: Timeout = 120.0
    body_timeout: Timeout = 180.0
    end_of_data_timeout: Timeout = 600.0
    connect_attempts: Whole = Field(default=4, ge=1, le=100)
    helo_name: str = ""
    pipelining: bool = True
    #: Whole messages in one write, `pipeline_depth` of them before the first is answered, where the
    #: relay offers CHUNKING and PIPELINING (RFC 3030, RFC 2920): `auto` once it has shown that it
    #: can, `on` (or true) at once, `off` (or false) never.
    chunking: Annotated[Literal["auto", "on", "off"], BeforeValidator(_spell_switch)] = "auto"
    #: What to be notified of, where the relay offers DSN (RFC 3461): `failure`, `delay` and
    #: `success`, as many as are wanted; `never`; `off`: as the relay likes.
    dsn: Annotated[str, BeforeValidator(_spell_wishes)] = "failure"
    #: Messages of one connection that are written down as leaving at a time: as many may be in
    #: doubt when the program is killed.
    pipeline_depth: Whole = Field(default=2, ge=1, le=100)

    @model_validator(mode="before")
    @classmethod
    def _port_of_tls(cls, value: Any) -> Any:
        if isinstance(value, dict) and "port" not in value:
            return {**value, "port": _PORTS.get(value.get("tls", "starttls"), 587)}
        return value

    @model_validator(mode="before")
    @classmethod
    def _over_preset(cls, value: Any) -> Any:
        return with_preset(value) if isinstance(value, dict) else value

    @field_validator("host", "helo_name")
    @classmethod
    def _is_host(cls, value: str) -> str:
        if "://" in value:
            raise ValueError(_("only the name is expected, without smtp:// before it."))
        if value and not _HOST.fullmatch(single_line(value).strip("[]")):
            raise ValueError(_("a name such as smtp.example.com is expected."))
        if value.count(":") == 1:
            raise ValueError(_("the port goes into a line of its own: port = 587."))
        return value

    @field_validator("username")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return single_line(value)

    @field_validator("envelope_from")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return parse_address(value) if value else ""

    @model_validator(mode="after")
    def _fits_together(self) -> RelaySettings:
        """Keys that mean nothing without another are told, not passed over."""
        if self.oauth is None and self.auth in _TOKEN_WAYS:
            raise ValueError(
                _("auth = {auth} needs a table [relays.{relay}.oauth].").format(
                    auth=self.auth, relay=self.name or "NAME"
                )
            )
        if self.oauth is not None and self.auth not in {"auto", *_TOKEN_WAYS}:
            raise ValueError(
                _("auth = {auth} does not go with a table oauth.").format(auth=self.auth)
            )
        if self.oauth is not None and not self.username:
            raise ValueError(_("oauth needs username: the mailbox that sends."))
        if self.auth == "external" and self.client_cert_file is None:
            raise ValueError(_("auth = external needs client_cert_file."))
        if self.client_key_file is not None and self.client_cert_file is None:
            raise ValueError(_("client_key_file needs client_cert_file."))
        if self.client_cert_file is not None and self.tls == "none":
            raise ValueError(_("client_cert_file needs TLS: tls = starttls or implicit."))
        return self

    def secret(self) -> str:
        """The password, from the environment or its file; empty if there is none.

        Warns once on the log when others may read the file.

        Raises:
            SettingsError: the file can't be read, is empty, or holds more than a password.
        """
        if self.password is not None and self.password.get_secret_value():
            return self.password.get_secret_value()
        return read_secret(self.password_file) if self.password_file else ""
