"""What relays say outright: words that count whatever the code, from top to bottom.

The first row that matches counts, so particular rows stand above general ones; `hints` has the
words that count only where no code is firm. To teach it another phrase, add a line; `notation`
says how it is written. The comment at a phrase names those whose documents or sources have it;
where there is none, many say it.
"""

from __future__ import annotations

from notifier.delivery.notation import Saying
from notifier.model import Cause, Scope

SAYINGS: tuple[Saying, ...] = (
    Saying(
        Cause.RELAY_SUPPRESSED,
        (
            r"on (the|your|our)( \w+)? suppression list",  # Amazon SES
            r"suppress(ed|ion)~(address|recipient)|(address|recipient)~\bsuppressed",  # Mailgun
            r"previously (bounced|unsubscribed|complained)",  # Mailgun
            r"bounced address|bounced in the past|has bounced before",  # SendGrid, SparkPost
            r"inactive recipient.{0,80}(bounce|complain)",  # Postmark
        ),
        Scope.RECIPIENT,
    ),
    Saying(
        Cause.ACCOUNT_SUSPENDED,
        (
            r"bad outbound sender",  # Microsoft 365 5.1.8
            r"(sending|outgoing)( (MESSAGE|for|from|this|account)){0,3} IS STOPPED",  # SES, Zoho
            r"\byour( \w+)? account~\b(STOPPED|under review|probation)",  # SendGrid, Mailgun
            r"\b(smtp|sender'?s?) account~STOPPED",  # SMTP2GO
            r"you have been suspended|account~\bcompromised",  # Exim with cPanel
            r"sender~(has been|is) (suspended|banned)( due to|:|$)",
        ),
        Scope.RELAY,
    ),
    # one mailbox gets too much at a time
    Saying(
        Cause.RATE_LIMITED,
        (
            r"receiv(ing|es|ed) (mail|messages) (too quickly|at a rate)",  # Gmail 4.2.1
            r"recipient~(rate.?limit|thread limit|received too many|receives too many)",  # Exchange
            r"recipient has exceeded~\brate|recipient'?s~\b(daily|hourly) LIMIT",  # Yandex
            r"too many~(for|to|by) this (recipient|user|mailbox)",
        ),
        Scope.RECIPIENT,
    ),
    # what this account may send in an hour or a day is used up
    Saying(
        Cause.QUOTA_SPENT,
        (
            r"(daily|hourly|monthly)~\b(LIMIT|credits?)\b",  # Gmail 5.4.5, Amazon SES, GoDaddy
            r"LIMIT~(per|for|in) (an? |the |this )?(hour|day|month|24)",
            r"\d+ (emails|messages|mails|recipients)?~per (hour|day)|max emails per hour",  # cPanel
            r"exceeded~max_?(defers|messages|emails)",  # cPanel
            r"sending LIMIT IS (exceed|reach|over)|submission ?quota",  # Microsoft 365
            r"(?<!mailbox )\b(relay|send|sending|MESSAGE) limit~(exceed|reach)",  # Gmail
            r"reached (your|the)~(sending|MESSAGE|submission)~\b(limit|quota)",
            r"OVER~(sending|submission|outgoing)~\b(limit|quota)|over quota for sending",
            r"maximum credits|credits? (exceeded|exhausted)|insufficient credit",  # SendGrid
            r"tenant~exceeded|exceeded~threshold of messages",  # Microsoft 365 5.7.705
            r"sent too many MESSAGE|sent to too many|too many (MESSAGE|recipients)~(hour|day)\b",
            r"(vượt|hết)~(số lượng|số thư|hạn mức)~(gửi|ngày|giờ)",  # Vietnamese providers
        ),
        Scope.RELAY,
    ),
    # too many at a time: slower is enough
    Saying(
        Cause.RATE_LIMITED,
        (
            r"too many (\w+ )?(concurrent |simultaneous )?(\w+ )?(connections?|sessions?|sockets)",
            r"(connection|session)s?( \w+)? (limit|rate|frequency)|trop de connexions",  # Orange
            r"(concurrent|simultaneous)~(connection|session|limit)",
            r"max(imum)?( number of)?( \w+)? connections|exceed\w*~\bconnections",  # Outlook S3115
            r"maximum (sending|send) rate|throttling failure|sending rate",  # Amazon SES
            r"(relay|MESSAGE|submission|recipient|sender|rcpt) (submission )?rate( \w+)? limit",
            r"(relay|MESSAGE|submission|recipient|sender|rcpt) (submission )?rate( \w+)? exceed",
            r"frequency limited|(sending|MESSAGE) frequency",  # QQ
            r"unusual (rate|sending activity)|mail flood",  # Gmail 4.7.28, Zoho 5.4.6
            r"too many (MESSAGE|recipients|rcpt)|recipients~exceed|OVER~(recipients|number of)",
            r"too much mail|excessive (volume|number of)|message submission rate",  # Apple
            r"\b(hl:(icc|ifc)|mi:(dmc|sfq|srb|ccl)|rp:(drc|rcl|trc))\b",  # NetEase
            r"sending~too (fast|quickly|frequently|rapidly)",
        ),
        Scope.RELAY,
    ),
    # it asks us to come again: only with 4yz, for 5yz means no
    Saying(
        Cause.GREYLISTED,
        (
            r"gr[ae]y.?list|postgrey|(unknown|new) triplet",  # Postgrey, milter-greylist, SQLgrey
            r"try (again|later)( \w+){0,2} (in|after) (\d+|an?|few|five) ?(s|m|h)",  # MDaemon
            r"(please )?come back (in|later)|retry in \d",  # milter-greylist, Yandex
            r"first time (we|you)|not yet authori[sz]ed to deliver|sender is not yet known",
            r"temporar\w+ (deferred|rejected)~(first|new|unknown) sender",
        ),
        None,
        4,
    ),
    # nobody of that name, in words that look like a block
    Saying(
        Cause.NO_SUCH_MAILBOX,
        (
            r"recipient ?not ?found",  # Exchange 5.1.10
            # Microsoft 365 5.4.1: the directory of the receiver's domain doesn't have it
            r"recipient address(es)? rejected ?: access denied.{0,80}(as\(\d+\)|outlook\.com)",
            r"may not exist, they may be blacklisted",  # Exim with cPanel
        ),
    ),
    # people and groups that choose whose mail they take
    Saying(
        Cause.RESTRICTED,
        (
            r"permissions? to (post|send (\w+ )?to\b)|only members|only~\bcan post",  # Gmail
            r"(are|is) not (a )?(subscrib|member of th(is|e) (mailing )?(list|group))",  # fml
            r"(allowed|accepted|approved|permitted).senders? list|restricted to (members|internal)",
            r"accept\w*( \w+){0,3} (from|by)~(members|internal|inside|people|authenticated)",
            r"accept\w*( \w+){0,3} from~(organi[sz]ation|its domain|known senders|contacts)",
            r"reject MESSAGE sent from outside",  # Microsoft 365 5.7.133 to 136
            r"list is (closed|private|moderated)|(members|subscribers).only|private list",
            r"resolver\.rst\.(auth|notauth|send|restrict)|restricted address",  # Exchange
            r"REFUSED by (the |this )?(recipient|user|addressee)s?\b(?!'?s? (domain|org|serv|sys))",
            r"(user|recipient|owner) (has )?(block|reject|refus)\w* (you|the|this|mail)",
            r"(user|recipient|mailbox)~(not|does not) (want|wish)\w*~(mail|messages) from",
            r"(in|on|by) (the )?(recipient|user|addressee)'?s?~(black|block|reject|deny|personal)",
            r"personal.{0,12}(block|black|reject)|manually blocked senders",  # Mimecast
            r"autoris\w+~(envoyer|publier)|permisos~publicar",  # Gmail's groups, French and Spanish
        ),
        Scope.RECIPIENT,
    ),
    Saying(
        Cause.MAILBOX_FULL,
        (
            r"(BOX|quota|storage)~\b(full\b|over.?quota|out of (storage|space)|over its)",
            r"(BOX|quota|storage|disk)~\b(quota IS exceed|storage limit|too full)",
            r"(BOX|quota|storage|disk)~\bexceed\w*~(quota|storage|space|size limit)",
            r"over.?quota|over the (allowed |maximum )?quota|quota IS (exceed|full|violat)",
            r"(disk|mailbox|storage|user) quota|insufficient quota|quotaexceeded",  # Exchange
            r"exceed\w*~\bquota|exceeded storage allocation|mailbox size limit",  # RFC 5321
            r"(not enough|insufficient|no|out of)( \w+)? (storage|space)~(BOX)\b",
            r"OVER~(mailbox|mailfolder|storage|disk|inbox)~\b(limit|quota|size)",
            r"(mailbox|inbox|account)~(exceeded|reached)~(local |its |the )(limit|maximum)",
            r"boîte~pleine|buz[oó]n~(lleno|llena)|casella~piena|postfach~voll|caixa~cheia",
            r"hộp thư~đầy|(vượt|hết)~dung lượng",  # Vietnamese providers
            r"收件箱.?满|邮箱.?满|(容量|空间).?(不足|已满)",  # QQ, NetEase
        ),
    ),
    # who we are is not welcome: the client and its greeting (Postfix, Exim, Microsoft 365)
    Saying(
        Cause.BLOCKED,
        (
            r"client host .{0,60}(rejected|blocked|denied)",
            r"(helo|ehlo)( command)? (rejected|invalid|name|denied)|introduce itself",
            r"(invalid|bad|malformed|forged|fake) (helo|ehlo)|helohost",
        ),
        Scope.RELAY,
    ),
    # what it says is plainly not welcome
    Saying(
        Cause.CONTENT_REFUSED,
        (
            r"spam (classif|content|score|detect|or virus|filter|message|rejected|mail)",
            r"(scored|classified|detected|identified|marked|considered|rejected) (as|for)~\bspam\b",
            r"(recogni[sz]ed|flagged|tagged|suspected|suspicion) (as|of|to be)~\bspam",  # Yandex
            r"looks? (to us )?like (a )?(spam|junk)|spam.?score|scored too many|spamassassin",
            r"(as|for|of) (\w+ )?(junk|unsolicited|bulk)\b",
            r"is (likely |probably |most likely )?(spam|unsolicited|junk)|gtube",  # Gmail, rspamd
            r"MESSAGE~spam~(reject|refus|discard)",  # Mail.ru
            r"\bubl\b|\bdt:(spm|sum)\b|suspicious url|phish",  # NetEase
        ),
    ),
    # who we are is not welcome: no name for the address
    Saying(
        Cause.NO_REVERSE_NAME,
        (
            r"\bptr\b|reverse.?dns|reverse (lookup|name|host|resolution)|\brdns\b|fcrdns",
            r"(ip |host)?name lookup failed|can not (find|resolve) your (reverse )?(host|ip|addr)",
            r"unverif\w+ sending ip|mismatches client ip|no reverse|forward.confirmed",
            r"(host|client|ip|server)~not (resolve|have a (valid )?(host)?name)",
            r"(dynamic|generic|residential) (\w+ )?(ip|host|address|r?dns)",  # Outlook DY-001
        ),
        Scope.RELAY,
    ),
    # who we are is not welcome: lists and reputation
    Saying(
        Cause.BLOCKED,
        (
            r"spamhaus|spamcop|barracuda(central|networks)|sorbs|uceprotect|senderbase|cloudmark",
            r"\b(dns|r)bls?\b|\brbl|(black|block|deny)[ -]?(list|hole)|realtime block|\(bl\)",
            r"surbl|uribl|(dnsbl|ipcheck|reputation|senderscore)[\w.-]*\.\w+/\S*(ip|lookup|block)",
            r"(low|poor|bad|no|negative|domain|ip|sender|email) reputation",
            r"reputation~(block|reject|low|poor|degra)",
            r"\(s31[45]\d\)|\b(sc|dy|ou)-00\d\b|\[(tss?|bl|ph)\d+\]",  # Outlook.com, Yahoo
            r"\((rly|dyn|con|hvu|rtr|cld|dns):\w+\)",  # AOL
            r"user complaints|unexpected volume",  # Yahoo
            r"\b(hl:(rep|mep)|mi:(ipb|spb)|wm:bl[iu])\b",  # NetEase
            r"your access to|\bbad ip\b|black ip",  # Cisco
        ),
    ),
    Saying(
        Cause.ATTACHMENT_REFUSED,
        (
            r"\bvirus(es)?\b(?! list)|malware|infected|trojan|\bworm\b|eicar|ransomware",
            r"attach(ment|ed)s?~(REFUSED|unsafe|dangerous)|dangerous~(attachment|extension)",
            r"REFUSED~(attachment|file ?(type|name|extension)|extension|executable)",  # amavis
            r"because its content presents|potential security issue",  # Gmail
            r"(password.protected|encrypted) (archive|zip)|(executable|compressed) files?",
        ),
    ),
    # the receiver's checks of our domain, whose words look like those of a sign-in
    Saying(
        Cause.UNAUTHENTICATED,
        (
            r"\bdmarc|\bdkim\b|\bspf\b|domainkeys|\barc (seal|validation)",
            r"is unauthenticated|unauthenticated (email|mail|message)",  # Yahoo, Gmail
            r"does not have authentication information|authentication checks",  # Gmail 5.7.26
            r"required authentication level|email authentication",  # Microsoft 365 5.7.515
            r"anti.?spoof|spoofed (sender|address|from)|(fake|forged) (sender|from)",  # Mimecast
        ),
    ),
    Saying(
        Cause.RATE_LIMITED,
        (
            r"rate limit(s|ed)?\b|ratelimit|exceed\w*~rate|\brp-00\d\b|\(s311\d\)",
        ),  # Gmail, Microsoft 365, Mail.ru
        Scope.RELAY,
    ),
    Saying(
        Cause.TLS,
        (
            r"must issue (a )?starttls|starttls (command )?(is )?(required|first|not supported)",
            r"(tls|ssl|encryption|encrypted|secure connection)( connection)? IS (required|needed)",
            r"(tls|ssl|secure)( connection)? IS (attempted|handshake|version|negotiation|failed)",
            r"requires? (tls|ssl|encryption|starttls|a secure)|tls connection|tls (is )?mandatory",
            r"handshake fail|tls alert|tls not available|(weak|unsupported|no shared) ciphers?",
            r"mta-sts|\bdane\b|tlsa|dnssec|cipher strength",  # Microsoft 365 5.7.32x
            r"certificates?~(expired|invalid|mismatch|not (match|trusted|valid)|untrusted)",
            r"certificates?~(verif\w+ fail|self.signed|identit)",
        ),
    ),
    # it does not carry our mail to others
    Saying(
        Cause.RELAY_DENIED,
        (
            r"relay(ing)?( mail| access| attempt| operation)? IS (REFUSED|disabled)",
            r"(not|never) (permitted|allowed|willing|able|authori[sz]ed|configured) to relay",
            r"unable to relay|rcpthosts|no relaying|does not relay\b|can not relay|denies relay",
            r"as a relay|open relay not|insecure mail relay|relay check",  # MessageLabs, NetEase
            r"non-local|through this server without",
            r"credentials for relay|(?<!from )address is not verified|identities failed",  # SES
            r"sandbox (domain|subdomain)~not allowed",  # Mailgun
            r"delivery (is )?not allowed to this address|local user only",  # hMailServer, Coremail
            r"(?<!sender )(?<!your )\bdomain~not (a )?(local|hosted|handled|served|accepted)",
            r"\bdomain~is not (in my|one of)|not (hosted|served) here|not a gateway",  # qmail
            r"recipient domain not (local|allowed)|accept mail for (the recipient|that domain)",
            r"not accept (mail|messages) for the domain|is not the final destination",  # Exchange
        ),
        Scope.RELAY,
    ),
    Saying(
        Cause.AUTHENTICATION,
        (
            r"auth (command )?first|\bauth error|\bauth(entication)?~(is )?(required|needed|fail)",
            r"\bauth(entication)?~(unsuccessful|credentials|unsupported|mechanism)",
            r"(requires?|must|need to|have to|please) (smtp )?(be )?authenticat\w*",
            r"log ?in (first|required|fail)|(sign|log) in to your|not (logged|signed) in",
            r"unauthenticated senders|not authenticated|(application-specific|app) password",
            r"(bad|invalid|incorrect|wrong) (user ?name|password|login|credentials(?! for relay))",
            r"username and password not accepted|basic authentication is disabled",  # Microsoft 365
            r"smtp ?auth~(disabled|required)|smtpclientauthentication|turn on smtp auth",  # cPanel
            r"did not authenticate|without auth|(no|not) valid credentials",
            r"unauthori[sz]ed ip address",  # Brevo
        ),
        Scope.RELAY,
    ),
    # the sender is not ours to use
    Saying(
        Cause.SENDER_REFUSED,
        (
            r"sender (email )?(address |domain )?IS (<@>)? ?(REFUSED|ABSENT|not (owned|verified))",
            r"not (allowed|authori[sz]ed|permitted) to send\b|permissions? to send",
            r"not owned by|sendasdenied|send mail as|send as this",  # Exchange, Yandex, Gmail
            r"(unrout?e?able|invalid|unknown|bad|illegal|unverified) (sender|return|mail from)",
            r"(unroutable|invalid|unknown|bad|unresolvable) (from\b|envelope)",  # Exim
            r"verified sender|sender identity|unregistered domains?",  # SendGrid, Microsoft 365
            r"(from|sender'?s?|return|reply)( email)? ?(address|domain|path)~(ABSENT|match)",
            r"(from|sender'?s?|return|reply)( email)? ?(address|domain|path)~does not",
            r"(from|sender'?s?|return|reply)( email)? ?(address|domain|path)~REFUSED",
            r"(from|sender) address~not verified",
            r"sender( domain)?~can not be (resolv|verif)|domain of sender",  # Sendmail
            r"identity changes|purported responsible address|bad sender",  # Gmail, Courier
            r"mail from:? ?<@>~(invalid|not|REFUSED)|badmailfrom|null sender",  # qmail
            r"sender verif\w+|verif\w+ failed for|callout|sender~mis ?match",  # Exim
            r"envelope sender~(bad|not|REFUSED)|host denies the sender",  # qmail, NetEase
            r"(problem with|missing|without|no) (the |a )?sender'?s?( email)? (addr|domain)",
        ),
        Scope.RELAY,
    ),
    Saying(
        Cause.MAILBOX_DISABLED,
        (
            r"(?<!your )(account|mailbox|user|recipient)(\(s\))?s?( (?!and)\S+)? IS (SHUT|blocked)",
            r"(?<!your )(account|mailbox|user|recipient)( <@>)? IS (temporarily|currently) SHUT",
            r"(account|mailbox|user)( <@>| \S+)? temporar\w+ SHUT|est bloque\. the",  # La Poste
            r"SHUT (recipient|user|account|mailbox|email|address)",
            r"no longer (accept\w*|receiv\w*|in use|active|valid|used|in service)",
            r"longer with the company|ability to receive (mail|email) IS disabled",  # GoDaddy
            r"(mailbox|account)~not (accepting|active|enabled|activated)",
            r"(hộp thư|tài khoản)~khó[aá]",
        ),
    ),
    # the receiving side goes round in circles (Postfix, Exim, Sendmail, qmail, Exchange)
    Saying(
        Cause.MAIL_LOOP,
        (
            r"(mail|routing|email|forward\w*|message) loop|loop(s|ing)? (detected|back)",
            r"is looping|looping message|loops back to|delivered-to line",
            r"too many hops|hop count|(too many|maximum)~received.? headers",
            r"lowest numbered mx record points to local",
        ),
    ),
    # the relay itself is full or going down
    Saying(
        Cause.SYSTEM_TROUBLE,
        (
            r"insufficient (system |disk )?(storage|space|resources)|out of (disk|memory)",
            r"disk (is )?full|no space left|low on (disk|storage|space)|system storage",
            r"queue file|shutting down",
        ),
        Scope.RELAY,
    ),
    # who we are, or what we did, is not welcome
    Saying(
        Cause.BLOCKED,
        (
            r"\b(ips?|ip[ -]?address(es)?|netblock|ip range)\b~\b(REFUSED|listed|hangup)",
            r"\b(network|server)\b~\b(block|bann|not allowed|restricted)",
            r"blocked (by|for|using|due|because|as)|blocked - see|(?<!connection )refused by",
            r"not in (the )?whitelist|(open|exploitable) (relay|proxy)|traffic not accepted",
            r"rejected using|(?<!not )listed (at|in|by|on)\b",
            r"not accepting connections|connections? (not|will not be) accepted",  # Apple, Yahoo
            r"use the smtp server of your isp|no access from|sender id\b|access denied",
            r"policy (reasons?|rejection|violation|restriction)|(local|security|site) policy",
            r"has a policy that|not a trusted|untrusted (sender|host)",  # Gmail
            r"too many (invalid|unknown|bad) (recipients|users)|invalid recipients|harvest",
            r"suspicious activity|spam(bot|mer| source)|spamm?(ing|ers?)\b|abus(e|ive)\b",
            r"\bbanned|send(s|ing)? spam|administrative(ly)? prohibit",
            r"too soon|talk(s|ed|ing)? too early|pipelining|before~(greeting|banner)",  # Postfix
            r"accept\w*( \w+){0,4} (over )?ipv6|geographic|country~(block|not)",  # Microsoft 365
        ),
    ),
    # headers and lines that the standards forbid (RFC 5322, RFC 2047)
    Saying(
        Cause.MALFORMED,
        (
            r"not rfc ?\d+.?compliant|rfc[ -]?2?822~(complian|violat)|rfc ?5322|8-?bit",
            r"(MESSAGE|headers?) IS (malformed|not valid|incomplete|corrupt)",
            r"malformed (mime|message|header|mail)|multiple addresses in from",
            r"unicode character in a disallowed|encoded-word syntax",  # Gmail
            r"(bare|lone) (lf|cr|newline|line feed)|data format|stray newline|null? (char|byte)",
            r"(missing|duplicate|multiple|invalid|bad|empty) (\S+ )?(header|field)s?\b",
            r"(missing|duplicated?|no|lacks? a?) ?(from|date|message.?id|subject)\b",
            r"headers? error|(from|sender)\"? (address )?(header|field)",
            r"lines? (is )?(longer|too long)|incorrectly terminated",
        ),
    ),
    # what it says is not welcome
    Saying(
        Cause.CONTENT_REFUSED,
        (
            r"\bspam\b(?!haus)|\bube\b|\buce\b|\bjunk\b|unsolicited|bulk mail|advertis",
            r"content IS (REFUSED|filter|presents|not)|message content|headers? too large",
            r"MESSAGE (filter|examination|policy|check|scan)|suspicious due to the",
            r"(bad|inappropriate|offensive|objectionable|REFUSED) (content|words?|url|link)",
            r"contain(s|ing)~(url|link|domain)~(list|malicious|REFUSED)|body filter",
            r"quarantin|anti.?spam|垃圾邮件|thư rác",
        ),
    ),
    Saying(
        Cause.TOO_LARGE,
        (
            r"too (big|large)\b|(message|mail|attachment)( is)? too long|mailsize",
            r"(message|mail|email|attachment|data) (size|length)|size limit|line (limit|length)",
            r"size.{0,30}(exceed|limit|larger|bigger)|exceed\w*~\bsize|(larger|bigger) than",
            r"maximum~\b(size|bytes)|exceeds? (fixed )?(maximum|limit)~size",
            r"(vượt quá|quá) (kích thước|lớn)|(邮件|附件).{0,6}(过大|超过)",
        ),
    ),
)
