"""What a reply means: from code, enhanced code, text and stage to an outcome.

Three questions, each answered by a table:

1. *Cause*: why. A provider's own code, then a text that says it outright (`phrasebook`), then a
   registered code that is firm (`registry`), then words said in passing (`hints`), then a vaguer
   code, then the basic code at its stage (RFC 5321, RFC 4954).
2. *Scope*: whom it concerns. The session's trouble (sign-in, TLS, sender, a client not welcome)
   is the relay's; anything said about the recipient at RCPT is the recipient's; anything said
   about the content is the message's.
3. *State*: the relay's trouble gives the delivery back (`pending`: nobody's attempt is burnt, the
   run pauses when it goes on); else 4yz defers and 5yz refuses.

Decisions worth knowing:

- A 5yz at MAIL is the relay's: `550 5.7.1 not allowed to send as ...` would meet every recipient
  of the run, so the run stops after one instead of burning them all. Only what is particular to
  this message (too large, needs SMTPUTF8) is the message's.
- So are a sender or a client that is not welcome, and `relay access denied`, even when they are
  said at RCPT: Postfix checks all of these there (`smtpd_delay_reject`). But once the relay has
  taken other messages in this run it is plainly willing, and the same words are about this one
  recipient: `is_proven` narrows them, so that one odd address can't hold up a run for ever.
- "Daily sending quota exceeded" is the relay's, 4yz or 5yz. "This user receives mail too quickly"
  is the recipient's.
- Only 2yz to the end of data accepts. A reply there that is neither 2yz, 4yz nor 5yz leaves the
  message in doubt.
- Domain or mailbox trouble that a relay reports with 4yz is deferred, whatever the cause.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from notifier.delivery.hints import HINTS
from notifier.delivery.notation import essence
from notifier.delivery.phrasebook import SAYINGS
from notifier.delivery.registry import (
    AT_STAGE,
    BASIC,
    BASIC_AT,
    FIRM_CODES,
    PRIVATE_CODES,
    VAGUE_CODES,
)
from notifier.delivery.waits import told_wait
from notifier.model import Cause, Outcome, Scope, Stage, State

if TYPE_CHECKING:
    import re

    from notifier.delivery.notation import Saying
    from notifier.delivery.registry import Finding
    from notifier.model import Reply, Submission

_ACCEPTED = Outcome(State.ACCEPTED, Scope.MESSAGE, Cause.ACCEPTED)
_IN_DOUBT = Outcome(State.UNKNOWN, Scope.MESSAGE, Cause.LINK_LOST)
_NONSENSE_IN_DOUBT = Outcome(State.UNKNOWN, Scope.MESSAGE, Cause.NOT_SMTP)
_UNMADE = Outcome(State.REFUSED, Scope.MESSAGE, Cause.RENDER_FAILED)

#: Steps that are about one thing alone, whatever the words; by the code's first digit. A 4yz to
#: AUTH is the relay's own trouble: the password may be right.
FIRM: dict[tuple[Stage, int], Finding] = {
    (Stage.STARTTLS, 4): (Cause.TLS, Scope.RELAY),
    (Stage.STARTTLS, 5): (Cause.TLS, Scope.RELAY),
    (Stage.AUTH, 5): (Cause.AUTHENTICATION, Scope.RELAY),
}
#: Findings kept: one refusal is much like the next, but for the address.
REMEMBERED = 2048
#: Causes that are the message's, even where the session would be blamed at that stage.
OF_THE_MESSAGE = frozenset({Cause.TOO_LARGE, Cause.SMTPUTF8_NEEDED, Cause.MALFORMED})
#: Causes that are the session's, at every stage.
OF_THE_RELAY = frozenset(
    {
        Cause.AUTHENTICATION,
        Cause.ACCOUNT_SUSPENDED,
        Cause.QUOTA_SPENT,
        Cause.TLS,
        Cause.RELAY_DENIED,
        Cause.SENDER_REFUSED,
        Cause.NOT_SMTP,
    }
)
#: Of the session's, what a relay that has taken other messages can only mean of one recipient.
NARROWED = frozenset(
    {
        Cause.RELAY_DENIED,
        Cause.SENDER_REFUSED,
        Cause.BLOCKED,
        Cause.NO_REVERSE_NAME,
        Cause.UNAUTHENTICATED,
        Cause.RESTRICTED,
        Cause.TLS,
    }
)
#: Steps that know the recipient.
TRANSACTION = frozenset({Stage.RCPT, Stage.DATA, Stage.BODY})


def judge(submission: Submission, *, is_proven: bool = False) -> Outcome:
    """What the submission means for its delivery.

    `is_proven`: the relay has taken another message of this run, so it is not against us as such.
    """
    reply = submission.reply
    if reply is not None and submission.stage is Stage.BODY and 200 <= reply.code < 300:  # noqa: PLR2004 - 2yz, RFC 5321
        return _ACCEPTED
    if submission.in_doubt:
        return _IN_DOUBT if reply is None else _NONSENSE_IN_DOUBT
    if reply is None:
        return _without_reply(submission.stage)
    if reply.is_positive:
        return _out_of_place(submission.stage)
    cause, told = classify(reply, submission.stage)
    scope = _scope(cause, told, reply, submission.stage)
    if scope is Scope.RELAY and is_proven and _is_about_one(cause, reply, submission.stage):
        scope = Scope.RECIPIENT if submission.stage is Stage.RCPT else Scope.MESSAGE
    if scope is Scope.RELAY and cause is Cause.UNREACHABLE:
        cause = Cause.SYSTEM_TROUBLE  # it answers us, so the time that ran out is its own
    state = _state(scope, reply)
    wait = told_wait(reply.text) if state is State.DEFERRED else None
    return Outcome(state, scope, cause, wait)


def classify(reply: Reply, stage: Stage | None = None) -> Finding:
    """Why a 4yz or 5yz was given, and the scope where the words or the code tell it.

    Serves replies on the wire and the diagnostics of returned mail alike, which have no stage.
    """
    first_digit = reply.code // 100
    if stage is not None and (stage, first_digit) in FIRM:
        return FIRM[stage, first_digit]
    detail = reply.enhanced.partition(".")[2]
    return _find(reply.code, detail, essence(reply.text), stage)


@lru_cache(REMEMBERED)
def _find(code: int, detail: str, text: str, stage: Stage | None) -> Finding:
    """The first table that knows; `text` is an essence."""
    digit = code // 100
    if code == 421 and stage is not None and stage not in TRANSACTION:  # noqa: PLR2004 - RFC 5321: closing
        return _match(_compiled(SAYINGS), text, digit) or BASIC[421]
    return (
        PRIVATE_CODES.get(detail)
        or _match(_compiled(SAYINGS), text, digit)
        or FIRM_CODES.get(detail)
        or _match(_compiled(HINTS), text, digit)
        or VAGUE_CODES.get(detail)
        or _basic(code, stage)
    )


def _basic(code: int, stage: Stage | None) -> Finding:
    if stage is not None and (stage, code) in BASIC_AT:
        return BASIC_AT[stage, code]
    if code in BASIC:
        return BASIC[code]
    if code < 500 or stage is None:  # noqa: PLR2004 - 4yz
        return (Cause.SYSTEM_TROUBLE if code < 500 else Cause.OTHER), None  # noqa: PLR2004 - 4yz
    return AT_STAGE.get(stage, Cause.OTHER), None


def _scope(cause: Cause, told: Scope | None, reply: Reply, stage: Stage) -> Scope:
    if cause in OF_THE_MESSAGE or told is Scope.MESSAGE:
        return Scope.MESSAGE
    if reply.code == 421 or stage not in TRANSACTION or cause in OF_THE_RELAY:  # noqa: PLR2004 - RFC 5321: closing
        return Scope.RELAY
    if told is not None:
        return told
    return Scope.RECIPIENT if stage is Stage.RCPT else Scope.MESSAGE


def _is_about_one(cause: Cause, reply: Reply, stage: Stage) -> bool:
    return reply.code != 421 and stage in TRANSACTION and cause in NARROWED  # noqa: PLR2004 - RFC 5321: closing


def _state(scope: Scope, reply: Reply) -> State:
    if scope is Scope.RELAY:
        return State.PENDING
    return State.DEFERRED if reply.is_transient else State.REFUSED


def _without_reply(stage: Stage) -> Outcome:
    """The link was lost or never there, and nothing of the message can have arrived."""
    if stage is Stage.ASSEMBLE:
        return _UNMADE
    cause = Cause.TLS if stage in {Stage.STARTTLS, Stage.TLS} else Cause.LINK_LOST
    return Outcome(State.PENDING, Scope.RELAY, cause)


def _out_of_place(stage: Stage) -> Outcome:
    """A reply that fits no step: in doubt if it came after the message, else nothing was sent."""
    if stage is Stage.BODY:
        return _NONSENSE_IN_DOUBT
    return Outcome(State.PENDING, Scope.RELAY, Cause.NOT_SMTP)


@cache
def _compiled(sayings: tuple[Saying, ...]) -> tuple[tuple[re.Pattern[str], Saying], ...]:
    return tuple((saying.pattern(), saying) for saying in sayings)


def _match(
    sayings: tuple[tuple[re.Pattern[str], Saying], ...], text: str, first_digit: int
) -> Finding | None:
    for pattern, saying in sayings:
        if saying.first_digit in {0, first_digit} and pattern.search(text):
            return saying.cause, saying.scope
    return None
