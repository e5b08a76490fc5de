"""Environment variables laid over notifier.toml: `NOTIFIER_RELAYS__MAIN__PASSWORD`.

Pure: the variables are an argument. By hand and not by pydantic-settings, because a variable
finds its table by a relay's name in any spelling (`[relays.main-office]` is `MAIN_OFFICE`), a
misspelt one is told with the nearest, and a value must appear in no error.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from notifier.errors import SettingsError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "NOTIFIER_"
#: Variables that are not a key of notifier.toml.
OWN_VARIABLES = ("NOTIFIER_LOCALE", "NOTIFIER_WORKSPACE", "NOTIFIER_DEBUG", "NOTIFIER_ACTOR")


def variable_for(path: Sequence[str | int]) -> str:
    """The variable that sets the key at `path`."""
    return PREFIX + "__".join(_spelled(str(part)) for part in path)


def _spelled(name: str) -> str:
    return name.upper().replace("-", "_").replace(".", "_").replace(" ", "_")


def overlay(
    table: dict[str, Any], environ: Mapping[str, str], sections: Sequence[str]
) -> dict[tuple[str | int, ...], str]:
    """Put what the environment says into `table`; gives each changed path its variable's name.

    An empty variable counts as absent. Variables of other programs that share the prefix
    (Kubernetes makes `NOTIFIER_PORT` for a service of that name) are left alone.

    Raises:
        SettingsError: a variable is almost, but not quite, one of ours.
    """
    origins: dict[tuple[str | int, ...], str] = {}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not value or variable in OWN_VARIABLES:
            continue
        path = _path(variable, table, sections)
        if path and _put(table, path, value):
            origins[path] = variable
    if environ.get("NOTIFIER_LOCALE"):
        _put(table, ("workspace", "locale"), environ["NOTIFIER_LOCALE"])
        origins["workspace", "locale"] = "NOTIFIER_LOCALE"
    return origins


def _path(
    variable: str, table: Mapping[str, Any], sections: Sequence[str]
) -> tuple[str, ...] | None:
    first, *rest = variable.removeprefix(PREFIX).split("__")
    if not rest:
        # Without the prefix, which makes all of them alike.
        own = [name.removeprefix(PREFIX) for name in OWN_VARIABLES]
        meant = difflib.get_close_matches(first, own, n=1, cutoff=0.75)
        if meant:
            raise _unknown(variable, PREFIX + meant[0])
        return None
    if first.lower() not in sections:
        meant = difflib.get_close_matches(first.lower(), sections, n=1, cutoff=0.6)
        raise _unknown(variable, variable_for([meant[0], *rest]) if meant else "")
    path: list[str] = [first.lower()]
    here: Any = table.get(path[0])
    for part in rest:
        path.append(_key(part, here))
        here = here.get(path[-1]) if isinstance(here, dict) else None
    return tuple(path)


def _key(part: str, here: Any) -> str:
    """The key of the file that is spelled `part` in a variable; a new one in lower case."""
    keys = here if isinstance(here, dict) else {}
    return next((key for key in keys if _spelled(key) == part.upper()), part.lower())


def _unknown(variable: str, meant: str) -> SettingsError:
    step = _("Did you mean {name}?").format(name=meant) if meant else ""
    return SettingsError(
        _("The environment variable {name} sets nothing that is known.").format(name=variable),
        where=_("environment, {name}").format(name=variable),
        next_step=step or _("Unset it, or see notifier.toml for the keys that can be set."),
    )


def _put(table: dict[str, Any], path: Sequence[str], value: str) -> bool:
    here = table
    for part in path[:-1]:
        here = here.setdefault(part, {})
        if not isinstance(here, dict):  # the file has a value where a table belongs: told later
            return False
    here[path[-1]] = value
    return True
