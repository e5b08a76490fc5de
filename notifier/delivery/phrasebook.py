"""What relays say, and what it means: the tables that `verdict` reads, from top to bottom.

Gathered from the IANA registry of enhanced status codes, RFC 3463, 4954, 5248, 5321, 7293, 7372,
7504 and 7505, and from the published replies of Postfix, Exim, Sendmail, Gmail, Microsoft 365,
Yahoo, Apple, Amazon SES and others. To teach it a new phrase, add a row; the first row that
matches counts, so particular ones stand above general ones. Words are matched in lower case.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from notifier.model import Cause, Scope

#: A cause, and the scope where the words themselves tell it.
Finding: TypeAlias = "tuple[Cause, Scope | None]"


class Saying(NamedTuple):
    """Words, and what they mean."""

    words: str
    cause: Cause
    scope: Scope | None = None
    #: The code's first digit where the words mean it only so; 0: any.
    first_digit: int = 0


#: Words that say it outright, whatever the code; the first match counts.
SAYINGS: tuple[Saying, ...] = (
    # the account's own limits: Gmail 5.4.5, Microsoft 365 5.1.90 and 4.5.x, SES, cPanel, GoDaddy
    Saying(
        r"daily .{0,30}(quota|limit)|sending (quota|limit|rate)|(quota|limit).{0,40}per (hour|day)"
        r"|(relay|message|submission|recipient) (rate )?limit.{0,20}exceed"
        r"|exceeded .{0,40}(rate limit|sending limit|messages? per|(hour|dai)ly|max_?messages"
        r"|threshold)"
        r"|maximum (sending rate|credits|send rate)|throttling failure|sent to too many"
        r"|unusual (rate|sending activity)|too many (messages|emails|e-mails|mails|recipients)"
        r"|too much mail|excessive volume"
        r"|submission quota|tenant.{0,30}exceeded|message submission rate",
        Cause.RATE_LIMITED,
        Scope.RELAY,
    ),
    Saying(
        r"too many (\w+ )?(connections|sessions)|(connection|session)s? (limit|rate)"
        r"|concurrent.{0,30}(connection|limit)|maximum number of connections|connection frequency",
        Cause.RATE_LIMITED,
        Scope.RELAY,
    ),
    Saying(
        r"(receiving|receives) (mail|messages) (too quickly|at a rate)|recipient.{0,20}rate.?limit",
        Cause.RATE_LIMITED,
        Scope.RECIPIENT,
    ),
    # it asks us to come again: only with 4yz, for 5yz means no
    Saying(r"gr[ae]y.?list|postgrey|try again in \d+ ?s", Cause.GREYLISTED, None, 4),
    # Microsoft 365: nobody of that name, in words that look like a block, or by RFC 7505's code
    Saying(
        r"recipient ?not ?found|recipient address rejected: access denied.{0,80}"
        r"(as\(\d+\)|outlook\.com)",
        Cause.NO_SUCH_MAILBOX,
    ),
    # the mailbox is full
    Saying(
        r"(mail ?box|mail ?folder|inbox|account|user|recipient|quota|storage|disk|mail ?drop)"
        r".{0,60}(is |was )?(\bfull\b|over.?quota|quota exceeded|exceed\w* .{0,30}(quota|storage)"
        r"|out of (storage|space)|over its|storage limit)"
        r"|over.?quota|quota (is )?exceeded|(disk|mailbox|storage) quota|insufficient quota"
        r"|not enough (storage|space) .{0,20}(mailbox|user)"
        r"|(exceed\w*|over|reached) .{0,30}(mailbox|mailfolder|storage|disk).{0,15}(limit|quota"
        r"|size)"
        r"|mailbox exceeded|mailbox.{0,20}exceeded the local limit",
        Cause.MAILBOX_FULL,
    ),
    # what it says is plainly not welcome
    Saying(
        r"spam (classif|content|score|detect|or virus)|(scored|classif\w+|detected|identified"
        r"|marked"
        r"|considered|rejected) (as|for) .{0,10}spam|is (likely )?(spam|unsolicited)",
        Cause.CONTENT_REFUSED,
    ),
    # the receiver's checks of our domain, whose words look like those of a sign-in
    Saying(r"dmarc|\bdkim\b|\bspf\b|sender is unauthenticated", Cause.BLOCKED),
    # TLS and sign-in
    Saying(
        r"must issue a? ?starttls|starttls (is )?required|(tls|encryption) (is )?(required|needed)"
        r"|mta-sts|\bdane\b.{0,40}(fail|invalid|valid)|tlsa|certificate.{0,30}(expired|invalid"
        r"|mismatch)",
        Cause.TLS,
    ),
    Saying(
        r"auth (command )?first|authentication (is )?(required|unsuccessful|failed|credentials)"
        r"|must (be )?authenticate"
        r"|log ?in (first|required)|not (logged in|authenticated)(?! .{0,20}(spf|dkim))"
        r"|unauthenticated senders|application-specific password|(bad|invalid) (username|password"
        r"|login)|username and password not accepted|client was not authenticated"
        r"|smtp ?auth.{0,20}(disabled|required)|smtpclientauthentication is disabled",
        Cause.AUTHENTICATION,
        Scope.RELAY,
    ),
    # the sender is not ours to use
    Saying(
        r"sender (address |domain )?(was |is )?(reject|refus|denied|not (allowed|authori[sz]ed"
        r"|owned))"
        r"|not (allowed|authori[sz]ed|permitted) to send( as| from)?|sendasdenied"
        r"|not owned by user|(unroutable|invalid|unknown) sender|purported responsible address"
        r"|(from|sender'?s?) (address|domain).{0,40}(not (exist|valid|found|resolve)|invalid"
        r"|match|reject)|identity changes|domain of sender address .{0,60}does not"
        r"|send mail as|permissions? to send|sender verif\w+ failed|verification failed for",
        Cause.SENDER_REFUSED,
        Scope.RELAY,
    ),
    # it does not carry our mail to others
    Saying(
        r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|not (permitted"
        r"|allowed) to relay"
        r"|rcpthosts|no relaying|unable to relay|relaying (is )?(denied|prohibited|mail)"
        r"|credentials for relay"
        r"|not configured to relay|relay not permitted|we do not relay|cannot relay"
        r"|address is not verified|identities failed",
        Cause.RELAY_DENIED,
        Scope.RELAY,
    ),
    # the mailbox is closed
    Saying(
        r"(?<!your )(account|mailbox|user|recipient)( \S+@\S+)? (is |has been |was |temporar\w+ )*"
        r"(disabled|suspended|inactive|deactivated|locked|blocked)|disabled recipient"
        r"|\b(account|mailbox|user)\(s\) .{0,20}disabled|inactive (user|account|mailbox|e-?mail)"
        r"|est bloque\. the recipient",
        Cause.MAILBOX_DISABLED,
    ),
    # the relay itself is full or going down
    Saying(
        r"insufficient (system |disk )?(storage|space|resources)|out of (disk|memory)"
        r"|disk (is )?full"
        r"|queue file|shutting down",
        Cause.SYSTEM_TROUBLE,
        Scope.RELAY,
    ),
    # who we are is not welcome: address lists, reputation, reverse DNS, SPF, DKIM, DMARC
    Saying(
        r"client host .{0,60}(rejected|blocked|denied)|(helo|ehlo) command rejected"
        r"|\bptr\b|reverse.?dns|reverse (lookup|name)|rdns|ip name lookup failed"
        r"|name lookup failed|unverif\w+ sending ip|mismatches client ip|fcrdns",
        Cause.BLOCKED,
        Scope.RELAY,
    ),
    Saying(
        r"spamhaus|spamcop|barracudacentral|\b(dns|r)bl\b|(black|block|deny).?list"
        r"|proofpoint\.com/dnsbl"
        r"|low reputation|poor reputation|ip reputation|bad reputation|domain reputation"
        r"|\b(ips?|ip address|network|server|netblock)\b.{0,40}(block|banned|not allowed"
        r"|restricted)"
        r"|blocked (by|for|using|due)"
        r"|blocked - see|not in whitelist|(open|exploitable) (relay|proxy)"
        r"|not accepting connections"
        r"|connections? (not|will not be) accepted|use the smtp server of your isp|no access from"
        r"|unauthenticated email|sender id\b"
        r"|user complaints|unexpected volume|policy reasons|local policy"
        r"|has a policy that prohibited|access denied|not a member of|permission to post",
        Cause.BLOCKED,
    ),
    # what it says is not welcome
    Saying(
        r"virus|malware|phish|infected|\bspam\b(?!haus)|\bube\b|\buce\b|\bjunk\b|unsolicited"
        r"|content (was )?(reject|refus|block|filter|restrict|presents)|message content"
        r"|(message|mail) filtered|suspicious due to the (nature|content)"
        r"|attachment.{0,40}(block|not allowed|prohibited|reject|refus)|because its content"
        r"|not rfc ?\d+.?compliant|rfc ?5322|multiple addresses in from|8-bit data"
        r"|(message|mail|headers?) (is |was )?malformed"
        r"|headers? too large|unicode character in a disallowed|encoded-word syntax"
        r"|bare (lf|cr)|suspicious url",
        Cause.CONTENT_REFUSED,
    ),
    Saying(
        r"too (big|large)\b|message (size|length)|size.{0,30}(exceed|limit)|line (limit|length|too)"
        r"|line too long|exceeds? (fixed )?(maximum|limit).{0,20}size|larger than|size limit",
        Cause.TOO_LARGE,
    ),
)

#: The IANA registry of enhanced status codes by subject and detail, where the code itself is
#: decisive; None leaves it to the words.
REGISTERED: dict[str, Finding] = {
    "1.1": (Cause.NO_SUCH_MAILBOX, None),
    "1.2": (Cause.DOMAIN_NOT_FOUND, None),
    "1.3": (Cause.BAD_ADDRESS, None),
    "1.4": (Cause.BAD_ADDRESS, None),
    "1.6": (Cause.NO_SUCH_MAILBOX, None),
    "1.7": (Cause.SENDER_REFUSED, Scope.RELAY),
    "1.8": (Cause.SENDER_REFUSED, Scope.RELAY),
    "1.9": (Cause.SYSTEM_TROUBLE, None),
    "1.10": (Cause.DOMAIN_NOT_FOUND, None),  # null MX (RFC 7505)
    "1.90": (Cause.RATE_LIMITED, Scope.RELAY),  # Microsoft 365: the sender's daily limit
    "2.2": (Cause.MAILBOX_FULL, None),
    "2.3": (Cause.TOO_LARGE, None),
    "3.1": (Cause.SYSTEM_TROUBLE, Scope.RELAY),
    "3.2": (Cause.SYSTEM_TROUBLE, Scope.RELAY),
    "3.4": (Cause.TOO_LARGE, None),
    "4.1": (Cause.SYSTEM_TROUBLE, None),
    "4.3": (Cause.SYSTEM_TROUBLE, None),
    "4.5": (Cause.RATE_LIMITED, Scope.RELAY),  # congestion; Gmail's 5.4.5 is its daily limit
    "4.6": (Cause.SYSTEM_TROUBLE, None),
    "4.7": (Cause.SYSTEM_TROUBLE, None),
    "5.3": (Cause.RATE_LIMITED, Scope.RELAY),
    "5.6": (Cause.AUTHENTICATION, Scope.RELAY),
    "6.0": (Cause.CONTENT_REFUSED, None),
    "6.1": (Cause.CONTENT_REFUSED, Scope.MESSAGE),
    "6.2": (Cause.CONTENT_REFUSED, Scope.MESSAGE),
    "6.3": (Cause.CONTENT_REFUSED, Scope.MESSAGE),
    "6.4": (Cause.CONTENT_REFUSED, Scope.MESSAGE),
    "6.5": (Cause.CONTENT_REFUSED, Scope.MESSAGE),
    "6.6": (Cause.CONTENT_REFUSED, Scope.MESSAGE),
    "6.7": (Cause.SMTPUTF8_NEEDED, None),
    "6.8": (Cause.SMTPUTF8_NEEDED, None),
    "6.9": (Cause.SMTPUTF8_NEEDED, None),
    "6.10": (Cause.SMTPUTF8_NEEDED, None),  # deprecated: RFC 6531 writes 6.9
    "7.4": (Cause.TLS, None),
    "7.5": (Cause.TLS, None),
    "7.8": (Cause.AUTHENTICATION, Scope.RELAY),
    "7.10": (Cause.TLS, Scope.RELAY),
    "7.11": (Cause.TLS, Scope.RELAY),
    "7.12": (Cause.AUTHENTICATION, Scope.RELAY),
    "7.13": (Cause.MAILBOX_DISABLED, None),
    "7.16": (Cause.TOO_LARGE, None),
    "7.17": (Cause.NO_SUCH_MAILBOX, None),  # RFC 7293: it has another owner now
    "7.18": (Cause.NO_SUCH_MAILBOX, None),
}

#: Words that say it in passing, or that decisive codes would put differently.
HINTS: tuple[Saying, ...] = (
    Saying(
        r"(account|mailbox|user|recipient|address).{0,60}(disabled|suspended|inactive|deactivated"
        r"|locked|discontinued)|mailbox.{0,10}not accepting|no longer valid",
        Cause.MAILBOX_DISABLED,
    ),
    Saying(
        r"(no such|unknown|unrouteable|invalid|illegal|non-?existent|nonexist\w+|bad) (local )?"
        r"(user|recipient|mail ?box|address|account|alias|person|e-?mail|local part)"
        r"|(user|recipient|mail ?box|address|account|alias|e-?mail|no \w+)( \S+)?,? "
        r".{0,50}(unknown|not (be )?found|does(n't| not) (exist|have)|invalid|unavailable"
        r"|no longer (on|here|at|exist)|not (known|listed|exist|valid|a valid|correct))"
        r"|doesn'?t have an? .{1,60}account|no mailbox here|no valid recipients?"
        r"|unknown or illegal|user.?unknown|is not a (valid|known)|(has|have) moved"
        r"|not listed in|address error|invalid recipient",
        Cause.NO_SUCH_MAILBOX,
    ),
    Saying(
        r"(host|domain)( or domain)?( name)? .{0,40}(unknown|not (be )?found|does(n't"
        r"| not) (exist|accept)"
        r"|not exist)|unknown (host|domain)|no such (host|domain)|illegal host|\bno mx\b|null mx"
        r"|(?<![@\w.])[\w-]+(\.[\w-]+)*\.[a-z]{2,} does(n't| not) exist|nxdomain"
        r"|couldn't find any host|dns (lookup|error)|name service error|host unknown",
        Cause.DOMAIN_NOT_FOUND,
    ),
    Saying(r"syntax|bad address|malformed address", Cause.BAD_ADDRESS),
    Saying(
        r"service (currently |temporarily )?(not available|unavailable)"
        r"|system not (accepting|available)|server busy|under maximum load|too busy",
        Cause.SYSTEM_TROUBLE,
        Scope.RELAY,
    ),
    Saying(
        r"slow down|rate.?limit|throttl|too (fast|quickly|frequently|many|much)|over the limit"
        r"|try again later, closing",
        Cause.RATE_LIMITED,
        Scope.RELAY,
        4,
    ),
    Saying(
        r"time[d ]?.?out|not reachable|unable to (connect|deliver)|not (be )?delivered (for"
        r"|within)|temporar"
        r"|delivery failed|could not (be )?deliver|accept our requests to connect"
        r"|connection (refused|reset)"
        r"|socket error"
        r"|internal|system (error|trouble)|mailer error|operating system|try again|looping"
        r"|mail loop"
        r"|lookup failure|queue too long|\bldap\b",
        Cause.SYSTEM_TROUBLE,
    ),
    Saying(r"recipient address rejected|destinataire", Cause.NO_SUCH_MAILBOX),
    Saying(r"\bblocked\b|\bpolicy\b|not allowed|\bdenied\b|not authori[sz]ed", Cause.BLOCKED),
)

#: What the registered but vague codes mean where no words help.
VAGUE: dict[str, Finding] = {
    "1.0": (Cause.BAD_ADDRESS, None),
    "2.0": (Cause.MAILBOX_DISABLED, None),
    "2.1": (Cause.MAILBOX_DISABLED, None),
    "2.4": (Cause.SYSTEM_TROUBLE, None),
    "3.0": (Cause.SYSTEM_TROUBLE, None),
    "3.3": (Cause.SYSTEM_TROUBLE, None),
    "3.5": (Cause.SYSTEM_TROUBLE, None),
    "4.0": (Cause.SYSTEM_TROUBLE, None),
    "4.2": (Cause.SYSTEM_TROUBLE, None),
    "4.4": (Cause.DOMAIN_NOT_FOUND, None),
    "6.11": (Cause.CONTENT_REFUSED, None),
    "7.0": (Cause.BLOCKED, None),
    "7.1": (Cause.BLOCKED, None),
    "7.2": (Cause.BLOCKED, None),
    "7.3": (Cause.TLS, None),
    "7.6": (Cause.BLOCKED, None),
    "7.7": (Cause.CONTENT_REFUSED, None),
    "7.9": (Cause.BLOCKED, None),
    "7.14": (Cause.BLOCKED, None),
    "7.15": (Cause.BLOCKED, None),
    "7.19": (Cause.SYSTEM_TROUBLE, None),
}

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
    521: (Cause.DOMAIN_NOT_FOUND, None),  # RFC 7504: it accepts no mail
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
