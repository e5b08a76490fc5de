"""A mistake of ours, met while a relay is heard, ends the run with its error, and hangs nothing."""

from __future__ import annotations

import pytest

from notifier.smtp.courier import Courier

MODES = [
    {"chunking": False},
    {"chunking": True, "pipeline_depth": 4},
    {"pipelining": False},
]


@pytest.mark.parametrize("options", MODES)
@pytest.mark.parametrize("step", ["decided", "_turn_to_next"])
def test_each_message_is_accounted_for_once(bench, make_ledger, monkeypatch, step, options):
    """What the relay took and we did not come to note is in doubt; nothing else is."""
    relay = bench.relay
    relay.capabilities = ("PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES")
    ledger = make_ledger(8)
    real, calls = getattr(Courier, step), []

    def broken(self, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyError("ours")
        return real(self, *arguments)

    monkeypatch.setattr(Courier, step, broken)
    assert isinstance(bench.deliver(ledger, max_connections=1, **options), KeyError)
    ledger.check(relay)
    assert {1, 2} <= ledger.accepted
    assert 3 in (ledger.in_doubt if step == "decided" else ledger.accepted)
