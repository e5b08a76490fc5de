"""A disk that may lose what was not synced: the state of a folder's files at any instant.

What was written and not yet synced may be on the disk or not, each 512 bytes of it by itself and
in any order; a name that was made or removed likewise, until its folder was synced. What was synced
is there. A call that hadn't returned yet may have had any part of its effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

#: What a disk writes whole.
SECTOR = 512
_SYNCS = {"fsync", "fdatasync"}
_CHANGES = {"pwrite64", "ftruncate"}
#: Whatever else changes a file would have to be modelled.
_UNKNOWN = {"pwritev", "pwritev2", "writev", "write", "fallocate", "sync_file_range", "msync"}
_UNKNOWN |= {"rename", "renameat", "renameat2", "splice", "sendfile", "creat", "open"}


@dataclass(slots=True)
class File:
    """What of a file is safe, and what was asked for since."""

    safe: bytearray = field(default_factory=bytearray)
    #: (line on which it ended, offset, bytes), or (line, size, None) for a truncation.
    asked: list[tuple[int, int, bytes | None]] = field(default_factory=list)

    def sync(self, began):
        """What had been asked for when the sync began is safe."""
        for _ended, offset, data in [it for it in self.asked if it[0] < began]:
            put(self.safe, offset, data)
        self.asked = [it for it in self.asked if it[0] >= began]

    def after_cut(self, keeps):
        """What is there once the power is back; `keeps()` says whether a piece is."""
        found = bytearray(self.safe)
        for _ended, offset, data in self.asked:
            if data is None:
                if keeps():
                    put(found, offset, None)
                continue
            for at in range(0, len(data), SECTOR):
                if keeps():
                    put(found, offset + at, data[at : at + SECTOR])
        return bytes(found)


def put(content, offset, data):
    """Write the bytes there, or with None let the content end there."""
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """A folder of files whose names begin alike, as its calls change it.

    `files`: what is there before, safe. Begin with the first call, and go on call by call.
    """

    def __init__(self, path, files=None):
        self._prefix = str(path)
        self._folder = str(Path(path).parent)
        self._safe = {name: File(bytearray(data)) for name, data in (files or {}).items()}
        #: Names made (with their file) and removed (None) since the folder was synced.
        self._names = []

    @property
    def is_settled(self):
        """Whether a cut now would lose nothing."""
        return not self._names and not any(it.asked for it in self._now().values())

    def _now(self):
        found = dict(self._safe)
        for _ended, name, file in self._names:
            if file is None:
                found.pop(name, None)
            else:
                found[name] = file
        return found

    def take(self, call):
        """One more call has ended."""
        if call.name in _SYNCS and call.place == self._folder:
            done = [it for it in self._names if it[0] < call.began]
            self._names, rest = done, self._names[len(done) :]
            self._safe, self._names = self._now(), rest
        elif call.name in ("openat", "unlink", "unlinkat"):
            self._name(call)
        elif call.place.startswith(self._prefix):
            self._change(call)

    def _name(self, call):
        if call.result < 0 or not (name := call.file).startswith(self._prefix):
            return
        name = name.removeprefix(self._prefix)
        if name == "-shm":  # memory, in a file's clothes: made anew by whoever comes first
            return
        if call.name != "openat":
            self._names.append((call.ended, name, None))
        elif "O_CREAT" in call.arguments and name not in self._now():
            self._names.append((call.ended, name, File()))
        assert "O_TRUNC" not in call.arguments

    def _change(self, call):
        name = call.place.removeprefix(self._prefix)
        if name == "-shm" or call.name == "read":
            return
        assert call.name not in _UNKNOWN, call
        file = self._now()[name]
        if call.name in _SYNCS:
            file.sync(call.began)
        elif call.name == "pwrite64":
            file.asked.append((call.ended, call.numbers[-1], call.data))
        elif call.name == "ftruncate":
            file.asked.append((call.ended, call.numbers[-1], None))

    def after_cut(self, keeps):
        """The files' contents by the ends of their names, once the power is back."""
        names = dict(self._safe)
        for _ended, name, file in self._names:  # a folder's changes come in order
            if not keeps():
                break
            names[name] = file
        return {name: it.after_cut(keeps) for name, it in names.items() if it is not None}
