"""Which cases the fault matrix has: every step x fault x way to send x place, and what can't be.

`cases()` is all of them; each has a name that tells it. What is left out, and why, is in
`why_not`, so that the matrix's size is explained and not only counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

#: The steps of a session and of a message, in order.
SESSION = ("connect", "greeting", "ehlo", "helo", "starttls", "ehlo after tls", "auth")
#: Before its first whole message a relay gets a chunk of no message, and EHLO behind it.
TEST = ("stray chunk", "witness")
ENVELOPE = ("mail", "rcpt", "data")
MESSAGE = (*ENVELOPE, "lone dot", "end of data", "bdat", "rset")
LEAVE = ("noop", "quit")
STEPS = (*SESSION, *TEST, *MESSAGE, *LEAVE)
#: What a relay may do instead of the reply that is due.
FAULTS = (
    "4yz",
    "5yz",
    "421",
    "close",
    "reset",
    "silence",
    "garbage",
    "over-long line",
    "over-long reply",
    "partial line",
    "split",
    "extra reply",
    "extra refusal",
)
#: Commands one by one; envelopes at once and beside the body before; whole messages, several; the
#: same as it comes by itself, once the relay has shown with three messages that it can.
MODES = ("lockstep", "pipelined", "chunked", "by itself")
WHOLE = frozenset({"chunked", "by itself"})
#: Of the three messages that are under way when it happens; of three connections, where the step
#: comes once in each.
PLACES = ("first", "middle", "last")
#: A reply too many.
EXTRA = frozenset({"extra reply", "extra refusal"})
#: Faults that need no reply: all that can happen before there is an SMTP server.
OF_THE_NETWORK = frozenset({"close", "reset", "silence"})


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong once."""

    mode: str
    step: str
    fault: str
    place: str

    def __str__(self):
        return f"{self.mode}-{self.step}-{self.fault}-{self.place}".replace(" ", "_")

    @property
    def nth(self):
        """The place as a number, from 1."""
        return PLACES.index(self.place) + 1

    @property
    def is_indistinguishable(self):
        """Whether no sender could tell what comes from what should come.

        MAIL, RCPT and BDAT have left together, so a second 250 right behind the one to RCPT is the
        reply to BDAT for all that anybody can know, where nothing follows. (Behind the one to MAIL
        it pushes the reply to RCPT into that place, and its enhanced code gives it away.)
        """
        is_last = self.mode == "chunked" or self.place == "last"
        return is_last and (self.step, self.fault) == ("rcpt", "extra reply")

    @property
    def is_ambiguous(self):
        """Whether a message may be in doubt though its reply came, since another came as well.

        Which of the two was the right one, nobody can know: so it is neither accepted nor refused.
        """
        return self.mode == "by itself" and self.fault in EXTRA


#: Cases that can't be, and why.
IMPOSSIBLE = (
    (
        lambda case: case.step == "noop",
        "the pool never says NOOP; the session's own tests have its faults",
    ),
    (
        lambda case: case.step == "connect" and case.fault not in OF_THE_NETWORK,
        "there is no relay yet that could reply",
    ),
    (
        lambda case: case.step == "helo" and case.mode != "lockstep",
        "HELO offers neither PIPELINING nor CHUNKING",
    ),
    (
        lambda case: case.step == "lone dot" and case.mode != "pipelined",
        "only a DATA that left before RCPT was refused can be answered 354 for nobody",
    ),
    (
        lambda case: case.step in {"data", "end of data"} and case.mode in WHOLE,
        "BDAT is in the place of DATA and the end of data",
    ),
    (
        lambda case: case.step == "bdat" and case.mode not in WHOLE,
        "BDAT is what chunked means",
    ),
    (
        lambda case: case.mode == "chunked" and case.fault == "extra refusal",
        "chunking = on takes the user's word that the relay can count",
    ),
    (
        lambda case: case.step in TEST and (case.mode != "by itself" or case.place == "last"),
        "a relay is tested by itself only, and until it has shown that it can",
    ),
)


def why_not(case):
    """Why there is no such case; empty where there is."""
    return next((reason for is_meant, reason in IMPOSSIBLE if is_meant(case)), "")


def candidates():
    """The whole product, with what can't be."""
    return [Case(*it) for it in product(MODES, STEPS, FAULTS, PLACES)]


def cases():
    """Every case that can be."""
    return [case for case in candidates() if not why_not(case)]
