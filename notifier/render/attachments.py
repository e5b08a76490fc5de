"""Files that travel with a message: found under the workspace, encoded once, and kept for a while.

Names are resolved, links included, before a file is opened, and it must then still be where the
campaign points: under the workspace, and under the folder that is written out in the campaign
(`data/phieu/{{ key }}.pdf` never leaves `data/phieu`, whatever a key holds). The workspace's own
files are never sent: settings, ledger, whatever notifier.toml names as holding a secret, and any
other file with a private key in it.
"""

from __future__ import annotations

import hashlib
import re
from binascii import a2b_base64
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from notifier.errors import MessageError
from notifier.locale import _
from notifier.render.headers import encode_name_parameter, encode_parameter, safe_file_name
from notifier.render.mime import encode_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Told of each file that is read: the name it was looked for by, where it is, and its bytes.
Observer: TypeAlias = "Callable[[str, Path, bytes], None]"
#: Asked to put a file in its place before it is looked for by that name.
Fetcher: TypeAlias = "Callable[[str], None]"

#: Bytes of encoded attachments kept: what several recipients share is encoded once.
CACHE_BYTES = 64_000_000
#: By ending; not from the system's tables, so that a message is the same on every machine.
MEDIA_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".gif": "image/gif",
    ".htm": "text/html",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rtf": "application/rtf",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webp": "image/webp",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}
_PRIVATE = re.compile(r"(?:^|/)(?:\.[^/]*|notifier\.toml|[^/]*\.sqlite[^/]*)(?:/|$)", re.IGNORECASE)
#: The first line of a key in PEM (RFC 7468), whatever the file is called.
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class FilePart:
    """An encoded file: a whole MIME part."""

    name: str
    media_type: str
    data: bytes
    #: Bytes of the file itself.
    size: int
    #: Where it was read from.
    path: Path

    @property
    def content(self) -> bytes:
        """The file itself, decoded from the part."""
        return a2b_base64(self.data.partition(b"\r\n\r\n")[2])


def media_type(name: str) -> str:
    """The media type by the name's ending."""
    return MEDIA_TYPES.get(PurePosixPath(name.lower()).suffix, "application/octet-stream")


class Cabinet:
    """Finds and encodes the files of one workspace."""

    def __init__(
        self,
        root: Path,
        max_bytes: int,
        secret_files: Iterable[Path] = (),
        *,
        observer: Observer | None = None,
        fetcher: Fetcher | None = None,
    ) -> None:
        """`secret_files` hold passwords, tokens and keys: they are never attached."""
        self.root = root.resolve()
        self._max_bytes = max_bytes
        self._secret_files = tuple(secret_files)
        self._observer = observer
        self._fetcher = fetcher
        self._kept: OrderedDict[str, FilePart] = OrderedDict()
        self._kept_bytes = 0

    def attach(self, name: str, *, within: str = "", where: str = "") -> FilePart:
        """The attachment `name`, a path from the workspace's root.

        `within` is the folder that it must not leave. Raises MessageError with the path.
        """
        found = self._kept.get(name)
        if found is not None:
            self._kept.move_to_end(name)
            return found
        path = self.find(name, within=within, where=where)
        part = encode_file(path, self.read(path, name, where, found_as=name))
        self._keep(name, part)
        return part

    def has(self, name: str) -> bool:
        """Whether a file of that name is there, wherever links lead."""
        if self._fetcher is not None:
            self._fetcher(name)
        return _is_file(self.root / name)

    def _keep(self, name: str, part: FilePart) -> None:
        self._kept[name] = part
        self._kept_bytes += len(part.data)
        while self._kept_bytes > CACHE_BYTES and len(self._kept) > 1:
            _oldest, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped.data)

    def find(self, name: str, *, within: str = "", where: str = "") -> Path:
        """The file's path, links resolved. Raises MessageError where it is not there or outside."""
        if self._fetcher is not None:
            self._fetcher(name)
        path = self._resolve(name, where)
        folder = (self.root / within).resolve()
        if not (path.is_relative_to(self.root) and path.is_relative_to(folder)):
            raise self._outside(name, where)
        inside = path.relative_to(self.root).as_posix()
        if _PRIVATE.search(inside) or _PRIVATE.search(name):
            raise _never_sent(
                _("The file `{name}` belongs to the workspace and is never sent."), name, where
            )
        if not _is_file(path):
            raise self.missing(name, where)
        if any(_is_same(path, secret) for secret in self._secret_files):
            raise _never_sent(
                _("The file `{name}` holds a password or key of notifier.toml: it is never sent."),
                name,
                where,
            )
        return path

    def missing(self, name: str, where: str) -> MessageError:
        """The error for a file that is not there."""
        return MessageError(
            _("The file `{name}` is not there.").format(name=name),
            where=where,
            next_step=_("Put the file there, or correct its name."),
            problem="missing_attachment",
        )

    def _resolve(self, name: str, where: str) -> Path:
        if not name.strip() or "\0" in name or "\\" in name or name.startswith("/"):
            raise self._outside(name, where)
        try:
            return (self.root / name).resolve()
        except (OSError, ValueError, RuntimeError) as exc:
            raise self._outside(name, where) from exc

    def _outside(self, name: str, where: str) -> MessageError:
        return MessageError(
            _("The file `{name}` is outside the folder that attachments come from.").format(
                name=name.replace("\0", "?")
            ),
            where=where,
            next_step=_("Put the file into the workspace and correct the name."),
            problem="attachment_outside",
        )

    def read(self, path: Path, name: str, where: str, *, found_as: str) -> bytes:
        """The file's bytes, `name` as people know it, `found_as` from the workspace's root.

        Raises MessageError where it can't be read or is too large.
        """
        try:
            if path.stat().st_size > self._max_bytes:
                raise MessageError(
                    _("The file `{name}` is larger than a message may be.").format(name=name),
                    where=where,
                    next_step=_("Make it smaller, or give a link to it instead."),
                    problem="oversize",
                )
            data = path.read_bytes()
        except OSError as exc:
            raise MessageError(
                _("The file `{name}` can't be read: {reason}.").format(
                    name=name, reason=exc.strerror
                ),
                where=where,
                next_step=_("Check the file's permissions."),
            ) from exc
        if _PRIVATE_KEY.search(data):
            raise _never_sent(
                _("The file `{name}` holds a private key: it is never sent."), name, where
            )
        if self._observer is not None:
            self._observer(found_as, path, data)
        return data


def _never_sent(message: str, name: str, where: str) -> MessageError:
    return MessageError(
        message.format(name=name),
        where=where,
        next_step=_("Attach a file from a folder for attachments, such as data/."),
        problem="attachment_outside",
    )


def _is_same(path: Path, secret: Path) -> bool:
    """Whether both are one file, by whatever name or link."""
    try:
        return path.samefile(secret)
    except OSError:  # the secret's file is not there, or may not be looked at
        return path == secret


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        return False


def encode_file(path: Path, data: bytes, *, content_id: str = "", name: str = "") -> FilePart:
    """A file as an attachment, or as an inline picture where it has a Content-ID."""
    name = safe_file_name(name or path.name)
    kind = media_type(name)
    charset = _charset(data) if kind.startswith("text/") else ""
    lines = [
        f"Content-Type: {kind}{charset}{encode_name_parameter(name)}",
        "Content-Transfer-Encoding: base64",
    ]
    if content_id:
        lines.append(f"Content-ID: <{content_id}>")
    disposition = "inline" if content_id else "attachment"
    lines.append(f"Content-Disposition: {disposition}{encode_parameter('filename', name)}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return FilePart(name, kind, head.encode("ascii") + encode_base64(data), len(data), path)


def _charset(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "; charset=utf-8"


class Album:
    """The inline pictures of a campaign: each file once, under one Content-ID."""

    def __init__(self, cabinet: Cabinet, domain: str) -> None:
        self._cabinet = cabinet
        self._domain = domain
        self._parts: dict[Path, tuple[str, FilePart]] = {}

    def add(self, candidates: list[str], *, shown: str, where: str) -> tuple[str, FilePart]:
        """The Content-ID and part of the first candidate that is there. Raises MessageError."""
        name = self._first(candidates, shown, where)
        path = self._cabinet.find(name, where=where)
        if path not in self._parts:
            data = self._cabinet.read(path, shown, where, found_as=name)
            digest = hashlib.sha256(data).hexdigest()[:16]
            content_id = f"{digest}@{self._domain}"
            self._parts[path] = content_id, encode_file(path, data, content_id=content_id)
        return self._parts[path]

    def _first(self, candidates: list[str], shown: str, where: str) -> str:
        for name in candidates:
            if self._cabinet.has(name):
                return name
        raise self._cabinet.missing(shown, where)
