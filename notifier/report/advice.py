"""What a cause means, and what to do about it.

The causes are `model.Cause`; `delivery/verdict.py` finds them, this page explains them to the
office that sent the mail. A test holds the table complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from notifier.locale import N_, _
from notifier.model import Cause, State


@dataclass(frozen=True, slots=True)
class Advice:
    """A cause in the reader's language."""

    #: A few words, for a heading: "No such mailbox".
    label: str
    #: One or two plain sentences: what to do.
    action: str


#: English marks, translated when asked for.
_TABLE: dict[Cause, tuple[str, str]] = {
    Cause.ACCEPTED: (
        N_("Accepted"),
        N_("Nothing: the relay has taken the message."),
    ),
    Cause.NO_SUCH_MAILBOX: (
        N_("No such mailbox"),
        N_(
            "Ask the person for the right address, correct it in the sheet, then send to those "
            "concerned alone: notifier send CAMPAIGN --only changed."
        ),
    ),
    Cause.MAILBOX_FULL: (
        N_("Mailbox full"),
        N_(
            "Tell the person by another way that their mailbox is full, or ask for another "
            "address. Retry these later."
        ),
    ),
    Cause.MAILBOX_DISABLED: (
        N_("Mailbox switched off"),
        N_("The account is closed or suspended at its provider: ask the person for another one."),
    ),
    Cause.RESTRICTED: (
        N_("Takes mail from chosen senders only"),
        N_(
            "The mailbox or group lets only certain senders in: ask its owner to allow yours, or "
            "for another address."
        ),
    ),
    Cause.DOMAIN_NOT_FOUND: (
        N_("No such mail domain"),
        N_(
            "Look for a slip of the pen after the @ sign, correct it in the sheet, then send to "
            "those concerned alone: notifier send CAMPAIGN --only changed."
        ),
    ),
    Cause.BAD_ADDRESS: (
        N_("Address not understood"),
        N_(
            "The receiving server can't read the address: correct it in the sheet, then send to "
            "those concerned alone: notifier send CAMPAIGN --only changed."
        ),
    ),
    Cause.UNREACHABLE: (
        N_("Receiving server not reached"),
        N_(
            "The domain's mail server did not answer in time. Look whether the domain is spelled "
            "right; if it is, retry in a few hours."
        ),
    ),
    Cause.MAIL_LOOP: (
        N_("Mail goes round in circles"),
        N_(
            "The receiving side forwards this address to itself: tell the person by another way, "
            "or ask for another address."
        ),
    ),
    Cause.GREYLISTED: (
        N_("Asked to come back later"),
        N_(
            "Nothing is wrong: the receiving server puts every new sender off once. The message "
            "is tried again when it is due and the run is being sent (`notifier resume --watch`)."
        ),
    ),
    Cause.RATE_LIMITED: (
        N_("Too much at once"),
        N_(
            "The messages are tried again while the run is being sent (`notifier resume "
            "--watch`). If this happens often, lower the relay's `rate` in notifier.toml."
        ),
    ),
    Cause.QUOTA_SPENT: (
        N_("Sending limit used up"),
        N_(
            "The relay's account has sent all that it may in this hour or day. Resume the run when "
            "the limit starts anew, and set the relay's `rate` in notifier.toml to what the "
            "provider allows."
        ),
    ),
    Cause.BLOCKED: (
        N_("Blocked by the receiver's policy"),
        N_(
            "The address may be fine: the receiver does not trust the sending server. Show the "
            "reply to whoever runs your relay, then retry."
        ),
    ),
    Cause.NO_REVERSE_NAME: (
        N_("Sending server has no name"),
        N_(
            "The sending server's address has no name in DNS (a PTR record), or not the right one. "
            "Whoever runs your relay can have it set; then retry."
        ),
    ),
    Cause.UNAUTHENTICATED: (
        N_("Sender's domain not proven (SPF, DKIM, DMARC)"),
        N_(
            "The receiver could not prove that this relay may send for your domain. Whoever looks "
            "after your domain's DNS sets SPF, DKIM and DMARC up for this relay; then retry."
        ),
    ),
    Cause.CONTENT_REFUSED: (
        N_("Content refused"),
        N_(
            "A filter took the message for spam or malware. Look at its links, attachments and "
            "wording, change them, then send to those concerned alone: notifier send CAMPAIGN "
            "--only failed."
        ),
    ),
    Cause.ATTACHMENT_REFUSED: (
        N_("Attachment refused"),
        N_(
            "A filter found a virus or a kind of file that it lets nobody send. Check the "
            "attachments, choose another kind of file or a link, then send to those concerned "
            "alone: notifier send CAMPAIGN --only failed."
        ),
    ),
    Cause.MALFORMED: (
        N_("Message against the rules of mail"),
        N_(
            "The receiver minds how the message is written: its headers, lines or letters. Look at "
            "the reply and at the campaign's `from`, subject and headers, then send to those "
            "concerned alone: notifier send CAMPAIGN --only failed."
        ),
    ),
    Cause.TOO_LARGE: (
        N_("Message too large"),
        N_(
            "Make the attachments smaller, or put them on your site and send a link; then send "
            "to those concerned alone: notifier send CAMPAIGN --only failed."
        ),
    ),
    Cause.AUTHENTICATION: (
        N_("The relay does not accept the account"),
        N_(
            "Correct the relay's user name and password, test them with `notifier relay check`, "
            "then resume the run."
        ),
    ),
    Cause.ACCOUNT_SUSPENDED: (
        N_("The relay's account is stopped"),
        N_(
            "The provider has stopped the sending account, mostly for complaints or strange use. "
            "Settle it with the provider, then resume the run."
        ),
    ),
    Cause.TLS: (
        N_("No safe connection"),
        N_(
            "Test the relay with `notifier relay check`; its certificate or TLS settings need "
            "mending before the run can go on."
        ),
    ),
    Cause.RELAY_DENIED: (
        N_("The relay won't pass mail on"),
        N_(
            "Sign in to the relay with user name and password, or ask whoever runs it to let this "
            "machine send, then resume the run."
        ),
    ),
    Cause.RELAY_SUPPRESSED: (
        N_("On the relay's own list of addresses not to mail"),
        N_(
            "The relay's provider sends nothing there since earlier mail came back or was "
            "complained of. If the address is right, take it off the list in the provider's "
            "console, then retry."
        ),
    ),
    Cause.SENDER_REFUSED: (
        N_("Sender address not allowed"),
        N_(
            "Put an address that the relay's account may use into `from` of the campaign, cancel "
            "this run, and send to those who have no message yet: notifier send CAMPAIGN --only "
            "failed, then --only new."
        ),
    ),
    Cause.SYSTEM_TROUBLE: (
        N_("Trouble at the receiving server"),
        N_(
            "Nothing yet: the message is tried again while the run is being sent (`notifier "
            "resume --watch`). If it is given up, retry in a few hours."
        ),
    ),
    Cause.LINK_LOST: (
        N_("Connection lost"),
        N_(
            "What was not on its way yet is tried again while the run is being sent. A message "
            "in doubt may have arrived: ask the person before you retry it."
        ),
    ),
    Cause.SENDER_GONE: (
        N_("Sending was broken off"),
        N_(
            "The program was ended, or the power failed, while these were on their way. They may "
            "have arrived: ask the person before you retry one."
        ),
    ),
    Cause.NOT_SMTP: (
        N_("The relay does not speak SMTP"),
        N_("Check host and port of the relay in notifier.toml with `notifier relay check`."),
    ),
    Cause.SMTPUTF8_NEEDED: (
        N_("Address with letters the relay can't carry"),
        N_("Ask the person for an address without accented letters."),
    ),
    Cause.RENDER_FAILED: (
        N_("Message could not be made"),
        N_(
            "Mend the template or the row, as `notifier campaign check` shows it, then send to "
            "those concerned alone: notifier send CAMPAIGN --only failed."
        ),
    ),
    Cause.TOO_LATE: (
        N_("Too late to be of use: not sent"),
        N_(
            "The campaign says until when it may be sent (not_after). To send it all the same: "
            "notifier retry RUN --state expired, then notifier resume RUN --anytime."
        ),
    ),
    Cause.SUPPRESSED: (
        N_("On the list of addresses not to mail"),
        N_(
            "Nothing, if that is right. Otherwise take the address off with `notifier suppress "
            "remove` and retry."
        ),
    ),
    Cause.OTHER: (
        N_("Other reasons"),
        N_("Read the reply; it usually says what the receiving server minds."),
    ),
}

#: Where the state says more than the cause.
_BY_STATE: dict[State, str] = {
    State.UNKNOWN: N_(
        "The connection was lost after the message had left, so it may have arrived. "
        "`notifier doubt RUN` says how to find out, and takes your decision."
    ),
    State.CANCELLED: N_("Nothing: somebody cancelled these on purpose."),
    State.EXPIRED: N_(
        "It was tried until the time for trying was over. Read the last reply, then retry these "
        "or ask for another address."
    ),
}
#: Causes that say more than any state that they lead to.
_SAYS_MORE = frozenset({Cause.TOO_LATE})
#: Where both together say most.
_BY_BOTH: dict[tuple[Cause, State], str] = {
    (Cause.SENDER_GONE, State.UNKNOWN): N_(
        "The program was ended, or the power failed, after the message had left, so it may have "
        "arrived. `notifier doubt RUN` says how to find out, and takes your decision."
    ),
}


def advise(cause: Cause, state: State | None = None) -> Advice:
    """The cause in the language in use; with the delivery's state, advice that fits it."""
    label, action = _TABLE[cause]
    if state is not None:
        by_state = action if cause in _SAYS_MORE else _BY_STATE.get(state, action)
        action = _BY_BOTH.get((cause, state), by_state)
    return Advice(_(label), _(action))
