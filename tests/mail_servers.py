"""Real mail servers in folders of their own, on the loopback address, for tests and benchmarks.

Each is started by `start`, ended by `stop` (or both by `with`), and keeps what it is given: nothing
leaves the machine. `why_not` says what is missing where one can't be had; `queued` tells what the
server itself has written down: its queue id for each Message-ID.

Postfix is Debian's package as installed. Exim and OpenSMTPD, which exclude it, are unpacked by
`tests/unpack_servers.py` (`make interop`) and run in a chroot, with users of their own.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

#: Where `unpack_servers.py` puts them.
UNPACKED = Path(__file__).parents[1] / "build/interop"
#: Whom all of them refuse.
NOBODY = "nobody@parents.example"
ENVIRONMENT = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = no
maillog_file = {root}/log
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.school.example
mydestination =
mynetworks = 127.0.0.0/8
relay_transport = discard:
default_transport = discard:
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_recipient_restrictions =
  check_recipient_access inline:{{ {{{nobody} = 550 5.1.1 no such user}} }},
  permit_mynetworks, reject
"""

MASTER = """\
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

EXIM = """\
primary_hostname = exim.school.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
domainlist local_domains =
hostlist relay_from_hosts = 127.0.0.1
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
queue_only = true
log_file_path = /var/log/exim4/%slog
log_selector = +pipelining
keep_environment =
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 20
message_size_limit = 50M

begin acl
acl_rcpt:
  deny recipients = {nobody}
       message = no such user
  accept
acl_data:
  accept

begin routers
nowhere:
  driver = redirect
  data = :blackhole:
"""

OPENSMTPD = """\
listen on 127.0.0.1 port {port} hostname opensmtpd.school.example
action "keep" relay
match from any for rcpt-to "{nobody}" reject
match from any for any action "keep"
"""


def free_port():
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, seconds=15.0):
    """Until somebody greets on the port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 2) as line,
        ):
            if line.recv(3) == b"220":
                line.sendall(b"QUIT\r\n")
                return
        time.sleep(0.05)  # another program is starting
    raise TimeoutError(f"nobody greets on port {port}")


class Server:
    """A server that keeps what it is given."""

    name = ""
    #: Whether it takes messages by BDAT (RFC 3030).
    has_chunking = True
    #: It offers ENHANCEDSTATUSCODES besides, and takes what tests it for whole messages.
    earns_chunks = False

    def __init__(self):
        self.port = free_port()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error):
        self.stop()

    def _pairs(self):
        """What it has written down so far: (Message-ID, queue id)."""
        raise NotImplementedError

    def chunked(self):
        """How many of the messages came by BDAT, as it has written down."""
        raise NotImplementedError

    def queued(self, expected, seconds=30.0):
        """Queue ids by Message-ID, once there are as many as expected (or time is up)."""
        deadline = time.monotonic() + seconds
        while True:
            found = dict(self._pairs())
            if len(found) >= expected or time.monotonic() > deadline:
                return found
            time.sleep(0.1)  # it is written by another program


class Postfix(Server):
    """Debian's Postfix as installed, with a configuration and queue of its own."""

    name = "Postfix"
    earns_chunks = True

    def __init__(self, settings="", home=None):
        """`settings`: further lines for main.cf; `home`: where its folder is made."""
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="notifier-postfix-", dir=home))
        for folder in ("etc", "queue", "data"):
            (self.root / folder).mkdir()
        self.root.chmod(0o755)
        main = MAIN.format(root=self.root, nobody=NOBODY) + settings
        (self.root / "etc/main.cf").write_text(main)
        (self.root / "etc/master.cf").write_text(MASTER.format(port=self.port))
        shutil.chown(self.root / "data", "postfix")

    @classmethod
    def why_not(cls):
        """What is missing; None where it can be had."""
        if Path("/usr/lib/postfix/sbin/smtpd").exists() and os.geteuid() == 0:
            return None
        return "needs Debian's postfix and root: apt-get install postfix"

    def start(self):
        """Start it; it detaches itself, and listens when this returns."""
        self._command("start")
        wait_for(self.port)

    def stop(self):
        """End it, and remove its folder."""
        self._command("stop")
        shutil.rmtree(self.root, ignore_errors=True)

    def empty(self):
        """Throw away what it keeps."""
        command = ["postsuper", "-c", self.root / "etc", "-d", "ALL"]
        subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True)

    def _command(self, verb):
        command = ["postfix", "-c", self.root / "etc", verb]
        subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True)

    def _pairs(self):
        log = (self.root / "log").read_text()
        for queue_id, message_id in re.findall(r"cleanup\[\d+\]: (\w+): message-id=(<\S+>)", log):
            yield message_id, queue_id

    def chunked(self):
        """By the counts of commands that it logs at the end of each session."""
        log = (self.root / "log").read_text()
        return sum(int(count) for count in re.findall(r" disconnect from .* bdat=(\d+)", log))


class Unpacked(Server):
    """A server in a chroot: one process that stays in the foreground, with children."""

    folder = ""
    program = ""

    def __init__(self):
        super().__init__()
        self.root = UNPACKED / self.folder
        self._process = None
        self._output = None

    @classmethod
    def why_not(cls):
        """What is missing; None where it can be had."""
        if os.geteuid() != 0:
            return f"needs root, for {cls.name} runs in a chroot"
        if not (UNPACKED / cls.folder / "ready").exists():
            return f"needs {cls.name} unpacked in build/interop: make interop (Debian, apt-get)"
        return None

    def _clear(self, folder):
        """Empty a folder of the chroot."""
        path = self.root / folder
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def _run(self, *arguments):
        self._output = (self.root / "output").open("wb")
        self._process = subprocess.Popen(
            ["chroot", self.root, self.program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": ENVIRONMENT["PATH"]},
            start_new_session=True,
        )
        wait_for(self.port)

    def stop(self):
        """End the process and what it has started, by the session that is theirs alone."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._output.close()


class Exim(Unpacked):
    """Debian's Exim, which keeps everything in its queue."""

    name = "Exim"
    folder = "exim"
    program = "/usr/sbin/exim4"

    def start(self):
        """Start it anew, with an empty queue and log."""
        (self.root / "etc/exim4").mkdir(parents=True, exist_ok=True)
        target = self.root / "etc/exim4/exim4.conf"
        target.write_text(EXIM.format(port=self.port, nobody=NOBODY))
        for folder in ("var/spool/exim4", "var/log/exim4"):
            os.chown(self._clear(folder), 901, 901)
        self._run("-bdf", "-oP", "/var/spool/exim4/exim.pid")

    def _pairs(self):
        log = (self.root / "var/log/exim4/mainlog").read_text()
        for queue_id, message_id in re.findall(r" (\S+) <= .* id=(\S+)$", log, re.MULTILINE):
            yield f"<{message_id}>", queue_id

    def chunked(self):
        """By the mark that it logs with each message."""
        log = (self.root / "var/log/exim4/mainlog").read_text()
        return len(re.findall(r" <= .* K ", log))


class OpenSmtpd(Unpacked):
    """Debian's OpenSMTPD, which keeps everything in its queue.

    It takes 100 messages in a session (`smtp limit max-mails`), and offers no PIPELINING.
    """

    name = "OpenSMTPD"
    folder = "opensmtpd"
    program = "/usr/sbin/smtpd"
    has_chunking = False

    def start(self):
        """Start it anew, with an empty queue."""
        (self.root / "etc/smtpd.conf").write_text(OPENSMTPD.format(port=self.port, nobody=NOBODY))
        self._clear("var/spool/smtpd").chmod(0o711)
        self._clear("var/lib/opensmtpd/empty").chmod(0o755)
        self._clear("var/run")
        self._run("-d", "-P", "mta", "-f", "/etc/smtpd.conf")

    def _pairs(self):
        """The log has its own ids only: the Message-ID is in the message that it keeps by them."""
        log = (self.root / "output").read_text(errors="replace")
        for queue_id in re.findall(r" smtp message msgid=(\w+) ", log):
            path = self.root / f"var/spool/smtpd/queue/{queue_id[:2]}/{queue_id}/message"
            found = re.search(rb"^Message-ID: (<\S+>)", path.read_bytes(), re.MULTILINE)
            if found:
                yield found[1].decode("ascii"), queue_id

    def chunked(self):
        """It does not offer CHUNKING."""
        return 0
