"""The session's vocabulary and its transition table; `protocol` holds the theory and the steps."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from notifier.model import Stage, Submission

if TYPE_CHECKING:
    from notifier.errors import RelayError

#: 421: the relay closes the connection (RFC 5321 section 3.8).
CLOSING = 421
#: "Mechanism not known" and "too weak" (RFC 4954): another one may do.
OTHER_MECHANISM = frozenset({504, 534})


class Phase(StrEnum):
    """Where the session is; each comment says what moves it on."""

    OPENING = "opening"  # the relay's replies
    HANDSHAKE = "handshake"  # whoever owns the socket, with `secured`
    READY = "ready"  # `quit`, or the end of the connection
    QUITTING = "quitting"  # the reply to QUIT
    CLOSED = "closed"  # nothing


class Awaited(StrEnum):
    """What the next reply answers."""

    GREETING = "greeting"
    EHLO = "ehlo"
    HELO = "helo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    CHUNK = "chunk"
    STRAY_CHUNK = "stray_chunk"
    WITNESS = "witness"
    CHECK = "check"
    LONE_DOT = "lone_dot"
    RSET = "rset"
    NOOP = "noop"
    QUIT = "quit"


#: What is awaited, first digits of the reply, the step (a method of Session).
STEPS: tuple[tuple[Awaited, tuple[int, ...], str], ...] = (
    (Awaited.GREETING, (2,), "_say_ehlo"),
    (Awaited.GREETING, (4, 5), "_end"),
    (Awaited.EHLO, (2,), "_learn"),
    (Awaited.EHLO, (4,), "_end"),
    (Awaited.EHLO, (5,), "_say_helo"),
    (Awaited.HELO, (2,), "_learn_nothing"),
    (Awaited.HELO, (4, 5), "_end"),
    (Awaited.STRAY_CHUNK, (4, 5), "_go_on_testing"),
    (Awaited.STRAY_CHUNK, (2,), "_flunk"),
    (Awaited.WITNESS, (2,), "_pass"),
    (Awaited.WITNESS, (4, 5), "_flunk"),
    (Awaited.CHECK, (2,), "_confirm"),
    (Awaited.CHECK, (4, 5), "_reject"),
    (Awaited.STARTTLS, (2,), "_await_handshake"),
    (Awaited.STARTTLS, (4, 5), "_stay_in_clear"),
    (Awaited.AUTH, (2,), "_be_ready"),
    (Awaited.AUTH, (3,), "_respond"),
    (Awaited.AUTH, (4, 5), "_be_unknown"),
    (Awaited.RSET, (2,), "_go_on"),
    (Awaited.RSET, (4, 5), "_stay_unreset"),
    (Awaited.NOOP, (2, 4, 5), "_go_on"),
    (Awaited.MAIL, (2,), "_open"),
    (Awaited.RCPT, (2,), "_take_address"),
    (Awaited.DATA, (3,), "_go_ahead"),
    (Awaited.MAIL, (4, 5), "_refuse"),
    (Awaited.RCPT, (4, 5), "_refuse"),
    (Awaited.DATA, (4, 5), "_refuse"),
    (Awaited.BODY, (2, 4, 5), "_decide"),
    (Awaited.CHUNK, (2, 4, 5), "_decide_whole"),
    (Awaited.LONE_DOT, (2, 4, 5), "_decide_refused"),
    (Awaited.QUIT, (2, 4, 5), "_leave"),
)

#: Replies to what tests a relay before its first whole message.
TEST = frozenset({Awaited.STRAY_CHUNK, Awaited.WITNESS})

_STAGES = {
    Awaited.HELO: Stage.EHLO,
    Awaited.LONE_DOT: Stage.DATA,
    Awaited.CHUNK: Stage.BODY,
    Awaited.CHECK: Stage.EHLO,
    **dict.fromkeys(TEST, Stage.EHLO),
}
#: The stage that people are told of.
STAGES = {awaited: _STAGES.get(awaited) or Stage(awaited) for awaited in Awaited}

#: The commands of one message's envelope, in order.
ENVELOPE = (Awaited.MAIL, Awaited.RCPT, Awaited.DATA)

#: The replies that say what became of a message whose end has left.
FINAL = frozenset({Awaited.BODY, Awaited.CHUNK})

#: What is awaited while one message's end and the next one's envelope are on the wire.
STEADY = (Awaited.BODY, *ENVELOPE)


class Signal(Enum):
    """Events without content."""

    START_TLS = "start_tls"  # do the handshake, then call `secured`
    READY = "ready"  # messages may begin
    GO_AHEAD = "go_ahead"  # the oldest message's body may leave
    GOODBYE = "goodbye"  # QUIT was answered


class Decided(NamedTuple):
    """The oldest message has its answer."""

    submission: Submission


class Failed(NamedTuple):
    """The session is over; `abandon` tells what became of the messages in it."""

    error: RelayError


Event: TypeAlias = Signal | Decided | Failed
