"""What a trial session gives reason to say: limits that the relay announced, and advice.

Pure: of a transcript, the relay's settings and the time. Nothing here is an error; the relay can
be used all the same.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING

from notifier.locale import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from notifier.settings import RelaySettings
    from notifier.smtp.transcript import Transcript

#: Renewing a certificate takes an operator a few days; three weeks are time enough to ask.
WARN_BEFORE = timedelta(days=21)


def announced_limits(found: Transcript) -> dict[str, int]:
    """SIZE in bytes (RFC 1870), and MAILMAX, RCPTMAX, RCPTDOMAINMAX (RFC 9422)."""
    keywords = found.capabilities.keywords or {}
    limits = {}
    if found.capabilities.largest_message:
        limits["SIZE"] = found.capabilities.largest_message
    for word in keywords.get("LIMITS", "").upper().split():
        name, _sign, number = word.partition("=")
        if number.isdecimal() and number.isascii():
            limits[name] = int(number)
    return limits


def advise(
    found: Transcript, relay: RelaySettings, now: datetime, *, largest_message: int = 0
) -> list[str]:
    """Sentences, the gravest first; `largest_message`: what we may want to send (bytes)."""
    return [
        *_about_certificate(found, now),
        *_about_safety(found, relay),
        *_about_limits(found, relay, largest_message),
        *_about_capabilities(found),
        *_about_chunks(found, relay),
    ]


def _about_certificate(found: Transcript, now: datetime) -> Iterator[str]:
    if found.certificate is None:
        return
    left = found.certificate.ends - now
    if left < timedelta():
        yield _("The relay's certificate is out of date: its operator has to renew it.")
    elif left < WARN_BEFORE:
        yield ngettext(
            "The relay's certificate ends in {count} day: ask its operator to renew it in time.",
            "The relay's certificate ends in {count} days: ask its operator to renew it in time.",
            left.days,
        ).format(count=left.days)


def _about_safety(found: Transcript, relay: RelaySettings) -> Iterator[str]:
    if not found.tls_version:
        if not _is_here(relay.host):
            yield _(
                "There is no TLS: addresses, marks and the password travel where others on the "
                'way can read them. Set tls = "starttls" if the relay can do it.'
            )
    elif not relay.verify:
        yield _(
            "The certificate is not checked (verify = false): anybody on the way can pretend to "
            "be the relay. Name its authority with ca_file instead."
        )
    if found.mechanism == "CRAM-MD5":
        yield _("CRAM-MD5 is old; the relay would do better to offer SCRAM-SHA-256.")
    is_known = found.is_signed_in or relay.client_cert_file is not None
    if found.capabilities.mechanisms and not is_known:
        yield _(
            "The relay offers to sign in, and no username is set: it may take mail for its own "
            "domain only."
        )


def _is_here(host: str) -> bool:
    """Whether it is this computer."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _about_limits(found: Transcript, relay: RelaySettings, largest_message: int) -> Iterator[str]:
    limits = announced_limits(found)
    size, count = limits.get("SIZE", 0), limits.get("MAILMAX", 0)
    ours = relay.max_message_bytes or largest_message
    if size and size < ours:
        yield _(
            "The relay takes messages up to {size} bytes, and the settings allow {ours}: a larger "
            "one is refused before it is sent, and told by notifier campaign check."
        ).format(size=size, ours=ours)
    if count and count < relay.max_messages_per_connection:
        yield _(
            "The relay takes {count} messages on a connection: set "
            "max_messages_per_connection = {count}."
        ).format(count=count)


def _about_chunks(found: Transcript, relay: RelaySettings) -> Iterator[str]:
    can = found.capabilities
    if found.note:
        yield found.note
    elif (
        can.has_chunking
        and can.has_pipelining
        and not can.has_enhanced_codes
        and relay.chunking == "auto"
    ):
        yield _(
            "The relay offers CHUNKING without ENHANCEDSTATUSCODES, so whole messages in a row are "
            'not tried. Where it is far away and known to take them, set chunking = "on".'
        )


def _about_capabilities(found: Transcript) -> Iterator[str]:
    if not found.capabilities.has_pipelining:
        yield _(
            "The relay does not offer PIPELINING: each message takes several round trips, so "
            "more connections may help (max_connections)."
        )
    if not found.capabilities.has_smtputf8:
        yield _(
            "The relay does not offer SMTPUTF8: addresses with letters beyond ASCII can't be "
            "mailed through it."
        )
