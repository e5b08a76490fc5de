"""A whole session with a relay made of bytes, and a judge that has read both sides by itself.

The judge shares no code with the program: it counts commands in what was sent and replies in what
was heard. The n-th reply answers the n-th command (RFC 2920), so it knows what each message's reply
was, and holds what the session decided against that.
"""

from __future__ import annotations

import re

from notifier.errors import RelayError, RelayRefused
from notifier.model import Message, Stage
from notifier.smtp.account import Account
from notifier.smtp.protocol import Session
from notifier.smtp.transitions import Decided, Failed, Phase, Signal

#: What a relay may say; a byte stands for each, so that a fuzzer finds its way inside.
PHRASES = (
    b"220 relay.example ESMTP\r\n",
    b"250 relay.example\r\n",
    b"250-relay.example\r\n250 PIPELINING\r\n",
    b"250-relay.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n",
    b"250-relay.example\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n250-STARTTLS\r\n250 SIZE 1000\r\n",
    b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go on\r\n",
    b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 queued\r\n",
    b"250 2.0.0 queued\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go on\r\n",
    b"250 2.1.0 Ok\r\n",
    b"250 2.1.5 Ok\r\n",
    b"250 2.0.0 queued\r\n",
    b"250 ok\r\n",
    b"251 2.1.5 will forward\r\n",
    b"354 go on\r\n",
    b"221 2.0.0 bye\r\n",
    b"235 2.7.0 welcome\r\n",
    b"334 \r\n",
    b"334 VXNlcm5hbWU6\r\n",
    b"334 PDEyMzRAcmVsYXk+\r\n",
    b"421 4.3.2 going down\r\n",
    b"450 4.2.1 greylisted\r\n",
    b"451 4.3.0 later\r\n",
    b"452 4.3.1 full\r\n",
    b"500 5.5.2 what?\r\n",
    b"503 5.5.1 order\r\n",
    b"504 5.5.4 no\r\n",
    b"535 5.7.8 no\r\n",
    b"550 5.1.1 nobody\r\n",
    b"550-5.7.1 spam\r\n550 5.7.1 really\r\n",
    b"554 5.5.1 nobody to send it to\r\n",
    b"250-a\r\n550 b\r\n",
    b"\x00\xff what?\r\n",
)
#: This byte ends a piece; the one above it says how many bytes follow as they are.
CUT, RAW = 0xFE, 0xFF
#: Messages on their way at most, where they leave whole; and in all.
DEPTH = 3
MESSAGES = 12
_REPLY = re.compile(rb"([2-5][0-9][0-9])(?:([ -]).*)?", re.DOTALL)


def pieces(data):
    """What the relay says, in the pieces in which it arrives."""
    said, at = b"", 0
    while at < len(data):
        byte = data[at]
        at += 1
        if byte == CUT:
            yield said
            said = b""
        elif byte == RAW:
            size = data[at] if at < len(data) else 0
            said += data[at + 1 : at + 1 + size]
            at += 1 + size
        else:
            said += PHRASES[byte] if byte < len(PHRASES) else bytes([byte])
    yield said


def account_of(number):
    """The settings that a byte stands for."""
    return Account(
        "main",
        "relay.example",
        25,
        tls="starttls" if number & 1 else "none",
        pipelining=not number & 2,
        chunking=("off", "auto", "on", "on")[number >> 2 & 3],
        username="office" if number & 16 else "",
        password="secret",
        auth=("auto", "plain", "login", "cram-md5")[number >> 5 & 3],
        allows_insecure_auth=True,
    )


class Dialogue:
    """A session, the messages in it, and both sides' bytes."""

    def __init__(self, number):
        account = account_of(number)
        self.session = Session(account, "client.example")
        self.quits = bool(number & 128)
        self.heard = b""
        #: Each command, in order; a message's number where its reply decides it.
        self.commands = [None]  # the greeting answers the connection
        #: By message: the places of its MAIL and RCPT among the commands.
        self.envelopes = {}
        self.began = 0
        self.decided = []
        self.error = None
        self.ended = set()
        self._sent = b""
        self._recipient = None

    def hear(self, said):
        """The relay says this; do what a courier would."""
        if self.error is None:
            self.heard += said
        events = self.session.receive(said)
        assert self.error is None or not events, "events after the end"
        for event in events:
            assert self.error is None, "events after the end"
            self._happen(event)
        self._begin()
        self._read()

    def _happen(self, event):
        if isinstance(event, Decided):
            self.decided.append(event.submission)
        elif isinstance(event, Failed):
            assert isinstance(event.error, RelayError)
            self.error = event.error
        elif event is Signal.START_TLS:
            self._read()
            if self.session.phase is Phase.HANDSHAKE:
                self.session.secured()
        elif event is Signal.GO_AHEAD and self.session.phase is not Phase.CLOSED:
            self._read()
            body = self.session.start_body()
            assert body.endswith(b"\r\n.\r\n")
            assert body.count(b"\r\n.\r\n") == 1
            self.session.end_body()
            self.ended.add(len(self.decided))
            self.commands.append(len(self.decided))

    def _begin(self):
        session = self.session
        while self.began < MESSAGES and session.phase is Phase.READY:
            if session.sends_whole:
                if self.began - len(self.decided) >= DEPTH:
                    return
                assert session.begin_whole(self._letter()) is None
            elif session.can_begin:
                assert session.begin(self._letter()) is None
            else:
                return
            self.began += 1
        if self.quits and self.began == len(self.decided) and session.phase is Phase.READY:
            session.quit()

    def _letter(self):
        data = b"Subject: %d\r\n\r\n.\r\nHello\r\n" % self.began
        return Message("office@school.example", f"p{self.began}@parents.example", data)

    def _read(self):
        """Read what was sent, as a relay would."""
        out = self.session.take_output()
        while out:
            line, end, out = out.partition(b"\r\n")
            assert end, "half a command"
            assert b"\n" not in line
            assert b"\r" not in line
            number = None
            if line.startswith(b"RCPT TO:<p"):
                self._recipient = int(line[10:].partition(b"@")[0])
                self.envelopes[self._recipient] = (len(self.commands) - 1, len(self.commands))
            elif line.startswith(b"BDAT "):
                size = int(line.split(b" ")[1])
                chunk, out = out[:size], out[size:]
                assert len(chunk) == size
                if chunk.startswith(b"Subject: %d\r" % (self._recipient or 0)) and size > 6:
                    number = self._recipient
                    self.ended.add(number)
            self.commands.append(number)

    def end(self):
        """The link is lost: what is left is told."""
        self.decided += self.session.abandon(self.error or RelayRefused("x", stage=Stage.QUIT))
        self._judge()

    def _judge(self):
        assert len(self.decided) == self.began, "a message without an outcome, or with two"
        codes = replies(self.heard)
        answers = {
            number: codes[at] if at < len(codes) else None
            for at, number in enumerate(self.commands)
            if number is not None
        }
        for number, found in enumerate(self.decided):
            code = found.reply.code if found.reply else None
            if found.stage is Stage.BODY and code is not None and 200 <= code < 300:
                assert number in self.ended, "accepted before it left"
                assert not found.in_doubt
                assert answers[number] == code, "accepted by another's reply"
            if found.in_doubt:
                assert number in self.ended, "in doubt before it left"
            elif number in self.ended and 200 <= (answers[number] or 0) < 300:
                was_refused = any(codes[at] >= 400 for at in self.envelopes[number])
                assert code == answers[number] or was_refused, "taken, and nobody says so"


def replies(data):
    """The codes of complete replies, up to the first line that is none."""
    found, code = [], None
    for line in data.split(b"\n")[:-1]:
        match = _REPLY.fullmatch(line.removesuffix(b"\r"))
        if match is None or (code is not None and match[1] != code):
            return found
        if match[2] == b"-":
            code = match[1]
        else:
            found.append(int(match[1]))
            code = None
    return found


def run(data):
    """A whole dialogue: its first byte is the settings."""
    dialogue = Dialogue(data[0] if data else 0)
    for said in pieces(data[1:]):
        dialogue.hear(said)
    dialogue.end()
