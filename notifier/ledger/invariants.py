"""What must hold in every ledger at every instant, as queries that find what doesn't.

Each row that a query finds is one thing that must not be, as text that names it. `check.py` asks
them; the tests ask them of every state that a ledger can be in.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from notifier.locale import N_
from notifier.model import FINAL_STATES, RunState, State


class Level(StrEnum):
    """How bad a finding is."""

    DAMAGE = "damage"  # the file itself: put a backup in its place
    FAULT = "fault"  # what must never be
    NOTICE = "notice"  # what passes by itself, or by the command that is named


class Query(NamedTuple):
    """A check by a query: each row is one thing that must not be, as text."""

    name: str
    level: Level
    text: str
    next_step: str
    sql: str


def _listed(states: frozenset[State]) -> str:
    return ", ".join(f"'{it}'" for it in sorted(states))


REPORT = N_("This is a mistake in notifier: please report it. `notifier ledger backup` first.")
_AGAIN = N_("notifier ledger purge goes on with it.")
_FINAL = _listed(FINAL_STATES)
_OPEN = _listed(frozenset(State) - FINAL_STATES)
_SENDABLE = _listed(frozenset(State) - FINAL_STATES - {State.UNKNOWN})

#: All of them, in the order in which they are made.
QUERIES = (
    Query(
        "counters",
        Level.FAULT,
        N_("Counts of deliveries differ from a recount."),
        REPORT,
        """SELECT 'run ' || run_id || ', ' || state || ': ' || sum(told) || ', ' || sum(found)
        FROM (SELECT run_id, state, count AS told, 0 AS found FROM counter
            UNION ALL SELECT run_id, state, 0, count(*) FROM delivery GROUP BY run_id, state)
        GROUP BY run_id, state HAVING sum(told) <> sum(found)""",
    ),
    Query(
        "states",
        Level.FAULT,
        N_("Deliveries are in a state that there is not."),
        REPORT,
        f"""SELECT DISTINCT 'run ' || run_id || ': ' || state FROM delivery
        WHERE state NOT IN ({_listed(frozenset(State))})""",  # noqa: S608 - constants of ours
    ),
    Query(
        "sums",
        Level.FAULT,
        N_("Rows of a sheet are not accounted for."),
        REPORT,
        """SELECT 'run ' || r.id FROM run r WHERE r.enrolled_at IS NOT NULL
        AND r.rows + r.extra_addresses <> r.rejections + r.folded + r.left_out
            + (SELECT sum(c.count) FROM counter c WHERE c.run_id = r.id)""",
    ),
    Query(
        "rejections",
        Level.FAULT,
        N_("Rejected rows are missing, or are too many."),
        REPORT,
        """SELECT 'run ' || r.id FROM run r WHERE r.purged_at IS NULL AND r.rejections <>
        (SELECT count(*) FROM rejection j WHERE j.run_id = r.id)""",
    ),
    Query(
        "proofs",
        Level.FAULT,
        N_("Deliveries are accepted without a reply that says so."),
        REPORT,
        """SELECT 'delivery ' || d.id FROM delivery d WHERE d.state = 'accepted' AND NOT EXISTS (
        SELECT 1 FROM attempt a WHERE a.delivery_id = d.id AND a.code BETWEEN 200 AND 299
        AND a.stage = 'body')""",
    ),
    Query(
        "due times",
        Level.FAULT,
        N_("Deliveries that are settled are due, or waiting ones are not."),
        REPORT,
        """SELECT 'delivery ' || id || ' (' || state || ')' FROM delivery
        WHERE (next_attempt_at IS NOT NULL) <> (state IN ('pending', 'deferred'))""",
    ),
    Query(
        "holders",
        Level.FAULT,
        N_("Deliveries on their way belong to nobody, or others to somebody."),
        REPORT,
        """SELECT 'delivery ' || id || ' (' || state || ')' FROM delivery
        WHERE (worker_id IS NOT NULL) <> (state IN ('claimed', 'submitting'))""",
    ),
    Query(
        "attempts",
        Level.FAULT,
        N_("Attempts are missing, or are too many."),
        REPORT,
        """SELECT 'delivery ' || d.id FROM delivery d LEFT JOIN (SELECT delivery_id,
            count(*) AS made, max(ordinal) AS last FROM attempt GROUP BY delivery_id) a
        ON a.delivery_id = d.id WHERE d.tries <> coalesce(a.made, 0)
        OR coalesce(a.made, 0) <> coalesce(a.last, 0)""",
    ),
    Query(
        "timeline",
        Level.FAULT,
        N_("The count of attempts by the second differs from a recount."),
        REPORT,
        """SELECT 'run ' || run_id FROM (
            SELECT run_id, sum(count) AS told, 0 AS found FROM tick GROUP BY run_id
            UNION ALL SELECT d.run_id, 0, count(*) FROM attempt a JOIN delivery d
                ON d.id = a.delivery_id WHERE a.note <> 'late' GROUP BY d.run_id)
        GROUP BY run_id HAVING sum(told) <> sum(found)""",
    ),
    Query(
        "recipients",
        Level.FAULT,
        N_("Deliveries have nobody whom they are to."),
        REPORT,
        """SELECT 'delivery ' || d.id FROM delivery d LEFT JOIN recipient p
        ON p.delivery_id = d.id WHERE p.run_id IS NOT d.run_id""",
    ),
    Query(
        "tokens",
        Level.FAULT,
        N_("Messages can't be found by their Message-ID."),
        REPORT,
        """SELECT 'delivery ' || p.delivery_id FROM recipient p JOIN run r ON r.id = p.run_id
        WHERE r.enrolled_at IS NOT NULL AND p.token <> '' AND NOT EXISTS (
        SELECT 1 FROM token t WHERE t.token = p.token AND t.delivery_id = p.delivery_id)""",
    ),
    Query(
        "mailboxes",
        Level.FAULT,
        N_("Deliveries can't be found by their address."),
        REPORT,
        """SELECT 'delivery ' || p.delivery_id FROM recipient p JOIN run r ON r.id = p.run_id
        WHERE r.enrolled_at IS NOT NULL AND p.address <> '' AND NOT EXISTS (
        SELECT 1 FROM mailbox m WHERE m.address = fold(p.address)
        AND m.delivery_id = p.delivery_id)""",
    ),
    Query(
        "ended runs",
        Level.FAULT,
        N_("Runs have ended, but deliveries are left in them."),
        REPORT,
        f"""SELECT 'run ' || r.id || ': ' || c.count || ' ' || c.state FROM run r
        JOIN counter c ON c.run_id = r.id AND c.count > 0
        WHERE (r.state = '{RunState.FINISHED}' AND c.state IN ({_OPEN}))
        OR (r.state = '{RunState.CANCELLED}' AND c.state IN ('pending', 'deferred'))
        OR (r.state = '{RunState.HELD}' AND c.state IN ({_SENDABLE}))""",  # noqa: S608 - constants of ours
    ),
    Query(
        "open runs",
        Level.NOTICE,
        N_("Runs are open, but nothing is left in them to send."),
        N_("notifier resume RUN ends them."),
        f"""SELECT 'run ' || r.id FROM run r WHERE r.state = '{RunState.ACTIVE}'
        AND NOT EXISTS (SELECT 1 FROM counter c WHERE c.run_id = r.id AND c.count > 0
        AND c.state IN ({_SENDABLE}))""",  # noqa: S608 - constants of ours
    ),
    Query(
        "end times",
        Level.FAULT,
        N_("Runs have ended without a time, or go on with one."),
        REPORT,
        f"""SELECT 'run ' || id FROM run WHERE (finished_at IS NOT NULL) <>
        (state IN ('{RunState.FINISHED}', '{RunState.CANCELLED}'))""",  # noqa: S608 - constants of ours
    ),
    Query(
        "purged runs",
        Level.FAULT,
        N_("Runs are purged, but recipients are left in them: the purge was interrupted."),
        _AGAIN,
        """SELECT 'run ' || r.id FROM run r WHERE r.purged_at IS NOT NULL AND (EXISTS (
        SELECT 1 FROM recipient p WHERE p.run_id = r.id AND p.line > 0)
        OR EXISTS (SELECT 1 FROM rejection j WHERE j.run_id = r.id))""",
    ),
    Query(
        "forgotten",
        Level.FAULT,
        N_("Somebody was forgotten, but an address is still there."),
        N_("notifier forget ADDRESS, once more."),
        """SELECT 'delivery ' || m.delivery_id FROM mailbox m
        WHERE EXISTS (SELECT 1 FROM forgotten)
        AND hashed(m.address) IN (SELECT hash FROM forgotten)""",
    ),
    Query(
        "documents",
        Level.NOTICE,
        N_("Files are kept that no run was made from."),
        _AGAIN,
        """SELECT substr(d.digest, 1, 16) FROM document d WHERE NOT EXISTS (
        SELECT 1 FROM run_document r WHERE r.digest = d.digest)""",
    ),
    Query(
        "audit's guards",
        Level.FAULT,
        N_("What keeps the audit log from being changed was taken away."),
        REPORT,
        """SELECT needed.value FROM json_each('["audit_stays", "audit_is_kept"]') needed
        WHERE needed.value NOT IN (SELECT name FROM sqlite_master WHERE type = 'trigger')""",
    ),
    Query(
        "permits",
        Level.FAULT,
        N_("Grants of a limit are less than nothing."),
        REPORT,
        "SELECT scope FROM permit WHERE permits < 0",
    ),
)
