"""Where the workspace is and which language it speaks: what is needed before anything loads.

Free of pydantic on purpose, so that `notifier --help` answers at once. Together with
`settings.py` this is the program's only reader of the environment.
"""

from __future__ import annotations

import getpass
import os
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.locale import LOCALES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The file that makes a folder a workspace.
WORKSPACE_FILE = "notifier.toml"
#: What a workspace speaks that doesn't say.
WORKSPACE_LOCALE = "vi"

_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def find_root(start: Path) -> Path | None:
    """The nearest folder with a notifier.toml, from `start` upwards; None if there is none."""
    folder = start.absolute()
    for candidate in (folder, *folder.parents):
        if (candidate / WORKSPACE_FILE).is_file():
            return candidate
    return None


def peek_locale(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """The language to speak before any settings are checked: `vi` or `en`. Never raises.

    NOTIFIER_LOCALE (or NOTIFIER_WORKSPACE__LOCALE) first, then the workspace's locale (of
    `--workspace`, NOTIFIER_WORKSPACE or the current folder), and outside of a workspace the
    system's language.
    """
    variables = os.environ if environ is None else environ
    chosen = _known(variables.get("NOTIFIER_LOCALE") or variables.get("NOTIFIER_WORKSPACE__LOCALE"))
    if chosen:
        return chosen
    try:
        root = _peek_root(argv, variables, cwd)
        return _peek_file(root) if root else _system_locale(variables)
    except (OSError, ValueError):  # unreadable, not TOML, not UTF-8: said later, by settings
        return _system_locale(variables)


def _known(locale: object) -> str | None:
    if not isinstance(locale, str):
        return None
    language = locale.strip().replace("-", "_").split("_", 1)[0].split(".", 1)[0].lower()
    return language if language in LOCALES else None


def _peek_root(argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None) -> Path | None:
    for folder in _workspace_arguments(argv):
        return Path(cwd or ".") / folder
    if environ.get("NOTIFIER_WORKSPACE"):
        return Path(cwd or ".") / environ["NOTIFIER_WORKSPACE"]
    return find_root(cwd or Path.cwd())


def _workspace_arguments(argv: Sequence[str]) -> Iterator[str]:
    for index, word in enumerate(argv):
        if word == "--":
            return
        if word == "--workspace" and index + 1 < len(argv):
            yield argv[index + 1]
        elif word.startswith("--workspace="):
            yield word.partition("=")[2]


def _peek_file(root: Path) -> str:
    text = (root / WORKSPACE_FILE).read_bytes().decode("utf-8-sig")
    table = tomllib.loads(text).get("workspace", {})
    found = _known(table.get("locale")) if isinstance(table, dict) else None
    return found or WORKSPACE_LOCALE


def _system_locale(environ: Mapping[str, str]) -> str:
    for variable in _LOCALE_VARIABLES:
        if environ.get(variable):
            return _known(environ[variable]) or LOCALES[0]
    return LOCALES[0]


def find_actor(environ: Mapping[str, str] | None = None) -> str:
    """Who is at work, for the audit log: NOTIFIER_ACTOR as it is, else `user@host`.

    One line; control characters are left out. Never raises.
    """
    variables = os.environ if environ is None else environ
    said = "".join(it for it in variables.get("NOTIFIER_ACTOR", "") if it.isprintable()).strip()
    return said or f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a number without a name, as containers have it
        return f"uid{os.getuid()}" if hasattr(os, "getuid") else "?"
