"""How long a reply asks us to wait: "try again in 300 seconds", "come back in 00:04:59".

Wordings are those of Postgrey, milter-greylist, SQLgrey, rspamd, MDaemon, Exchange and the large
providers; RFC 6647 section 5 leaves them free. A time is taken only beside words that ask for
another attempt: "10 messages in 5 minutes" is a limit and no appointment.
"""

from __future__ import annotations

import re

#: Characters that are looked at: a sentence, not a page.
LONGEST_TEXT = 1000
#: Seconds; a longer wait than this is a ban, told otherwise.
LONGEST_WAIT = 86400.0
#: Seconds by the unit's first letters; longer names before their beginnings.
_UNITS: tuple[tuple[str, float], ...] = (
    ("ms", 0.001),
    ("mil", 0.001),
    ("giây", 1.0),
    ("phút", 60.0),
    ("giờ", 3600.0),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86400.0),
)
#: Numbers in letters; "a few" is what most mean by it.
_NUMBERS: dict[str, float] = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "five": 5,
    "ten": 10,
    "fifteen": 15,
    "thirty": 30,
    "sixty": 60,
    "few": 5,
    "a few": 5,
}
_ASKS = (
    r"(?:again|re-?try|retried|re-?send|come back|comeback|wait|gr[ae]y.?list\w*|defer\w*"
    r"|thử lại|quay lại)"
)
_NUMBER = r"(\d{1,6}(?:\.\d{1,3})?|a few|few|an?|one|two|three|five|ten|fifteen|thirty|sixty)"
_UNIT = r"(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|giây|phút|giờ)\b"
_TOLD = re.compile(rf"\b{_ASKS}\b[^\d]{{0,40}}?\b{_NUMBER}[ -]?{_UNIT}")
_CLOCK = re.compile(rf"\b{_ASKS}\b[^\d]{{0,40}}?\b(\d{{1,2}}):([0-5]\d)(?::([0-5]\d))?\b")
#: "in 5 minutes, try again": the time before the asking.
_BEFORE = re.compile(
    rf"\b(?:in|after|wait) (?:at least )?{_NUMBER}[ -]?{_UNIT}.{{0,20}}\b{_ASKS}\b"
)


def told_wait(text: str) -> float | None:
    """Seconds until the text wants to see us again; None where it doesn't say. At most a day."""
    text = text[:LONGEST_TEXT].lower()
    clock = _CLOCK.search(text)
    if clock:
        return min(LONGEST_WAIT, _of_clock(clock[1], clock[2], clock[3]))
    told = _TOLD.search(text) or _BEFORE.search(text)
    if told is None:
        return None
    return min(LONGEST_WAIT, _number(told[1]) * _seconds(told[2]))


def _of_clock(first: str, second: str, third: str | None) -> float:
    """`00:04:59` is hours first; `04:59` is minutes, for greylisting never asks for hours."""
    if third is None:
        return int(first) * 60.0 + int(second)
    return int(first) * 3600.0 + int(second) * 60.0 + int(third)


def _number(word: str) -> float:
    return _NUMBERS[word] if word in _NUMBERS else float(word)


def _seconds(unit: str) -> float:
    return next(seconds for name, seconds in _UNITS if unit.startswith(name))
