"""notifier.toml and the environment -> Settings, checked; the only reader of the environment.

What stands in the environment wins over the file: `NOTIFIER_RELAYS__MAIN__PASSWORD` is
`password` of `[relays.main]`. Secrets come from there or from a file of their own, never from
notifier.toml, and are repeated in no error, repr or log. (`workspace.py` reads the same
environment for what must be known before this module and pydantic load.)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
)

from notifier.alert_settings import AlertSettings
from notifier.complaints import Complaint, PlacedComplaint, complaints, first_of
from notifier.dkim_keys import DkimSettings, choose_keys, find_twin
from notifier.environment import overlay, variable_for
from notifier.errors import SettingsError, UsageError
from notifier.locale import _
from notifier.measures import (
    check_timezone,
    parse_age,
    parse_duration,
    parse_rate,
)
from notifier.model import Durability
from notifier.nearest import did_you_mean
from notifier.relays import SECRET_KEYS, Number, RelaySettings, Table, Timeout, Whole
from notifier.routing import SANDBOX
from notifier.sandbox_settings import SandboxRule, SandboxSettings
from notifier.slowdowns import SlowdownRule
from notifier.toml_lines import has_key, line_of, parse_toml, read_toml
from notifier.workspace import WORKSPACE_FILE, find_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from notifier.complaints import KeyPath

__all__ = [
    "SANDBOX",
    "AlertSettings",
    "DkimSettings",
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

TableT = TypeVar("TableT", bound=Table)


def _parse_keep(value: object) -> float | None:
    seconds = None if value is None else parse_age(value)
    if seconds == 0:
        raise ValueError(_("at least a day is expected: 1d."))
    return seconds


class WorkspaceSettings(Table):
    """`[workspace]`."""

    locale: Literal["vi", "en"] = "vi"
    timezone: str = "Asia/Ho_Chi_Minh"
    ledger: str = Field(default="data/ledger.sqlite", min_length=1)
    #: `full`: a power cut takes nothing. `fast`: the last second or two; see docs/durability.md.
    durability: Durability = "full"
    reports: str = Field(default="data/reports", min_length=1)
    #: How long a run's people stay in the ledger after it has ended, in seconds; None: for good.
    keep_recipients: Annotated[float | None, BeforeValidator(_parse_keep)] = None

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        return check_timezone(value)


class RetrySettings(Table):
    """`[retry]`: when a deferred delivery is tried again. Times are in seconds."""

    first: Timeout = 300.0
    factor: Number = Field(default=2.0, ge=1, le=100)
    longest: Timeout = 14_400.0
    #: Counted from the first attempt; a delivery deferred past it has expired.
    horizon: Timeout = 172_800.0
    #: The part of each wait that is left to chance.
    jitter: Number = Field(default=0.1, ge=0, le=1)


class LimitSettings(Table):
    """`[limits]`: caps against bombs and mistakes."""

    max_message_bytes: Whole = Field(default=10_000_000, ge=1)
    #: Of a workbook, inflated.
    max_sheet_bytes: Whole = Field(default=200_000_000, ge=1)
    max_sheet_cells: Whole = Field(default=20_000_000, ge=1)
    render_seconds: Timeout = 2.0
    max_render_chars: Whole = Field(default=1_000_000, ge=1)
    #: Processes that make the messages of a large run, beside the one that sends them; 0: that one
    #: makes them itself. Not given: as many as help.
    assembly_processes: Whole | None = Field(default=None, ge=0)


class Settings(Table):
    """The whole of notifier.toml, with the environment over it."""

    workspace: WorkspaceSettings = WorkspaceSettings()
    relays: dict[str, RelaySettings] = Field(default_factory=dict)
    sandbox: SandboxSettings = SandboxSettings()
    retry: RetrySettings = RetrySettings()
    limits: LimitSettings = LimitSettings()
    dkim: dict[str, DkimSettings] = Field(default_factory=dict)
    #: Before the rules that ship with the program.
    slowdown: tuple[SlowdownRule, ...] = ()
    alerts: AlertSettings = AlertSettings()


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

    def relay(self, name: str | None = None, *, where: str = WORKSPACE_FILE) -> RelaySettings:
        """The relay of that name; without a name the only one, or the sandbox if there is none.

        `where`: what names it, for the error.

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
                where=where,
                next_step=did_you_mean(wanted, [*relays, SANDBOX]),
            )
        return relays[wanted]

    def dkim_keys(
        self, address: str, *, chosen: bool | tuple[str, ...] | None = None
    ) -> tuple[DkimSettings, ...]:
        """The keys that sign mail from `address`, as `dkim_keys.choose_keys` tells."""
        return choose_keys(self.settings.dkim, address, chosen=chosen)

    def secret_files(self) -> tuple[Path, ...]:
        """The files that hold passwords, tokens and keys: everything named but `ca_file`."""
        tables = (*self.settings.relays.values(), self.settings.alerts)
        files = [file for it in tables for file in _secrets_of(it)]
        return (*files, *(it.key_file for it in self.settings.dkim.values()))

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
    _name_relays(table, text, origins)
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
    if _has(table, (path := ("alerts", "webhook_secret"))):
        raise _no_place_for_secrets(path, "webhook_secret_file", text)
    relays = table.get("relays")
    for name, relay in relays.items() if isinstance(relays, dict) else ():
        for key, file_key in SECRET_KEYS.items():
            if _has(relay, key):
                raise _no_place_for_secrets(("relays", name, *key), file_key, text)


def _has(table: object, path: Sequence[str]) -> bool:
    here = table
    for key in path:
        if not isinstance(here, dict) or key not in here:
            return False
        here = here[key]
    return True


def _no_place_for_secrets(path: tuple[str, ...], file_key: str, text: str) -> SettingsError:
    if file_key:
        step = _(
            "Take it out, and put it into the environment as {variable} or into a file "
            "of its own, named by {key}."
        )
    else:
        step = _("Take it out, and put it into the environment as {variable}.")
    message = (
        _("A password does not belong into {file}.")
        if path[-1] == "password"
        else _("{key} is a secret, and does not belong into {file}.")
    )
    return SettingsError(
        message.format(file=WORKSPACE_FILE, key=path[-1]),
        where=_place(line_of(text, path)),
        next_step=step.format(variable=variable_for(path), key=file_key),
    )


def _place(line: int | None) -> str:
    if line is None:
        return WORKSPACE_FILE
    return _("{file}, line {line}").format(file=WORKSPACE_FILE, line=line)


def _name_relays(table: dict[str, Any], text: str, origins: Mapping[KeyPath, str]) -> None:
    """Tell each relay its name; refuse what is the sandbox, or a misspelt name in a variable."""
    relays = table.get("relays")
    if not isinstance(relays, dict):
        return
    for name, relay in relays.items():
        if name == SANDBOX:
            raise SettingsError(
                _("The name sandbox is taken: it is the built-in capture server."),
                where=_place(line_of(text, ("relays", name))),
                next_step=_("Give the relay another name; [sandbox] sets the built-in one up."),
            )
        if isinstance(relay, dict):
            variable = _variable(("relays", name), origins, text)
            if variable and "host" not in relay:
                raise _no_such_relay(name, [key for key in relays if key != name], variable)
            relay.setdefault("name", name)


def _no_such_relay(name: str, known: list[str], variable: str) -> SettingsError:
    return SettingsError(
        _("There is no relay named {name}.").format(name=name),
        where=_("environment, {name}").format(name=variable),
        next_step=did_you_mean(name, known)
        or _("Add [relays.{name}] with its host to {file}.").format(name=name, file=WORKSPACE_FILE),
    )


def _validate(
    table: dict[str, Any], text: str, origins: Mapping[KeyPath, str], root: Path
) -> Settings:
    try:
        settings = Settings.model_validate(table)
    except ValidationError as exc:
        found = [_placed(mistake, text, origins) for mistake in complaints(exc, Settings)]
        raise first_of(found, SettingsError) from exc
    _check_relay_of_alerts(settings, text)
    relays = {name: _rooted(relay, root) for name, relay in settings.relays.items()}
    alerts = _rooted(settings.alerts, root)
    changed = {"relays": relays, "alerts": alerts, "dkim": _keys(settings, text, root)}
    return settings.model_copy(update=changed)


def _check_relay_of_alerts(settings: Settings, text: str) -> None:
    name, known = settings.alerts.relay, [*settings.relays, SANDBOX]
    if name and name not in known:
        raise SettingsError(
            _("There is no relay named {name}.").format(name=name),
            where=_place(line_of(text, ("alerts", "relay"))),
            next_step=did_you_mean(name, known),
        )


def _keys(settings: Settings, text: str, root: Path) -> dict[str, DkimSettings]:
    """The DKIM keys with their names, and their files' names made absolute."""
    twin = find_twin(settings.dkim)
    if twin is not None:
        raise SettingsError(
            _("Two DKIM keys have the same domain and selector, and so one record in DNS."),
            where=_place(line_of(text, ("dkim", twin))),
            next_step=_("Give each key a selector of its own."),
        )
    return {
        name: key.model_copy(update={"name": name, "key_file": root / key.key_file.expanduser()})
        for name, key in settings.dkim.items()
    }


def _placed(mistake: Complaint, text: str, origins: Mapping[KeyPath, str]) -> PlacedComplaint:
    variable = _variable(mistake.path, origins, text)
    if variable:
        return PlacedComplaint(mistake, _("environment, {name}").format(name=variable), -1)
    line = line_of(text, mistake.path)
    return PlacedComplaint(mistake, _place(line), line or 0)


def _variable(path: KeyPath, origins: Mapping[KeyPath, str], text: str) -> str | None:
    """The variable that `path`, or the table it is missed in, comes from; None: the file."""
    if path in origins:
        return origins[path]
    for above in (path, path[:-1]):
        if above and not has_key(text, above):
            found = (name for key, name in origins.items() if key[: len(above)] == above)
            return next(found, None)
    return None


def _secrets_of(table: Table) -> Iterator[Path]:
    for key, value in table:
        if isinstance(value, Table):
            yield from _secrets_of(value)
        elif isinstance(value, Path) and key != "ca_file":
            yield value


def _rooted(table: TableT, root: Path) -> TableT:
    """The table with its files' names made absolute: they are relative to the workspace."""
    changed: dict[str, Any] = {}
    for key, value in table:
        if isinstance(value, Path):
            changed[key] = root / value.expanduser()
        elif isinstance(value, Table):
            changed[key] = _rooted(value, root)
    return table.model_copy(update=changed)
