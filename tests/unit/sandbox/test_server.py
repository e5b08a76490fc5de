from __future__ import annotations

import asyncio
import smtplib
import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.errors import UsageError
from notifier.sandbox import Sandbox
from notifier.sandbox import server as server_module
from notifier.sandbox import session as session_module
from notifier.settings import SandboxRule, SandboxSettings

BODY = b"Subject: x\r\n\r\nhello\r\n"


def _refuse(match="no@*", **options):
    return SandboxRule(match=match, action="refuse", **options)


class Wire:
    """A plain socket that writes bytes and reads reply lines."""

    def __init__(self, box: Sandbox) -> None:
        self.socket = socket.create_connection((box.host, box.port), timeout=20)
        self.lines = self.socket.makefile("rb")
        self.read()
        self.send(b"EHLO client.example\r\n")

    def read(self) -> bytes:
        """One reply, its last line."""
        while (line := self.lines.readline())[3:4] == b"-":
            pass
        return line.rstrip()

    def send(self, data: bytes) -> bytes:
        self.socket.sendall(data)
        return self.read()

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@pytest.fixture
def wire():
    """A plain socket to a sandbox, greeted; all of them are closed at the end."""
    wires = []

    def to(box: Sandbox) -> Wire:
        wires.append(Wire(box))
        return wires[-1]

    yield to
    for it in wires:
        it.close()


def test_keeps_what_was_sent(open_sandbox, connect):
    """A message through a real client is kept with its envelope, byte for byte."""
    box = open_sandbox()
    data = b"Subject: x\r\n\r\n.leading dot\r\n..two\r\n.\r\nnot the end\r\n\r\n"
    connect(box).sendmail("a@b.example", ["c@d.example", "e@f.example"], data)
    (kept,) = box.messages()
    assert kept.sender == "a@b.example"
    assert kept.recipients == ("c@d.example", "e@f.example")
    assert kept.data == data
    assert box.counts == {"kept": 1}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One sandbox and one client for many generated messages."""
    folder = tmp_path_factory.mktemp("shared")
    with Sandbox(SandboxSettings(port=0), folder) as box:
        line = Wire(box)
        yield box, line
        line.close()


lines = st.lists(
    st.sampled_from([b"", b".", b"..", b"a", b".a", b"\r", b"\n", b"\n.\n", b"\xff", b"a\r."]),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines)
def test_every_message_comes_back_byte_for_byte(shared, content):
    """Whatever dots, bare CRs and LFs its lines hold, the message is what was sent."""
    box, line = shared
    data = b"".join(it + b"\r\n" for it in content)
    if b"\r\n.\r\n" in b"\r\n" + data.replace(b"\r\n.", b"\r\n.."):
        return  # a bare CR before the end of a line makes it one: no client can send that
    stuffed = (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:]
    line.send(b"MAIL FROM:<a@b.example>\r\n")
    line.send(b"RCPT TO:<c@d.example>\r\n")
    assert line.send(b"DATA\r\n").startswith(b"354")
    assert line.send(stuffed + b".\r\n").startswith(b"250 2.0.0")
    (kept,) = box.messages()
    kept.path.unlink()
    assert kept.data == data


def test_a_message_may_arrive_byte_by_byte(open_sandbox, wire):
    """The end of data is found wherever the network cuts it."""
    box = open_sandbox()
    line = wire(box)
    line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.send(b"MAIL FROM:<a@b.example>\r\n")
    line.send(b"RCPT TO:<c@d.example>\r\n")
    line.send(b"DATA\r\n")
    for value in BODY + b".\r\n":
        line.socket.sendall(bytes([value]))
    assert line.read().startswith(b"250")
    (kept,) = box.messages()
    assert kept.data == BODY


def test_offers_what_it_can_do(open_sandbox, connect):
    """EHLO tells SIZE, 8BITMIME, SMTPUTF8 and PIPELINING, and no AUTH that nobody asked for."""
    client = connect(open_sandbox())
    assert {"size", "8bitmime", "smtputf8", "pipelining"} <= client.esmtp_features.keys()
    assert not {"auth", "starttls"} & client.esmtp_features.keys()


def test_commands_may_be_pipelined(open_sandbox, wire):
    """Envelopes in one write, the next one beside the end of data: all answered in order."""
    box = open_sandbox(_refuse())
    line = wire(box)
    envelope = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<%b>\r\nDATA\r\n"
    line.socket.sendall(envelope % b"1@d.example")
    assert [line.read()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
    line.socket.sendall(BODY + b".\r\n" + envelope % b"2@d.example")
    assert [line.read()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
    line.socket.sendall(BODY + b".\r\n" + envelope % b"no@d.example" + b"RSET\r\n")
    assert [line.read()[:3] for _ in range(5)] == [b"250", b"250", b"550", b"503", b"250"]
    line.socket.sendall(envelope % b"3@d.example")
    assert [line.read()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
    line.socket.sendall(BODY + b".\r\nQUIT\r\n")
    assert [line.read()[:3] for _ in range(2)] == [b"250", b"221"]
    assert [kept.recipients[0] for kept in box.messages()] == [f"{n}@d.example" for n in (1, 2, 3)]


def test_addresses_are_taken_byte_for_byte(open_sandbox, wire):
    """Quoted, encoded-looking and international addresses are kept as they were given."""
    box = open_sandbox()
    line = wire(box)
    for address in ['"a b>c"@d.example', "=?utf-8?q?x?=@d.example", "đỗ@trường.example"]:
        line.send(b"MAIL FROM:<a@b.example> SMTPUTF8\r\n")
        assert line.send(f"RCPT TO:<{address}>\r\n".encode()).startswith(b"250 2.1.5")
        line.send(b"DATA\r\n")
        line.send(BODY + b".\r\n")
    assert [kept.recipients[0] for kept in box.messages()] == [
        '"a b>c"@d.example',
        "=?utf-8?q?x?=@d.example",
        "đỗ@trường.example",
    ]
    assert line.send(b"RCPT TO:nobody\r\n").startswith(b"503")
    line.send(b"MAIL FROM:<a@b.example>\r\n")
    assert line.send(b"RCPT TO:nobody\r\n").startswith(b"553")


def test_refuses_by_rule(open_sandbox, connect):
    """A refused recipient gets the rule's reply, the others their message."""
    box = open_sandbox(_refuse("no@*", reply="550 5.2.1 {address} is closed"))
    refused = connect(box).sendmail("a@b.example", ["no@x.example", "yes@x.example"], BODY)
    assert refused == {"no@x.example": (550, b"5.2.1 no@x.example is closed")}
    assert [kept.recipients for kept in box.messages()] == [("yes@x.example",)]
    assert box.counts == {"refused": 1, "kept": 1}


def test_defers_and_then_accepts(open_sandbox, connect):
    """Deferred for its first two tries, a recipient is accepted at the third."""
    box = open_sandbox(SandboxRule(match="*", action="defer", times=2))
    client = connect(box)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            client.sendmail("a@b.example", ["c@d.example"], BODY)
        assert caught.value.recipients["c@d.example"][0] == 450
    assert client.sendmail("a@b.example", ["c@d.example"], BODY) == {}
    assert box.counts == {"deferred": 2, "kept": 1}


def test_drops_the_line_of_one_client_only(open_sandbox, connect):
    """The client of a dropped recipient loses its line; others go on."""
    box = open_sandbox(SandboxRule(match="drop@*", action="drop"))
    other, client = connect(box), connect(box)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        client.sendmail("a@b.example", ["drop@d.example"], BODY)
    assert other.sendmail("a@b.example", ["c@d.example"], BODY) == {}
    assert box.counts == {"dropped": 1, "kept": 1}


def test_a_delay_holds_up_nobody_else(open_sandbox, wire):
    """While one client waits, others are served."""
    waiting, go = threading.Event(), threading.Event()

    async def sleep(seconds):
        asked.append(seconds)
        waiting.set()
        await asyncio.get_running_loop().run_in_executor(None, go.wait)

    asked: list[float] = []
    box = open_sandbox(SandboxRule(match="slow@*", action="delay", seconds=3), sleep=sleep)
    slow, quick = wire(box), wire(box)
    for line in (slow, quick):
        line.send(b"MAIL FROM:<a@b.example>\r\n")
    slow.socket.sendall(b"RCPT TO:<slow@d.example>\r\n")
    assert waiting.wait(20)
    assert quick.send(b"RCPT TO:<quick@d.example>\r\n").startswith(b"250")
    go.set()
    assert slow.read().startswith(b"250")
    assert asked == [3.0]


def test_tells_what_happens(open_sandbox, connect):
    """Each message and each rehearsed trouble is told, with the file where it was kept."""
    told = []
    box = open_sandbox(_refuse(), on_event=told.append)
    connect(box).sendmail("a@b.example", ["no@x.example", "yes@x.example"], BODY)
    assert [(event.kind, event.address) for event in told] == [
        ("refused", "no@x.example"),
        ("kept", "yes@x.example"),
    ]
    assert told[1].path.exists()


def test_too_large_a_message_is_refused_and_not_kept(open_sandbox, wire, monkeypatch):
    """Beyond the announced SIZE the reply is 552, at MAIL or at the end, and the session lives."""
    monkeypatch.setattr(session_module, "MAX_MESSAGE_BYTES", 600_000)
    monkeypatch.setattr(server_module, "MAX_MESSAGE_BYTES", 600_000)
    box = open_sandbox()
    line = wire(box)
    assert line.send(b"MAIL FROM:<a@b.example> SIZE=600001\r\n").startswith(b"552")
    line.send(b"MAIL FROM:<a@b.example>\r\n")
    line.send(b"RCPT TO:<c@d.example>\r\n")
    line.send(b"DATA\r\n")
    assert line.send(b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 10_000 + b".\r\n")[:3] == b"552"
    assert line.send(b"NOOP\r\n").startswith(b"250")
    assert list(box.messages()) == []


def test_too_long_a_line_is_refused(open_sandbox, connect):
    """A line beyond RFC 5321's thousand octets shows in the rehearsal, not at the real relay."""
    box = open_sandbox()
    client = connect(box)
    client.sendmail("a@b.example", ["c@d.example"], b"x" * 998 + b"\r\n")
    with pytest.raises(smtplib.SMTPDataError, match="too long"):
        client.sendmail("a@b.example", ["c@d.example"], b"x" * 1001 + b"\r\n")


def test_a_full_disk_is_a_temporary_reply(open_sandbox, connect, monkeypatch):
    """What can't be kept is answered 452, and nothing is claimed to be kept."""
    box = open_sandbox()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(box.maildir, "keep", full)
    with pytest.raises(smtplib.SMTPDataError) as caught:
        connect(box).sendmail("a@b.example", ["c@d.example"], BODY)
    assert caught.value.smtp_code == 452
    assert box.counts == {}


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_asks_for_a_password_when_told(open_sandbox, connect, mechanism):
    """With a password set, nobody sends before signing in, and only that password will do."""
    box = open_sandbox(password="right")
    client = connect(box)
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        client.sendmail("a@b.example", ["c@d.example"], BODY)
    assert caught.value.smtp_code == 530
    client.user, client.password = "office", "wrong"
    with pytest.raises(smtplib.SMTPAuthenticationError):
        client.auth(mechanism[5:].upper(), getattr(client, mechanism))
    client.password = "right"
    client.auth(mechanism[5:].upper(), getattr(client, mechanism))
    assert client.sendmail("a@b.example", ["c@d.example"], BODY) == {}


def test_an_empty_password_takes_any(open_sandbox, connect):
    """For a rehearsal of signing in, any password is as good as another."""
    client = connect(open_sandbox(password=""))
    assert client.login("office", "whatever")[0] == 235


def test_says_when_the_port_is_taken(open_sandbox, tmp_path):
    """The error names the place and what to do, and leaves no thread behind."""
    box = open_sandbox()
    before = threading.active_count()
    with pytest.raises(UsageError) as caught:
        Sandbox(SandboxSettings(port=box.port), tmp_path / "other").__enter__()
    assert str(box.port) in caught.value.message
    assert caught.value.next_step
    assert threading.active_count() == before


def test_stops_with_its_context(tmp_path):
    """Afterwards nobody listens, open lines are down, and no thread is left."""
    before = threading.active_count()
    with Sandbox(SandboxSettings(port=0), tmp_path) as box:
        line = Wire(box)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert line.lines.read() == b""
    line.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((box.host, box.port), timeout=20)
    box.stop()  # again does no harm


def test_connections_are_bounded(open_sandbox, monkeypatch):
    """One connection too many is told so, and the others live on."""
    monkeypatch.setattr(server_module, "MAX_SESSIONS", 1)
    box = open_sandbox()
    line = Wire(box)
    with socket.create_connection((box.host, box.port), timeout=20) as second:
        assert second.makefile("rb").readline().startswith(b"421 4.3.2")
    assert line.send(b"NOOP\r\n").startswith(b"250")
    line.close()


def test_serves_in_the_calling_thread(tmp_path):
    """`serve_forever` listens until it is stopped from elsewhere."""
    box = Sandbox(SandboxSettings(port=0), tmp_path)
    served = threading.Thread(target=box.serve_forever, args=(box.stop,))
    served.start()
    served.join(20)
    assert not served.is_alive()
    assert box.port > 0
