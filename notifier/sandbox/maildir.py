"""Messages as files: a Maildir, with the envelope kept above each message."""

from __future__ import annotations

import itertools
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from notifier.errors import UsageError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

#: The last of the lines that keep the envelope.
KEPT = b"X-Sandbox-Kept: "


@dataclass(frozen=True, slots=True)
class Kept:
    """A message in the sandbox's Maildir: the envelope, and the bytes as they came."""

    path: Path
    sender: str
    recipients: tuple[str, ...]
    data: bytes


class Maildir:
    """Message files that appear whole: written in `tmp/`, then moved to `new/`."""

    _serial: ClassVar[Iterator[int]] = itertools.count(1)

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
        self._tail = f"P{os.getpid()}", host

    def create(self) -> None:
        """Make the three folders; UsageError where that can't be."""
        try:
            for name in ("tmp", "new", "cur"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise UsageError(
                _("The sandbox can't keep messages there: {reason}").format(reason=exc.strerror),
                where=str(self.path),
                next_step=_("Set [sandbox] maildir in notifier.toml to a folder you may write to."),
            ) from exc

    def keep(self, sender: str, recipients: Sequence[str], data: bytes) -> Path:
        """Write one message; its file in `new/`. OSError where the disk is full."""
        seconds, micros = divmod(int(self._clock() * 1_000_000), 1_000_000)
        process, host = self._tail
        name = f"{seconds}.M{micros:06d}{process}Q{next(self._serial):08d}.{host}"
        trace = [f"Return-Path: <{sender}>", *(f"Delivered-To: {it}" for it in recipients)]
        head = "\r\n".join([*trace, f"{KEPT.decode()}{seconds}.{micros:06d}\r\n"])
        draft, path = self.path / "tmp" / name, self.path / "new" / name
        draft.write_bytes(head.encode("utf-8", "surrogateescape") + data)
        draft.rename(path)
        return path

    def __iter__(self) -> Iterator[Kept]:
        """The messages in the order of their arrival, without those deleted meanwhile."""
        found = [path for name in ("new", "cur") for path in (self.path / name).glob("*")]
        for path in sorted(found, key=lambda it: it.name):
            with suppress(FileNotFoundError):
                yield _read(path)

    def __len__(self) -> int:
        return sum(len(os.listdir(self.path / name)) for name in ("new", "cur"))  # noqa: PTH208 - counts a million names without a Path for each


def _read(path: Path) -> Kept:
    content = path.read_bytes()
    begin = content.find(KEPT)
    end = content.find(b"\n", begin) + 1
    lines = content[: max(begin, 0)].decode("utf-8", "surrogateescape").splitlines()
    sender = next((it[14:-1] for it in lines if it.startswith("Return-Path: <")), "")
    recipients = tuple(it[14:] for it in lines if it.startswith("Delivered-To: "))
    return Kept(path, sender, recipients, content[end:] if begin >= 0 else content)
