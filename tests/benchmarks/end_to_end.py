"""End to end: a ledger of pending deliveries becomes mail, against smtp-source's constant bytes.

Ours is the real command, `notifier send --live`, in a process of its own: it reads the sheet,
renders every message to check it, enrols, and delivers with a durable intent and outcome for each.
`deliver` is the time from the run's first claim to its last outcome; `whole` is the command's, with
its start, import and check.

The peers send the same mail into the same sink, in the same rounds: nodemailer's pool with 32
connections, which builds each message from text and HTML that is already rendered, and aiosmtplib
with 8, which is given finished messages and does nothing but send. Beside them, as they are also
used: nodemailer given finished messages, aiosmtplib building them, smtplib, mailmerge.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nodemailer_pool
import peers
import sinks
import workspace

MESSAGES = int(os.environ.get("E2E_MESSAGES", "50000"))
#: Rounds, in each of which all take their turn: this evens out what else the machine does.
ROUNDS = int(os.environ.get("E2E_ROUNDS", "3"))
#: Ours is measured with as many connections as smtp-source, and with twice as many, by which
#: smtp-source becomes no faster (16 to 96 sessions: the same rate).
CONNECTIONS = (32, 64)
#: The peers are slow: fewer messages give their rate as well.
PEER_MESSAGES = 1_500
FINISHED_MESSAGES = 5_000
#: What we must reach: of smtp-source's rate, and how many times the peers'.
MUST = 0.6
MUST_NODEMAILER = 4
MUST_AIOSMTPLIB = 1.5
NODEMAILER = "nodemailer's pool, 32 connections"
AIOSMTPLIB = "aiosmtplib, 8 connections, finished messages"


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


def peer_rates(root, port, body):
    """Messages a second of each peer, once."""
    few, more = PEER_MESSAGES, FINISHED_MESSAGES
    aio = peers.aiosmtplib_connections
    rates = {}
    if nodemailer_pool.why_not() is None:
        nodemailer = nodemailer_pool.seconds
        rates[NODEMAILER] = more / nodemailer(port, more, body)
        finished = f"{NODEMAILER}, finished messages"
        rates[finished] = more / nodemailer(port, more, body, is_finished=True)
    rates[AIOSMTPLIB] = more / aio(port, more, body, is_finished=True)
    rates["aiosmtplib, 8 connections"] = few / aio(port, few, body)
    rates["smtplib, 8 threads"] = few / peers.smtplib_threads(port, few, body)
    rates["mailmerge (text only)"] = few / peers.mailmerge(root, port, few)
    return rates


def rounds(root, port, length, body):
    """Rates of each: smtp-source's, ours by connections (`deliver`, the whole command), peers'."""
    yardstick, ours, whole = [], {n: [] for n in CONNECTIONS}, {n: [] for n in CONNECTIONS}
    others = {}
    for number in range(ROUNDS):
        for connections in CONNECTIONS:
            yardstick.append(MESSAGES / sinks.smtp_source(port, MESSAGES, length))
            workspace.settle(root, port=port, connections=connections)
            summary, seconds = send(root, f"{number} {connections}")
            assert summary["counts"] == {"accepted": MESSAGES}, summary
            ours[connections].append(summary["messages_per_second"])
            whole[connections].append(MESSAGES / seconds)
        for name, rate in peer_rates(root, port, body).items():
            others.setdefault(name, []).append(rate)
    return yardstick, ours, whole, others


def measure():
    """Rows: name, messages a second (the median, and from least to most), ratio to smtp-source."""
    with tempfile.TemporaryDirectory() as folder, sinks.smtp_sink() as port:
        root = Path(folder)
        workspace.make(root, port=port, recipients=MESSAGES)
        length, body = sample(root)
        yardstick, ours, whole, others = rounds(root, port, length, body)
    rates = {f"smtp-source -d -s 32, constant {length} bytes": yardstick}
    for n in CONNECTIONS:
        rates[f"notifier, {n} connections, deliver"] = ours[n]
        rates[f"notifier, {n} connections, the whole command"] = whole[n]
    middle, best = median(yardstick), max(median(rates) for rates in ours.values())
    rows = [
        (name, told(found), f"{median(found) / middle:.2f}")
        for name, found in (rates | others).items()
    ]
    rows.append((f"{MESSAGES:,} by notifier / smtp-source", "", verdict(best / middle, MUST)))
    if NODEMAILER in others:
        ratio = best / median(others[NODEMAILER])
        rows.append((f"notifier / {NODEMAILER}", "", verdict(ratio, MUST_NODEMAILER)))
    else:
        rows.append((NODEMAILER, nodemailer_pool.why_not(), ""))
    ratio = best / median(others[AIOSMTPLIB])
    rows.append((f"notifier / {AIOSMTPLIB}", "", verdict(ratio, MUST_AIOSMTPLIB)))
    return rows


def verdict(ratio, must):
    """The ratio, and what it must be."""
    return f"{ratio:.2f} (must: {must})"


def told(rates):
    """The median, and the span where there are several."""
    span = f" ({min(rates):,.0f} to {max(rates):,.0f})" if len(rates) > 1 else ""
    return f"{median(rates):,.0f}/s{span}"
