"""A real Postfix, Debian's package, in a folder of its own on the loopback address."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from notifier.cli import run
from notifier.ledger.reports import Reader
from notifier.model import State

DAEMONS = Path("/usr/lib/postfix/sbin")

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
  check_recipient_access inline:{{ {{nobody@parents.example = 550 5.1.1 no such user}} }},
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


class Postfix:
    """A running Postfix: its port, and what its log says."""

    def __init__(self, root):
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for folder in ("etc", "queue", "data"):
            (root / folder).mkdir()
        root.chmod(0o755)
        (root / "etc/main.cf").write_text(MAIN.format(root=root))
        (root / "etc/master.cf").write_text(MASTER.format(port=self.port))
        shutil.chown(root / "data", "postfix")

    def command(self, verb):
        """Run `postfix start` or `postfix stop` on this instance."""
        environment = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        subprocess.run(
            ["postfix", "-c", self.root / "etc", verb],
            check=True,
            env=environment,
            capture_output=True,
        )

    def queued(self, expected, seconds=30.0):
        """Queue ids by Message-ID, once the log shows as many as expected (or time is up)."""
        deadline = time.monotonic() + seconds
        while True:
            log = (self.root / "log").read_text()
            found = dict(re.findall(r"cleanup\[\d+\]: (\w+): message-id=(<[^>]+>)", log))
            if len(found) >= expected or time.monotonic() > deadline:
                return {message_id: queue_id for queue_id, message_id in found.items()}
            time.sleep(0.1)  # the log is written by another program


@pytest.fixture
def postfix():
    """A Postfix that queues what it is given and discards it."""
    if not (DAEMONS / "smtpd").exists() or os.geteuid() != 0:
        pytest.skip("needs Debian's postfix and root: apt-get install postfix")
    root = Path(tempfile.mkdtemp(prefix="notifier-postfix-"))
    instance = Postfix(root)
    instance.command("start")
    try:
        yield instance
    finally:
        instance.command("stop")
        shutil.rmtree(root, ignore_errors=True)


def make_workspace(root, port, recipients, relay=""):
    """One campaign for so many recipients, through that Postfix."""
    for folder in ("campaigns", "templates/marks", "data"):
        (root / folder).mkdir(parents=True)
    (root / "notifier.toml").write_text(
        '[workspace]\nlocale = "en"\n[relays.main]\nhost = "127.0.0.1"\n'
        f'port = {port}\ntls = "none"\nmax_connections = 4\n{relay}'
    )
    (root / "campaigns/marks.yaml").write_text(
        "title: Marks\nfrom: office@nguyendu.example\n"
        "recipients: {file: data/marks.csv, key: id}\ntemplate: marks\nrelay: main\n"
    )
    (root / "templates/marks/subject.txt").write_text("Điểm của {{ name }}")
    (root / "templates/marks/body.html").write_text("<p>{{ name }}: {{ row.mark }}</p>\n.\n..\n")
    rows = [f"HS{n:05},Nguyễn Văn {n},p{n}@parents.example,{n % 11}" for n in recipients]
    rows.append("HS99999,Nobody,nobody@parents.example,5")
    (root / "data/marks.csv").write_text("\n".join(["id,name,email,mark", *rows]), "utf-8")


@pytest.mark.parametrize("relay", ["", "chunking = true\npipeline_depth = 8\n"])
def test_postfix_queues_what_the_ledger_says_was_accepted(postfix, tmp_path, capsys, relay):
    """1,000 messages: Postfix' log and the ledger agree on each, by Message-ID and queue id.

    So they do where eight whole messages are on the wire of each connection; the recipient that
    Postfix refuses in the middle harms none of the others.
    """
    make_workspace(tmp_path, postfix.port, range(1_000), relay)
    code = run(["--workspace", str(tmp_path), "send", "marks", "--live", "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert code == 1
    assert summary["counts"] == {"accepted": 1_000, "refused": 1}
    queued = postfix.queued(1_000)
    assert len(queued) == 1_000
    with Reader.open(tmp_path / "data/ledger.sqlite") as reader:
        for row in reader.deliveries(summary["run"], states=[State.ACCEPTED]):
            token = reader.delivery(row.id).token
            assert queued[f"<{token}@nguyendu.example>"] in row.text
