"""A command line that runs in this process, and a workspace to run it in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from notifier.cli import run
from notifier.locale import current, use


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        return json.loads(self.err)


@pytest.fixture(autouse=True)
def _language_is_restored():
    before = current()
    yield
    use(before)


@pytest.fixture
def notifier(capsys, monkeypatch, tmp_path):
    """Run a command line in an empty folder, in English; `Result` with code, out and err."""
    monkeypatch.setenv("NOTIFIER_LOCALE", "en")
    monkeypatch.delenv("NOTIFIER_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)

    def invoke(*argv: str) -> Result:
        capsys.readouterr()
        code = run([str(word) for word in argv])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return invoke


@pytest.fixture
def workspace(notifier, tmp_path):
    """The English starter workspace, made by `notifier init`."""
    assert notifier("init").code == 0
    return tmp_path
