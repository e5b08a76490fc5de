"""What a program asked of the system, in order, as strace saw it: file by file, socket by socket.

strace stops a thread when a call begins and when it ends, and writes its lines in that order for
all threads together: a call that ended on an earlier line than another began had really ended.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

INSTALL = "apt-get install strace"
#: All by which a file is changed or synced, or something is sent or received.
CALLS = (
    "openat,open,creat,unlink,unlinkat,rename,renameat,renameat2,ftruncate,fallocate,pwrite64,"
    "pwritev,pwritev2,write,writev,sendto,sendmsg,sendmmsg,sendfile,splice,fsync,fdatasync,"
    "sync_file_range,msync,read,recvfrom,recvmsg"
)
#: Bytes of a buffer that are kept: a page of SQLite's, or two small messages.
KEPT = 4200
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)", re.DOTALL)
_RESULT = re.compile(r"\) += (-?\d+)(?:[ <].*)?$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_HANDLE = re.compile(r"(?:AT_FDCWD|\d+)<((?:->|[^<>])*)>")
_UNFINISHED = " <unfinished ...>"


@dataclass(slots=True)
class Call:
    """One call of the system."""

    name: str
    #: The lines on which it began and ended; what hadn't ended yet ended never.
    began: int
    ended: int
    result: int
    #: What it works on: a file's path, or `TCP:[here->there]`.
    place: str
    #: What follows that.
    arguments: str

    @property
    def data(self):
        """The bytes that it wrote or read."""
        texts = _TEXT.findall(self.arguments)
        assert not any(cut for _hex, cut in texts), f"{self.name} of more than {KEPT} bytes"
        return b"".join(_bytes(it) for it, _cut in texts)[: max(self.result, 0)]

    @property
    def numbers(self):
        """The numbers behind the buffer: size, and offset where there is one."""
        return [int(it) for it in _TEXT.sub("", self.arguments).split(",") if it.strip().isdigit()]

    @property
    def file(self):
        """The file that it opens or removes."""
        return _bytes(_TEXT.search(self.arguments)[1]).decode()


@cache
def missing():
    """Why nothing can be traced here; empty where it can."""
    if not shutil.which("strace"):
        return f"needs strace: {INSTALL}"
    try:
        tried = subprocess.run(
            ["strace", "-qq", "-o", "/dev/null", "true"],
            capture_output=True,
            timeout=20,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "strace hangs here"
    return "" if tried.returncode == 0 else f"strace is not allowed here: {tried.stderr[-200:]}"


def traced(command, log, **options):
    """The command, to be run under strace, and what it writes to the file `log`."""
    return subprocess.Popen(
        [
            *("strace", "-f", "-qq", "-yy", "--seccomp-bpf", "-xx", "-s", str(KEPT)),
            *("-e", "signal=none", "-e", f"trace={CALLS}", "-o", str(log), *command),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def calls(log, folder, port=0):
    """The calls that concern files of a folder, or connections to a port, by their beginning.

    A large log is read once: lines about anything else (the modules that Python reads) are passed
    over unparsed.
    """
    wanted = [_hex(str(folder)), f"127.0.0.1:{port}]"]
    open_calls, found = {}, []
    with log.open(encoding="ascii", errors="replace") as lines:
        for number, line in enumerate(lines):
            thread = line.split(" ", 1)[0]
            if thread not in open_calls and not any(it in line for it in wanted):
                continue
            _take(line, number, open_calls, found)
    return sorted(found, key=lambda it: it.began)


def _take(line, number, open_calls, found):
    matched = _LINE.match(line.rstrip("\n"))
    if not matched:
        return
    thread, resumed, name, rest = matched.groups()
    if rest.endswith(_UNFINISHED):
        open_calls[thread] = (name, number, rest.removesuffix(_UNFINISHED))
        return
    began = number
    if resumed:
        if thread not in open_calls:
            return
        name, began, before = open_calls.pop(thread)
        rest = before + rest
    result = _RESULT.search(rest)
    place = _HANDLE.search(rest)
    found.append(
        Call(
            name,
            began,
            number,
            int(result[1]) if result else -1,
            _plain(place[1]) if place else "",
            rest[: result.start()] if result else rest,
        )
    )


def _bytes(escaped):
    return bytes.fromhex(escaped.replace("\\x", ""))


def _hex(text):
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def _plain(place):
    """A path as it is; strace writes those escaped too."""
    return _bytes(place).decode() if place.startswith("\\x") else place
