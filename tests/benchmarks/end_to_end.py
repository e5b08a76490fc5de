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
from statistics import median

import peers
import sinks
import workspace

MESSAGES = 20_000
#: Rounds, in each of which all take their turn: this evens out what else the machine does.
ROUNDS = 3
#: Ours is measured with as many connections as smtp-source, and with twice as many, by which
#: smtp-source becomes no faster (16 to 96 sessions: the same rate).
CONNECTIONS = (32, 64)
#: The peers are slow: fewer messages give their rate as well.
PEER_MESSAGES = 1_500


@dataclass
class Body:
    """One rendered message, as the peers are given it."""

    text: str
    html: str


def send(root, occurrence="1"):
    """Run the campaign; its summary, and the seconds of the whole command."""
    command = [sys.executable, "-m", "notifier", "--workspace", str(root), "send", "marks"]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--live", "--json", "--occurrence", occurrence], check=True, capture_output=True
    )
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


def rounds(root, port, length):
    """Rates of each: smtp-source's, and ours by connections, `deliver` and the whole command."""
    yardstick, ours, whole = [], {n: [] for n in CONNECTIONS}, {n: [] for n in CONNECTIONS}
    for number in range(ROUNDS):
        for connections in CONNECTIONS:
            yardstick.append(MESSAGES / sinks.smtp_source(port, MESSAGES, length))
            workspace.settle(root, port=port, connections=connections)
            summary, seconds = send(root, f"{number} {connections}")
            assert summary["counts"] == {"accepted": MESSAGES}, summary
            ours[connections].append(summary["messages_per_second"])
            whole[connections].append(MESSAGES / seconds)
    return yardstick, ours, whole


def measure():
    """Rows: name, messages a second (the median, and from least to most), ratio to smtp-source."""
    with tempfile.TemporaryDirectory() as folder, sinks.smtp_sink() as port:
        root = Path(folder)
        workspace.make(root, port=port, recipients=MESSAGES)
        length, body = sample(root)
        yardstick, ours, whole = rounds(root, port, length)
        rates = {f"smtp-source -d -s 32, constant {length} bytes": yardstick}
        for n in CONNECTIONS:
            rates[f"notifier, {n} connections, deliver"] = ours[n]
            rates[f"notifier, {n} connections, the whole command"] = whole[n]
        others = {
            "smtplib, 8 threads": peers.smtplib_threads(port, PEER_MESSAGES, body),
            "aiosmtplib, 8 connections": peers.aiosmtplib_connections(port, PEER_MESSAGES, body),
            "mailmerge (text only)": peers.mailmerge(root, port, PEER_MESSAGES),
        }
        rates |= {name: [PEER_MESSAGES / seconds] for name, seconds in others.items()}
    middle = median(yardstick)
    return [(name, told(found), f"{median(found) / middle:.2f}") for name, found in rates.items()]


def told(rates):
    """The median, and the span where there are several."""
    span = f" ({min(rates):,.0f} to {max(rates):,.0f})" if len(rates) > 1 else ""
    return f"{median(rates):,.0f}/s{span}"
