"""A relay that keeps every rule but one, once, and keeps account of what it really took.

It is as bad for a sender as a relay can be: where a link breaks, or a reply gets lost, it has still
taken what had reached it. `takings` is the truth that outcomes are judged by, `endings` what the
sender has put on the wire to its end. It shares no code with the program.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

#: The reply to each command; MAIL and RCPT have the codes of RFC 3463 that are about addresses.
GOOD = {
    "greeting": "220 relay.example ESMTP",
    "helo": "250 relay.example",
    "starttls": "220 2.0.0 go on",
    "auth": "235 2.7.0 welcome",
    "mail": "250 2.1.0 Ok",
    "rcpt": "250 2.1.5 Ok",
    "data": "354 go on",
    "stray chunk": "503 5.5.1 MAIL first",
    "lone dot": "554 5.5.1 nobody to send it to",
    "rset": "250 2.0.0 Ok",
    "quit": "221 2.0.0 bye",
}
REFUSAL = "550 5.1.1 no such user"
#: Faults with which a reply still comes as it should.
HARMLESS = {"split", "extra reply", "extra refusal"}


@dataclass
class Taking:
    """A message that the relay took, and the reply to it, where that could be understood."""

    address: str
    data: bytes
    reply: str = ""


@dataclass
class Ending:
    """A message that was put on the wire to its end; `refusal` is the 4yz or 5yz to it."""

    address: str
    refusal: str = ""


class FaultyRelay:
    """`fault` happens at the `nth` time of `step`; `refused` are unknown to it, always."""

    def __init__(
        self, *, step, fault, nth, extensions=(), refused=(), knows_ehlo=True, context=None
    ):
        self.step, self.fault, self.nth = step, fault, nth
        self.extensions = tuple(extensions)
        self.refused = frozenset(refused)
        self.knows_ehlo = knows_ehlo
        self.context = context
        #: Whether it says 354 though nobody is to get the message (RFC 2920 section 3.1).
        self.says_354_anyway = step == "lone dot"
        self.has_happened = False
        self.takings = []
        self.endings = []
        #: Every reply that could be understood.
        self.said = []
        self.connections = 0
        self._times = {}

    def is_due(self, step):
        """Whether the fault happens now."""
        self._times[step] = self._times.get(step, 0) + 1
        is_now = step == self.step and self._times[step] == self.nth
        self.has_happened = self.has_happened or is_now
        return is_now

    async def connect(self):
        """Somebody dials."""
        if self.is_due("connect"):
            if self.fault == "silence":
                await asyncio.get_running_loop().create_future()
            raise {"close": ConnectionRefusedError(111, "Connection refused")}.get(
                self.fault, ConnectionResetError(104, "Connection reset by peer")
            )
        self.connections += 1
        return Conversation(self)


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, relay):
        self._relay = relay
        self._input = b""
        self._transport = None
        self._tls = None
        self._is_secure = False
        #: Nothing that it says is heard.
        self._is_mute = False
        #: What it says is not understood.
        self._is_spoilt = False
        #: It has taken its leave: it reads on, and takes nothing.
        self._is_over = False
        self._sender = self._address = None
        self._is_in_body = False
        self._was_tested = False

    def connection_made(self, transport):
        self._transport = transport
        self._say("greeting", GOOD["greeting"])

    def data_received(self, data):
        self._input += data
        while self._tls is None and (self._take_body() if self._is_in_body else self._take_line()):
            pass

    # --- what it is told ---------------------------------------------------------------------

    def _take_line(self):
        line, end, rest = self._input.partition(b"\r\n")
        if not end:
            return False
        verb, _space, argument = line.decode().partition(" ")
        verb = verb.lower()
        if verb == "bdat":
            return self._take_chunk(argument, rest)
        self._input = rest
        getattr(self, f"_hear_{verb}")(argument)
        return True

    def _hear_ehlo(self, _argument):
        self._sender = self._address = None  # as RSET (RFC 5321 section 4.1.4)
        if not self._relay.knows_ehlo:
            self._write("502 5.5.1 what?")
            return
        words = [
            word for word in self._relay.extensions if word != "STARTTLS" or not self._is_secure
        ]
        lines = [f"250-{word}" for word in ("relay.example", *words)]
        lines[-1] = lines[-1].replace("-", " ", 1)
        first = "ehlo after tls" if self._is_secure else "ehlo"
        self._say("witness" if self._was_tested else first, "\r\n".join(lines))

    def _hear_helo(self, _argument):
        self._say("helo", GOOD["helo"])

    def _hear_starttls(self, _argument):
        if self._say("starttls", GOOD["starttls"]) and not (self._is_mute or self._is_spoilt):
            self._tls = asyncio.ensure_future(self._shake_hands())

    async def _shake_hands(self):
        try:
            self._transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, self._relay.context, server_side=True
            )
        except OSError:
            self._is_over = True
        self._is_secure, self._tls = True, None
        self.data_received(b"")

    def _hear_auth(self, _argument):
        self._say("auth", GOOD["auth"])

    def _hear_mail(self, argument):
        if self._sender is not None:
            self._write("503 5.5.1 nested MAIL")
        elif self._say("mail", GOOD["mail"]):
            self._sender, self._address = _path(argument), None

    def _hear_rcpt(self, argument):
        address = _path(argument)
        if self._sender is None:
            self._write("503 5.5.1 MAIL first")
        elif address in self._relay.refused:
            self._write(REFUSAL)
        elif self._say("rcpt", GOOD["rcpt"]):
            self._address = address

    def _hear_data(self, _argument):
        if self._address is not None:
            self._is_in_body = self._say("data", GOOD["data"])
        elif self._relay.says_354_anyway and self._sender is not None:
            self._write(GOOD["data"])
            self._is_in_body = True
        else:
            self._write("503 5.5.1 RCPT first")

    def _hear_rset(self, _argument):
        self._say("rset", GOOD["rset"])
        self._sender = self._address = None

    def _hear_quit(self, _argument):
        self._say("quit", GOOD["quit"])
        self._is_over = True
        self._transport.close()

    # --- what it takes -----------------------------------------------------------------------

    def _take_body(self):
        if self._input.startswith(b".\r\n"):
            data, end, rest = b"", b".\r\n", self._input[3:]
        else:
            data, end, rest = self._input.partition(b"\r\n.\r\n")
        if not end:
            return False
        self._input, self._is_in_body = rest, False
        address, self._address, self._sender = self._address, None, None
        if address is None:
            assert not data, "a body for nobody"
            self._say("lone dot", GOOD["lone dot"])
        else:
            self._finish("end of data", address, data)
        return True

    def _take_chunk(self, argument, rest):
        size, last = argument.split(" ")
        assert last == "LAST"
        if len(rest) < int(size):
            return False
        data, self._input = rest[: int(size)], rest[int(size) :]
        if self._address is not None:
            if self._finish("bdat", self._address, data):
                self._sender = self._address = None  # a refused one leaves the transaction open
        elif self._sender is None:
            self._was_tested = True
            self._say("stray chunk", GOOD["stray chunk"])
        else:
            self._write("554 5.5.1 nobody to send it to")
        return True

    def _finish(self, step, address, data):
        """The end of a message has come: whether it was taken."""
        ending = Ending(address)
        self._relay.endings.append(ending)
        number = len(self._relay.takings) + 1
        good = f"250 2.0.0 queued as {number}"
        is_heard = not (self._is_mute or self._is_spoilt or self._is_over)
        is_faulty = step == self._relay.step and not self._relay.has_happened
        if not self._say(step, good):
            ending.refusal = self._relay.said[-1] if is_heard else ""
            return False
        if self._is_over:
            return False
        is_faulty = is_faulty and self._relay.has_happened
        is_told = is_heard and not (is_faulty and self._relay.fault not in HARMLESS)
        self._relay.takings.append(Taking(address, data, good if is_told else ""))
        return True

    # --- what it says ------------------------------------------------------------------------

    def _say(self, step, good):
        """The reply that is due, or the fault; whether it does what it was asked for."""
        if self._is_over or not self._relay.is_due(step):
            self._write(good)
            return True
        kind = self._relay.fault.replace(" ", "_").replace("-", "_")
        return getattr(self, f"_fault_{kind}")(good)

    def _write(self, text):
        if not (self._is_mute or self._is_over):
            self._transport.write(text.encode() + b"\r\n")
            self._relay.said.append(text)

    def _fault_4yz(self, _good):
        self._write("451 4.3.0 not now")
        return False

    def _fault_5yz(self, _good):
        self._write("554 5.5.0 never")
        return False

    def _fault_421(self, _good):
        self._write("421 4.3.2 going down")
        self._is_over = True
        self._transport.close()
        return False

    def _fault_close(self, _good):
        self._is_mute = True
        self._transport.close()
        return True

    def _fault_reset(self, _good):
        self._is_mute = True
        self._transport.abort()
        return True

    def _fault_silence(self, _good):
        self._is_mute = True
        return True

    def _fault_garbage(self, _good):
        self._transport.write(b"\x00\xff\x16\x03 what?\r\n")
        self._is_spoilt = True
        return True

    def _fault_over_long_line(self, good):
        self._transport.write(good[:4].encode() + b"x" * 10_000 + b"\r\n")
        self._is_spoilt = True
        return True

    def _fault_over_long_reply(self, good):
        self._transport.write(f"{good[:3]}-x\r\n".encode() * 400 + f"{good[:3]} x\r\n".encode())
        self._is_spoilt = True
        return True

    def _fault_partial_line(self, good):
        data = good.encode()
        self._transport.write(data[: len(data) // 2])
        self._is_mute = True
        self._transport.close()
        return True

    def _fault_split(self, good):
        for byte in good.encode() + b"\r\n":
            self._transport.write(bytes([byte]))
        self._relay.said.append(good)
        return True

    def _fault_extra_reply(self, good):
        self._transport.write(good.encode() + b"\r\n250 2.0.0 Ok\r\n")
        self._relay.said.append(good)
        self._is_spoilt = True
        return True

    def _fault_extra_refusal(self, good):
        self._transport.write(good.encode() + b"\r\n451 4.3.0 not now\r\n")
        self._relay.said.append(good)
        self._is_spoilt = True
        return True


def _path(argument):
    return argument.partition("<")[2].partition(">")[0]
