"""requirements.lock: every package with its hashes, for every supported Python. `make lock`.

Needs the network, and pip-tools of the same versions below, which it installs into a throw-away
environment. The lock names no index, host or path. Resolve it with each Python that is supported
(`make PYTHON=python3.12 lock`): the outcome must be the same; what differs gets a marker in
pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
HEAD = (
    "# Made by `make lock`: what is installed, exactly, on every supported Python (3.11 to 3.13).\n"
)
OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--allow-unsafe",
    "--no-strip-extras",
    "--no-annotate",
    "--no-header",
    "--all-build-deps",
    "--extra=dev",  # not `fuzz`: its package is not there for every system
)


def main() -> None:
    """Write the lock."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "-U", "pip", "pip-tools"], check=True)
        found = Path(folder) / "found.txt"
        compile_ = [python, "-m", "piptools", "compile", *OPTIONS, "-o", found, "pyproject.toml"]
        subprocess.run(compile_, check=True, cwd=ROOT)
        LOCK.write_text(HEAD + found.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
