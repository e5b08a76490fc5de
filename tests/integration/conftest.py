"""What all integration tests share: the relay that does as it is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def relay_script():
    """The module `tests/relay_script.py`: `relay_script.ScriptedRelay()`, `DROP`, `HANG`, ..."""
    return _load("relay_script")


@pytest.fixture(scope="session")
def sasl_server():
    """The module `tests/sasl_server.py`: `ScramSide`, `BearerSide`."""
    return _load("sasl_server")


@pytest.fixture(scope="session")
def mail_servers():
    """The module `tests/mail_servers.py`: `Postfix`, `Exim`, `OpenSmtpd`."""
    return _load("mail_servers")
