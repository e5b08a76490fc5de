r"""Asking a relay for delivery status notifications (RFC 3461), where it offers DSN.

    MAIL FROM:<office@school.example> RET=HDRS ENVID=<the delivery's token>
    RCPT TO:<lan@parents.example> NOTIFY=FAILURE ORCPT=rfc822;lan@parents.example

What comes back then tells which delivery it is about (`ENVID`, which stands in it as
Original-Envelope-Id) and whom it was first addressed to (`ORCPT`, also where it was forwarded), and
holds the message's headers alone (`RET=HDRS`): a payslip need not travel back through others.

Addresses beyond ASCII have a type of their own (RFC 6533 section 3), here in its form for any
relay: `utf-8;`, and `\x{1ECD}` for what is not ASCII.
"""

from __future__ import annotations

import re

#: RFC 3461 section 4: all of US-ASCII that is visible, but for these two.
_XCHARS = re.compile(r"[!-*,-<>-~]*")
#: RFC 6533 section 3: the same without the backslash.
_NO_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")
#: RFC 3461 section 4.4: characters of an envelope's id, before they are encoded.
LONGEST_ID = 100
#: RFC 3461 section 5.2.1 (b): characters of ORCPT's value.
LONGEST_RECIPIENT = 500


def xtext(text: str) -> str:
    """The text (ASCII) as a parameter's value."""
    if _XCHARS.fullmatch(text):
        return text
    return "".join(
        letter if _XCHARS.fullmatch(letter) else f"+{ord(letter):02X}" for letter in text
    )


def original_recipient(address: str) -> str:
    """The address with its type."""
    if address.isascii():
        return "rfc822;" + xtext(address)
    return "utf-8;" + _NO_QCHAR.sub(lambda found: f"\\x{{{ord(found[0]):X}}}", address)


def of_envelope(envelope_id: str) -> bytes:
    """What is added to MAIL; `envelope_id`: ASCII, may be empty."""
    if not envelope_id or len(envelope_id) > LONGEST_ID or not envelope_id.isascii():
        return b" RET=HDRS"
    return f" RET=HDRS ENVID={xtext(envelope_id)}".encode("ascii")


def of_recipient(notify: str, address: str) -> bytes:
    """What is added to RCPT; `notify`: `NEVER`, or some of SUCCESS, FAILURE, DELAY with commas."""
    original = original_recipient(address)
    if len(original) > LONGEST_RECIPIENT:
        return f" NOTIFY={notify}".encode("ascii")
    return f" NOTIFY={notify} ORCPT={original}".encode("ascii")
