"""What all integration tests share: the relay that does as it is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def relay_script():
    """The module `tests/relay_script.py`: `relay_script.ScriptedRelay()`, `DROP`, `HANG`, ..."""
    path = Path(__file__).parents[1] / "relay_script.py"
    spec = importlib.util.spec_from_file_location("relay_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
