"""The SQL that only SQLite understands, all of it, so that another database can stand beside it.

A transaction of the hot path is two calls into SQLite. First the batch goes into temporary tables
by one INSERT of many VALUES (measured: 1.7 us a row, against 16 us for JSON taken apart by
`json_extract`, and Python gives up and regains its lock once, not once a row). Then one INSERT
into a temporary view fires a trigger, the *door*, which does all the rest: look up, decide, update,
insert, count. In autocommit that single statement is the transaction, fsync included. Statement by
statement the same work takes 13 hand-overs of Python's lock, up to 5 ms each while the event loop
is busy: 67 ms a batch instead of 10.

If step X fails: staging touches temporary tables only; the door is one statement, so SQLite undoes
it whole; what was staged is cleared before the next batch.
"""

from __future__ import annotations

from functools import lru_cache

from notifier.ledger.transitions import BY_RESULT, LATE
from notifier.model import Cause, RunState, Stage, State

#: Rows of one VALUES list: a batch is padded to the next of these with empty rows, so that few
#: statements are ever prepared.
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

INTENT_COLUMNS = ("delivery_id", "worker_id", "at", "message_at", "digest")
RESULT_COLUMNS = (
    "delivery_id",
    "worker_id",
    "relay",
    "started_at",
    "at",
    "stage",
    "code",
    "enhanced",
    "text",
    "state",
    "cause",
    "due_at",
    "burns",
)


@lru_cache(maxsize=2 * len(SIZES))
def stage(table: str, columns: tuple[str, ...], size: int) -> str:
    """The INSERT of `size` rows into a staging table."""
    row = f"({', '.join('?' * len(columns))})"
    values = ", ".join([row] * size)
    return f"INSERT INTO temp.{table} ({', '.join(columns)}) VALUES {values}"  # noqa: S608 - constants


def _pairs(pairs: frozenset[tuple[State, State]], kind: str) -> str:
    return ", ".join(f"('{kind}', '{before}', '{after}')" for before, after in sorted(pairs))


#: A worker's own deliveries; a reply that comes too late for the worker still settles a doubt.
#: Late refusals must be about the very attempt that is in doubt; a late 2yz is true in any case.
#: That `accepted` comes with a 2yz to the end of data was checked before (`outcomes.check`).
#: The first branch is in the table too: it is what nearly all results are.
_PRIOR = f"""
CASE WHEN d.worker_id = result.worker_id
    AND d.state = '{State.SUBMITTING}' AND result.state = '{State.ACCEPTED}' THEN d.state
WHEN d.worker_id = result.worker_id THEN (
    SELECT l.prior FROM temp.legal l
    WHERE l.kind = 'own' AND l.prior = d.state AND l.state = result.state)
WHEN d.digest IS NOT NULL AND result.stage = '{Stage.BODY}' AND result.code IS NOT NULL
    AND (result.state = '{State.ACCEPTED}' OR result.worker_id IS (
        SELECT a.worker_id FROM attempt a WHERE a.delivery_id = d.id AND a.ordinal = d.tries))
    THEN (SELECT l.prior FROM temp.legal l
    WHERE l.kind = 'late' AND l.prior = d.state AND l.state = result.state)
END
"""  # noqa: S608 - constants of ours

#: What would be sent again, of a run that was cancelled meanwhile, is cancelled; unless it may have
#: arrived: `cancelled` says that it was not.
_OF_A_CANCELLED_RUN = f"""UPDATE result SET state = CASE
        WHEN prior <> '{State.CLAIMED}' AND state = '{State.DEFERRED}'
            AND stage = '{Stage.BODY}' AND coalesce(code, 0) NOT BETWEEN 400 AND 499
        THEN '{State.UNKNOWN}' ELSE '{State.CANCELLED}' END
    WHERE state IN ('{State.PENDING}', '{State.DEFERRED}') AND prior IS NOT NULL
    AND EXISTS (SELECT 1 FROM run
        WHERE run.id = result.run_id AND run.state = '{RunState.CANCELLED}')"""  # noqa: S608 - constants of ours

#: A 2yz reply came late, while a copy was on the wire: what becomes of that copy's delivery when
#: it was not accepted itself. The values are a `delivery_id`.
PROVEN = f"""UPDATE delivery SET state = '{State.ACCEPTED}', cause = '{Cause.ACCEPTED}',
    next_attempt_at = NULL, code = (SELECT p.code FROM attempt p WHERE p.delivery_id = delivery.id
        AND p.note = 'late' AND p.outcome = '{State.ACCEPTED}' LIMIT 1)
    WHERE EXISTS (SELECT 1 FROM attempt p WHERE p.delivery_id = delivery.id
        AND p.note = 'late' AND p.outcome = '{State.ACCEPTED}') AND delivery.id"""  # noqa: S608 - constants of ours

#: The same for a JSON list of deliveries.
PROVEN_AMONG = f"{PROVEN} IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants of ours

#: Who must not be mailed, of `recipient p`: suppressed, or forgotten (nobody's address is empty).
BARRED = """(p.address = '' OR fold(p.address) IN (SELECT folded FROM suppression)
    OR (EXISTS (SELECT 1 FROM forgotten) AND hashed(p.address) IN (SELECT hash FROM forgotten)))"""

#: Temporary tables, and the doors through which a batch becomes one transaction. `lost` is a
#: function that collects the intents that were not their worker's any more.
SESSION = f"""
CREATE TEMP TABLE legal (
    kind TEXT, prior TEXT, state TEXT, PRIMARY KEY (kind, prior, state)
) WITHOUT ROWID;
INSERT INTO temp.legal VALUES {_pairs(BY_RESULT, "own")}, {_pairs(LATE, "late")};

CREATE TEMP TABLE intent (
    delivery_id INTEGER, worker_id INTEGER, at REAL, message_at REAL, digest BLOB, run_id INTEGER
);
CREATE TEMP TABLE result (
    delivery_id INTEGER, worker_id INTEGER, relay TEXT, started_at REAL, at REAL, stage TEXT,
    code INTEGER, enhanced TEXT, text TEXT, state TEXT, cause TEXT, due_at REAL, burns INTEGER,
    run_id INTEGER, prior TEXT, ordinal INTEGER, is_late INTEGER
);
CREATE TEMP TABLE moved (run_id INTEGER, prior TEXT, state TEXT, second INTEGER, size INTEGER);
CREATE TEMP TABLE odd (delivery_id INTEGER, run_id INTEGER, prior TEXT, state TEXT);
CREATE TEMP TABLE wanted (run_id INTEGER, worker_id INTEGER, size INTEGER, now REAL);
CREATE TEMP TABLE taken (delivery_id INTEGER PRIMARY KEY, prior TEXT);

CREATE TEMP VIEW record_door AS SELECT NULL AS go;
CREATE TEMP TRIGGER record_batch INSTEAD OF INSERT ON record_door BEGIN
    UPDATE intent SET run_id = d.run_id FROM delivery d
        WHERE d.id = intent.delivery_id AND d.state = '{State.CLAIMED}'
        AND d.worker_id = intent.worker_id;
    SELECT lost(delivery_id) FROM intent WHERE run_id IS NULL AND delivery_id > 0;
    UPDATE delivery SET state = '{State.SUBMITTING}', message_at = i.message_at,
        digest = i.digest, changed_at = i.at
        FROM intent i WHERE delivery.id = i.delivery_id AND i.run_id IS NOT NULL;
    INSERT INTO moved SELECT run_id, '{State.CLAIMED}', '{State.SUBMITTING}', NULL, count(*)
        FROM intent WHERE run_id IS NOT NULL GROUP BY run_id;

    UPDATE result SET run_id = d.run_id, prior = {_PRIOR}, ordinal = d.tries + 1,
        is_late = d.worker_id IS NOT result.worker_id,
        burns = CASE WHEN d.worker_id IS NOT result.worker_id THEN 0 ELSE burns END
        FROM delivery d WHERE d.id = result.delivery_id;
    {_OF_A_CANCELLED_RUN};
    UPDATE delivery SET state = r.state, cause = r.cause, code = r.code,
        next_attempt_at = CASE WHEN r.state IN ('{State.PENDING}', '{State.DEFERRED}')
            THEN coalesce(nullif(r.due_at, 0.0), r.at) END,
        attempts = attempts + r.burns, tries = r.ordinal, worker_id = NULL, changed_at = r.at,
        first_attempt_at = CASE WHEN r.burns THEN coalesce(first_attempt_at, r.started_at)
            ELSE first_attempt_at END
        FROM result r WHERE delivery.id = r.delivery_id AND r.prior IS NOT NULL;
    INSERT INTO attempt (delivery_id, ordinal, worker_id, relay, started_at, at, stage, code,
            enhanced, text, outcome, cause, burns, note)
        SELECT delivery_id, ordinal, worker_id, relay, started_at, at, stage, code, enhanced,
            text, state, cause, burns,
            CASE WHEN prior IS NULL THEN 'late' WHEN is_late THEN 'late_settled' ELSE '' END
        FROM result WHERE run_id IS NOT NULL;
    INSERT INTO moved SELECT run_id, prior, state, CAST(at AS INTEGER), count(*)
        FROM result WHERE prior IS NOT NULL GROUP BY run_id, prior, state, CAST(at AS INTEGER);
    INSERT INTO odd SELECT delivery_id, run_id, prior, state FROM result
        WHERE run_id IS NOT NULL AND (prior IS NULL OR state <> '{State.ACCEPTED}');
    DELETE FROM intent;
    DELETE FROM result;
    DELETE FROM moved;
    DELETE FROM odd;
END;
CREATE TEMP TRIGGER count_moved AFTER INSERT ON moved BEGIN
    UPDATE counter SET count = count - new.size
        WHERE run_id = new.run_id AND state = new.prior;
    UPDATE counter SET count = count + new.size
        WHERE run_id = new.run_id AND state = new.state;
    INSERT INTO tick (run_id, second, outcome, count)
        SELECT new.run_id, new.second, new.state, new.size WHERE new.second IS NOT NULL
        ON CONFLICT (run_id, second, outcome) DO UPDATE SET count = count + excluded.count;
END;
CREATE TEMP TRIGGER see_late AFTER INSERT ON odd WHEN new.prior IS NULL BEGIN
    UPDATE delivery SET tries = tries + 1 WHERE id = new.delivery_id;
END;
CREATE TEMP TRIGGER see_proven AFTER INSERT ON odd WHEN new.prior IS NOT NULL BEGIN
    INSERT INTO moved SELECT new.run_id, new.state, '{State.ACCEPTED}', NULL, 1
        FROM delivery WHERE EXISTS (SELECT 1 FROM attempt p WHERE p.delivery_id = delivery.id
        AND p.note = 'late' AND p.outcome = '{State.ACCEPTED}') AND delivery.id = new.delivery_id;
    {PROVEN} = new.delivery_id;
END;

CREATE TEMP VIEW claim_door AS SELECT 0 AS run_id, 0 AS worker_id, 0 AS size, 0.0 AS now;
CREATE TEMP TRIGGER claim_due INSTEAD OF INSERT ON claim_door BEGIN
    DELETE FROM wanted;
    DELETE FROM taken;
    INSERT INTO wanted VALUES (new.run_id, new.worker_id, new.size, new.now);
    INSERT INTO taken SELECT id, state FROM delivery
        WHERE run_id = new.run_id AND next_attempt_at <= new.now
        AND EXISTS (SELECT 1 FROM run WHERE id = new.run_id AND state = 'active')
        AND EXISTS (SELECT 1 FROM worker WHERE id = new.worker_id AND ended_at IS NULL)
        ORDER BY next_attempt_at, id LIMIT (SELECT size FROM wanted);
    UPDATE delivery SET state = '{State.CLAIMED}', worker_id = new.worker_id,
        next_attempt_at = NULL, changed_at = new.now
        WHERE id IN (SELECT delivery_id FROM taken);
    UPDATE counter SET count = count - t.moved
        FROM (SELECT prior, count(*) AS moved FROM taken GROUP BY prior) t
        WHERE counter.run_id = new.run_id AND counter.state = t.prior;
    UPDATE counter SET count = count + (SELECT count(*) FROM taken)
        WHERE run_id = new.run_id AND state = '{State.CLAIMED}';
    UPDATE run SET started_at = new.now WHERE id = new.run_id AND started_at IS NULL
        AND EXISTS (SELECT 1 FROM taken);
END;
"""  # noqa: S608 - constants of ours

#: Clears what a failed batch left behind.
CLEAR = (
    "DELETE FROM temp.intent",
    "DELETE FROM temp.result",
    "DELETE FROM temp.moved",
    "DELETE FROM temp.odd",
)
RECORD = "INSERT INTO temp.record_door VALUES (1)"
CLAIM = "INSERT INTO temp.claim_door VALUES (?, ?, ?, ?)"

#: What the claimed deliveries' messages are made from, in one row: a step of SQLite for each
#: delivery would be a hand-over of Python's lock for each. Contexts are JSON texts, which hold no
#: line feed, so they need no quoting.
TAKEN = """
SELECT json_group_array(json_array(
        id, token, key, address, name, line, attempts, first_attempt_at, message_at)),
    group_concat(context, char(10))
FROM (
    SELECT d.id, r.token, r.key, r.address, r.name, r.line, r.context, d.attempts,
        d.first_attempt_at, d.message_at
    FROM temp.taken t CROSS JOIN delivery d ON d.id = t.delivery_id
    CROSS JOIN recipient r ON r.delivery_id = t.delivery_id ORDER BY t.delivery_id
)
"""

#: Deliveries due, for the query plan's test: what `claim_due` reads.
DUE = """
SELECT id, state FROM delivery WHERE run_id = ? AND next_attempt_at <= ?
ORDER BY next_attempt_at, id LIMIT ?
"""
