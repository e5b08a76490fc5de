"""What a reply means: from code, enhanced code, text and stage to an outcome.

Three questions, each answered by a table:

1. *Cause*: why. A text that says it outright (`SAYINGS`), then the enhanced status code
   (RFC 3463, the IANA registry: `REGISTERED`), then the vaguer texts (`HINTS`), then the basic
   code at its stage (RFC 5321, RFC 4954: `BASIC`).
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

import re
from functools import cache
from typing import TYPE_CHECKING

from notifier.delivery.phrasebook import BASIC, HINTS, REGISTERED, SAYINGS, VAGUE
from notifier.model import Cause, Outcome, Scope, Stage, State

if TYPE_CHECKING:
    from notifier.delivery.phrasebook import Finding, Saying
    from notifier.model import Reply, Submission

_ACCEPTED = Outcome(State.ACCEPTED, Scope.MESSAGE, Cause.ACCEPTED)
_IN_DOUBT = Outcome(State.UNKNOWN, Scope.MESSAGE, Cause.LINK_LOST)
_NONSENSE_IN_DOUBT = Outcome(State.UNKNOWN, Scope.MESSAGE, Cause.NOT_SMTP)
_UNMADE = Outcome(State.REFUSED, Scope.MESSAGE, Cause.RENDER_FAILED)

#: What a bare 4yz or 5yz at this step is about.
AT_STAGE: dict[Stage, Cause] = {
    Stage.MAIL: Cause.SENDER_REFUSED,
    Stage.RCPT: Cause.NO_SUCH_MAILBOX,
    Stage.BODY: Cause.CONTENT_REFUSED,
}

#: Steps that are about one thing alone, whatever the words; by the code's first digit. A 4yz to
#: AUTH is the relay's own trouble: the password may be right.
FIRM: dict[tuple[Stage, int], Finding] = {
    (Stage.STARTTLS, 4): (Cause.TLS, Scope.RELAY),
    (Stage.STARTTLS, 5): (Cause.TLS, Scope.RELAY),
    (Stage.AUTH, 5): (Cause.AUTHENTICATION, Scope.RELAY),
}
#: Characters of a reply that are looked at.
LONGEST_TEXT = 2000
#: Causes that are the message's, even where the session would be blamed at that stage.
OF_THE_MESSAGE = frozenset({Cause.TOO_LARGE, Cause.SMTPUTF8_NEEDED})
#: Causes that are the session's, at every stage.
OF_THE_RELAY = frozenset(
    {Cause.AUTHENTICATION, Cause.TLS, Cause.RELAY_DENIED, Cause.SENDER_REFUSED, Cause.NOT_SMTP}
)
#: Of these, what a relay that has taken other messages can only mean of one recipient.
NARROWED = frozenset({Cause.RELAY_DENIED, Cause.SENDER_REFUSED, Cause.BLOCKED, Cause.TLS})
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
    return Outcome(_state(scope, reply), scope, cause)


def classify(reply: Reply, stage: Stage | None = None) -> Finding:
    """Why a 4yz or 5yz was given, and the scope where the words or the code tell it.

    Serves replies on the wire and the diagnostics of returned mail alike, which have no stage.
    """
    first_digit = reply.code // 100
    if stage is not None and (stage, first_digit) in FIRM:
        return FIRM[stage, first_digit]
    text = _essence(reply.text)
    detail = reply.enhanced.partition(".")[2]
    if reply.code == 421 and stage not in TRANSACTION:  # noqa: PLR2004 - RFC 5321: closing
        return _match(_compiled(SAYINGS), text, first_digit) or BASIC[421]
    return (
        _match(_compiled(SAYINGS), text, first_digit)
        or REGISTERED.get(detail)
        or _match(_compiled(HINTS), text, first_digit)
        or VAGUE.get(detail)
        or _basic(reply.code, stage)
    )


def _essence(text: str) -> str:
    """Lower case, and bounded: what a text is about stands at its beginning or its end."""
    if len(text) > LONGEST_TEXT:
        text = f"{text[: LONGEST_TEXT // 2]} {text[-LONGEST_TEXT // 2 :]}"
    return text.lower()


def _basic(code: int, stage: Stage | None) -> Finding:
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
    return tuple((re.compile(saying.words), saying) for saying in sayings)


def _match(
    sayings: tuple[tuple[re.Pattern[str], Saying], ...], text: str, first_digit: int
) -> Finding | None:
    for pattern, saying in sayings:
        if saying.first_digit in {0, first_digit} and pattern.search(text):
            return saying.cause, saying.scope
    return None
