"""The READMEs' first campaign, typed as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from notifier.sandbox import Sandbox
from notifier.settings import SandboxSettings

ROOT = Path(__file__).parents[3]


def _typed(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    block = next(it for it in blocks if "notifier init" in it)
    return [shlex.split(line, comments=True) for line in block.splitlines()]


@pytest.mark.parametrize("name", ["README.md", "README.vi.md"])
def test_the_first_campaign_works_as_written(notifier, monkeypatch, tmp_path, name):
    """Every line of it succeeds, and the messages arrive."""
    with Sandbox(SandboxSettings(), tmp_path / "mail", port=0) as server:
        monkeypatch.setenv("NOTIFIER_SANDBOX__PORT", str(server.port))
        for words in _typed(name):
            if words[0] == "cd":
                monkeypatch.chdir(words[1])
            elif words[0] == "export":
                monkeypatch.setenv(*words[1].split("=", 1))
            elif words != ["notifier", "sandbox"]:
                result = notifier(*words[1:])
                assert result.code == 0, (words, result.err)
        assert len(list(server.messages())) == 3
