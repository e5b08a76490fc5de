"""End to end: a ledger of pending deliveries becomes mail, against smtp-source's constant bytes.

Ours is the real command, `notifier send --live`, in a process of its own: it reads the sheet,
renders every message to check it, enrols, and delivers with a durable intent and outcome for each.
`deliver` is the time from the run's first claim to its last outcome; `whole` is the command's, with
its start, import and check.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import peers
import sinks
import workspace

MESSAGES = 20_000
#: The peers are slow: fewer messages give their rate as well.
PEER_MESSAGES = 1_500


@dataclass
class Body:
    """One rendered message, as the peers are given it."""

    text: str
    html: str


def send(root):
    """Run the campaign; its summary, and the seconds of the whole command."""
    command = [sys.executable, "-m", "notifier", "--workspace", str(root), "send", "marks"]
    began = time.perf_counter()
    done = subprocess.run([*command, "--live", "--json"], check=True, capture_output=True)
    return json.loads(done.stdout), time.perf_counter() - began


def sample(root):
    """What one of the messages looks like: its size on the wire, its text and HTML."""
    from email import message_from_bytes, policy

    command = [sys.executable, "-m", "notifier", "--workspace", str(root)]
    target = root / "one.eml"
    preview = ["campaign", "preview", "marks", "--recipient", "HS0000000", "-o", str(target)]
    subprocess.run([*command, *preview], check=True, capture_output=True)
    data = target.read_bytes()
    message = message_from_bytes(data, policy=policy.default)
    text = message.get_body(("plain",)).get_content()
    return len(data), Body(text, message.get_body(("html",)).get_content())


def measure():
    """Rows: name, messages a second, ratio to smtp-source."""
    with tempfile.TemporaryDirectory() as folder, sinks.smtp_sink() as port:
        root = Path(folder)
        workspace.make(root, port=port, recipients=MESSAGES)
        length, body = sample(root)
        first = MESSAGES / sinks.smtp_source(port, MESSAGES, length)
        summary, whole = send(root)
        assert summary["counts"] == {"accepted": MESSAGES}, summary
        second = MESSAGES / sinks.smtp_source(port, MESSAGES, length)
        yardstick = (first + second) / 2
        rates = {
            f"smtp-source -d -s 32, constant {length} bytes": yardstick,
            "notifier, deliver": summary["messages_per_second"],
            "notifier, the whole command": MESSAGES / whole,
            "smtplib, 8 threads": PEER_MESSAGES / peers.smtplib_threads(port, PEER_MESSAGES, body),
            "aiosmtplib, 8 connections": PEER_MESSAGES
            / peers.aiosmtplib_connections(port, PEER_MESSAGES, body),
            "mailmerge (text only)": PEER_MESSAGES / peers.mailmerge(root, port, PEER_MESSAGES),
        }
    return [(name, f"{rate:,.0f}/s", f"{rate / yardstick:.2f}") for name, rate in rates.items()]
