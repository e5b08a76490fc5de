"""A school office at its desk: a workspace, a sandbox, and the command line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from notifier.cli import run
from notifier.locale import current, use
from notifier.sandbox import Sandbox
from notifier.settings import SandboxRule, SandboxSettings


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def notifier(capsys, monkeypatch, tmp_path):
    """Run a command line in English in an otherwise empty folder."""
    before = current()
    monkeypatch.setenv("NOTIFIER_LOCALE", "en")
    monkeypatch.delenv("NOTIFIER_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)

    def invoke(*argv: str) -> Result:
        capsys.readouterr()
        code = run([str(word) for word in argv])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    yield invoke
    use(before)


RULES = (
    SandboxRule(match="refused*", action="refuse", reply="550 5.1.1 No such user here"),
    SandboxRule(match="deferred*", action="defer", times=1, reply="450 4.2.1 Try again later"),
)


@pytest.fixture
def office(notifier, tmp_path):
    """The starter workspace with a sandbox that refuses and defers, already listening."""
    assert notifier("init").code == 0
    with Sandbox(SandboxSettings(), tmp_path / "mail", RULES, port=0) as server:
        settings = tmp_path / "notifier.toml"
        text = settings.read_text(encoding="utf-8")
        text = re.sub(r"port = 2525", f"port = {server.port}", text)
        text += '\n[retry]\nfirst = "0.2s"\nfactor = 1\njitter = 0\n'
        text += '[relays.local]\nhost = "127.0.0.1"\ntls = "none"\nconnect_attempts = 1\n'
        text += f"port = {server.port}\n"
        settings.write_text(text, encoding="utf-8")
        campaign = tmp_path / "campaigns" / "notice.yaml"
        text = campaign.read_text(encoding="utf-8").replace("relay: sandbox", "relay: local")
        campaign.write_text(text, encoding="utf-8")
        yield server


@pytest.fixture
def sheet(tmp_path):
    """Write the starter campaign's sheet: (id, address) pairs."""

    def write(*people: tuple[str, str]) -> None:
        lines = ["Student ID,Student,Class,Parent,Parent's email"]
        lines += [f"{key},Child {key},10A,Parent {key},{address}" for key, address in people]
        (tmp_path / "data" / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write
