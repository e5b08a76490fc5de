"""Signed mail end to end, RSA-2048, against `openssl speed` doing nothing but sign on all cores.

Ours is the real command into smtp-sink: sheet, templates, signatures, durable intents and outcomes;
sink and all share the same cores. `openssl speed` and ours take turns.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median

import dkim
import end_to_end
import sinks
import workspace

from notifier.render.dkim_key import generate_pem, write_pem

MESSAGES = int(os.environ.get("SIGNED_MESSAGES", "10000"))
ROUNDS = 3
CONNECTIONS = 32
SETTINGS = """
[dkim.rsa2027]
domain = "nguyendu.example"
selector = "rsa2027"
key_file = "rsa.pem"
"""


def measure():
    """Rows: what, messages or signatures a second, ratio."""
    signs, ours = [], []
    with tempfile.TemporaryDirectory() as folder, sinks.smtp_sink() as port:
        root = Path(folder)
        workspace.make(root, port=port, recipients=MESSAGES, connections=CONNECTIONS)
        write_pem(root / "rsa.pem", generate_pem("rsa"))
        with (root / "notifier.toml").open("a") as settings:
            settings.write(SETTINGS)
        for number in range(ROUNDS):
            found = dkim.openssl_signs()
            if found is None:
                return [("openssl speed rsa2048", "skipped, needs openssl", "")]
            signs.append(found)
            summary, _seconds = end_to_end.send(root, f"{number}")
            assert summary["counts"] == {"accepted": MESSAGES}, summary
            ours.append(summary["messages_per_second"])
    ratio = median(ours) / median(signs)
    return [
        (f"openssl speed rsa2048, {dkim.CORES} cores", end_to_end.told(signs), "1.00"),
        (
            f"notifier, {CONNECTIONS} connections, signed by RSA-2048, deliver",
            end_to_end.told(ours),
            end_to_end.verdict(ratio, dkim.RATIO),
        ),
    ]


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
