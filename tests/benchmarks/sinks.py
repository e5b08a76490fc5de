"""Debian's smtp-sink and smtp-source: the counterpart and the yardstick of the wire."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time

#: Where Debian's postfix package puts them; not on every user's PATH.
PATHS = "/usr/sbin:/usr/bin:/sbin:/bin"
INSTALL = "apt-get install postfix"


def find(program):
    """The program's path, or None."""
    return shutil.which(program) or shutil.which(program, path=PATHS)


def free_port():
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def smtp_sink(port=None):
    """An smtp-sink on the loopback address, ended with the context; gives its port."""
    port = port or free_port()
    command = [find("smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "1000"]
    sink = subprocess.Popen(command)
    try:
        wait_for(port)
        yield port
    finally:
        sink.terminate()
        sink.wait(10)


def wait_for(port, seconds=10.0):
    """Until somebody listens on the port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(port)


def smtp_source(port, messages, length, sessions=32):
    """Seconds that smtp-source takes for so many constant messages of `length` bytes."""
    command = [find("smtp-source"), "-d", "-s", str(sessions), "-m", str(messages)]
    command += ["-l", str(length), "-f", "a@school.example", "-t", "b@parents.example"]
    began = time.perf_counter()
    subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
    return time.perf_counter() - began
