"""A relay for tests that does as it is told, over loopback, in the test's own event loop.

    relay = ScriptedRelay()
    relay.script("220 hello", "250-relay.example", "250 PIPELINING", "250", "550 5.1.1 no", "503")
    relay.on("RCPT", "450 4.2.1 later", nth=2)
    relay.on("DATA", DROP, connection=1)
    async with relay: ...            # relay.port is open meanwhile

A script is what one connection answers, line by line, the greeting first; the n-th call of `script`
is for the n-th connection. Where a script ends (or there is none) the relay is a good one. `on`
answers one verb (`BODY` is the end of data, `CONNECT` comes before the greeting) and beats scripts.

An answer is a text (CRLF is added), bytes (sent as they are), or one of the actions below.
`relay.heard` has every line, `relay.delivered` every message it took: (sender, address, data).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib

#: Close the connection without a word.
DROP = "<drop>"
#: Reset it.
RESET = "<reset>"
#: Never answer.
HANG = "<hang>"
#: Forget what has come already, as a relay does that can't be told two things at a time.
SWALLOW = "<swallow>"
#: Answer STARTTLS with 220 and shake hands.
TLS = "<tls>"

CAPABILITIES = ("PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
GOOD = {
    "HELO": "250 relay.example",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 go on",
    "BODY": "250 2.0.0 Ok: queued",
    "BDAT": "250 2.0.0 Ok: queued",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
    "AUTH": "235 2.7.0 welcome",
    "STARTTLS": TLS,
}


class _GoneError(Exception):
    """This connection is to be closed."""


class ScriptedRelay:
    """See the head of the file."""

    def __init__(self, *, capabilities=CAPABILITIES, context=None, implicit=False):
        self.capabilities = capabilities
        self.context = context
        #: Write each byte on its own.
        self.trickles = False
        #: Read nothing after 354.
        self.stops_reading = False
        self.implicit = implicit
        #: What it does when more has come than the command that it reads: an answer or an action.
        self.minds_crowds = None
        #: Take chunks that it refuses for commands.
        self.reads_chunks = False
        #: One of `sasl_server`'s: answers AUTH instead of scripts and rules.
        self.sasl = None
        self.scripts = []
        self.rules = []
        #: (number of the connection, line), the connection's number from 1.
        self.heard = []
        self.delivered = []
        self.connections = 0
        self.open_now = 0
        self.most_open = 0
        self.port = 0
        self._counts = {}
        self._tasks = set()

    def script(self, *lines):
        """What the next connection without a script answers, in order."""
        replies, partial = [], []
        for line in lines:
            partial.append(line)
            if isinstance(line, bytes) or line.startswith("<") or line[3:4] != "-":
                replies.append(partial[0] if len(partial) == 1 else "\r\n".join(partial))
                partial = []
        self.scripts.append(replies)
        return self

    def on(self, verb, answer, *, nth=None, connection=None, match=""):
        """Answer the verb so; its n-th time over all connections, or on that connection only."""
        self.rules.append((verb, answer, nth, connection, match))
        return self

    def lines(self, connection=None):
        """What it was told, as text."""
        return [line for number, line in self.heard if connection in {None, number}]

    async def __aenter__(self):
        options = {"ssl": self.context} if self.implicit else {}
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", 0, **options)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _welcome(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await _Conversation(self, self.connections, reader, writer).run()
        except (_GoneError, OSError, asyncio.IncompleteReadError, EOFError, ValueError):
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self.open_now -= 1
            writer.transport.abort() if writer.transport else None
            self._tasks.discard(task)

    def _rule(self, verb, number, line):
        count = self._counts[verb] = self._counts.get(verb, 0) + 1
        for wanted, answer, nth, connection, match in self.rules:
            fits = wanted == verb and nth in {None, count} and connection in {None, number}
            if fits and match in line:
                return answer
        return None


class _Conversation:
    """One connection."""

    def __init__(self, relay, number, reader, writer):
        self.relay = relay
        self.number = number
        self.reader = reader
        self.writer = writer
        self.script = list(relay.scripts[number - 1]) if number <= len(relay.scripts) else []
        self.sender = self.address = None

    async def run(self):
        rule = self.relay._rule("CONNECT", self.number, "")
        if rule is not None:
            await self.say(rule)
        await self.answer("GREETING", "", "220 relay.example ready")
        while line := (await self.reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
            self.relay.heard.append((self.number, line))
            await self.suffer()
            await self.obey(line)

    async def suffer(self):
        """Do as `minds_crowds` says, where another command is waiting already."""
        if self.relay.minds_crowds is None or not self.reader._buffer:
            return
        if self.relay.minds_crowds == SWALLOW:
            self.reader._buffer.clear()
        else:
            await self.say(self.relay.minds_crowds)

    async def obey(self, line):
        verb = line.split(" ")[0].upper()
        if verb == "BDAT":
            await self.take_chunk(line)
            return
        if verb == "AUTH" and self.relay.sasl is not None:
            await self.sign_in(line)
            return
        good = GOOD.get(verb, "500 5.5.2 what?")
        if verb == "MAIL" and self.sender is not None:
            good = "503 5.5.1 nested MAIL"
        if verb == "EHLO":
            good = "\r\n".join(
                f"250-{word}" for word in ("relay.example", *self.relay.capabilities)
            )
            good = "250 ".join(good.rsplit("250-", 1))
        said = await self.answer(verb, line, good)
        self.note(verb, line.partition("<")[2].partition(">")[0], is_taken=said.startswith("2"))
        if verb == "DATA" and said.startswith("354"):
            await self.take_body()
        if verb == "QUIT" and said.startswith("221"):
            raise _GoneError

    async def sign_in(self, line):
        """Let `sasl` ask what it wants (RFC 4954)."""
        _verb, name, *initial = line.split(" ")

        async def ask(challenge):
            data = challenge if isinstance(challenge, bytes) else challenge.encode()
            await self.say("334 " + base64.b64encode(data).decode())
            answer = (await self.reader.readline()).decode().rstrip("\r\n")
            self.relay.heard.append((self.number, answer))
            return base64.b64decode(answer)

        first = base64.b64decode(initial[0].replace("=", "") + "===") if initial else None
        tls = self.writer.get_extra_info("ssl_object")
        await self.say(await self.relay.sasl(name, first, ask, tls))

    def note(self, verb, address, *, is_taken):
        """Keep the envelope as a relay would."""
        if verb == "MAIL" and is_taken:
            self.sender, self.address = address, None
        elif verb == "RCPT" and is_taken and self.sender is not None:
            self.address = address
        elif verb in {"RSET", "EHLO", "HELO"}:
            self.sender = self.address = None

    async def take_body(self):
        if self.relay.stops_reading:
            await asyncio.Event().wait()
        data = b""
        while not (data == b".\r\n" or data.endswith(b"\r\n.\r\n")):
            line = await self.reader.readline()
            if not line:
                raise _GoneError
            data += line
        self.relay.heard.append((self.number, "<body>" if data != b".\r\n" else "."))
        data = data[:-3].replace(b"\r\n..", b"\r\n.").removeprefix(b".")
        rule = self.relay._rule("BODY", self.number, self.address or "")
        answer = self.next(rule, GOOD["BODY"] if self.address else "554 5.5.1 nobody to send it to")
        if isinstance(answer, str) and answer.startswith("2"):
            self.relay.delivered.append((self.sender, self.address, data))
        self.sender = self.address = None
        await self.say(answer)

    async def take_chunk(self, line):
        """BDAT of a message's only chunk (RFC 3030); a refused one leaves the transaction open."""
        _verb, size, last = line.split(" ")
        assert last == "LAST"
        if self.relay.reads_chunks and not self.address:
            await self.say("502 5.5.1 what?")
            return
        data = await self.reader.readexactly(int(size))
        rule = self.relay._rule("BDAT", self.number, self.address or "")
        answer = self.next(rule, GOOD["BDAT"] if self.address else "554 5.5.1 nobody to send it to")
        if answer[:1] in {"2", b"2"} and self.address:
            self.relay.delivered.append((self.sender, self.address, data))
            self.sender = self.address = None
        await self.say(answer)

    def next(self, rule, good):
        if rule is not None:
            return rule
        return self.script.pop(0) if self.script else good

    async def answer(self, verb, line, good):
        answer = self.next(self.relay._rule(verb, self.number, line), good)
        await self.say(answer)
        return answer if isinstance(answer, str) else answer.decode("latin-1")

    async def say(self, answer):
        if answer in {DROP, RESET}:
            if answer == RESET:
                self.writer.transport.abort()
            raise _GoneError
        if answer == HANG:
            await asyncio.Event().wait()
        data = b"220 go\r\n" if answer == TLS else answer
        if isinstance(data, str):
            data = data.encode() + b"\r\n"
        for part in (
            (data[at : at + 1] for at in range(len(data))) if self.relay.trickles else (data,)
        ):
            self.writer.write(part)
            await self.writer.drain()
            if self.relay.trickles:
                await asyncio.sleep(0)
        if answer == TLS:
            with contextlib.suppress(ConnectionError):
                await self.writer.start_tls(self.relay.context)
