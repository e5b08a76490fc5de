from __future__ import annotations

import smtplib

import pytest

from notifier.sandbox import Sandbox
from notifier.settings import SandboxSettings


@pytest.fixture
def open_sandbox(tmp_path):
    """Start a sandbox on a free port; all of them are stopped at the end."""
    opened = []

    def start(*rules, **options) -> Sandbox:
        settings = SandboxSettings(port=0, rules=rules)
        box = Sandbox(settings, tmp_path / "mail", **options).__enter__()
        opened.append(box)
        return box

    yield start
    for box in opened:
        box.__exit__(None, None, None)


@pytest.fixture
def connect():
    """A client of the standard library, greeted; all of them are closed at the end."""
    clients = []

    def to(box: Sandbox) -> smtplib.SMTP:
        client = smtplib.SMTP(box.host, box.port, local_hostname="client.example", timeout=20)
        clients.append(client)
        client.ehlo()
        return client

    yield to
    for client in clients:
        client.close()
