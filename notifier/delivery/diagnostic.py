"""What a text about a failed delivery means: a diagnostic of returned mail, a line of a log.

Such a text has been through other hands: `smtp; 550 5.1.1 ...` (RFC 3464), several lines with the
code before each, a sentence by the server that gave up around the reply that it had got ("host
mx.example said: 450 ... (in reply to RCPT TO command)"), or no code at all. What is read of it, the
codes and the step, is given to `verdict.classify`, and the words tell what no code says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from notifier.delivery.verdict import OF_THE_MESSAGE, OF_THE_RELAY, classify
from notifier.delivery.waits import told_wait
from notifier.model import Cause, Reply, Scope, Stage

#: Characters that are read; what a reply says stands in the first few hundred.
LONGEST_READ = 8000
#: RFC 3464 section 2.1.2: `type; text`.
_TYPE = re.compile(r"\s*(?:smtp|lmtp|dns|x-[\w-]{1,40}|unknown)\s*;\s*", re.IGNORECASE)
_CODE = re.compile(r"(?<![\d.:/#\w=-])([245]\d\d)(?=[ :\-,;\])]|$)(?!-\d\d)", re.MULTILINE)
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
#: The codes at the beginning of each further line of a reply.
_CONTINUED = re.compile(r"\n\s*[245]\d\d[ -](?:#?[245]\.\d{1,3}\.\d{1,3}[ -]?)?")
#: Where the text tells the step: Postfix "in reply to", Exim "after", qmail, DragonFly, Yahoo.
_STEPS: tuple[tuple[re.Pattern[str], Stage], ...] = tuple(
    (re.compile(words, re.IGNORECASE), stage)
    for words, stage in (
        (
            r"(?:reply to|after|like our|following|during) (?:pipelined )?rcpt|\[rcpt_to\]",
            Stage.RCPT,
        ),
        (r"(?:reply to|after) (?:pipelined )?(?:end of data|body)|\[data\]", Stage.BODY),
        (r"(?:reply to|after|like our) (?:pipelined )?mail from|\[mail_from\]", Stage.MAIL),
        (r"(?:reply to|after|like our) (?:ehlo|helo)", Stage.EHLO),
        (r"initial connection|initial server greeting|refused to talk to me", Stage.GREETING),
        (r"(?:reply to|after) (?:pipelined )?data\b", Stage.DATA),
    )
)
#: Causes that pass, where neither a code nor the words tell.
PASSING = frozenset(
    {
        Cause.GREYLISTED,
        Cause.RATE_LIMITED,
        Cause.QUOTA_SPENT,
        Cause.SYSTEM_TROUBLE,
        Cause.LINK_LOST,
        Cause.MAILBOX_FULL,
    }
)
_GIVEN_UP = re.compile(
    r"giving up|gave up|not going to try|no further|permanent|expired|failed permanently"
    r"|could not be delivered for|in the queue too long|will be deleted|returned to sender",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"temporar|delayed|will be retried|try again|try later|still trying|delivery attempts will"
    r"|not yet|deferred|warning",
    re.IGNORECASE,
)
#: Whom a cause concerns where nothing else tells; every other cause is the recipient's.
OF_US = OF_THE_RELAY | {Cause.BLOCKED, Cause.NO_REVERSE_NAME, Cause.UNAUTHENTICATED}
OF_CONTENT = OF_THE_MESSAGE | {Cause.CONTENT_REFUSED, Cause.ATTACHMENT_REFUSED}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a text says of a failed delivery."""

    cause: Cause
    #: Whom it concerns; RELAY: the sending side, be it server, account or domain.
    scope: Scope
    #: Another attempt with the same message would fail too.
    is_permanent: bool
    #: The reply's code, 200..599; 0 where the text has none.
    code: int = 0
    #: The enhanced status code (RFC 3463); empty where the text has none.
    enhanced: str = ""
    #: Seconds that the text asks to wait, where it says so.
    wait: float | None = None


def judge_text(text: str) -> Judgement:
    """The cause, scope and permanence of what the text tells; never raises, whatever the text.

    A text that tells nothing is `Cause.OTHER`, permanent: such a text came with returned mail.
    """
    text = _TYPE.sub("", text[:LONGEST_READ], count=1)
    code, enhanced = _code(text), _enhanced(text)
    is_permanent = _is_permanent(code, enhanced, text)
    digits = code or (450 if is_permanent is False else 550)
    words = _CONTINUED.sub(" ", text)
    cause, told = classify(Reply(digits, enhanced, words), _stage(text))
    if is_permanent is None:
        is_permanent = cause not in PASSING
    wait = None if is_permanent else told_wait(words)
    return Judgement(cause, told or _scope(cause), is_permanent, code, enhanced, wait)


def _code(text: str) -> int:
    """The first basic code of a failure, else 0."""
    return next((int(found[1]) for found in _CODE.finditer(text) if found[1][0] != "2"), 0)


def _enhanced(text: str) -> str:
    """The first enhanced code of a failure that says something, else the first, else none."""
    found = [one[1] for one in _ENHANCED.finditer(text) if one[1][0] != "2"]
    return next((code for code in found if not code.endswith(".0.0")), next(iter(found), ""))


def _stage(text: str) -> Stage | None:
    return next((stage for words, stage in _STEPS if words.search(text)), None)


def _is_permanent(code: int, enhanced: str, text: str) -> bool | None:
    """By the words that outlive a code ("giving up"), then by the codes; None: nothing tells."""
    if _GIVEN_UP.search(text):
        return True
    if code or enhanced:
        return (enhanced[:1] or str(code)[0]) == "5"
    return False if _GOES_ON.search(text) else None


def _scope(cause: Cause) -> Scope:
    if cause in OF_US:
        return Scope.RELAY
    return Scope.MESSAGE if cause in OF_CONTENT else Scope.RECIPIENT
