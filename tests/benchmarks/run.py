"""All benchmarks, each side by side with its peer in one run: `make bench`.

`python tests/benchmarks/run.py startup memory` runs only those named.
"""

from __future__ import annotations

import importlib
import sys
import time

import sinks

#: Name of the module, what it shows, and whether it needs Debian's postfix package.
BENCHMARKS = (
    ("end_to_end", "End to end into smtp-sink (ratio to smtp-source)", True),
    ("round_trips", "Messages a round trip and connection, 50 ms away", False),
    ("real_postfix", "Into a real Postfix (ratio to smtp-source)", True),
    ("assembly", "Message assembly", False),
    ("dkim", "Signed messages (ratio to openssl speed rsa2048)", False),
    ("signed", "Signed mail end to end (ratio to openssl speed rsa2048)", True),
    ("ledger", "Ledger", False),
    ("million", "A run of a million (takes a quarter of an hour; MILLION_RECIPIENTS=n)", True),
    ("memory", "Peak memory of a run (ratio to 10,000 recipients)", True),
    ("shared_attachment", "Peak memory with a shared attachment of 3 MB", True),
    ("sheets", "Reading a workbook (ratio to python-calamine alone)", False),
    ("startup", "Start-up (ratio to importing typer)", False),
)


def show(title, rows):
    """Print rows as a Markdown table."""
    width = max(len(str(row[0])) for row in rows)
    print(f"\n{title}\n")
    print(f"| {'what':<{width}} | figure | ratio |\n|{'-' * (width + 2)}|---|---|")
    for name, figure, ratio in rows:
        print(f"| {name:<{width}} | {figure} | {ratio} |")


def main(chosen):
    """Run the chosen benchmarks, or all."""
    for name, title, needs_postfix in BENCHMARKS:
        if chosen and name not in chosen:
            continue
        if needs_postfix and not sinks.find("smtp-sink"):
            print(f"\n{title}: skipped, needs smtp-sink: {sinks.INSTALL}")
            continue
        began = time.perf_counter()
        show(title, importlib.import_module(name).measure())
        print(f"\n({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
