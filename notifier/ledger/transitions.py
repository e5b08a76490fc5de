"""Which state of a delivery may follow which. What is not in the table can't happen.

    pending, deferred --claim--> claimed --intent--> submitting --reply--> accepted ...
         ^                          |                     |
         +------ given back --------+                     +--no reply--> unknown --person--> pending

`accepted` is reached in two ways only, both with a stored 2yz reply to the end of data: from
`submitting` by the worker that holds the delivery, and by a *late* reply (`LATE`): a worker that
was taken for dead wakes up and brings the reply to a message whose intent had been durable. Its
proof settles whatever was planned since, and stops a second copy that has not been intended yet.
Where that copy is on the wire already, its own outcome comes first; the proof counts unless that
is `accepted` too.
"""

from __future__ import annotations

from notifier.model import State

#: By the worker that holds the delivery, through its results: (from, to).
BY_RESULT: frozenset[tuple[State, State]] = frozenset(
    {
        # Nothing was on the wire: the relay refused the envelope, or had trouble of its own.
        (State.CLAIMED, State.PENDING),
        (State.CLAIMED, State.DEFERRED),
        (State.CLAIMED, State.REFUSED),
        (State.CLAIMED, State.EXPIRED),
        # The intent was durable: the reply, or the lack of one, decides.
        (State.SUBMITTING, State.ACCEPTED),
        (State.SUBMITTING, State.DEFERRED),
        (State.SUBMITTING, State.REFUSED),
        (State.SUBMITTING, State.EXPIRED),
        (State.SUBMITTING, State.UNKNOWN),
        (State.SUBMITTING, State.PENDING),
    }
)

#: By a reply to the end of data that comes after the delivery was taken from its worker.
LATE: frozenset[tuple[State, State]] = frozenset(
    {
        # It was accepted, whatever was planned or happened to a copy since.
        (State.UNKNOWN, State.ACCEPTED),
        (State.PRESUMED, State.ACCEPTED),
        (State.PENDING, State.ACCEPTED),
        (State.DEFERRED, State.ACCEPTED),
        (State.CLAIMED, State.ACCEPTED),
        (State.REFUSED, State.ACCEPTED),
        (State.EXPIRED, State.ACCEPTED),
        (State.CANCELLED, State.ACCEPTED),
        # It was not taken: the doubt of this very attempt is over.
        (State.UNKNOWN, State.REFUSED),
        (State.UNKNOWN, State.DEFERRED),
        (State.UNKNOWN, State.EXPIRED),
    }
)

#: By the ledger itself: claiming, intents, recovery, and what a person decides.
BY_LEDGER: frozenset[tuple[State, State]] = frozenset(
    {
        (State.PENDING, State.CLAIMED),
        (State.DEFERRED, State.CLAIMED),
        (State.CLAIMED, State.SUBMITTING),
        (State.SUBMITTING, State.UNKNOWN),
        (State.SUBMITTING, State.PENDING),
        (State.CLAIMED, State.PENDING),
        (State.PENDING, State.CANCELLED),
        (State.DEFERRED, State.CANCELLED),
        (State.CLAIMED, State.CANCELLED),
        # It would be sent again, but its run was cancelled meanwhile.
        (State.SUBMITTING, State.CANCELLED),
        (State.UNKNOWN, State.CANCELLED),
        # A person found out that it arrived, or that it did not.
        (State.UNKNOWN, State.PRESUMED),
        (State.PRESUMED, State.PENDING),
        # Too late to be of use to anybody.
        (State.PENDING, State.EXPIRED),
        (State.DEFERRED, State.EXPIRED),
        *((state, State.PENDING) for state in (State.REFUSED, State.EXPIRED, State.UNKNOWN)),
        *((state, State.PENDING) for state in (State.CANCELLED, State.SUPPRESSED)),
        *((state, State.PENDING) for state in (State.BOUNCED, State.DEFERRED)),
        (State.PENDING, State.SUPPRESSED),
        (State.DEFERRED, State.SUPPRESSED),
        (State.CLAIMED, State.SUPPRESSED),
    }
)

#: Every transition that can happen at all.
LEGAL: frozenset[tuple[State, State]] = BY_RESULT | LATE | BY_LEDGER

#: What a person may send again: all but what was accepted or is being sent. `unknown` may have
#: arrived, `suppressed` goes only when the suppression was lifted: whoever retries says so.
RETRIABLE: frozenset[State] = frozenset(
    before for before, after in BY_LEDGER if after is State.PENDING
) - {State.CLAIMED, State.SUBMITTING}
