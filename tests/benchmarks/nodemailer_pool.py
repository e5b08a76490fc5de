"""nodemailer's pool (npm), in a folder of its own: set up once, after that it works offline."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import peers

VERSION = "10.6.1"
FOLDER = Path(__file__).parents[2] / ".benchmarks/nodemailer"
SCRIPT = Path(__file__).with_suffix(".mjs")
SENDER = "daotao@nguyendu.example"


def why_not():
    """What is missing; None where it can be measured. Sets it up where it is not there yet."""
    if shutil.which("node") is None:
        return "skipped, needs node and npm: apt-get install nodejs npm"
    if _version() == VERSION:
        return None
    if shutil.which("npm") is None:
        return "skipped, needs npm: apt-get install npm"
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", FOLDER, "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run([*command, f"nodemailer@{VERSION}"], check=False, capture_output=True)
    if done.returncode:
        return f"skipped, npm could not install nodemailer {VERSION} (once it needs the network)"
    return None


def _version():
    package = FOLDER / "node_modules/nodemailer/package.json"
    return json.loads(package.read_text())["version"] if package.exists() else None


def seconds(port, messages, body, *, connections=32, is_finished=False):
    """Seconds for `messages`, the start of node not counted.

    `is_finished`: it is given whole messages, instead of a subject, text and HTML to build one of.
    """
    mail = {"from": SENDER, "text": body.text, "html": body.html}
    if is_finished:
        mail["messages"] = [
            {"to": address, "raw": data.decode("ascii")}
            for address, data in (peers.finished(number, body) for number in range(messages))
        ]
    else:
        mail["messages"] = [
            {"to": address, "subject": subject}
            for address, subject, *_texts in (peers.rendered(n, body) for n in range(messages))
        ]
    form = "raw" if is_finished else "text"
    done = subprocess.run(
        ["node", SCRIPT, FOLDER / "package.json", str(port), str(connections), form],
        input=json.dumps(mail),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)
