"""A school's workspace and its mail server, for tests of the whole program."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time

import pytest

from notifier.cli import run
from notifier.locale import current, use
from notifier.sandbox import Sandbox
from notifier.settings import SandboxRule, SandboxSettings

TOML = """\
[workspace]
locale = "en"
timezone = "Asia/Ho_Chi_Minh"
[relays.main]
host = "127.0.0.1"
port = {port}
tls = "none"
connect_attempts = 1
{relay}
[retry]
first = "1s"
"""

CAMPAIGN = """\
title: Marks
from: "Nguyễn Du School <office@nguyendu.example>"
recipients: {file: data/marks.csv, key: id}
template: marks
relay: main
"""


class Capture(io.TextIOWrapper):
    """A standard stream that is kept, with the binary buffer that a real one has."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True, newline="")

    @property
    def text(self):
        """What was written."""
        self.flush()
        return self.buffer.getvalue().decode()


class School:
    """A workspace with one campaign, and the notifier command in it."""

    def __init__(self, root):
        self.root = root
        self.processes = []

    def write(self, path, text):
        """Write a file of the workspace."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def sheet(self, count):
        """A sheet of so many pupils."""
        rows = [f"HS{n:05},Pupil {n},p{n}@parents.example,{n % 11}" for n in range(count)]
        self.write("data/marks.csv", "\n".join(["id,name,email,mark", *rows]) + "\n")

    def run(self, *arguments):
        """Run a command here; its exit code, output and errors."""
        before = current()
        out, err = Capture(), Capture()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--workspace", str(self.root), *arguments])
        use(before)
        return code, out.text, err.text

    def json(self, *arguments):
        """Run a command with `--json`; its exit code and what it printed."""
        code, out, err = self.run(*arguments, "--json")
        assert out, err
        return code, json.loads(out)

    def start(self, *arguments):
        """Start a command in a process group of its own."""
        command = [sys.executable, "-m", "notifier", "--workspace", str(self.root), *arguments]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def end(self):
        """End what was started here, with its group."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=10)


class Mailbox:
    """The sandbox, and who got how many messages."""

    def __init__(self, folder, *rules, port=0):
        settings = SandboxSettings(
            host="127.0.0.1", port=port, maildir=str(folder), rules=tuple(rules)
        )
        self.sandbox = Sandbox(settings, folder)

    @property
    def port(self):
        """The port that it listens on."""
        return self.sandbox.port

    def received(self):
        """Each captured message's recipient."""
        return [message.recipients[0] for message in self.sandbox.messages()]

    def wait_for(self, count, seconds=30.0):
        """Until so many messages are in."""
        deadline = time.monotonic() + seconds
        while len(self.received()) < count:
            assert time.monotonic() < deadline, "too few messages came in"
            time.sleep(0.02)  # another process is sending


@pytest.fixture
def make_mailbox(tmp_path):
    """Start a sandbox with rules; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def make(*rules):
            box = Mailbox(tmp_path / "maildir", *(SandboxRule(**rule) for rule in rules))
            stack.enter_context(box.sandbox)
            return box

        yield make


@pytest.fixture
def mailbox(make_mailbox):
    """A running sandbox without rules."""
    return make_mailbox()


class SmallRelay(socketserver.ThreadingTCPServer):
    """Takes everything, slowly, one command after the other, and counts its open connections."""

    daemon_threads = True
    #: Seconds for a message.
    pace = 0.02

    def __init__(self):
        self.received = []
        self.open_now = self.most_open = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Caller)

    @property
    def port(self):
        """The port that it listens on."""
        return self.server_address[1]

    def enter(self):
        """One more is there."""
        with self.lock:
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)

    def leave(self):
        """One has taken its leave: before it hears that it may."""
        with self.lock:
            self.open_now -= 1


class _Caller(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self):
        self.server.enter()
        self.is_gone = False
        try:
            self.wfile.write(b"220 small.example\r\n")
            while line := self.rfile.readline():
                self.wfile.write(self.answer(line.decode().strip()))
        finally:
            if not self.is_gone:
                self.server.leave()

    def answer(self, line):
        """The reply to a command."""
        if line == "DATA":
            self.wfile.write(b"354 go on\r\n")
            while self.rfile.readline() != b".\r\n":
                pass
            time.sleep(self.server.pace)  # as long as a relay far away
            self.server.received.append(self.address)
        elif line.startswith("RCPT"):
            self.address = line.partition("<")[2].partition(">")[0]
        elif line == "QUIT":
            self.is_gone = True
            self.server.leave()
            return b"221 bye\r\n"
        return b"250 ok\r\n"


@pytest.fixture
def small_relay():
    """A running one."""
    with SmallRelay() as relay:
        thread = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield relay
        relay.shutdown()
        thread.join()


@pytest.fixture
def make_school(tmp_path):
    """Make a workspace that submits to a port; what it starts ends with the test."""
    made = []

    def make(port, *, pupils=12, relay=""):
        school = School(tmp_path / "school")
        school.write("notifier.toml", TOML.format(port=port, relay=relay))
        school.write("campaigns/marks.yaml", CAMPAIGN)
        school.write("templates/marks/subject.txt", "Mark of {{ name }}")
        school.write("templates/marks/body.html", "<p>{{ name }} has <b>{{ row.mark }}</b>.</p>")
        school.sheet(pupils)
        made.append(school)
        return school

    yield make
    for school in made:
        school.end()
