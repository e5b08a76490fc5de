"""A school's workspace for a round: every kind of row, and people whom the relay refuses once."""

from __future__ import annotations

from random import Random

TOML = """\
[workspace]
locale = "en"
timezone = "Asia/Ho_Chi_Minh"
[retry]
first = "20ms"
factor = 1
[limits]
assembly_processes = {workers}
"""
#: Several relays are several accounts of one server.
RELAY = """\
[relays.{name}]
host = "127.0.0.1"
port = {port}
tls = "none"
max_connections = {connections}
pipeline_depth = {depth}
connect_attempts = 3
"""
CAMPAIGN = """\
title: Marks
from: "Nguyễn Du School <office@nguyendu.example>"
recipients: {{file: data/marks.csv, key: id, fold: key}}
template: marks
relays: {relays}
on_doubt: {on_doubt}
"""
#: Parts of the people whom the relay refuses, or puts off, the first time (`relay.REFUSALS`).
RELUCTANT = {"no": 0.01, "later": 0.01, "fat": 0.01, "full": 0.01}


def make(root, plan, port, seed):
    """Write the workspace; the addresses that each get one message."""
    names = ("main", "second")[: plan.relays]
    accounts = [
        RELAY.format(name=name, port=port, connections=plan.connections, depth=plan.depth)
        for name in names
    ]
    relays = "[" + ", ".join(f"{{name: {name}}}" for name in names) + "]"
    files = {
        "notifier.toml": "".join([TOML.format(workers=plan.workers), *accounts]),
        "campaigns/marks.yaml": CAMPAIGN.format(relays=relays, on_doubt=plan.on_doubt),
        "templates/marks/subject.txt": "Mark of {{ name }}",
        "templates/marks/body.html": "<p>{{ name }}: "
        "{% for row in rows %}<b>{{ row.mark }}</b> {% endfor %}</p>",
    }
    rows, addresses = sheet(plan, Random(f"{seed}/{plan.number}/sheet"))
    files["data/marks.csv"] = "\n".join(["id,name,email,mark", *rows]) + "\n"
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return addresses


def sheet(plan, dice):
    """Rows of the sheet, and whom they mail."""
    rows, addresses = [], []
    for number in range(plan.people):
        kind = dice.choices(["p", *RELUCTANT], [1 - sum(RELUCTANT.values()), *RELUCTANT.values()])[
            0
        ]
        address = f"{kind}{number}@r{plan.number}.example"
        cell, luck = address, dice.random()
        if luck < 0.01:
            cell = f"{address}; second{number}@r{plan.number}.example"
            addresses.append(f"second{number}@r{plan.number}.example")
        addresses.append(address)
        row = f"HS{number:05},Pupil {number},{cell},{number % 11}"
        rows.append(row)
        if luck > 0.99:
            rows.append(row)  # folded into the one before
        elif luck > 0.98:
            rows.append(f"XX{number:05},Nobody {number},not-an-address,0")  # rejected
    return rows, sorted(addresses)
