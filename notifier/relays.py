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
from notifier.measures import parse_domain, parse_duration, parse_rates, single_line
from notifier.model import Rate
from notifier.secret_file import read_secret

#: RFC 8314 section 3.3 (submissions), RFC 6409 section 3.1 (submission), RFC 5321 section 4.5.4.2.
_PORTS = {"implicit": 465, "starttls": 587, "none": 25}
_HOST = re.compile(r"[^\s/@\[\]]+")


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


def _spell_domains(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {parse_domain(name): limits for name, limits in value.items()}


class RelaySettings(Table):
    """`[relays.NAME]`: an SMTP account to submit through. Times are in seconds."""

    name: str = Field(default="", exclude=True)
    host: str = Field(min_length=1)
    #: 587; 465 where TLS is implicit, 25 where there is none.
    port: Whole = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    #: From the environment only.
    password: SecretStr | None = None
    password_file: Path | None = None
    auth: Literal["auto", "plain", "login", "cram-md5"] = "auto"
    #: AUTH over a link without TLS: only when told.
    allow_insecure_auth: bool = False
    ca_file: Path | None = None
    verify: bool = True
    max_connections: Whole = Field(default=8, ge=1, le=1000)
    max_messages_per_connection: Whole = Field(default=500, ge=1)
    max_connection_age: Timeout = 600.0
    idle_timeout: Timeout = 30.0
    rate: Rates = ()
    #: Limits by recipient domain; `"*"` is for each of the others.
    domains: Annotated[dict[str, DomainSettings], BeforeValidator(_spell_domains)] = Field(
        default_factory=dict
    )
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
    #: Messages of one connection that are written down as leaving at a time: as many may be in
    #: doubt when the program is killed.
    pipeline_depth: Whole = Field(default=2, ge=1, le=100)

    @model_validator(mode="before")
    @classmethod
    def _port_of_tls(cls, value: Any) -> Any:
        if isinstance(value, dict) and "port" not in value:
            return {**value, "port": _PORTS.get(value.get("tls", "starttls"), 587)}
        return value

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

    def secret(self) -> str:
        """The password, from the environment or its file; empty if there is none.

        Warns once on the log when others may read the file.

        Raises:
            SettingsError: the file can't be read, is empty, or holds more than a password.
        """
        if self.password is not None and self.password.get_secret_value():
            return self.password.get_secret_value()
        return read_secret(self.password_file) if self.password_file else ""
