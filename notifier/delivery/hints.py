"""What relays say in passing: words that count where no code is firm (`registry`).

The rules are `phrasebook`'s: the first row that matches counts, and `notation` says how phrases
are written.
"""

from __future__ import annotations

from notifier.delivery.notation import Saying
from notifier.model import Cause, Scope

HINTS: tuple[Saying, ...] = (
    Saying(
        Cause.MAILBOX_DISABLED,
        (
            r"(account|mailbox|user|recipient|address).{0,60}\b(SHUT|unavailable for)",
            r"mailbox.{0,10}not accepting|no longer valid|has been deleted",
        ),
    ),
    Saying(
        Cause.RESTRICTED,
        (
            r"(you|sender) (are|is|do|does) not (allowed|permitted)~\b(group|list|WHO)",
            r"(you|sender) (do|does) not have permission",
            r"not authori[sz]ed to (mail|email|write|post)|allowed list|restricted group",
        ),
        Scope.RECIPIENT,
    ),
    Saying(
        Cause.DOMAIN_NOT_FOUND,
        (
            r"\b(host|domain)( name)?( of the recipient)? IS (not found|unknown|incorrect|invalid)",
            r"\b(host|domain)( name)? does not exist|invalid mx|unrout?e?able (mail )?domain",
        ),
    ),
    Saying(
        Cause.NO_SUCH_MAILBOX,
        (
            r"(no such|unknown|unrout?e?able|invalid|illegal|bad|wrong|incorrect) (\w+ ){0,2}WHO\b",
            r"(non-?existent|undeliverable|unverified) (\w+ ){0,2}WHO\b|unknown (or|and) \w+ WHO",
            r"WHO( \S+)?,? .{0,50}\b(ABSENT|not verified|misspel)|no \w+ .{0,50}\bABSENT",
            r"does not have an? .{1,60}account|no mailbox|no valid recipients?|\bno recipients\b",
            r"user.?unknown|is not a (valid|known)|(has|have) (been )?moved|no one (here|with)",
            r"not listed in|address error|no (user|account|mailbox|person) (here|with|by|found|of)",
            r"not a (user|customer|valid WHO)|not our customer|could not be found|was not found",
            r"(utilisateur|destinataire|adresse|compte)~(inconnu|invalide|n'existe|introuvable)",
            r"(usuario|destinatario|cuenta|buz[oó]n)~(desconocid|no existe|inexistente|inv[aá]lid)",
            r"(benutzer|empfänger|adresse|postfach)~(unbekannt|existiert nicht|nicht gefunden)",
            r"(utente|indirizzo|destinatario|casella)~(sconosciut|inesistente|non (esiste|valid))",
            r"(người (dùng|nhận)|địa chỉ|tài khoản|hộp thư|email)~không (tồn tại|hợp lệ|tìm thấy)",
            r"(用户|帐号|账号|邮箱|收件人|地址).{0,8}(不存在|未找到|无效)|宛先.{0,10}(見つかり|不明)",
        ),
    ),
    Saying(
        Cause.DOMAIN_NOT_FOUND,
        (
            r"\b(host|domain|destination|hostname)( or domain)?( name)?( \S+)? ~\bABSENT",
            r"(host|domain)( \S+)? ~\bnot accept",
            r"\b(host|domain) does not (accept|receive)|unknown (host|domain|mail exchanger)",
            r"no such (host|domain)|illegal host|nxdomain|\bno mx\b|null mx",
            r"\w\.[a-z]{2,15} does not",
            r"(could not|can not|unable to) (find|resolve|locate)~(host|domain|mx|mail server)",
            r"(invalid|bad|misspelled) (mail )?domain|no (mx|mail exchanger|a) record",
            r"dns (lookup|error|query|failure)|name service error|host unknown|mx records? point",
            r"no smtp service|domain~(expired|not registered)|tên miền~không",  # Exim
        ),
    ),
    Saying(Cause.BAD_ADDRESS, (r"syntax|(bad|malformed|illegal) address|valid rfc 5321",)),
    Saying(
        Cause.RATE_LIMITED,
        (
            r"slow down|rate.?limit|throttl|too (fast|quickly|frequently|often|many|much)",
            r"over the limit|try again later, closing|reduce (the|your)~(rate|volume|speed)",
            r"LIMIT (exceed|reach)|exceed\w*~LIMIT",
        ),
        Scope.RELAY,
        4,
    ),
    Saying(
        Cause.SYSTEM_TROUBLE,
        (r"operating system|(system|i/o|internal|mailer) error|\bldap\b|database",),
    ),
    Saying(
        Cause.UNREACHABLE,
        (
            r"time[d ]?-?.?out|not reachable|unreachable|no route to host|network is down",
            r"(unable|failed|could not|can not|not able) to (connect|establish|reach|contact)",
            r"connect to \S+: |accept our requests to connect|socket error|no answer|not respond",
            r"connection (was )?(refused|reset|lost|dropped|closed|expired)",
            r"(lost|closed|dropped|closing) (the )?connection",
            r"(not|never|could not) (be )?deliver(ed)? (for|within|after|in)\b|conversation with",
            r"(delivery|message|retry) (time|expired|timeout|delayed)|(been|was|were|is) delayed",
            r"too long in~queue|in the queue too long|(delivery|attempts?) failed \d+|giving up",
            r"retry time not reached|undelivered after|after \d+ (days?|hours?|attempts)",  # Exim
            r"past the~expir|not (be )?(started|running|available) on the destination",
            r"did not respond|never responded",
        ),
    ),
    Saying(
        Cause.SYSTEM_TROUBLE,
        (
            r"service (is )?(currently |temporarily )?(not available|unavailable|refused)",
            r"system (is )?not (accepting|available)|server (is )?(too )?busy|under maximum load",
            r"too busy|(high|heavy) load|overload|under maintenance|resources? IS unavailable",
        ),
        Scope.RELAY,
    ),
    Saying(
        Cause.SYSTEM_TROUBLE,
        (
            r"temporar|transient|delivery failed|(could|can) not (be )?deliver|unable to deliver",
            r"internal|system (trouble|problem|failure)|try (again|later)|later\b|lookup failure",
            r"queue too long|local error|(server|configuration) (error|problem)|unexpected",
            r"misconfig|configuration|can not (open|write|create|append|update|lock)|pipe to \|",
            r"permission denied~(file|mailbox|directory)|experiencing|problem",
            r"exit status|died with|command (failed|died)",
        ),
    ),
    Saying(
        Cause.NO_SUCH_MAILBOX,
        (r"recipient( address)? ?IS reject|address rejected|destinataire",),
    ),
    Saying(
        Cause.BLOCKED,
        (
            r"\bblocked\b|\bblocking\b|\bpolic(y|ies)\b|not (allowed|permitted|accepted|trusted)",
            r"\bdenied\b|not authori[sz]ed|forbidden|prohibited|unwanted|restricted|\bacl\b",
        ),
    ),
)
