"""One message made: from a claimed delivery to bytes and their digest.

The same in this process and in a worker process (`workbench`): for the same order the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from notifier.errors import MessageError, TemplateError
from notifier.model import Message, Recipient, load_context
from notifier.render.templates import compile_campaign
from notifier.smtp import commands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from notifier.campaign import Campaign
    from notifier.render.attachments import Observer
    from notifier.render.templates import CompiledCampaign
    from notifier.settings import DkimSettings, LimitSettings

#: Bytes from which a message is hashed without Python's lock, and of the pieces below that.
LARGE = 100_000
PIECE = 2_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a campaign is compiled from: it can be compiled again in another process."""

    campaign: Campaign
    root: Path
    locale: str
    timezone: str
    limits: LimitSettings
    #: What signs its messages; the keys stay in their files.
    dkim: tuple[DkimSettings, ...] = ()
    #: Files with passwords and keys, which no campaign may attach.
    secret_files: tuple[Path, ...] = ()

    def compile(self, observer: Observer | None = None) -> CompiledCampaign:
        """The campaign, compiled; raises as `render.templates.compile_campaign`.

        `observer` is told of each file that its messages are made from.
        """
        return compile_campaign(
            self.campaign,
            root=self.root,
            locale=self.locale,
            timezone=self.timezone,
            limits=self.limits,
            dkim=self.dkim,
            secret_files=self.secret_files,
            observer=observer,
        )


class Order(NamedTuple):
    """A message to be made; plain values, so that it travels between processes."""

    id: int
    token: str
    key: str
    address: str
    name: str
    line: int
    #: `model.dump_context`'s JSON text.
    context: str
    #: Unix time for `Date:`.
    at: float


class Made(NamedTuple):
    """A finished message."""

    message: Message
    #: sha256 of its bytes, in hexadecimal.
    digest: str


class Unmade(NamedTuple):
    """A message that can't be made."""

    #: Why, and where: one line for people.
    reason: str


Product: TypeAlias = Made | Unmade


def make(
    assemble: Callable[..., Message], order: Order, digest: Callable[[bytes], str] | None = None
) -> Product:
    """The order's message; Unmade where its row or template doesn't allow it.

    `digest`: sha256 in hexadecimal; `digest_of` unless given.
    """
    row, columns, rows = load_context(order.context)
    recipient = Recipient(
        line=order.line,
        key=order.key,
        address=order.address,
        name=order.name,
        row=row,
        columns=columns,
        rows=rows,
    )
    try:
        message = assemble(recipient, token=order.token, at=order.at)
    except (TemplateError, MessageError) as exc:
        return Unmade(f"{exc.message} ({exc.where})" if exc.where else exc.message)
    if message.tail:
        return _made_of_two(message)
    if not message.is_clean and commands.is_clean(message.data):
        message = _seen(message, message.data)
    return Made(message, (digest or digest_of)(message.data))


def _made_of_two(message: Message) -> Made:
    """The same for a message with a tail, which is looked at once; where unclean, it is joined."""
    data, tail = message.data, message.tail
    found = hashlib.sha256(data)
    found.update(tail)
    if (message.is_clean or commands.is_clean(data)) and _is_clean_tail(tail):
        return Made(_seen(message, data, tail), found.hexdigest())
    return Made(message._replace(data=data + tail, tail=b"", is_clean=False), found.hexdigest())


@lru_cache(maxsize=4)  # thousands of messages have each
def _is_clean_tail(tail: bytes) -> bool:
    return tail.isascii() and commands.is_clean(tail)


def _seen(message: Message, data: bytes, tail: bytes = b"") -> Message:
    return Message(
        message.sender,
        message.address,
        data,
        message.needs_smtputf8,
        message.is_8bit,
        is_clean=True,
        tail=tail,
    )


def digest_of(data: bytes) -> str:
    """sha256 of the message, in hexadecimal.

    In pieces below 2 KiB: above that hashlib lets go of Python's lock, and getting it back from
    the writer's thread takes ten times longer than the hash of an ordinary message.
    """
    if len(data) > LARGE:
        return hashlib.sha256(data).hexdigest()
    found = hashlib.sha256()
    for start in range(0, len(data), PIECE):
        found.update(data[start : start + PIECE])
    return found.hexdigest()
