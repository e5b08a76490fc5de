"""A refresh token (RFC 6749 section 1.5): what a person's consent is kept as.

Microsoft gives a new one with each access token, and the old one ends 90 days after it was given
out: so a new one takes its place in the file, or mail would stop one day for no visible reason.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.secret_file import read_secret

if TYPE_CHECKING:
    from pydantic import SecretStr

_log = logging.getLogger("notifier")


class RefreshToken:
    """The newest one that is known."""

    __slots__ = ("_path", "value")

    def __init__(self, value: str, path: Path | None = None) -> None:
        self.value = value
        self._path = path

    def __repr__(self) -> str:
        return "<RefreshToken ***>"

    @classmethod
    def of(cls, value: SecretStr | None, path: Path | None) -> RefreshToken | None:
        """From the environment, else from the file (SettingsError); None where there is none."""
        if value is not None and value.get_secret_value():
            return cls(value.get_secret_value())
        return cls(read_secret(path), path) if path is not None else None

    def replace(self, value: str) -> None:
        """Use this one from now on, and keep it in the file, if it came from one.

        A file that can't be written is told once on the log: the old token is good for a while.
        """
        if value == self.value:
            return
        self.value = value
        if self._path is None:
            return
        try:
            _write(self._path, value)
        except OSError as exc:
            text = _("The new refresh token can't be kept in {path}: {reason}.")
            _log.warning(text.format(path=self._path, reason=exc.strerror))
            self._path = None


def _write(path: Path, value: str) -> None:
    """All of it or nothing, and for the owner's eyes only (mkstemp's mode)."""
    place = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
