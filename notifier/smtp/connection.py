"""One session over one socket: an asyncio.Protocol around `protocol.Session`.

Here bytes meet the system: TLS, deadlines, flow control, and the one place where foreign errors
(OSError, ssl.SSLError, timeouts) become the room's own. Whoever owns the connection is its
`listener` and is called back, so that a message costs no task, future or timer.

Deadlines (RFC 5321 section 4.5.3.2): each reply has its time, counted from when it became the next
one due. Setting one is setting an attribute; a single timer of the loop looks at it, and is set
anew only when a deadline lies before the timer's own instant.

Once the connection is over, `listener.ended` is called exactly once, with what became of each
message that was in it; nothing is called after that.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from notifier.model import Stage
from notifier.smtp import troubles
from notifier.smtp.links import Links
from notifier.smtp.tls import channel_binding, translate
from notifier.smtp.transitions import Awaited, Decided, Failed, Phase, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.errors import RelayError
    from notifier.model import Submission
    from notifier.settings import RelaySettings
    from notifier.smtp.account import Account
    from notifier.smtp.protocol import Session
    from notifier.smtp.transitions import Event

#: A body above this is written in slices, as the socket takes them (bytes).
SLICE = 131_072
#: A relay gets so many seconds to answer QUIT: we owe each other nothing by then.
FAREWELL = 2.0


class Listener(Protocol):
    """What the owner of a ready connection is told."""

    def decided(self, submission: Submission) -> None:
        """The oldest message has its answer."""

    def go_ahead(self) -> None:
        """The oldest message's body may leave."""

    def body_leaves(self) -> None:
        """The oldest message's last bytes are about to be written: another may begin beside."""

    def broke(self, exc: Exception) -> None:
        """A mistake of ours came up while the relay was being heard; `ended` follows."""

    def ended(self, error: RelayError | None, fates: Sequence[Submission]) -> None:
        """The connection is over (None: after QUIT); `fates` of the messages, the oldest first."""


class Connection(asyncio.Protocol):
    """A connection to a relay; made by `dialler.Dialler.dial`."""

    def __init__(
        self,
        account: Account,
        relay: RelaySettings,
        make_session: Callable[[str], Session],
        links: Links | None = None,
    ) -> None:
        """`links`: it is among these as long as its socket is open."""
        self._links = links or Links()
        self._account = account
        self._relay = relay
        self._make_session = make_session
        self._loop = asyncio.get_running_loop()
        self._seconds = _timeouts(relay)
        self._deadline = inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        #: What waits until the socket takes more: the oldest message's body, or whole messages.
        self._rest: deque[memoryview] = deque()
        self._is_body = False
        self._is_paused = False
        self._is_receiving = False
        self._transport: Any = None
        self._milestone: asyncio.Future[Signal] | None = self._loop.create_future()
        self.session: Session
        self.listener: Listener | None = None
        #: Why it is over; None while it is not, and after QUIT.
        self.error: RelayError | None = None
        self.is_over = False
        #: Whether its end is held against the step of the ladder that it was at.
        self.has_taught = False

    # --- what asyncio calls ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there (and TLS, where implicit): wait for the greeting."""
        self._links.add(self)
        self._transport = transport
        name = self._relay.helo_name or own_name(transport.get_extra_info("sockname"))
        self.session = self._make_session(name)
        self.session.binding = channel_binding(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """The relay said something."""
        if self.is_over:
            return
        session = self.session
        heard = session.heard
        self._is_receiving = True
        try:
            for event in session.receive(data):
                self._happen(event)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours: it must end the run, not hang it
            self._break(exc)
        self._is_receiving = False
        if not self.is_over:
            has_written = self._write()
            if has_written or session.heard != heard:
                self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """The link is gone."""
        self._links.discard(self)
        if not self.is_over:
            stage = self.session.stage
            error = (
                troubles.lost(self._account, stage)
                if exc is None
                else translate(self._account, stage, exc, self._time_limit())
            )
            self.has_taught = self.session.tell_ladder(error)
            self._end(error)

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._is_paused = True
        self._arm()

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._is_paused = False
        if not self.is_over:
            if self._rest:
                self._pump()
            self._arm()

    # --- what the owner calls ----------------------------------------------------------------

    def flush(self) -> None:
        """Write what the session has to say."""
        if self._write():
            self._arm()

    def send_body(self) -> None:
        """Write the oldest message's body; with it leaves what `body_leaves` begins."""
        body = self.session.start_body()
        rest = self.session.body_rest
        if rest or len(body) > SLICE or self._is_paused:
            self._is_body = True
            self._rest.extend(map(memoryview, (body, *rest)))
            self._pump()
            self._arm()
        else:
            self._finish_body(body)

    def quit(self) -> None:
        """Take leave politely; `ended(None, [])` follows soon."""
        self.session.quit()
        self.flush()

    def hang_up(self) -> None:
        """It is over, and its socket is not closed yet: close it without more ado."""
        self._transport.abort()

    def abort(self, error: RelayError) -> None:
        """Close at once; `ended` is called before this returns."""
        if not self.is_over:
            self._end(error)

    # --- opening -----------------------------------------------------------------------------

    async def milestone(self) -> Signal:
        """START_TLS or READY; a RelayError when there will be neither."""
        assert self._milestone is not None
        return await self._milestone

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands, and say EHLO again."""
        if self.is_over:  # something was wrong in the same bytes that held the reply
            raise self.error or troubles.lost(self._account, Stage.STARTTLS)
        self._milestone = self._loop.create_future()
        self._deadline = inf
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=self._account.host,
                ssl_handshake_timeout=self._relay.connect_timeout,
            )
        except (OSError, ssl.SSLError, UnicodeError) as exc:
            raise translate(self._account, Stage.TLS, exc, self._relay.connect_timeout) from exc
        if self.is_over or transport is None:
            raise self.error or troubles.handshake_failed(self._account, "EOF")
        self._transport = transport
        self.session.binding = channel_binding(transport)
        self.session.secured()
        self.flush()

    def get_extra_info(self, name: str) -> Any:
        """What the transport knows: `peername`, `ssl_object`, ..."""
        return self._transport.get_extra_info(name)

    # --- inside ------------------------------------------------------------------------------

    def _happen(self, event: Event) -> None:
        if self.is_over:
            return
        if type(event) is Decided:
            assert self.listener is not None
            self.listener.decided(event.submission)
        elif event is Signal.GO_AHEAD:
            assert self.listener is not None
            self.listener.go_ahead()
        elif type(event) is Failed:
            self.has_taught = self.session.tell_ladder(event.error)
            self._end(event.error)
        elif event is Signal.GOODBYE:
            self.session.tell_ladder(None)
            self._end(None)
        else:
            assert isinstance(event, Signal)
            assert self._milestone is not None
            if not self._milestone.done():
                self._milestone.set_result(event)

    def _break(self, exc: Exception) -> None:
        """Something of ours raised: say so, and close, so that each message is accounted for."""
        if self.listener is not None:
            self.listener.broke(exc)
        if not self.is_over:
            self._end(troubles.interrupted(self._account, self.session.stage))

    def _write(self) -> bool:
        """Write what the session has to say, behind what waits; whether there was anything."""
        session = self.session
        if session.is_bulky or self._rest:
            pieces = session.take_pieces()
            self._rest.extend(map(memoryview, pieces))
            self._pump()
            return bool(pieces)
        out = session.take_output()
        if out:
            self._transport.write(out)
        return bool(out)

    def _pump(self) -> None:
        """Write slices while the socket takes them; the last one ends the body, where it is one.

        The slices are views: a message's bytes are not copied, however many messages share them.
        """
        while self._rest and not self._is_paused and not self.is_over:
            view = self._rest.popleft()
            if len(view) > SLICE:
                self._rest.appendleft(view[SLICE:])
                self._transport.write(view[:SLICE])
            elif self._rest or not self._is_body:
                self._transport.write(view)
            else:
                self._is_body = False
                self._finish_body(bytes(view))

    def _finish_body(self, last: bytes) -> None:
        session = self.session
        session.end_body()
        assert self.listener is not None
        self.listener.body_leaves()
        if not self.is_over:
            self._transport.write(last + session.take_output())
            if not self._is_receiving:  # else it comes after all that was received
                self._arm()

    def _end(self, error: RelayError | None) -> None:
        is_farewell = self.session.phase is Phase.QUITTING or error is None
        stage = self.session.stage
        self.is_over = True
        self.error = error
        self._rest.clear()
        if self._timer is not None:
            self._timer.cancel()
        fates = self.session.abandon(error or troubles.interrupted(self._account, stage))
        if is_farewell:
            self._transport.close()
        else:
            self._transport.abort()
        if self.listener is not None:
            self.listener.ended(None if is_farewell else error, fates)
        elif self._milestone is not None and not self._milestone.done():
            self._fail_milestone(error)

    def _fail_milestone(self, error: RelayError | None) -> None:
        assert self._milestone is not None
        if error is None:
            self._milestone.cancel()
        else:
            self._milestone.set_exception(error)
            self._milestone.exception()  # it may be that nobody waits for it any more

    # --- deadlines ---------------------------------------------------------------------------

    def _arm(self) -> None:
        """The deadline of what is due next: the socket's, or the next reply's."""
        awaited = self.session.awaited
        if self._rest or (self._is_paused and awaited is None):
            seconds = self._relay.body_timeout
        elif awaited is None:
            self._deadline = inf
            return
        else:
            seconds = self._seconds[awaited]
        self._deadline = deadline = self._loop.time() + seconds
        if deadline < self._timer_at:
            self._set_timer(deadline)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer, self._timer_at = None, inf
        if self.is_over:
            return
        if self._deadline > self._loop.time():
            if self._deadline != inf:
                self._set_timer(self._deadline)
            return
        error = troubles.timed_out(self._account, self.session.stage, self._time_limit())
        self.has_taught = self.session.tell_ladder(error, is_silent=True)
        self._end(error)

    def _time_limit(self) -> float:
        if self._rest:
            return self._relay.body_timeout
        awaited = self.session.awaited
        return self._seconds[awaited] if awaited is not None else 0.0


def _timeouts(relay: RelaySettings) -> dict[Awaited, float]:
    """Seconds for each reply: RFC 5321 section 4.5.3.2."""
    seconds = dict.fromkeys(Awaited, relay.command_timeout)
    seconds[Awaited.GREETING] = relay.greeting_timeout
    seconds[Awaited.DATA] = relay.data_timeout
    for awaited in (Awaited.BODY, Awaited.CHUNK, Awaited.LONE_DOT):
        seconds[awaited] = relay.end_of_data_timeout
    seconds[Awaited.QUIT] = min(relay.command_timeout, FAREWELL)
    return seconds


def own_name(sockname: Any) -> str:
    """What to call ourselves: this host's full name, else its address as a literal.

    RFC 5321 section 4.1.1.1 wants a literal from clients without a meaningful name. The resolver
    is not asked: it may take seconds, and the address says as much.
    """
    name = socket.gethostname()
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name) and not name.endswith(".localdomain"):
        return name
    try:
        address = ipaddress.ip_address(str(sockname[0]).partition("%")[0])
    except (ValueError, TypeError, IndexError):
        return "[127.0.0.1]"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # noqa: PLR2004 - RFC 5321 section 4.1.3
