"""What the ledger costs a message: enrolment, claim, durable intent, durable outcome, counters.

Time on the disk of the temporary folder, as in a real run (`durability = "full"`, and beside it
"fast"): each transaction holds the intents of one batch and the outcomes of the batch before. "CPU"
leaves out the waiting for the disk, during which Python's lock is free for the event loop. `busy`
is the same while another thread keeps Python's lock, which is what a busy event loop does. The last
rows show that neither claims nor totals slow down as a run grows.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path

from notifier.ledger.ledger import Intent, Ledger, NewRun, Result
from notifier.ledger.reports import Reader
from notifier.model import Cause, Recipient, Stage, State

MESSAGES = 20_000
CLAIM = 500
BATCHES = (32, 64, 128, 256)
#: Messages in a transaction where full and fast are compared: a lone connection's, a busy pool's.
LEVELS = (1, 8, 64)
#: Of which the best counts.
ROUNDS = 4
DIGEST = "5d" * 32
LARGE = int(os.environ.get("LEDGER_LARGE", "100000"))


def people(count):
    """So many pupils with a dozen columns each: a context of some 350 bytes."""
    for n in range(count):
        row = {f"Cột {i}": f"giá trị {n}-{i}" if i % 2 else n / 10 for i in range(12)}
        yield Recipient(n + 5, f"HS{n:07d}", f"ph{n:07d}@parents.example", "Nguyễn Thị Lan", row)


def enrolled(ledger, count, campaign):
    """A run of so many recipients, and the seconds it took to write them down."""
    run = ledger.start_run(NewRun(campaign, "1", "Marks", "main"))
    batch, seconds = [], 0.0
    for person in people(count):
        batch.append(person)
        if len(batch) == 1000:
            began = time.perf_counter()
            ledger.enrol(run.id, batch, [])
            seconds += time.perf_counter() - began
            batch = []
    began = time.perf_counter()
    ledger.enrol(run.id, batch, [])
    ledger.finish_enrolment(run.id, rows=count)
    return run.id, seconds + time.perf_counter() - began


def outcome(number, now):
    """An accepted message's result."""
    text = f"2.0.0 Ok: queued as {number:012X}"
    return Result(
        number, 1, "main", now, now, Stage.BODY, 250, "2.0.0", text, State.ACCEPTED,
        Cause.ACCEPTED, None, True,
    )  # fmt: skip


def deliver(ledger, run_id, worker, size):
    """Claim, intend and settle all of a run; seconds in claims and records, batches, CPU."""
    claims, records, count = 0.0, 0.0, 0
    used = time.thread_time()
    stock, before = [], []
    while True:
        if len(stock) < size:
            began = time.perf_counter()
            stock += ledger.claim(run_id, worker, CLAIM)
            claims += time.perf_counter() - began
        batch, stock = stock[:size], stock[size:]
        if not batch and not before:
            return claims, records, count, time.thread_time() - used
        now = time.time()
        intents = [Intent(it.id, now, now, DIGEST) for it in batch]
        results = [outcome(number, now) for number in before]
        began = time.perf_counter()
        assert not ledger.record(intents, results)
        records += time.perf_counter() - began
        count += 1
        before = [it.id for it in batch]


def told(name, messages, found):
    """One row of the table, of what `deliver` found."""
    claims, records, count, used = found
    total = (claims + records) / messages * 1e6
    claim, cpu = claims / messages * 1e6, used / messages * 1e6
    figure = f"{total:.1f} us ({claim:.1f} the claim; {cpu:.1f} CPU)"
    return name, figure, f"{records / count * 1e3:.1f} ms a transaction"


def busily(function, *args):
    """The same in a thread, while this one keeps Python's lock busy."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function(*args)))
    thread.start()
    while thread.is_alive():
        sum(range(100))
    return found[0]


def level(ledger, campaign, size):
    """Seconds a message and a transaction of a run in batches of `size`."""
    messages = size * 200
    run_id, _seconds = enrolled(ledger, messages, campaign)
    worker = ledger.register_worker("here", os.getpid(), run_id)
    claims, records, count, _used = deliver(ledger, run_id, worker, size)
    return (claims + records) / messages, records / count


def side_by_side(folder):
    """Messages a second as the ledger alone would allow, at both levels of durability."""
    rows = []
    for durability in ("full", "fast"):
        with Ledger.open(folder / f"{durability}.sqlite", durability=durability) as ledger:
            for size in LEVELS:
                found = [level(ledger, f"{size} {number}", size) for number in range(ROUNDS)]
                per_message, per_transaction = min(found)
                rows.append(
                    (
                        f"durability {durability}, batches of {size}",
                        f"{per_message * 1e6:.1f} us; {1 / per_message:,.0f} messages/s",
                        f"{per_transaction * 1e3:.2f} ms a transaction",
                    )
                )
    return rows


def growth(folder):
    """Claims at the beginning and at the end of a large run; totals of it against a small one."""
    path = folder / "large.sqlite"
    with Ledger.open(path) as ledger:
        small, _seconds = enrolled(ledger, 1000, "small")
        large, seconds = enrolled(ledger, LARGE, "large")
        worker = ledger.register_worker("here", os.getpid(), large)
        times = []
        while True:
            began = time.perf_counter()
            if not ledger.claim(large, worker, CLAIM):
                break
            times.append(time.perf_counter() - began)
        first, last = sorted(times[:9])[4], sorted(times[-9:])[4]
    with Reader.open(path) as reader:
        totals = {}
        for run_id in (small, large):
            began = time.perf_counter()
            for _ in range(200):
                reader.summary(run_id)
            totals[run_id] = (time.perf_counter() - began) / 200
    size = path.stat().st_size / (LARGE + 1000)
    return [
        (f"enrolment of {LARGE:,}", f"{seconds / LARGE * 1e6:.1f} us", f"{size:.0f} bytes each"),
        (f"claim of {CLAIM}: last against first", f"{last * 1e3:.1f} ms", f"{last / first:.2f}"),
        (
            f"totals: run of {LARGE:,} against 1,000",
            f"{totals[large] * 1e6:.0f} us",
            f"{totals[large] / totals[small]:.2f}",
        ),
    ]


def measure():
    """Rows: what, microseconds a message, milliseconds a transaction or ratio."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "ledger.sqlite"
        with Ledger.open(path) as ledger:
            for size in (*BATCHES, -64):
                run_id, _seconds = enrolled(ledger, MESSAGES, f"batch {size}")
                worker = ledger.register_worker("here", os.getpid(), run_id)
                if size > 0:
                    found = deliver(ledger, run_id, worker, size)
                    rows.append(told(f"batches of {size}", MESSAGES, found))
                else:
                    found = busily(deliver, ledger, run_id, worker, -size)
                    rows.append(told(f"batches of {-size}, busy", MESSAGES, found))
        size = path.stat().st_size / MESSAGES / (len(BATCHES) + 1)
        rows.append(("size of a delivery with its attempt", f"{size:.0f} bytes", ""))
        rows += side_by_side(folder)
        rows += growth(folder)
    return rows


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
