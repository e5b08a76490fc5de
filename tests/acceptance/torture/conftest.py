"""The counting relay, for tests of what a run leaves behind."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def counting_relay(tmp_path):
    """A relay in a process of its own, which has on record what it took before it says so."""
    from round import RelayProcess

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    relay = RelayProcess(port, tmp_path / "record.txt", ("PIPELINING", "8BITMIME"))
    relay.start()
    yield relay
    relay.kill()
