"""Real Postfix, Exim and OpenSMTPD: what each has written down agrees with the ledger.

Postfix is tested wherever Debian's package is; the other two once `make interop` has unpacked them.
"""

from __future__ import annotations

import json

import pytest

from notifier.cli import run
from notifier.ledger.reports import Reader
from notifier.model import State

MESSAGES = 1_000
MODES = {
    "pipelined": "pipelining = true\nchunking = false\n",
    "chunked": "chunking = true\npipeline_depth = 8\n",
    "by itself": "pipeline_depth = 8\n",
}
SERVERS = ("Postfix", "Exim", "OpenSmtpd")


@pytest.fixture(params=SERVERS)
def server(request, mail_servers):
    """One of the servers, running."""
    kind = getattr(mail_servers, request.param)
    reason = kind.why_not()
    if reason:
        pytest.skip(reason)
    with kind() as server:
        yield server


def make_workspace(root, port, relay):
    """One campaign for all of them, and for one in the middle whom the server refuses."""
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
    rows = [f"HS{n:05},Nguyễn Văn {n},p{n}@parents.example,{n % 11}" for n in range(MESSAGES)]
    rows.insert(MESSAGES // 2, "HS99999,Nobody,nobody@parents.example,5")
    (root / "data/marks.csv").write_text("\n".join(["id,name,email,mark", *rows]), "utf-8")


@pytest.mark.parametrize("mode", MODES)
def test_a_server_queues_what_the_ledger_says_was_accepted(server, mode, tmp_path, capsys):
    """1,000 messages: the server's log and the ledger agree on each, by Message-ID and queue id.

    So they do where eight whole messages are on the wire of each connection; the recipient that
    the server refuses in the middle harms none of the others.
    """
    make_workspace(tmp_path, server.port, MODES[mode])
    code = run(["--workspace", str(tmp_path), "send", "marks", "--live", "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert summary["counts"] == {"accepted": MESSAGES, "refused": 1}
    assert code == 1
    queued = server.queued(MESSAGES)
    assert len(queued) == MESSAGES
    with Reader.open(tmp_path / "data/ledger.sqlite") as reader:
        accepted = list(reader.deliveries(summary["run"], states=[State.ACCEPTED]))
        for row in accepted:
            token = reader.delivery(row.id).token
            assert queued[f"<{token}@nguyendu.example>"] in row.text
    assert len(accepted) == len(set(queued.values())) == MESSAGES
    chunked = server.chunked()
    trusts = {"pipelined": False, "chunked": server.has_chunking, "by itself": server.earns_chunks}
    assert chunked == (MESSAGES if trusts[mode] else 0)
    print(f"{server.name}: {len(queued)} queued, {chunked} of them by BDAT; 1 refused")
