"""What a relay can do, and one message's envelope for it.

What the relay is known to refuse is refused here without asking it, as a Reply whose text says so:

    552 5.3.4   larger than the SIZE that it announced (RFC 1870)
    553 5.6.7   an address or header needs SMTPUTF8, which it does not offer (RFC 6531)
    554 5.6.3   bytes above 127, without 8BITMIME (RFC 6152)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.model import Reply
from notifier.smtp import commands, notifications

if TYPE_CHECKING:
    from notifier.model import Message


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What EHLO announced (RFC 5321 section 4.1.1.1)."""

    #: The relay's name for itself.
    greeting: str = ""
    #: Keyword in capitals -> parameters, as announced.
    keywords: dict[str, str] | None = None
    has_starttls: bool = False
    has_pipelining: bool = False
    has_8bitmime: bool = False
    has_smtputf8: bool = False
    has_size: bool = False
    #: RFC 3030.
    has_chunking: bool = False
    #: RFC 3461.
    has_dsn: bool = False
    #: RFC 2034. Enhanced codes are read wherever they stand.
    has_enhanced_codes: bool = False
    #: The largest message in bytes; 0: not said.
    largest_message: int = 0
    #: SASL mechanisms in capitals, in the relay's order.
    mechanisms: tuple[str, ...] = ()


#: Before EHLO, and after HELO.
NO_CAPABILITIES = Capabilities()


def read_capabilities(reply: Reply) -> Capabilities:
    """The capabilities in a 250 to EHLO. `AUTH=` is how servers spelled it before RFC 2554."""
    greeting, *lines = reply.text.split("\n")
    keywords: dict[str, str] = {}
    mechanisms: list[str] = []
    for line in lines:
        word, _sep, parameters = line.strip().partition(" ")
        word, sign, more = word.upper().partition("=")
        parameters = f"{more} {parameters}".strip() if sign else parameters.strip()
        keywords.setdefault(word, parameters)
        if word == "AUTH":
            mechanisms += parameters.upper().split()
    size = keywords.get("SIZE", "")
    return Capabilities(
        greeting=greeting,
        keywords=keywords,
        has_starttls="STARTTLS" in keywords,
        has_pipelining="PIPELINING" in keywords,
        has_8bitmime="8BITMIME" in keywords,
        has_smtputf8="SMTPUTF8" in keywords,
        has_size="SIZE" in keywords,
        has_chunking="CHUNKING" in keywords,
        has_dsn="DSN" in keywords,
        has_enhanced_codes="ENHANCEDSTATUSCODES" in keywords,
        largest_message=int(size) if size.isdecimal() and size.isascii() and len(size) < 20 else 0,  # noqa: PLR2004 - RFC 1870: at most 20 digits
        mechanisms=tuple(dict.fromkeys(mechanisms)),
    )


def at_most(relay: Capabilities, largest: int) -> Capabilities:
    """The same of a relay that takes messages of so many bytes; 0: nothing else is known."""
    least = min((it for it in (relay.largest_message, largest) if it), default=0)
    return relay if least == relay.largest_message else replace(relay, largest_message=least)


def address_message(
    message: Message,
    relay: Capabilities,
    *,
    notify: str = "",
    envelope_id: str = "",
    returns_to: str = "",
) -> tuple[bytes, bytes] | Reply:
    """`MAIL FROM` and `RCPT TO` for the message, or the refusal that the relay need not be asked.

    `notify`: what to be notified of, as `notifications` has it; empty: nothing is said of that, and
    of `envelope_id` neither. `returns_to`: where returned mail goes; empty: to the sender.

    Raises LocalProtocolError for an address that can't stand in an envelope.
    """
    data = message.data
    is_8bit = message.is_8bit or not data.isascii()
    sender = returns_to or message.sender
    is_utf8 = message.needs_smtputf8 or not (message.address.isascii() and sender.isascii())
    if (is_8bit or is_utf8 or relay.largest_message) and (
        objection := _objection(message, sender, relay, is_8bit=is_8bit, is_utf8=is_utf8)
    ):
        return objection
    mail = commands.mail_from(
        sender,
        size=message.size if relay.has_size else 0,
        is_8bit=is_8bit,
        is_utf8=is_utf8,
        wishes=notifications.of_envelope(envelope_id) if notify else b"",
    )
    address = message.address
    wishes = notifications.of_recipient(notify, address) if notify else b""
    return mail, commands.rcpt_to(address, wishes)


def _objection(
    message: Message, sender: str, relay: Capabilities, *, is_8bit: bool, is_utf8: bool
) -> Reply | None:
    size = message.size
    if relay.largest_message and size > relay.largest_message:
        text = _("Not sent: the message has {size} bytes, and the relay takes {limit}.")
        return Reply(552, "5.3.4", text.format(size=size, limit=relay.largest_message))
    if is_utf8 and not relay.has_smtputf8:
        return Reply(553, "5.6.7", _why_not_utf8(message, sender))
    if is_8bit and not relay.has_8bitmime and not is_utf8:
        text = _("Not sent: the message has 8-bit text, and the relay takes 7-bit text only.")
        return Reply(554, "5.6.3", text)
    return None


def _why_not_utf8(message: Message, sender: str) -> str:
    """What of the message needs SMTPUTF8, by name."""
    if not message.address.isascii():
        text = _(
            "Not sent: {address} has letters beyond ASCII before the @, and the relay can't carry "
            "them (it does not offer SMTPUTF8)."
        )
        return text.format(address=message.address)
    if not sender.isascii():
        text = _(
            "Not sent: the sender {address} has letters beyond ASCII before the @, and the relay "
            "can't carry them (it does not offer SMTPUTF8)."
        )
        return text.format(address=sender)
    return _(
        "Not sent: an address in the message's headers has letters beyond ASCII before the @, and "
        "the relay can't carry them (it does not offer SMTPUTF8)."
    )
