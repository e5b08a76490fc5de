"""Codes and what they mean: enhanced status codes, registered or not, and basic reply codes.

`REGISTERED` is IANA's registry of SMTP enhanced status codes (RFC 3463, 3886, 4468, 4865, 4954,
5248, 6531, 6710, 7293, 7372, 7505, 8689), each row with its registered title. A *firm* code counts
for more than words said in passing; one that isn't firm counts where no words help, for many
servers give it for anything. A code without a cause says nothing of itself.

`PRIVATE` holds codes that a large provider gives a meaning of its own, from its documentation.
Nobody else writes them, so a firm one counts for more than any words.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from notifier.model import Cause, Scope, Stage

#: A cause, and the scope where the words or the code themselves tell it.
Finding: TypeAlias = "tuple[Cause, Scope | None]"


class Status(NamedTuple):
    """An enhanced status code's meaning."""

    title: str
    cause: Cause | None = None
    scope: Scope | None = None
    #: Counts for more than words said in passing.
    is_firm: bool = False


#: By subject and detail: `1.1` stands for 4.1.1 and 5.1.1.
REGISTERED: dict[str, Status] = {
    "0.0": Status("Other undefined status"),
    # X.1: the address
    "1.0": Status("Other address status", Cause.BAD_ADDRESS),
    "1.1": Status("Bad destination mailbox address", Cause.NO_SUCH_MAILBOX, None, True),
    "1.2": Status("Bad destination system address", Cause.DOMAIN_NOT_FOUND, None, True),
    "1.3": Status("Bad destination mailbox address syntax", Cause.BAD_ADDRESS, None, True),
    "1.4": Status("Destination mailbox address ambiguous", Cause.BAD_ADDRESS, None, True),
    "1.5": Status("Destination address valid"),
    "1.6": Status("Destination mailbox has moved", Cause.NO_SUCH_MAILBOX, None, True),
    "1.7": Status("Bad sender's mailbox address syntax", Cause.SENDER_REFUSED, Scope.RELAY, True),
    "1.8": Status("Bad sender's system address", Cause.SENDER_REFUSED, Scope.RELAY, True),
    "1.9": Status("Message relayed to non-compliant mailer", Cause.SYSTEM_TROUBLE, None, True),
    "1.10": Status("Recipient address has null MX", Cause.DOMAIN_NOT_FOUND, None, True),
    # X.2: the mailbox
    "2.0": Status("Other or undefined mailbox status", Cause.MAILBOX_DISABLED),
    "2.1": Status("Mailbox disabled, not accepting messages", Cause.MAILBOX_DISABLED),
    "2.2": Status("Mailbox full", Cause.MAILBOX_FULL, None, True),
    "2.3": Status("Message length exceeds administrative limit", Cause.TOO_LARGE, None, True),
    "2.4": Status("Mailing list expansion problem", Cause.SYSTEM_TROUBLE),
    # X.3: the mail system
    "3.0": Status("Other or undefined mail system status", Cause.SYSTEM_TROUBLE),
    "3.1": Status("Mail system full", Cause.SYSTEM_TROUBLE, Scope.RELAY, True),
    "3.2": Status("System not accepting messages", Cause.SYSTEM_TROUBLE, Scope.RELAY, True),
    "3.3": Status("System not capable of selected features", Cause.SYSTEM_TROUBLE),
    "3.4": Status("Message too big for system", Cause.TOO_LARGE, None, True),
    "3.5": Status("System incorrectly configured", Cause.SYSTEM_TROUBLE),
    "3.6": Status("Requested priority was changed"),
    # X.4: network and routing
    "4.0": Status("Other or undefined network or routing status", Cause.SYSTEM_TROUBLE),
    "4.1": Status("No answer from host", Cause.UNREACHABLE, None, True),
    "4.2": Status("Bad connection", Cause.SYSTEM_TROUBLE),
    "4.3": Status("Directory server failure", Cause.SYSTEM_TROUBLE, None, True),
    "4.4": Status("Unable to route", Cause.DOMAIN_NOT_FOUND),
    # Mail system congestion; Gmail gives it for the account's daily limit.
    "4.5": Status("Mail system congestion", Cause.RATE_LIMITED, Scope.RELAY, True),
    "4.6": Status("Routing loop detected", Cause.MAIL_LOOP, None, True),
    "4.7": Status("Delivery time expired", Cause.UNREACHABLE, None, True),
    "4.8": Status("Retry on IPv4 host", Cause.SYSTEM_TROUBLE),
    # X.5: the protocol
    "5.0": Status("Other or undefined protocol status"),
    "5.1": Status("Invalid command"),
    "5.2": Status("Syntax error"),
    "5.3": Status("Too many recipients", Cause.RATE_LIMITED, Scope.RELAY, True),
    "5.4": Status("Invalid command arguments"),
    "5.5": Status("Wrong protocol version"),
    "5.6": Status(
        "Authentication exchange line is too long", Cause.AUTHENTICATION, Scope.RELAY, True
    ),
    # X.6: the content
    "6.0": Status("Other or undefined media error", Cause.CONTENT_REFUSED, None, True),
    "6.1": Status("Media not supported", Cause.MALFORMED, Scope.MESSAGE, True),
    "6.2": Status("Conversion required and prohibited", Cause.MALFORMED, Scope.MESSAGE, True),
    "6.3": Status(
        "Conversion required but not supported", Cause.CONTENT_REFUSED, Scope.MESSAGE, True
    ),
    "6.4": Status("Conversion with loss performed", Cause.MALFORMED, Scope.MESSAGE, True),
    "6.5": Status("Conversion failed", Cause.MALFORMED, Scope.MESSAGE, True),
    "6.6": Status("Message content not available", Cause.CONTENT_REFUSED, Scope.MESSAGE, True),
    "6.7": Status("Non-ASCII addresses not permitted", Cause.SMTPUTF8_NEEDED, None, True),
    "6.8": Status("UTF-8 reply is required", Cause.SMTPUTF8_NEEDED, None, True),
    "6.9": Status("UTF-8 header can't be transferred", Cause.SMTPUTF8_NEEDED, None, True),
    "6.10": Status("Deprecated: as X.6.8", Cause.SMTPUTF8_NEEDED, None, True),
    # X.7: security and policy
    "7.0": Status("Other or undefined security status", Cause.BLOCKED),
    "7.1": Status("Delivery not authorized, message refused", Cause.BLOCKED),
    "7.2": Status("Mailing list expansion prohibited", Cause.RESTRICTED),
    "7.3": Status("Security conversion required but not possible", Cause.TLS),
    "7.4": Status("Security features not supported", Cause.TLS, None, True),
    "7.5": Status("Cryptographic failure", Cause.TLS, None, True),
    "7.6": Status("Cryptographic algorithm not supported", Cause.BLOCKED),
    "7.7": Status("Message integrity failure", Cause.CONTENT_REFUSED),
    "7.8": Status("Authentication credentials invalid", Cause.AUTHENTICATION, Scope.RELAY, True),
    # Registered for AUTH; Yahoo and others give it for a policy of theirs.
    "7.9": Status("Authentication mechanism is too weak", Cause.BLOCKED),
    "7.10": Status("Encryption needed", Cause.TLS, Scope.RELAY, True),
    "7.11": Status("Encryption required for authentication", Cause.TLS, Scope.RELAY, True),
    "7.12": Status("A password transition is needed", Cause.AUTHENTICATION, Scope.RELAY, True),
    "7.13": Status("User account disabled", Cause.MAILBOX_DISABLED, None, True),
    "7.14": Status("Trust relationship required", Cause.BLOCKED),
    "7.15": Status("Priority level is too low", Cause.BLOCKED),
    "7.16": Status("Message too big for the specified priority", Cause.TOO_LARGE, None, True),
    "7.17": Status("Mailbox owner has changed", Cause.NO_SUCH_MAILBOX, None, True),
    "7.18": Status("Domain owner has changed", Cause.NO_SUCH_MAILBOX, None, True),
    "7.19": Status("RRVS test cannot be completed", Cause.SYSTEM_TROUBLE),
    "7.20": Status("No passing DKIM signature found", Cause.UNAUTHENTICATED, None, True),
    "7.21": Status("No acceptable DKIM signature found", Cause.UNAUTHENTICATED, None, True),
    "7.22": Status("No author-matched DKIM signature", Cause.UNAUTHENTICATED, None, True),
    "7.23": Status("SPF validation failed", Cause.UNAUTHENTICATED, None, True),
    "7.24": Status("SPF validation error", Cause.UNAUTHENTICATED, None, True),
    "7.25": Status("Reverse DNS validation failed", Cause.NO_REVERSE_NAME, None, True),
    "7.26": Status("Multiple authentication checks failed", Cause.UNAUTHENTICATED, None, True),
    "7.27": Status("Sender address has null MX", Cause.SENDER_REFUSED),
    "7.28": Status("Mail flood detected", Cause.RATE_LIMITED),
    "7.29": Status("ARC validation failure", Cause.UNAUTHENTICATED),
    "7.30": Status("REQUIRETLS support required", Cause.TLS),
}

#: Codes outside the registry. Microsoft's are in "Email non-delivery reports and SMTP errors in
#: Exchange Online", Google's in "SMTP error reference" and "Email sender guidelines".
PRIVATE: dict[str, Status] = {
    "0.350": Status("Microsoft: the next server refused it", None),
    "1.90": Status("Microsoft: daily limit reached", Cause.QUOTA_SPENT, Scope.RELAY, True),
    "1.20": Status("Microsoft: more than one From address", Cause.MALFORMED, Scope.MESSAGE, True),
    "2.121": Status(
        "Microsoft: recipient's hourly rate, one sender", Cause.RATE_LIMITED, None, True
    ),
    "2.122": Status("Microsoft: recipient's hourly rate", Cause.RATE_LIMITED, None, True),
    "4.14": Status("Microsoft: hop count exceeded", Cause.MAIL_LOOP, None, True),
    "4.300": Status("Microsoft: message expired", Cause.UNREACHABLE, None, True),
    "4.310": Status("Microsoft: domain does not exist", Cause.DOMAIN_NOT_FOUND, None, True),
    "4.312": Status("Microsoft: DNS query failed", Cause.DOMAIN_NOT_FOUND),
    "4.316": Status("Microsoft: message expired, refused", Cause.UNREACHABLE, None, True),
    "6.11": Status("Microsoft: invalid characters", Cause.MALFORMED, Scope.MESSAGE, True),
    "7.40": Status("Google: no DMARC record", Cause.UNAUTHENTICATED, None, True),
    "7.57": Status("Microsoft: not signed in", Cause.AUTHENTICATION, Scope.RELAY, True),
    "7.60": Status("Microsoft: may not send as", Cause.SENDER_REFUSED, Scope.RELAY, True),
    "7.64": Status("Microsoft: relay access denied", Cause.RELAY_DENIED, Scope.RELAY, True),
    "7.124": Status("Microsoft: not on the group's list", Cause.RESTRICTED, None, True),
    "7.129": Status("Microsoft: sender not allowed", Cause.RESTRICTED, None, True),
    "7.133": Status("Microsoft: group takes no outside mail", Cause.RESTRICTED, None, True),
    "7.134": Status("Microsoft: mailbox takes no outside mail", Cause.RESTRICTED, None, True),
    "7.135": Status("Microsoft: folder takes no outside mail", Cause.RESTRICTED, None, True),
    "7.136": Status("Microsoft: mail user takes no outside mail", Cause.RESTRICTED, None, True),
    "7.139": Status("Microsoft: basic sign-in is off", Cause.AUTHENTICATION, Scope.RELAY, True),
    "7.232": Status("Microsoft: tenant's outside limit", Cause.QUOTA_SPENT, Scope.RELAY, True),
    "7.233": Status("Microsoft: tenant's outside limit", Cause.QUOTA_SPENT, Scope.RELAY, True),
    "7.321": Status("Microsoft: STARTTLS not supported", Cause.TLS, None, True),
    "7.322": Status("Microsoft: certificate expired", Cause.TLS, None, True),
    "7.323": Status("Microsoft: DANE record invalid", Cause.TLS, None, True),
    "7.324": Status("Microsoft: DNSSEC invalid", Cause.TLS, None, True),
    "7.325": Status("Microsoft: certificate for another host", Cause.TLS, None, True),
    "7.501": Status("Microsoft: account sent spam", Cause.ACCOUNT_SUSPENDED, Scope.RELAY, True),
    "7.502": Status("Microsoft: banned sender", Cause.ACCOUNT_SUSPENDED, Scope.RELAY, True),
    "7.503": Status("Microsoft: banned sender", Cause.ACCOUNT_SUSPENDED, Scope.RELAY, True),
    "7.504": Status("Microsoft: recipient not there", Cause.NO_SUCH_MAILBOX, None, True),
    "7.505": Status("Microsoft: banned recipient", Cause.MAILBOX_DISABLED, None, True),
    "7.506": Status("Microsoft: bad HELO", Cause.BLOCKED, Scope.RELAY, True),
    "7.507": Status("Microsoft: address blocked by receiver", Cause.BLOCKED, None, True),
    "7.508": Status("Microsoft: too much from an IPv6 range", Cause.BLOCKED, None, True),
    "7.509": Status("Microsoft: DMARC", Cause.UNAUTHENTICATED, None, True),
    "7.510": Status("Microsoft: receiver takes no IPv6", Cause.BLOCKED, None, True),
    "7.511": Status("Microsoft: banned address", Cause.BLOCKED, None, True),
    "7.512": Status("Microsoft: From header", Cause.MALFORMED, Scope.MESSAGE, True),
    "7.513": Status("Microsoft: receiver's own block list", Cause.BLOCKED, None, True),
    "7.515": Status("Microsoft: SPF, DKIM and DMARC needed", Cause.UNAUTHENTICATED, None, True),
    "7.703": Status("Microsoft: tenant's own block list", Cause.BLOCKED, None, True),
    "7.705": Status("Microsoft: tenant over threshold", Cause.QUOTA_SPENT, Scope.RELAY, True),
    "7.708": Status("Microsoft: address not accepted", Cause.BLOCKED, None, True),
    "7.750": Status("Microsoft: unregistered domain", Cause.SENDER_REFUSED, Scope.RELAY, True),
}
#: 5.7.606 to 5.7.649, "Access denied, banned sending IP".
_BANNED = Status("Microsoft: banned address", Cause.BLOCKED, None, True)
PRIVATE.update({f"7.{detail}": _BANNED for detail in range(606, 650)})


def _findings(statuses: dict[str, Status], *, is_firm: bool) -> dict[str, Finding]:
    return {
        code: (status.cause, status.scope)
        for code, status in statuses.items()
        if status.cause is not None and status.is_firm is is_firm
    }


#: What counts before any words, before words said in passing, and after all words.
PRIVATE_CODES = _findings(PRIVATE, is_firm=True)
FIRM_CODES = _findings(REGISTERED, is_firm=True)
VAGUE_CODES = _findings(REGISTERED | PRIVATE, is_firm=False)

#: The basic code where nothing else speaks (RFC 5321 section 4.2.3, RFC 4954 section 6).
BASIC: dict[int, Finding] = {
    421: (Cause.SYSTEM_TROUBLE, Scope.RELAY),
    432: (Cause.AUTHENTICATION, Scope.RELAY),
    450: (Cause.SYSTEM_TROUBLE, None),
    451: (Cause.SYSTEM_TROUBLE, None),
    452: (Cause.SYSTEM_TROUBLE, None),
    454: (Cause.AUTHENTICATION, Scope.RELAY),
    500: (Cause.OTHER, Scope.RELAY),  # 500 to 504: it did not understand us
    501: (Cause.BAD_ADDRESS, None),
    502: (Cause.OTHER, Scope.RELAY),
    503: (Cause.OTHER, Scope.RELAY),
    504: (Cause.OTHER, Scope.RELAY),
    511: (Cause.NO_SUCH_MAILBOX, None),
    521: (Cause.DOMAIN_NOT_FOUND, None),  # RFC 7504: it accepts no mail
    523: (Cause.TOO_LARGE, None),
    525: (Cause.MAILBOX_DISABLED, None),  # RFC 5248, with X.7.13
    530: (Cause.AUTHENTICATION, Scope.RELAY),
    534: (Cause.AUTHENTICATION, Scope.RELAY),
    535: (Cause.AUTHENTICATION, Scope.RELAY),
    538: (Cause.TLS, Scope.RELAY),
    551: (Cause.NO_SUCH_MAILBOX, None),
    552: (Cause.MAILBOX_FULL, None),
    553: (Cause.BAD_ADDRESS, None),
    555: (Cause.OTHER, Scope.RELAY),  # a parameter that it had offered
    556: (Cause.DOMAIN_NOT_FOUND, None),  # RFC 7504
}
#: Where a basic code means something else at MAIL: it is the sender, and SIZE (RFC 1870).
BASIC_AT: dict[tuple[Stage, int], Finding] = {
    (Stage.MAIL, 501): (Cause.SENDER_REFUSED, Scope.RELAY),
    (Stage.MAIL, 552): (Cause.TOO_LARGE, None),
    (Stage.MAIL, 553): (Cause.SENDER_REFUSED, Scope.RELAY),
}
#: What any other 5yz at this step is about.
AT_STAGE: dict[Stage, Cause] = {
    Stage.GREETING: Cause.BLOCKED,
    Stage.EHLO: Cause.BLOCKED,
    Stage.MAIL: Cause.SENDER_REFUSED,
    Stage.RCPT: Cause.NO_SUCH_MAILBOX,
    Stage.BODY: Cause.CONTENT_REFUSED,
}
