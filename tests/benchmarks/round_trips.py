"""Messages a round trip and connection, through a link of 50 ms there and back.

Ours is the real command, `notifier send --live`, with its durable intent and outcome for each
message; the relay takes everything at once (`tests/quick_relay.py`), 50 ms away
(`tests/delay_proxy.py`). The time is that from the run's first claim to its last outcome, opening
the connections included; a round trip is what NOOP takes through the same link (timers tick in
milliseconds, so it is a little more than was asked for). A client that waits for each reply
(smtplib, aiosmtplib) has four round trips a message: 0.25.
"""

from __future__ import annotations

import contextlib
import smtplib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import end_to_end
import workspace

ROUND_TRIP = 0.05
CONNECTIONS = 4
NOOPS = 21
QUICK_RELAY = Path(__file__).parents[1] / "quick_relay.py"
PIPELINING = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")
CHUNKING = (*PIPELINING, "CHUNKING")
#: What, what the relay offers, lines for notifier.toml, messages, the least that is promised.
CASES = (
    ("one command after the other", ("8BITMIME",), "", 200, None),
    ("PIPELINING", PIPELINING, "", 1_200, 0.9),
    ("CHUNKING, pipeline_depth 2 (the default)", CHUNKING, "", 2_000, None),
    ("CHUNKING, pipeline_depth 8", CHUNKING, "pipeline_depth = 8\n", 6_000, 6.0),
)


@contextlib.contextmanager
def far_relay(capabilities):
    """The port of a relay that is a round trip away."""
    command = [sys.executable, str(QUICK_RELAY), str(ROUND_TRIP), *capabilities]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:
        try:
            yield int(relay.stdout.readline())
        finally:
            relay.kill()


def round_trip(port):
    """Seconds that a NOOP takes."""
    times = []
    with smtplib.SMTP("127.0.0.1", port) as client:
        for _turn in range(NOOPS):
            began = time.perf_counter()
            client.noop()
            times.append(time.perf_counter() - began)
    return median(times)


def rate(capabilities, lines, messages):
    """Messages a second, and seconds of a round trip."""
    with tempfile.TemporaryDirectory() as folder, far_relay(capabilities) as port:
        root = Path(folder)
        workspace.make(root, port=port, recipients=messages, connections=CONNECTIONS)
        with (root / "notifier.toml").open("a") as settings:
            settings.write(lines)
        summary, _seconds = end_to_end.send(root)
        seconds = round_trip(port)
    assert summary["counts"] == {"accepted": messages}, summary
    return summary["messages_per_second"], seconds


def measure():
    """Rows: what, messages a second, messages a round trip and connection."""
    rows = []
    for name, capabilities, lines, messages, least in CASES:
        found, seconds = rate(capabilities, lines, messages)
        share = found * seconds / CONNECTIONS
        must = f" (must: {least:g})" if least else ""
        rows.append((name, f"{found:,.0f}/s of {seconds * 1e3:.1f} ms", f"{share:.2f}{must}"))
    return rows


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
