"""The command under torture: the real one, in a process group of its own, which can be killed.

Importing the program takes longer than a short run, so most commands are forked off a process that
has imported it. The child tells through a pipe which phase it is in, and can be told to kill itself
and its group at the n-th statement of SQL of a phase: a clock hardly ever hits what takes a
millisecond. A *plain* victim is `python -m notifier`, as a person starts it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import plan
import school

#: What the commands load when they run.
LOADED = (
    "notifier.cli.app",
    "notifier.cli.deliver",
    "notifier.cli.control",
    "notifier.cli.doubt",
    "notifier.cli.interrupt",
    "notifier.cli.ledger",
    "notifier.cli.report",
    "notifier.delivery.engine",
    "notifier.delivery.enrol",
    "notifier.ledger.migrate",
    "notifier.ledger.reports",
    "notifier.recipients.roster",
    "notifier.report.causes",
    "notifier.settings",
    "uvloop",
)


def load():
    """Import what the commands use, once: by name, and by a dry run, for locale data."""
    for name in LOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        school.make(Path(folder), plan.smaller(plan.draw(0, 1), 20), 25, 0)
        nobody = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(nobody), contextlib.redirect_stderr(nobody):
            importlib.import_module("notifier.cli").run(["--workspace", folder, "send", "marks"])


class Victim:
    """A running command."""

    def __init__(self, pid, marks, process=None):
        self.pid = pid
        self._marks = marks
        self._handle = os.pidfd_open(pid)
        self._process = process
        self._heard = b""
        self.code = None

    @property
    def phases(self):
        """Those that it was in, in order."""
        return self._heard.decode().split()

    def wait_for(self, phase, seconds):
        """Until it is in that phase; False where it ended without, or took too long."""
        return self._until(lambda: phase in self.phases, seconds)

    def wait(self, seconds):
        """Until it has ended; False where it took too long."""
        return self._until(lambda: self.code is not None, seconds)

    def _until(self, is_there, seconds):
        deadline = time.monotonic() + seconds
        while not is_there() and self.code is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            sources = [self._handle] if self._marks is None else [self._handle, self._marks]
            found, _, _ = select.select(sources, [], [], left)
            if self._marks in found:
                said = os.read(self._marks, 4096)
                self._heard += said
                if not said:
                    self._shut()
            if self._handle in found:
                self._end()
        return is_there()

    def strike(self):
        """SIGKILL to its whole group; the process is gone when this returns."""
        if self.code is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait(20)

    def _end(self):
        if self._process is not None:
            self.code = self._process.wait()
        else:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        while self._marks is not None:
            said = os.read(self._marks, 4096)
            self._heard += said
            if not said:
                self._shut()
        os.close(self._handle)
        with contextlib.suppress(ProcessLookupError):  # workers end by themselves; not by us
            os.killpg(self.pid, signal.SIGKILL)

    def _shut(self):
        os.close(self._marks)
        self._marks = None


def start_plain(arguments, log):
    """As a person does it."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "notifier", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    return Victim(process.pid, None, process)


def start_forked(arguments, log, *, phase="", statement=0):
    """In a copy of this process; it dies at that statement of that phase, where there is one."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Victim(pid, reader)
    code = 1
    try:
        os.close(reader)
        os.setsid()
        _redirect(log)
        _watch(_Watch(writer, phase, statement))
        from notifier.cli import run

        code = run(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log):
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)


class _Watch:
    """Tells the phases, and counts statements."""

    def __init__(self, marks, phase, statement):
        self._marks = marks
        self._phase = phase
        self._left = statement if phase else 0
        self._is_armed = False
        self.enter("start")

    def enter(self, phase):
        """The phase begins."""
        os.write(self._marks, f"{phase}\n".encode())
        self._is_armed = self._left > 0 and phase == self._phase

    def see(self, _sql):
        """A statement begins."""
        if self._is_armed:
            self._left -= 1
            if not self._left:
                os.killpg(0, signal.SIGKILL)

    def around(self, place, name, before, after=None):
        """Have a function tell when it begins, and what comes after it."""
        function = getattr(place, name)

        @functools.wraps(function)
        def told(*args, **kwargs):
            self.enter(before)
            result = function(*args, **kwargs)
            if after:
                self.enter(after)
            return result

        setattr(place, name, told)

    def first(self, place, name, phase):
        """Have a function tell when it is called for the first time."""
        function = getattr(place, name)
        told = []

        @functools.wraps(function)
        def seen(*args, **kwargs):
            if not told:
                told.append(True)
                self.enter(phase)
            return function(*args, **kwargs)

        setattr(place, name, seen)


def _watch(watch):
    from notifier.ledger import claims, connection, migrate, purge, runs

    connect = connection.connect

    def connect_watched(path):
        db = connect(path)
        db.set_trace_callback(watch.see)
        return db

    connection.connect = connect_watched
    watch.around(migrate, "migrate", "migration", "start")
    watch.first(runs, "start", "enrolment")
    watch.around(claims, "recover", "recovery", "ready")
    watch.first(claims, "take", "delivery")
    watch.first(claims, "release", "finish")
    watch.around(runs, "retry", "retry", "done")
    watch.first(purge, "purge", "purge")
