"""How the tables of words are written, and how a reply is prepared to be compared with them.

A phrase is a regular expression over an *essence*: the reply's text in lower case, with one space
for any white space, "can not" for "can't" and "cannot", "does not" for "doesn't" (and so for all
of these), "email" for "e-mail", `<@>` for a mail address, and `#` for an id, a time or an IP
address. Two things are added to it:

    ~       up to forty characters of anything
    WORDS   a class of words that are said for one another, by name (`CLASSES`)

so that `BOX~FULL` is "the mailbox of this user is over its quota" and much else. No phrase has a
repetition inside a repetition, and what is searched is bounded, so that no text costs much.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from notifier.model import Cause, Scope

#: Characters of a reply that are looked at.
LONGEST_TEXT = 2000
_GAP = ".{0,40}"
#: Classes of words, by the name that stands for them in a phrase.
CLASSES: dict[str, str] = {
    "IS ": r"(?:is |was |are |were |has been |have been |been )?",
    "BOX": r"(?:mail ?box|mail ?folder|mail ?drop|maildir|inbox|account|user|recipient|alias)",
    "WHO": (
        r"(?:user|recipient|mail ?box|address|addressee|account|alias|email|local.?part|person"
        r"|member|customer)(?:\(s\)|es|s)?"
    ),
    "MESSAGE": r"(?:message|mail|email|msg|content)s?",
    "REFUSED": (
        r"(?:reject|refus|denied|deny|block|bann|prohibit|forbid|disallow|restrict|illegal"
        r"|not (?:allow|accept|permit|authori[sz]ed))\w*"
    ),
    "SHUT": (
        r"(?:disabled|suspended|inactive|deactivated|locked|closed|frozen|terminated"
        r"|discontinued|expired|dormant|abandoned|on hold|hangup)"
    ),
    "STOPPED": r"(?:suspended|disabled|paused|locked|blocked|deactivated|shut ?off)",
    "OVER": r"(?:exceed\w*|reached|over|beyond|hit)",
    "LIMIT": r"(?:quota|limit|allowance|threshold)s?",
    "ABSENT": (
        r"(?:unknown|does not (?:exist|have|appear)|do not exist|no longer (?:on|here|at|exists?)"
        r"|not (?:be )?(?:found|known|listed|exist|valid|a valid|a known|correct|registered|here"
        r"|resolved|recogni[sz]ed|present)|invalid|incorrect|unavailable|undeliverable|non-?existent)"
    ),
}
_CLASS = re.compile(r"(?<![A-Z\\])(?:IS |[A-Z]{2,})")
_ADDRESS = re.compile(r"<?[\w.+=*'/-]{1,64}@[\w.-]{1,255}>?")


#: Characters of a word that may be an id; shorter ones are codes and counts.
SHORTEST_ID = 9


class Saying(NamedTuple):
    """Words, and what they mean."""

    cause: Cause
    #: Phrases; any of them.
    words: tuple[str, ...]
    #: Whom it concerns, where the words tell it.
    scope: Scope | None = None
    #: The code's first digit where the words mean it only so; 0: any.
    first_digit: int = 0

    def pattern(self) -> re.Pattern[str]:
        """All phrases as one expression; KeyError where a class of words has no such name."""
        text = "|".join(self.words).replace("~", _GAP)
        return re.compile(_CLASS.sub(lambda found: CLASSES[found[0]], text))


def essence(text: str) -> str:
    """The text as phrases have it. Of a long text its two ends: there stands what it is about."""
    if len(text) > LONGEST_TEXT:
        text = f"{text[: LONGEST_TEXT // 2]} {text[-LONGEST_TEXT // 2 :]}"
    text = text.lower().replace("\u2019", "'")
    text = text.replace("can't", "can not").replace("cannot", "can not").replace("n't", " not")
    words = text.replace("e-mail", "email").split()
    text = " ".join(_named(word) if len(word) >= SHORTEST_ID else word for word in words)
    return _ADDRESS.sub("<@>", text) if "@" in text else text


def _named(word: str) -> str:
    """The word, or `#` from its first digit on where it is an id: where a third is digits.

    No phrase minds an id, and texts that differ by nothing else become equal.
    """
    if "(" in word or "/" in word or 3 * sum(map(str.isdigit, word)) < len(word):
        return word
    return word[: next(at for at, letter in enumerate(word) if letter.isdigit())] + "#"
