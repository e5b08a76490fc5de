"""A password kept in a file of its own, as Docker, systemd and Kubernetes hand them over."""

from __future__ import annotations

import logging
import os
import stat
from functools import cache
from typing import TYPE_CHECKING

from notifier.errors import SettingsError
from notifier.locale import _

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger("notifier")

#: A password is not longer; who names a whole disk by mistake waits no longer for that.
_MAX_BYTES = 4096


def read_secret(path: Path) -> str:
    """The one line of the file, without its line break.

    Warns on the log, once per file, when others may read it.

    Raises:
        SettingsError: it can't be read, is empty, or holds more than one line. Never repeats
            what it holds.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        raise _refusal(
            path, _("The password's file can't be read: {reason}.").format(reason=exc.strerror)
        ) from exc
    secret = _decode(raw)
    if secret is None:
        raise _refusal(path, _("The password's file must hold one line of text: the password."))
    if os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH):
        _warn(str(path))
    return secret


def _decode(raw: bytes) -> str | None:
    try:
        secret = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return None
    is_line = secret.isprintable() and len(raw) <= _MAX_BYTES
    return secret if secret and is_line else None


def _refusal(path: Path, message: str) -> SettingsError:
    step = _("Put the password alone into it, readable by you only (chmod 600).")
    return SettingsError(message, where=str(path), next_step=step)


@cache
def _warn(path: str) -> None:
    text = _("Others can read the password's file {path}: run chmod 600 on it.")
    _log.warning(text.format(path=path))
