"""Torture: real runs, killed at random instants until they are finished; then the account.

    python tests/acceptance/torture/run.py --rounds 300 [--seed N] [--first N] [--verbose]

Each round is drawn from the seed and its number, so that `--seed S --first N --rounds 1` does the
same again: the same sheet, relay and blows. What falls at the n-th statement falls there again;
what falls by the clock, near it.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import plan
import victim
from round import Account, Torture

#: Where a file system in memory is, on Linux. Every other round's ledger lies there: a kill can't
#: tell it from a disk, but what it hits in the middle is something else.
MEMORY = Path("/dev/shm")


def main():
    """Torture, and print the table; 1 where a promise was broken."""
    options = _options()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(3), "big")
    print(f"seed {seed}", flush=True)
    account, began = Account(), time.monotonic()
    numbers = range(options.first, options.first + options.rounds)
    jobs = [(seed, number, options) for number in numbers]
    with contextlib.ExitStack() as stack:
        if options.jobs == 1:
            victim.load()
            results = map(_one_round, jobs)
        else:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(context.Pool(options.jobs, _prepare))
            stack.callback(pool.join)
            stack.callback(pool.close)  # what has nothing to do any more ends by itself
            results = pool.imap_unordered(_one_round, jobs)
        try:
            for done, found in enumerate(results, 1):
                account.add(found)
                print(*found.faults, sep="\n", end="\n" if found.faults else "", flush=True)
                if done % 10 == 0 and done < options.rounds:
                    seconds = time.monotonic() - began
                    print(f"{done} of {options.rounds} rounds, {seconds:.0f} s", flush=True)
        except KeyboardInterrupt:  # what is known by then is told
            if options.jobs > 1:
                pool.terminate()
    print(*table(account, seed, time.monotonic() - began), sep="\n")
    return 0 if account.is_clean else 1


def _prepare():
    """What a process does that takes rounds: when it is ended, it ends its relay first."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    victim.load()


def _one_round(job):
    seed, number, options = job
    round_ = plan.draw(seed, number)
    if options.people:
        round_ = plan.smaller(round_, options.people)
    place = options.folder or (MEMORY if number % 2 and MEMORY.is_dir() else None)
    with tempfile.TemporaryDirectory(prefix="torture-", dir=place) as folder:
        tell = print if options.verbose else _ignore
        account = Torture(round_, seed, Path(folder), _free_port(), tell=tell).run()
        if account.faults and options.keep:
            target = Path(options.keep) / f"round-{number}"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target)
    return account


def _ignore(_line):
    pass


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, help="drawn, and printed, if not given")
    parser.add_argument("--first", type=int, default=1, help="the number of the first round")
    parser.add_argument("--jobs", type=int, default=1, help="rounds at the same time")
    parser.add_argument("--people", type=int, help="at most so many recipients in a round")
    parser.add_argument("--folder", help="where the ledgers lie; the system's temporary folder")
    parser.add_argument("--keep", help="copy the workspace of each round with a fault there")
    parser.add_argument("--verbose", action="store_true", help="tell each blow")
    return parser.parse_args()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def table(account, seed, seconds):
    """Lines for people."""
    kills = ", ".join(f"{name} {count}" for name, count in sorted(account.kills.items()))
    rows = [
        ("rounds", f"{account.rounds} (seed {seed}, {seconds:.0f} s)"),
        ("commands started", account.starts),
        ("kills", f"{account.kills.total()}: {kills or 'none'}"),
        ("blows that came too late", account.missed),
        ("messages", account.messages),
        ("lost", account.lost),
        ("doubled", account.doubled),
        ("falsely accepted", account.falsely_accepted),
        ("in doubt", f"{account.in_doubt} (bound: {account.bound})"),
        ("most in doubt by one kill", account.most_in_doubt),
        ("kills beyond their bound", account.over_bound),
        ("not listed with Message-ID", account.unlisted),
        (
            "sent again by policy or hand",
            f"{account.resent} ({account.resent_twice} had arrived before)",
        ),
        ("other faults", len(account.faults)),
    ]
    width = max(len(name) for name, _value in rows)
    return ["", *(f"{name:<{width}}  {value}" for name, value in rows)]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
