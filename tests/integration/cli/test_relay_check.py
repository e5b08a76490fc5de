from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading

import pytest
import trustme

CANARY = "canary-pässword"


class Relay:
    """A scripted relay behind TLS, in a thread of its own."""

    def __init__(self, relay_script, sasl_server, folder):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        words = ("PIPELINING", "SIZE 5000000", "SMTPUTF8", "STARTTLS", "LIMITS MAILMAX=50")
        self.script = relay_script.ScriptedRelay(
            capabilities=(*words, "AUTH PLAIN SCRAM-SHA-256"), context=context
        )
        self.script.sasl = sasl_server.ScramSide(CANARY)
        self.is_up = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        async def main():
            async with self.script:
                self.over = asyncio.Event()
                self.is_up.set()
                await self.over.wait()

        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(main())

    def __enter__(self):
        self.thread.start()
        self.is_up.wait(10)
        return self

    def __exit__(self, *exc):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join()


@pytest.fixture
def relay(notifier, tmp_path, monkeypatch, relay_script, sasl_server):
    """A workspace whose relay `main` is up, and wants SCRAM."""
    with Relay(relay_script, sasl_server, tmp_path) as relay:
        port = relay.script.port
        (tmp_path / "notifier.toml").write_text(
            f'[relays.main]\nhost = "localhost"\nport = {port}\n'
            'ca_file = "ca.pem"\nusername = "office"\n'
        )
        monkeypatch.setenv("NOTIFIER_RELAYS__MAIN__PASSWORD", CANARY)
        yield relay


def test_it_tells_what_was_found(notifier, relay):
    """Conversation, TLS, certificate, sign-in, limits and advice; no secret."""
    result = notifier("relay", "check", "main")
    assert result.code == 0
    for word in ("C: AUTH SCRAM-SHA-256 ***", "TLSv1.3", "trustme", "office, by SCRAM-SHA-256"):
        assert word in result.out
    assert re.search(r"limits +SIZE=5000000 MAILMAX=50", result.out)
    assert "max_messages_per_connection = 50" in result.out
    assert "canary" not in result.out + result.err


def test_it_tells_programs_the_same(notifier, relay):
    """Keys that scripts may rely on."""
    found = notifier("relay", "check", "main", "--json").data
    assert found["mechanism"] == "SCRAM-SHA-256"
    assert found["limits"] == {"SIZE": 5000000, "MAILMAX": 50}
    assert found["certificate_names"] == ["localhost"]
    assert found["certificate_issuer"] == found["certificate_subject"]
    assert found["capabilities"]["PIPELINING"] == ""
    assert len(found["advice"]) == 2


def test_a_wrong_password_is_exit_code_3(notifier, relay, monkeypatch):
    """The conversation up to there, and the reason in words; no secret."""
    monkeypatch.setenv("NOTIFIER_RELAYS__MAIN__PASSWORD", "canary-wrong")
    result = notifier("relay", "check", "main")
    assert result.code == 3
    assert "the password is wrong" in result.err
    assert "C: AUTH SCRAM-SHA-256 ***" in result.out
    assert "canary" not in result.out + result.err


def test_a_refused_connection_reads_as_it_does_when_sending(notifier, tmp_path):
    """The system's words, whatever the event loop puts around them."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = taken.getsockname()[1]
        text = f'[relays.main]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
        (tmp_path / "notifier.toml").write_text(text)
        result = notifier("relay", "check", "main")
    assert result.code == 3
    assert f"No connection to 127.0.0.1 on port {port}: Connection refused.\n" in result.err
