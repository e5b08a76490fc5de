"""A session tried out, for a person to read: what was said, and what the relay can do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notifier.errors import RelayError
from notifier.smtp.certificate import Certificate, read_certificate
from notifier.smtp.dialler import Dialler
from notifier.smtp.envelope import NO_CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.model import Submission
    from notifier.settings import RelaySettings
    from notifier.smtp.connection import Connection
    from notifier.smtp.envelope import Capabilities


@dataclass(slots=True)
class Transcript:
    """What a trial session showed; nothing in it is secret."""

    relay: str
    host: str
    port: int
    #: `C: EHLO ...`, `S: 250-...`; passwords are `***`.
    lines: list[str] = field(default_factory=list)
    #: `TLSv1.3`; empty without TLS.
    tls_version: str = ""
    cipher: str = ""
    #: The relay's; None without TLS.
    certificate: Certificate | None = None
    #: Of the last EHLO.
    capabilities: Capabilities = NO_CAPABILITIES
    is_signed_in: bool = False
    #: How: `SCRAM-SHA-256`, ...
    mechanism: str = ""
    #: What it could not take that it offers, where it was tried (`ladder`); empty: nothing.
    note: str = ""
    #: Why the session failed; None when it went well.
    error: RelayError | None = None


class _Farewell:
    """Waits for the end of the session."""

    def __init__(self) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def decided(self, submission: Submission) -> None:
        """No message is sent."""

    def go_ahead(self) -> None:
        """No message is sent."""

    def body_leaves(self) -> None:
        """No message is sent."""

    def broke(self, exc: Exception) -> None:
        """A mistake of ours: whoever waits gets it."""
        if not self.over.done():
            self.over.set_exception(exc)

    def ended(self, _error: RelayError | None, _fates: Sequence[Submission]) -> None:
        """The connection is over."""
        if not self.over.done():
            self.over.set_result(None)


async def check(relay: RelaySettings) -> Transcript:
    """Connect, TLS, EHLO, sign in, take leave.

    A RelayError is not raised but told in the transcript's `error`, since the lines before it are
    what helps; SettingsError (no password to be read) and TlsError (`ca_file`) are raised.
    """
    dialler = Dialler(relay)
    account = dialler.account
    found = Transcript(account.name, account.host, account.port)

    def note(side: str, line: str) -> None:
        found.lines.append(f"{side}: {line}")

    try:
        await _try(dialler, found, note)
    finally:
        await dialler.close()
    return found


async def _try(dialler: Dialler, found: Transcript, note: Callable[[str, str], None]) -> None:
    try:
        connection = await dialler.dial(note)
    except RelayError as exc:
        found.error = exc
        return
    found.note = dialler.ladder.note
    found.capabilities = connection.session.capabilities
    found.mechanism = connection.session.mechanism
    found.is_signed_in = dialler.account.signs_in
    _note_tls(connection, found)
    await _leave(connection)


def _note_tls(connection: Connection, found: Transcript) -> None:
    tls = connection.get_extra_info("ssl_object")
    if tls is None:
        return
    found.tls_version = tls.version() or ""
    cipher = tls.cipher()
    found.cipher = cipher[0] if cipher else ""
    der = tls.getpeercert(binary_form=True)
    if der:
        found.certificate = read_certificate(der)


async def _leave(connection: Connection) -> None:
    farewell = _Farewell()
    connection.listener = farewell
    connection.quit()
    await farewell.over
