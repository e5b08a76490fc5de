"""One client of the sandbox: aiosmtpd's session, and what it answers."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

from notifier.sandbox.events import Event
from notifier.sandbox.rules import reply_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiosmtpd.smtp import Envelope
    from aiosmtpd.smtp import Session as Greeted

    from notifier.sandbox.maildir import Maildir
    from notifier.sandbox.rules import Rules

#: What SIZE announces.
MAX_MESSAGE_BYTES = 26_214_400
#: RFC 5321 section 4.5.3.1.6: octets of a line, CRLF included.
MAX_LINE = 1000

END_OF_DATA = b"\r\n.\r\n"

#: Replies that may wait while the client's next command is here already. Those after which a line
#: is closed or encrypted are not among them.
_MAY_WAIT = (b"250 2.", b"354 ")
#: Ends that a further byte may make the end of data.
_BEGUN = tuple(END_OF_DATA[:n] for n in range(1, len(END_OF_DATA)))

_ADDRESS = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?: +(.*))?')

# aiosmtpd warns about odd clients; without a handler Python prints that among our own output
logging.getLogger("mail.log").addHandler(logging.NullHandler())


class Session(SMTP):
    """aiosmtpd's session, with messages read in one piece and addresses taken byte for byte.

    aiosmtpd reads a message line by line and parses addresses by the standard library's header
    parser: 1 ms a message, and quoted or encoded local parts come out changed.
    """

    #: What the reader takes at once; the limit of RFC 5321 is checked over the whole message.
    line_length_limit = 2**18

    def __init__(self, desk: Desk, **options: Any) -> None:
        super().__init__(desk, **options)
        self._held: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come, or its line is encrypted from now on."""
        self.event_handler.enter(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The line is down."""
        self.event_handler.leave(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Drop the line at once, without a word."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def finish(self) -> None:
        """End the line once what was said has left."""
        if self.transport is not None:
            self.transport.close()

    async def push(self, status: str | bytes) -> None:
        """Reply; replies to pipelined commands travel together (RFC 2920 section 3.2)."""
        reply = status.encode("utf-8") if isinstance(status, str) else status
        self._held.append(reply + b"\r\n")
        # a public way to ask a reader whether a line is there does not exist
        has_next = b"\n" in getattr(self._reader, "_buffer", b"")
        if not (has_next and reply.startswith(_MAY_WAIT)):
            await self.flush()

    async def flush(self) -> None:
        """Send the replies that wait for company."""
        if self._held:
            self._writer.write(b"".join(self._held))
            self._held.clear()
            await self._writer.drain()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        found = _ADDRESS.fullmatch(arg.strip())
        return (found[1], found[2] or "") if found else (None, None)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name for it
        """Read a message and give it to the desk."""
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        data = await self._read_message()
        envelope = self.envelope
        self.envelope = self._create_envelope()
        await self.push(self.event_handler.take(envelope, data))

    async def _read_message(self) -> bytes | None:
        """The message without dot-stuffing; None where it is too large (RFC 5321, 4.5.2)."""
        size = 0
        parts = [await self._read_beginning()]
        while not parts[-1].endswith(END_OF_DATA):
            try:
                parts.append(await self._reader.readuntil(END_OF_DATA))
            except asyncio.LimitOverrunError as exc:
                parts.append(await self._reader.readexactly(exc.consumed))
            size += len(parts[-1])
            if size > MAX_MESSAGE_BYTES:
                del parts[:-1]
        if size > MAX_MESSAGE_BYTES:
            return None
        return b"".join(parts)[:-3].replace(b"\r\n.", b"\r\n")[2:]

    async def _read_beginning(self) -> bytes:
        """As much as could be part of an end of data right at the start; begins with CRLF."""
        seen = b"\r\n"
        while not seen.endswith(END_OF_DATA) and seen.endswith(_BEGUN):
            seen += await self._reader.readexactly(1)
        return seen


class Desk:
    """What the sandbox answers, all its sessions; aiosmtpd finds the `handle_` methods by name."""

    def __init__(
        self,
        maildir: Maildir,
        rules: Rules,
        *,
        password: str | None,
        sleep: Callable[[float], Awaitable[Any]],
        tell: Callable[[Event], None],
    ) -> None:
        self._maildir = maildir
        self._rules = rules
        self._password = password
        self._sleep = sleep
        self._tell = tell
        self._sessions: set[Session] = set()
        self._is_empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._sessions)

    def enter(self, session: Session) -> None:
        """Know of a session; `leave` ends that."""
        self._sessions.add(session)
        self._is_empty.clear()

    def leave(self, session: Session) -> None:
        """Forget a session whose line is down."""
        self._sessions.discard(session)
        if not self._sessions:
            self._is_empty.set()

    async def hang_up(self) -> None:
        """Drop every line; returns once all are down."""
        while self._sessions:
            for session in list(self._sessions):
                session.hang_up()
            await self._is_empty.wait()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name for it
        self, _server: Any, session: Greeted, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """The capabilities: aiosmtpd's, AUTH only where it is asked for, and PIPELINING."""
        session.host_name = hostname
        has_auth = self._password is not None
        kept = [it for it in responses if it != "250 HELP" and (has_auth or it[4:8] != "AUTH")]
        # RFC 2920: commands are read from one buffer, one after the other, and answered in order
        return [*kept, "250 PIPELINING"]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name for it
        self, _server: Any, session: Greeted, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Any sender is fine, once it has signed in where that is asked for."""
        if self._password is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, server: Session, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """The recipient meets what the rules say."""
        seconds, rule = self._rules.meet(address)
        if seconds:
            await server.flush()
            await self._sleep(seconds)
        if rule is None:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 Ok"
        sender = envelope.mail_from or ""
        if rule.action == "drop":
            self._tell(Event("dropped", sender, address, ""))
            await server.flush()  # what was kept before is not to be in doubt
            server.finish()
            await asyncio.get_running_loop().create_future()  # cancelled as the line goes down
        reply = reply_of(rule, address)
        kind = "refused" if rule.action == "refuse" else "deferred"
        self._tell(Event(kind, sender, address, reply))
        return reply

    def take(self, envelope: Envelope, data: bytes | None) -> str:
        """Keep a message that arrived whole, and answer the end of data."""
        if data is None:
            return "552 5.3.4 Message size exceeds fixed limit"
        if max(map(len, data.split(b"\n"))) >= MAX_LINE:
            return "500 5.5.2 Line too long (RFC 5321, 4.5.3.1.6)"
        sender, recipients = envelope.mail_from or "", envelope.rcpt_tos
        try:
            path = self._maildir.keep(sender, recipients, data)
        except OSError as exc:
            return f"452 4.3.1 The sandbox can't keep it: {exc.strerror}"
        reply = f"250 2.0.0 Ok: kept as {path.name.rpartition('Q')[2].partition('.')[0]}"
        self._tell(Event("kept", sender, ", ".join(recipients), reply, path))
        return reply


class TooMany(asyncio.Protocol):
    """Answers a connection that is one too many, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.3.2 Too many connections to the sandbox\r\n")
        transport.close()
