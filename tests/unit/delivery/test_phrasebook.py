"""The wordings of servers and providers, by their own documents and sources, and what they mean."""

from __future__ import annotations

import pytest

from notifier.delivery.diagnostic import judge_text
from notifier.model import Cause

#: By who says it: a cause, and what is said; `_` goes on with the line before.
SAID: dict[str, str] = {
    "Gmail": """
no_such_mailbox     550 5.1.1 The email account that you tried to reach does not exist
mailbox_disabled    550 5.2.1 The email account that you tried to reach is disabled
mailbox_full        452 4.2.2 The recipient's inbox is out of storage space
rate_limited        450 4.2.1 The user you are trying to contact is receiving mail too quickly
quota_spent         550 5.4.5 Daily user sending limit exceeded
rate_limited        421 4.7.28 Gmail has detected an unusual rate of unsolicited mail
unauthenticated     421 4.7.26 This mail has been rate limited because it is unauthenticated
unauthenticated     550 5.7.26 This mail has been blocked because the sender is unauthenticated
no_reverse_name     550 5.7.25 The IP address sending this message does not have a PTR record
content_refused     550 5.7.1 likely unsolicited mail. To reduce the amount of spam
blocked             550 5.7.1 likely suspicious due to the very low reputation of the sending
_                   domain
attachment_refused  552 5.7.0 This message was blocked because its content presents a potential
_                   security issue
malformed           550 5.7.1 This message is not RFC 5322 compliant, the issue is: duplicate
_                   From headers
tls                 421 4.7.29 sent over a non-TLS connection. Gmail requires TLS connection
unauthenticated     550 5.7.40 blocked because the sending domain has no DMARC record
authentication      535 5.7.8 Username and Password not accepted
authentication      534 5.7.9 Application-specific password required
relay_denied        550 5.7.1 Invalid credentials for relay [192.0.2.1]
too_large           552 5.3.4 Your message exceeded Google's message size limits
restricted          550 5.7.1 you may not have permission to post messages to the group
""",
    "Microsoft 365 and Outlook.com": """
no_such_mailbox     550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP
_                   address lookup
no_such_mailbox     550 5.4.1 Recipient address rejected: Access denied. AS(201806281)
no_such_mailbox     550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)
mailbox_full        554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException
too_large           550 5.2.0 RESOLVER.RST.RecipSizeLimit; message too large for this recipient
restricted          550 5.7.1 RESOLVER.RST.AuthRequired; authentication required
restricted          550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup
blocked             550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Part of
_                   their network is on our block list (S3140)
rate_limited        421 RP-001 The mail server IP connecting has exceeded the rate limit allowed
rate_limited        451 4.7.651 The mail server [192.0.2.1] has been temporarily rate limited
_                   (S3114)
system_trouble      451 4.7.500 Server busy. Please try again later from [192.0.2.1]. AS(77714)
account_suspended   550 5.7.501 Access denied, spam abuse detected
account_suspended   550 5.1.8 Access denied, bad outbound sender AS(42004)
unauthenticated     550 5.7.509 Access denied, sending domain b.example does not pass DMARC
_                   verification
unauthenticated     550 5.7.515 Access denied, sending domain does not meet the required
_                   authentication level
blocked             550 5.7.606 Access denied, banned sending IP [192.0.2.1]
quota_spent         550 5.7.705 Access denied, tenant has exceeded threshold
blocked             550 5.7.708 Service unavailable. Access denied, traffic not accepted from
_                   this IP
sender_refused      550 5.7.750 Service unavailable. Client blocked from sending from
_                   unregistered domains
sender_refused      550 5.7.60 SMTP; Client does not have permissions to send as this sender
sender_refused      554 5.2.252 SendAsDenied; not allowed to send as other
relay_denied        550 5.7.64 TenantAttribution; Relay Access Denied
authentication      530 5.7.57 SMTP; Client was not authenticated to send anonymous mail
authentication      535 5.7.139 Authentication unsuccessful, basic authentication is disabled
rate_limited        432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded
mail_loop           554 5.4.14 Hop count exceeded - possible mail loop ATTR34
domain_not_found    550 5.4.310 DNS domain b.example does not exist
unreachable         550 5.4.316 Message expired, connection refused
tls                 450 4.7.320 Certificate validation failed: certificate-expired
malformed           550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds
blocked             550 SC-001 Mail rejected for policy reasons: IP reputation
""",
    "Yahoo and AOL": """
blocked             421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user
_                   complaints
blocked             553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1
no_such_mailbox     554 delivery error: dd This user doesn't have a yahoo.com account
_                   (a@yahoo.com)
mailbox_full        552 5.2.2 mailbox exceeds quota
blocked             554 5.7.9 Message not accepted for policy reasons
blocked             421 4.7.1 [TS03] All messages will be permanently deferred
rate_limited        421 Too many concurrent SMTP connections
blocked             521 5.2.1 :  AOL will not accept delivery of this message. (RLY:B1)
""",
    "Apple": """
no_such_mailbox     550 5.1.1 <a@icloud.com>: user does not exist
mailbox_full        552 5.2.2 <a@icloud.com>: user is over quota
rate_limited        421 4.7.1 Messages deferred due to excessive volume
unauthenticated     554 5.7.1 Your message was rejected due to b.example's DMARC policy
""",
    "Amazon SES": """
relay_denied        554 Message rejected: Email address is not verified
rate_limited        454 Throttling failure: Maximum sending rate exceeded
quota_spent         454 Throttling failure: Daily message quota exceeded
account_suspended   554 Message rejected: Sending suspended for this account
account_suspended   554 Sending paused for this account
relay_suppressed    550 5.1.1 Amazon SES did not send: address is on the suppression list for
_                   your account
authentication      535 Authentication Credentials Invalid
tls                 530 Must issue a STARTTLS command first
""",
    "SendGrid, Mailgun, Postmark, Brevo, SparkPost": """
quota_spent         451 Authentication failed: Maximum credits exceeded
sender_refused      550 The from address does not match a verified Sender Identity
authentication      550 Unauthenticated senders not allowed
authentication      535 Authentication failed: Bad username / password
relay_suppressed    605 550 Not delivering to previously bounced address
account_suspended   421 Domain mg.b.example is not allowed to send: Your account is disabled
account_suspended   550 Account a@b.example is under review, your account has been suspended
authentication      525 5.7.1 Unauthorized IP address
quota_spent         552 Exceeded daily sending quota
""",
    "Postfix": """
no_such_mailbox     550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in local
_                   recipient table
no_such_mailbox     450 4.1.1 <a@b.example>: Recipient address rejected: unverified address
relay_denied        554 5.7.1 <a@b.example>: Relay access denied
domain_not_found    450 4.1.2 <a@b.example>: Recipient address rejected: Domain not found
sender_refused      450 4.1.8 <a@b.example>: Sender address rejected: Domain not found
sender_refused      553 5.7.1 <a@b.example>: Sender address rejected: not owned by user x
blocked             504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname
blocked             450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]
blocked             554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using
_                   zen.spamhaus.org
greylisted          450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted
too_large           552 5.3.4 Message size exceeds fixed limit
system_trouble      452 4.3.1 Insufficient system storage
system_trouble      451 4.3.0 Error: queue file write error
mail_loop           554 5.4.6 Too many hops
mail_loop           mail for b.example loops back to myself
rate_limited        421 4.7.0 Error: too many connections from 192.0.2.1
rate_limited        450 4.7.1 Error: too much mail from 192.0.2.1
authentication      553 5.7.1 Error: SMTP AUTH required: not logged in
content_refused     554 5.7.1 Spam message rejected
content_refused     550 5.7.1 Blocked by SpamAssassin
unreachable         lost connection with mx.b.example[192.0.2.1] while receiving the initial
_                   server greeting
domain_not_found    Host or domain name not found. Name service error for name=b.example
_                   type=AAAA: Host not found
blocked             503 5.5.0 improper command pipelining after DATA
""",
    "Exim and cPanel": """
no_such_mailbox     550 Unrouteable address
no_such_mailbox     550 No Such User Here
domain_not_found    all relevant MX records point to non-existent hosts
unreachable         retry timeout exceeded
sender_refused      550 Verification failed for <a@b.example>. Sender verify failed
sender_refused      550 Sender verify failed
relay_denied        550 relay not permitted
quota_spent         Domain b.example has exceeded the max emails per hour (200/200 (100%))
_                   allowed
authentication      550 Please turn on SMTP Authentication in your mail client
blocked             550 Administrative prohibition
mailbox_full        552 Mailbox quota exceeded / mailbox full
content_refused     550 This message was classified as SPAM and may not be delivered
attachment_refused  550 This message contains a virus (Eicar-Test-Signature)
malformed           550 Maximum line length is 998 octets: message has lines too long for
_                   transport
system_trouble      451 Temporary local problem - please try later
rate_limited        421 Too many concurrent SMTP connections; please try again later
""",
    "qmail, Sendmail, Courier, Domino, Exchange": """
no_such_mailbox     sorry, no mailbox here by that name. (#5.1.1)
relay_denied        553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
domain_not_found    Sorry, I couldn't find any host named b.example. (#5.1.2)
unreachable         Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)
mail_loop           This message is looping: it already has my Delivered-To line. (#5.4.6)
sender_refused      553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)
mailbox_full        552 user is over quota
relay_denied        550 5.7.1 Relaying denied. Proper authentication required.
sender_refused      553 5.1.8 Domain of sender address a@b.example does not exist
blocked             550 5.7.1 Access denied
system_trouble      554 5.0.0 Service unavailable
malformed           517 Invalid header found, see BOFHCHECKHEADER
no_such_mailbox     User a (a@b.example) not listed in Domino Directory
system_trouble      554 Mail server permanently rejected message (#5.3.0)
""",
    "Zimbra, MDaemon, SmarterMail, hMailServer, Kerio: what providers in Viet Nam run": """
mailbox_full        552 5.2.2 Over quota
no_such_mailbox     550 5.1.1 Recipient unknown <a@b.vn>
mailbox_full        552 Message for <a@b.vn> would exceed mailbox quota
greylisted          451 Greylisting enabled, try again in 15 minutes
relay_denied        550 Delivery is not allowed to this address.
authentication      530 SMTP authentication is required.
no_such_mailbox     550 <a@b.vn> No such user here
content_refused     554 Sending address not accepted due to spam filter
no_such_mailbox     550 5.1.1 Địa chỉ người nhận không tồn tại
mailbox_full        552 Hộp thư người nhận đã đầy
quota_spent         450 Vượt quá số lượng thư cho phép gửi trong ngày
content_refused     550 5.7.1 Thư bị từ chối vì là thư rác
authentication      535 5.7.8 Sai tên đăng nhập hoặc mật khẩu
""",
    "Zoho, Yandex, Mail.ru": """
no_such_mailbox     550 5.1.1 User does not exist - <a@b.example>
account_suspended   554 5.1.8 Email Outgoing Blocked
rate_limited        550 5.4.6 Unusual sending activity detected. Please try after sometime
relay_denied        553 Sender is not allowed to relay emails
sender_refused      553 5.7.1 Sender address rejected: not owned by auth user
content_refused     554 5.7.1 Message rejected under suspicion of SPAM
no_such_mailbox     550 5.7.1 No such user!
greylisted          451 4.7.1 Sorry, the service is currently unavailable. Please come back
_                   later
rate_limited        450 4.2.1 The recipient has exceeded their message rate limit
no_such_mailbox     550 Message was not accepted -- invalid mailbox. Local mailbox a@b is
_                   unavailable: user not found
content_refused     550 spam message rejected. Please visit the postmaster's pages
mailbox_full        552 5.2.2 Mailbox size limit exceeded
""",
    "QQ, NetEase, Coremail": """
no_such_mailbox     550 Mailbox not found
no_such_mailbox     550 User not found: a@163.com
content_refused     550 Mail content denied
rate_limited        550 Sender frequency limited
restricted          550 Mail is rejected by recipients
unauthenticated     550 DMARC check failed
content_refused     554 DT:SPM 163 mx
rate_limited        421 HL:ICC 163 mx
blocked             421 HL:REP 163 mx
mailbox_disabled    550 User suspended: a@163.com
no_such_mailbox     550 用户不存在
mailbox_full        552 邮箱已满
""",
    "Filters: Barracuda, Proofpoint, Mimecast, Cisco, Symantec, Sophos": """
content_refused     550 5.7.1 Message content rejected, UBE, id=00000
blocked             554 Service unavailable; Client host [x] blocked using Barracuda Reputation
blocked             554 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1
no_such_mailbox     550 5.1.1 User Unknown
blocked             550 5.7.0 Local Policy Violation
no_such_mailbox     550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550
restricted          550 Rejected by header based manually Blocked Senders
blocked             554 Email rejected due to security policies
system_trouble      451 Internal resources are temporarily unavailable
blocked             554 Your access to this mail system has been rejected due to the sending
_                   MTA's poor reputation
no_such_mailbox     550 #5.1.0 Address rejected.
quota_spent         452 #4.x.x Too many recipients received this hour
relay_denied        553 you are trying to use me as a relay, but I have not been configured to
_                   let you
blocked             501 Connection rejected by policy [7.7]
blocked             550 permanent failure for one or more recipients (a@b.example:blocked)
content_refused     550 Message filtered. Refer to the Troubleshooting page
attachment_refused  550 5.7.1 Attachment type not allowed: .exe
""",
    "others, and other languages": """
no_such_mailbox     550 5.1.1 Adresse d'au moins un destinataire invalide. LPN416
no_such_mailbox     550 5.1.1 El usuario no existe
no_such_mailbox     550 Benutzer unbekannt
no_such_mailbox     550 utente sconosciuto
no_reverse_name     554-No SMTP service. Bad DNS PTR resource record
quota_spent         450 Requested mail action not taken: mailbox unavailable. Mail send limit
_                   exceeded
domain_not_found    556 5.1.10 Domain has null MX
no_such_mailbox     551 User not local; please try <a@b.example>
smtputf8_needed     550 5.6.7 SMTPUTF8 required
no_such_mailbox     550 user has moved to another address
mailbox_disabled    550 he is no longer with the company
other               550 I hate you
""",
    "many": """
mailbox_disabled    550 <x> is a deactivated mailbox
no_such_mailbox     550 Unknown local-part
no_such_mailbox     550 5.1.1 Mailbox does not exist!
no_such_mailbox     550 This address no longer exists
no_such_mailbox     550 RCPT TO:<x> User unknown
no_such_mailbox     550 Mailbox <x> does not exist on this server
no_such_mailbox     550 Not our Customer
no_such_mailbox     550 Invalid mailbox
no_such_mailbox     User  not listed in public Name & Address Book
no_such_mailbox     553 5.3.0 <x>... Addressee unknown, relay=[1.2.3.4]
no_such_mailbox     550 Recipient does not exist on this system
no_such_mailbox     550 cuda_nsu no such recipient here
no_such_mailbox     550 5.1.1 unknown or invalid address
domain_not_found    Unable to resolve MX record of b.example
domain_not_found    b.example has installed an invalid MX record with an IP address instead of a
_                   domain name
domain_not_found    550 5.1.2 Bad destination host 'DNS Hard Error looking up b.example (MX):
_                   NXDomain'
domain_not_found    unrouteable mail domain "b.example"
domain_not_found    Host b.example: Unknown host
mailbox_full        recipient's mailbox is full, message returned to sender
mailbox_full        552 account is full
mailbox_full        Mailbox has exceeded the limit
mailbox_full        552 5.7.1 mailbox is over its storage limit
mailbox_full        User account is overquota
mailbox_full        not enough storage space in user's mailbox
mailbox_full        sorry, that user's mailbox is full
mailbox_full        450 recipient storage full, try again later
mailbox_full        554 5.2.2 The user has insufficient mailbox space
system_trouble      452 Requested action not taken: insufficient system storage
system_trouble      450 Temporary failure in name resolution
system_trouble      451 qq write error or disk full (#4.3.0)
system_trouble      Can't create user output file
system_trouble      Procmail error, delivery failed
system_trouble      Command died with status 9: "/usr/libexec/deliver"
unreachable         Message expired, delivery time expired
unreachable         Delivery time expired
unreachable         Connection timed out
unreachable         could not connect to remote server; Operation timed out
unreachable         Retry timeout. delivery attempts failed
unreachable         connection refused by b.example
unreachable         Your message could not be delivered in the last 5 days
mail_loop           Too many "Received" headers - suspected mail loop
mail_loop           554 Mail for b.example loops back to me
too_large           552 message header size, or recipient list, exceeds policy limit
too_large           The message size of the message is bigger than the limit
too_large           5.3.4 Message length exceeds administrative limit
content_refused     554 Message rejected because of spam content
content_refused     550 rejected: spam score 12.3
content_refused     554 5.7.1 The message was rejected because it contains prohibited content
content_refused     550 mail appears to be unsolicited
content_refused     554 5.7.1 rejected by the content filter
content_refused     550 High probability of spam
attachment_refused  552 5.7.0 Our system detected an illegal attachment on your message
attachment_refused  550 message contains a blocked attachment type
attachment_refused  554 5.7.1 Virus found in message
blocked             554 Your IP address is listed in a blacklist
blocked             550 You are not allowed to connect
blocked             554 Connection refused: your server is blacklisted
blocked             554 Refused. Your IP address is listed in the RBL
blocked             550 ACL rejected
no_reverse_name     550 Sender IP reverse lookup rejected
no_reverse_name     451 4.7.1 Client IP address does not resolve
sender_refused      550 sender's domain does not exist
sender_refused      553 5.1.8 sender domain must exist
sender_refused      550 5.7.1 sender denied
sender_refused      550 MAIL FROM address is rejected by policy
sender_refused      550 5.1.0 Sender invalid
relay_denied        550 5.7.1 Unable to relay for a@b.example
relay_denied        551 This mail server requires authentication when attempting to send to a
_                   non-local e-mail address
relay_denied        550 insecure mail relay
relay_denied        550 5.7.1 mail relaying not allowed
relay_denied        550 you are not authorized to relay
authentication      530 5.7.0 Authentication Required
authentication      503 You must authenticate first
authentication      550 SMTP AUTH is required for message submission
tls                 530 5.7.0 Must issue a STARTTLS command first
tls                 403 4.7.0 TLS handshake failed
tls                 TLS is required, but was not offered by host
tls                 Cannot start TLS: handshake failure
rate_limited        450 Message rate limit exceeded
rate_limited        421 4.7.0 sending too fast
rate_limited        421 4.4.5 Too many SMTP sessions for this host
rate_limited        451 You have exceeded the maximum number of messages, try later
quota_spent         550 You have exceeded your daily sending limit
quota_spent         550 sent too many messages this hour
restricted          550 5.7.1 You do not have permission to send to this recipient
restricted          550 User does not accept mail from unknown senders
restricted          550 recipient has blocked you
restricted          550 5.2.1 the user reject your mail
greylisted          451 4.7.1 Please try again later (greylisted)
greylisted          450 Please try again in 5 minutes
malformed           550 5.6.0 Message has invalid headers
malformed           554 5.6.0 Lone CR or LF in body
malformed           550 Missing From header
unauthenticated     550 5.7.1 Message rejected: SPF check failed
unauthenticated     550 SPF fail - not authorized
unauthenticated     550 5.7.1 DKIM signature verification failed
bad_address         555 5.5.2 Syntax error
bad_address         553 malformed address: @x
mailbox_disabled    550 Account closed due to inactivity. No forwarding information is
_                   available.
mailbox_disabled    550 5.2.1 This mailbox is not accepting messages
mailbox_disabled    Mailbox currently suspended
mailbox_disabled    554 the mailbox is temporarily disabled
""",
}


def _told() -> list:
    """Each wording of the table, with its cause."""
    told = []
    for who, table in SAID.items():
        lines = table.strip().replace("\n_ ", " ").split("\n")
        for line in lines:
            cause, text = line.split(maxsplit=1)
            told.append(
                pytest.param(" ".join(text.split()), Cause(cause), id=f"{who}: {text[:40]}")
            )
    return told


@pytest.mark.parametrize(("text", "cause"), _told())
def test_knows_what_servers_and_providers_say(text, cause):
    """By their documents: each wording has its cause, wherever it stands."""
    assert judge_text(text).cause is cause
