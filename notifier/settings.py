"""notifier.toml and the environment -> Settings, checked; the only reader of the environment.

What stands in the environment wins over the file: `NOTIFIER_RELAYS__MAIN__PASSWORD` is
`password` of `[relays.main]`. Secrets come from there or from a file of their own, never from
notifier.toml, and are repeated in no error, repr or log. (`workspace.py` reads the same
environment for what must be known before this module and pydantic load.)
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from notifier.complaints import Complaint, PlacedComplaint, complaints, first_of
from notifier.environment import overlay, variable_for
from notifier.errors import SettingsError, UsageError
from notifier.locale import _
from notifier.measures import (
    check_timezone,
    parse_duration,
    parse_rate,
    parse_rates,
    single_line,
)
from notifier.model import Rate
from notifier.nearest import did_you_mean
from notifier.secret_file import read_secret
from notifier.toml_lines import line_of, parse_toml, read_toml
from notifier.workspace import WORKSPACE_FILE, find_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifier.complaints import KeyPath

__all__ = [
    "LimitSettings",
    "RelaySettings",
    "RetrySettings",
    "SandboxRule",
    "SandboxSettings",
    "Settings",
    "Workspace",
    "WorkspaceSettings",
    "find_root",
    "load_workspace",
    "parse_duration",
    "parse_rate",
]

#: The relay that is always there: the built-in capture server.
SANDBOX = "sandbox"
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


class _Table(BaseModel):
    """A table of notifier.toml: frozen, closed, and never repeating its input in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RelaySettings(_Table):
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


class WorkspaceSettings(_Table):
    """`[workspace]`."""

    locale: Literal["vi", "en"] = "vi"
    timezone: str = "Asia/Ho_Chi_Minh"
    ledger: str = Field(default="data/ledger.sqlite", min_length=1)
    reports: str = Field(default="data/reports", min_length=1)

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        return check_timezone(value)


class SandboxRule(_Table):
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


class SandboxSettings(_Table):
    """`[sandbox]`: the built-in capture server."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: Whole = Field(default=2525, ge=0, le=65535)
    maildir: str = Field(default="data/sandbox", min_length=1)
    rules: tuple[SandboxRule, ...] = ()


class RetrySettings(_Table):
    """`[retry]`: when a deferred delivery is tried again. Times are in seconds."""

    first: Timeout = 300.0
    factor: Number = Field(default=2.0, ge=1, le=100)
    longest: Timeout = 14_400.0
    #: Counted from the first attempt; a delivery deferred past it has expired.
    horizon: Timeout = 172_800.0
    #: The part of each wait that is left to chance.
    jitter: Number = Field(default=0.1, ge=0, le=1)


class LimitSettings(_Table):
    """`[limits]`: caps against bombs and mistakes."""

    max_message_bytes: Whole = Field(default=10_000_000, ge=1)
    #: Of a workbook, inflated.
    max_sheet_bytes: Whole = Field(default=200_000_000, ge=1)
    max_sheet_cells: Whole = Field(default=20_000_000, ge=1)
    render_seconds: Timeout = 2.0
    max_render_chars: Whole = Field(default=1_000_000, ge=1)


class Settings(_Table):
    """The whole of notifier.toml, with the environment over it."""

    workspace: WorkspaceSettings = WorkspaceSettings()
    relays: dict[str, RelaySettings] = {}
    sandbox: SandboxSettings = SandboxSettings()
    retry: RetrySettings = RetrySettings()
    limits: LimitSettings = LimitSettings()


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with a notifier.toml, and its settings."""

    root: Path
    settings: Settings

    def path(self, relative: str | Path) -> Path:
        """`relative` (to the workspace's root) as an absolute path; an absolute one stays."""
        return self.root / relative

    @property
    def ledger_path(self) -> Path:
        """The ledger's file."""
        return self.path(self.settings.workspace.ledger)

    @property
    def reports_path(self) -> Path:
        """The folder where reports are written."""
        return self.path(self.settings.workspace.reports)

    def relay(self, name: str | None = None) -> RelaySettings:
        """The relay of that name; without a name the only one, or the sandbox if there is none.

        Raises:
            UsageError: there is no such relay, or several and none was named.
        """
        relays = self.settings.relays
        if name is None and len(relays) > 1:
            raise UsageError(
                _("The workspace has several relays: {names}.").format(names=", ".join(relays)),
                where=WORKSPACE_FILE,
                next_step=_("Name one in the campaign: relay: {name}").format(name=min(relays)),
            )
        wanted = name if name is not None else next(iter(relays), SANDBOX)
        if wanted == SANDBOX:
            return self._sandbox_relay()
        if wanted not in relays:
            raise UsageError(
                _("There is no relay named {name}.").format(name=wanted),
                where=WORKSPACE_FILE,
                next_step=did_you_mean(wanted, [*relays, SANDBOX]),
            )
        return relays[wanted]

    def _sandbox_relay(self) -> RelaySettings:
        place = self.settings.sandbox
        return RelaySettings(name=SANDBOX, host=place.host, port=place.port or 2525, tls="none")


def load_workspace(
    root: Path | None = None,
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Workspace:
    """The workspace at `root`, at NOTIFIER_WORKSPACE, or found from `cwd` upwards.

    Raises:
        SettingsError: there is none, or notifier.toml or a variable is not as it must be; names
            the line, the key and what is expected.
    """
    variables = os.environ if environ is None else environ
    base = _root(root, cwd, variables)
    text = read_toml(base / WORKSPACE_FILE)
    table = parse_toml(text, WORKSPACE_FILE)
    _refuse_passwords(table, text)
    origins = overlay(table, variables, tuple(Settings.model_fields))
    _name_relays(table, text)
    return Workspace(base, _validate(table, text, origins, base))


def _root(root: Path | None, cwd: Path | None, environ: Mapping[str, str]) -> Path:
    named = root if root is not None else environ.get("NOTIFIER_WORKSPACE") or None
    start = cwd or Path.cwd()
    found = start / named if named is not None else find_root(start)
    if found is not None and (found / WORKSPACE_FILE).is_file():
        return found.absolute()
    raise SettingsError(
        _("There is no workspace here: no {file} was found.").format(file=WORKSPACE_FILE),
        where=str(found or start),
        next_step=_("Make one with: notifier init, or name its folder with --workspace."),
    )


def _refuse_passwords(table: dict[str, Any], text: str) -> None:
    relays = table.get("relays")
    for name, relay in relays.items() if isinstance(relays, dict) else ():
        if isinstance(relay, dict) and "password" in relay:
            line = line_of(text, ("relays", name, "password"))
            raise SettingsError(
                _("A password does not belong into {file}.").format(file=WORKSPACE_FILE),
                where=_place(line),
                next_step=_(
                    "Take it out, and put it into the environment as {variable} or into a file "
                    "of its own, named by password_file."
                ).format(variable=variable_for(("relays", name, "password"))),
            )


def _place(line: int | None) -> str:
    if line is None:
        return WORKSPACE_FILE
    return _("{file}, line {line}").format(file=WORKSPACE_FILE, line=line)


def _name_relays(table: dict[str, Any], text: str) -> None:
    """Tell each relay its name; refuse what would be taken for the sandbox."""
    relays = table.get("relays")
    for name, relay in relays.items() if isinstance(relays, dict) else ():
        if name == SANDBOX:
            raise SettingsError(
                _("The name sandbox is taken: it is the built-in capture server."),
                where=_place(line_of(text, ("relays", name))),
                next_step=_("Give the relay another name; [sandbox] sets the built-in one up."),
            )
        if isinstance(relay, dict) and "name" not in relay:
            relay["name"] = name


def _validate(
    table: dict[str, Any], text: str, origins: Mapping[KeyPath, str], root: Path
) -> Settings:
    try:
        settings = Settings.model_validate(table)
    except ValidationError as exc:
        found = [_placed(mistake, text, origins) for mistake in complaints(exc, Settings)]
        raise first_of(found, SettingsError) from exc
    relays = {name: _rooted(relay, root) for name, relay in settings.relays.items()}
    return settings.model_copy(update={"relays": relays})


def _placed(mistake: Complaint, text: str, origins: Mapping[KeyPath, str]) -> PlacedComplaint:
    variable = origins.get(mistake.path)
    if variable:
        return PlacedComplaint(mistake, _("environment, {name}").format(name=variable), -1)
    line = line_of(text, mistake.path)
    return PlacedComplaint(mistake, _place(line), line or 0)


def _rooted(relay: RelaySettings, root: Path) -> RelaySettings:
    """The relay with its files' names made absolute: they are relative to the workspace."""
    files = {"password_file": relay.password_file, "ca_file": relay.ca_file}
    return relay.model_copy(
        update={key: root / path.expanduser() for key, path in files.items() if path}
    )
