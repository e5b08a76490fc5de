"""Into a real Postfix, with at most 4 connections, against smtp-source with 10 into the same.

Postfix queues every message durably (to its own disk, with `fsync`), and holds it: the queue
manager and deliveries would take processor time from both, in bursts of their own. What is held is
thrown away between the rounds. The configuration is the same for both, and theirs take turns.
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

MESSAGES = int(os.environ.get("POSTFIX_MESSAGES", "3000"))
ROUNDS = 5
CONNECTIONS = 4
SESSIONS = 10
#: What we must reach of smtp-source's rate.
MUST = 0.9
HOLD = "smtpd_end_of_data_restrictions = check_client_access static:hold\n"


def rounds(root, postfix, length):
    """Rates: smtp-source's, and ours."""
    theirs, ours = [], []
    for number in range(ROUNDS):
        seconds = sinks.smtp_source(postfix.port, MESSAGES, length, SESSIONS)
        theirs.append(MESSAGES / seconds)
        postfix.empty()
        summary, _seconds = end_to_end.send(root, f"{number}")
        assert summary["counts"] == {"accepted": MESSAGES}, summary
        ours.append(summary["messages_per_second"])
        postfix.empty()
    return theirs, ours


def measure():
    """Rows: name, messages a second (the median, and from least to most), ratio."""
    reason = mail_servers.Postfix.why_not()
    if reason:
        return [("a real Postfix", f"skipped: {reason}", "")]
    with tempfile.TemporaryDirectory() as folder, mail_servers.Postfix(HOLD) as postfix:
        root = Path(folder)
        workspace.make(root, port=postfix.port, recipients=MESSAGES, connections=CONNECTIONS)
        length, _body = end_to_end.sample(root)
        theirs, ours = rounds(root, postfix, length)
    ratio = median(ours) / median(theirs)
    return [
        (
            f"smtp-source -d -s {SESSIONS}, constant {length} bytes",
            end_to_end.told(theirs),
            "1.00",
        ),
        (
            f"notifier, {CONNECTIONS} connections, deliver",
            end_to_end.told(ours),
            f"{ratio:.2f} (must: {MUST})",
        ),
    ]
