"""Into a real Postfix, with at most 4 connections, against smtp-source with 10 into the same.

Postfix queues every message and holds it: the queue manager and deliveries would take processor
time from both, in bursts of their own. What is held is thrown away between the rounds. Its queue is
in memory (/dev/shm) where there is such a folder, so that neither waits for the disk on its
account; our ledger is on disk, as always. The configuration is the same for both; they take turns.

On two cores Postfix itself takes all of both (1.1 ms of processor time a message), so whatever a
client does beside sending lowers the rate: smtp-source sends the same bytes to the same address
again and again, ours makes each message and writes down its intent and outcome. With few
connections it is the depth that tells: what is on its way is written down in one transaction.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import end_to_end
import sinks
import workspace

sys.path.insert(0, str(Path(__file__).parents[1]))
import mail_servers

MESSAGES = int(os.environ.get("POSTFIX_MESSAGES", "8000"))
ROUNDS = 3
CONNECTIONS = 4
#: Messages of a connection on their way: the usual two, and as many as pay.
DEPTHS = (2, 16)
SESSIONS = 10
#: What we must reach of smtp-source's rate.
MUST = 0.9
HOLD = "in_flow_delay = 0s\nsmtpd_end_of_data_restrictions = check_client_access static:hold\n"
MEMORY = "/dev/shm"


def rounds(root, postfix, length):
    """Rates: smtp-source's, and ours by depth."""
    theirs, ours = [], {depth: [] for depth in DEPTHS}
    for number in range(ROUNDS):
        for depth in DEPTHS:
            seconds = sinks.smtp_source(postfix.port, MESSAGES, length, SESSIONS)
            theirs.append(MESSAGES / seconds)
            postfix.empty()
            workspace.settle(root, port=postfix.port, connections=CONNECTIONS)
            with (root / "notifier.toml").open("a") as settings:
                settings.write(f"pipeline_depth = {depth}\n")
            summary, _seconds = end_to_end.send(root, f"{number} {depth}")
            assert summary["counts"] == {"accepted": MESSAGES}, summary
            ours[depth].append(summary["messages_per_second"])
            postfix.empty()
    return theirs, ours


def measure():
    """Rows: name, messages a second (the median, and from least to most), ratio."""
    reason = mail_servers.Postfix.why_not()
    if reason:
        return [("a real Postfix", f"skipped: {reason}", "")]
    home = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory() as folder, mail_servers.Postfix(HOLD, home) as postfix:
        root = Path(folder)
        workspace.make(root, port=postfix.port, recipients=MESSAGES, connections=CONNECTIONS)
        length, _body = end_to_end.sample(root)
        theirs, ours = rounds(root, postfix, length)
    middle, best = median(theirs), max(median(rates) for rates in ours.values())
    name = f"smtp-source -d -s {SESSIONS}, constant {length} bytes"
    rows = [(name, end_to_end.told(theirs), "1.00")]
    for depth, rates in ours.items():
        name = f"notifier, {CONNECTIONS} connections, pipeline_depth = {depth}, deliver"
        ratio = median(rates) / middle
        told = end_to_end.verdict(ratio, MUST) if median(rates) == best else f"{ratio:.2f}"
        rows.append((name, end_to_end.told(rates), told))
    return rows


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
