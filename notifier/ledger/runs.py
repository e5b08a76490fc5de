"""Runs: beginning them, finding them, and what a person or the engine decides about them.

Every function takes the connection of a transaction that its caller began (`Ledger`).
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING

from notifier.errors import UsageError
from notifier.ledger.records import NewRun, Run
from notifier.ledger.statements import BARRED
from notifier.ledger.transitions import RETRIABLE
from notifier.locale import N_, _
from notifier.model import FINAL_STATES, RunState, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_COLUMNS = (
    "id, campaign, occurrence, title, relay, state, reason, campaign_digest, template_digest,"
    " source_file, source_digest, campaign_yaml, created_at, enrolled_at, started_at, finished_at,"
    " kind, due_at, not_after, purged_at"
)

#: A run's state as people say it; what a room above says in reports.
_WORDS: dict[RunState, str] = {
    RunState.ENROLLING: N_("reading the sheet"),
    RunState.AWAITING: N_("waiting for approval"),
    RunState.ACTIVE: N_("active"),
    RunState.PAUSED: N_("paused"),
    RunState.HELD: N_("waiting for a decision"),
    RunState.CANCELLED: N_("cancelled"),
    RunState.FINISHED: N_("finished"),
}
#: What `move` does; every other change of a run's state is left undone. (from, to)
#: Whose approval is still to be given becomes `awaiting` wherever it would become active.
RUN_MOVES: frozenset[tuple[RunState, RunState]] = frozenset(
    {
        (RunState.ENROLLING, RunState.ACTIVE),
        (RunState.ENROLLING, RunState.AWAITING),
        (RunState.ENROLLING, RunState.CANCELLED),
        (RunState.AWAITING, RunState.ACTIVE),
        (RunState.AWAITING, RunState.CANCELLED),
        (RunState.AWAITING, RunState.FINISHED),  # all of it came too late
        (RunState.AWAITING, RunState.HELD),  # the same, but for what is in doubt
        # Nobody approved it, it ended, and somebody wants it sent all the same.
        (RunState.HELD, RunState.AWAITING),
        (RunState.FINISHED, RunState.AWAITING),
        (RunState.CANCELLED, RunState.AWAITING),
        # What had been approved was changed: somebody has to look again.
        (RunState.ACTIVE, RunState.AWAITING),
        (RunState.PAUSED, RunState.AWAITING),
        (RunState.ACTIVE, RunState.PAUSED),
        (RunState.ACTIVE, RunState.HELD),
        (RunState.ACTIVE, RunState.CANCELLED),
        (RunState.ACTIVE, RunState.FINISHED),
        (RunState.PAUSED, RunState.ACTIVE),
        (RunState.PAUSED, RunState.PAUSED),  # for another reason
        (RunState.PAUSED, RunState.HELD),
        (RunState.PAUSED, RunState.CANCELLED),
        (RunState.PAUSED, RunState.FINISHED),
        (RunState.HELD, RunState.ACTIVE),
        (RunState.HELD, RunState.CANCELLED),
        (RunState.HELD, RunState.FINISHED),
        (RunState.FINISHED, RunState.ACTIVE),
        (RunState.CANCELLED, RunState.ACTIVE),
    }
)
#: What a run can be although its recipients were not all written down.
_UNENROLLED = frozenset({RunState.ENROLLING, RunState.CANCELLED})


def start(db: sqlite3.Connection, new: NewRun, now: float) -> Run:
    """The run of that campaign and occurrence, made where there is none yet."""
    row = _select(db, "campaign = ? AND occurrence = ?", new.campaign, new.occurrence)
    if row is not None:
        return row
    cursor = db.execute(
        "INSERT INTO run (campaign, occurrence, title, relay, state, reason, campaign_digest,"
        " template_digest, source_file, source_digest, campaign_yaml, created_at, kind, due_at,"
        " not_after, rows, folded, extra_addresses, left_out, blank, totals, rejections)"
        " VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0)",
        (
            new.campaign,
            new.occurrence,
            new.title,
            new.relay,
            RunState.ENROLLING,
            new.campaign_digest,
            new.template_digest,
            new.source_file,
            new.source_digest,
            new.campaign_yaml,
            now,
            new.kind,
            new.due_at,
            new.not_after,
        ),
    )
    run_id = cursor.lastrowid
    assert run_id is not None
    db.executemany(
        "INSERT INTO counter (run_id, state, count) VALUES (?, ?, 0)",
        [(run_id, state) for state in State],
    )
    return get(db, run_id)


def get(db: sqlite3.Connection, run_id: int) -> Run:
    """The run of that number; UsageError where there is none."""
    run = _select(db, "id = ?", run_id)
    if run is None:
        raise UsageError(_("There is no run {run}.").format(run=run_id), next_step="notifier runs")
    return run


def find(db: sqlite3.Connection, reference: str) -> Run:
    """The run that a person means: a number, `latest`, a campaign, or campaign@occurrence.

    A campaign's name means its latest run. UsageError names the nearest campaign.
    """
    text = reference.strip()
    if text.isascii() and text.isdigit() and len(text) < 19:  # noqa: PLR2004 - 64 bits hold it
        found = _select(db, "id = ?", int(text))
    elif text == "latest":
        found = _select(db, "id = (SELECT max(id) FROM run)")
    else:
        campaign, _at, occurrence = text.partition("@")
        found = _select(
            db,
            "id = (SELECT max(id) FROM run WHERE campaign = ? AND (? = '' OR occurrence = ?))",
            campaign,
            occurrence,
            occurrence,
        )
    if found is None:
        raise UsageError(_("There is no run {run}.").format(run=text), next_step=_nearest(db, text))
    return found


def begin_again(campaign: str, occurrence: str) -> str:
    """The command that goes on with a run whose recipients were not all written down yet."""
    only = re.search(r"-(changed|new|failed)(-\d+)?$", occurrence)
    return f"notifier send {campaign}{f' --only {only[1]}' if only else ''} --live"


def _nearest(db: sqlite3.Connection, text: str) -> str:
    names = [name for (name,) in db.execute("SELECT DISTINCT campaign FROM run")]
    if not names:
        return _("Nothing was sent yet: notifier send CAMPAIGN shows what would be.")
    close = difflib.get_close_matches(text.partition("@")[0], names, 1)
    if close:
        return _("Did you mean {name}? `notifier runs` lists all.").format(name=close[0])
    return _("`notifier runs` lists all.")


def _select(db: sqlite3.Connection, where: str, *values: object) -> Run | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM run WHERE {where}", values).fetchone()  # noqa: S608 - constants
    if row is None:
        return None
    return Run(*(*row[:5], RunState(row[5]), *row[6:]))


def counts(db: sqlite3.Connection, run_id: int) -> dict[State, int]:
    """Deliveries by state, zeros left out, in the states' order."""
    found = dict(db.execute("SELECT state, count FROM counter WHERE run_id = ?", (run_id,)))
    return {state: found[state] for state in State if found.get(state)}


def move(db: sqlite3.Connection, run_id: int, state: RunState, reason: str, now: float) -> RunState:
    """Put the run into a state where `RUN_MOVES` has it; the state that it is in then.

    None that somebody has to approve first becomes active, whatever it was before; nor one whose
    recipients were not all written down.
    """
    run = get(db, run_id)
    if run.enrolled_at is None and state not in _UNENROLLED:
        return run.state
    if state is RunState.ACTIVE and _needs_approval(db, run_id):
        state = RunState.AWAITING
    if (run.state, state) not in RUN_MOVES:
        return run.state
    ends = state in (RunState.FINISHED, RunState.CANCELLED)
    db.execute(
        "UPDATE run SET state = ?, reason = ?, finished_at = ? WHERE id = ?",
        (state, reason, now if ends else None, run_id),
    )
    return state


def _needs_approval(db: sqlite3.Connection, run_id: int) -> bool:
    found = db.execute(
        "SELECT 1 FROM approval WHERE run_id = ? AND approved_at IS NULL", (run_id,)
    ).fetchone()
    return found is not None


def pause(db: sqlite3.Connection, run_id: int, reason: str, now: float) -> None:
    """Stop claims. UsageError where there is nothing to pause."""
    run = get(db, run_id)
    if run.state not in (RunState.ACTIVE, RunState.PAUSED):
        raise _not_now(run, _("Only a run that is being sent can be paused."))
    move(db, run_id, RunState.PAUSED, reason, now)


def resume(db: sqlite3.Connection, run_id: int, now: float) -> None:
    """Let claims go on. UsageError where nothing is left to send, or enrolment isn't finished."""
    run = get(db, run_id)
    if run.state is RunState.ENROLLING:
        raise _not_now(
            run,
            _("Its recipients were not all written down yet."),
            begin_again(run.campaign, run.occurrence),
        )
    if run.state is RunState.AWAITING:
        raise _not_now(run, _("Nobody has approved it yet."), f"notifier approve {run.id}")
    if run.state in (RunState.FINISHED, RunState.CANCELLED):
        raise _not_now(run, _("Nothing is left to send."), f"notifier report {run.id}")
    move(db, run_id, RunState.ACTIVE, "", now)


def cancel(db: sqlite3.Connection, run_id: int, reason: str, now: float) -> int:
    """Never send what was not sent yet; how many deliveries that are.

    What is on the wire finishes. A second time sweeps again. UsageError where the run is finished.
    """
    run = get(db, run_id)
    if run.state is RunState.FINISHED:
        raise _not_now(run, _("It has ended already."), f"notifier report {run.id}")
    moved = 0
    for state in (State.PENDING, State.DEFERRED, State.CLAIMED):
        # each by the index that has these alone: the ledger's other deliveries may be millions
        its_index = "worker_id" if state is State.CLAIMED else "next_attempt_at"
        cursor = db.execute(
            "UPDATE delivery SET state = ?, next_attempt_at = NULL, worker_id = NULL,"  # noqa: S608 - a constant
            f" changed_at = ? WHERE run_id = ? AND state = ? AND {its_index} IS NOT NULL",
            (State.CANCELLED, now, run_id, state),
        )
        shift(db, run_id, state, State.CANCELLED, cursor.rowcount)
        moved += cursor.rowcount
    move(db, run_id, RunState.CANCELLED, reason, now)
    return moved


def retry(
    db: sqlite3.Connection,
    run_id: int,
    states: Iterable[State],
    addresses: Iterable[str],
    now: float,
) -> int:
    """Make deliveries due again, with a new retry horizon; how many.

    `addresses` (compared without regard to case) narrows the choice; none of them means all.
    Suppressed addresses are left out until the suppression is lifted. UsageError for a state that
    can't be retried: what was accepted is not sent again.
    """
    wanted = set(states)
    wrong = sorted(wanted - RETRIABLE)
    if wrong:
        raise UsageError(
            _("Deliveries in state {state} can't be retried.").format(state=wrong[0]),
            next_step=_("It takes one of: {choices}.").format(choices=", ".join(sorted(RETRIABLE))),
        )
    run = get(db, run_id)
    if run.state is RunState.ENROLLING:
        raise _not_now(
            run,
            _("Its recipients were not all written down yet."),
            begin_again(run.campaign, run.occurrence),
        )
    if run.enrolled_at is None:  # it was given up before; nor was anybody asked to approve it
        raise _not_now(
            run,
            _("Its recipients were not all written down yet."),
            f"notifier send {run.campaign} --again",
        )
    if run.purged_at is not None:
        raise _not_now(run, _("Its recipients were purged: nobody knows any more who they were."))
    folded = json.dumps([address.strip().lower() for address in addresses])
    moved = 0
    for state in sorted(wanted):
        cursor = db.execute(
            "UPDATE delivery SET state = ?, next_attempt_at = ?, attempts = 0, cause = NULL,"  # noqa: S608 - constants of ours
            " first_attempt_at = NULL, changed_at = ? WHERE state = ? AND"
            " id IN (SELECT delivery_id FROM recipient WHERE run_id = ?) AND"
            " (? = '[]' OR EXISTS (SELECT 1 FROM recipient r WHERE r.delivery_id = delivery.id"
            " AND fold(r.address) IN (SELECT value FROM json_each(?)))) AND"
            " NOT EXISTS (SELECT 1 FROM recipient p WHERE p.delivery_id = delivery.id"
            f" AND {BARRED})",
            (State.PENDING, now, now, state, run_id, folded, folded),
        )
        shift(db, run_id, state, State.PENDING, cursor.rowcount)
        moved += cursor.rowcount
    if moved and run.state not in (RunState.PAUSED, RunState.AWAITING):
        move(db, run_id, RunState.ACTIVE, "", now)
    return moved


def finish_if_done(db: sqlite3.Connection, run_id: int, now: float) -> RunState:
    """FINISHED when every delivery is final, HELD when only doubts are left; the state then."""
    run = get(db, run_id)
    if run.state not in (RunState.ACTIVE, RunState.PAUSED, RunState.HELD):
        return run.state
    left = {state for state in counts(db, run_id) if state not in FINAL_STATES}
    if left - {State.UNKNOWN}:
        return run.state
    return move(db, run_id, RunState.HELD if left else RunState.FINISHED, "", now)


def shift(db: sqlite3.Connection, run_id: int, before: State, after: State, count: int) -> None:
    """Move `count` deliveries from one counter to another, in the deliveries' own transaction."""
    if count:
        db.executemany(
            "UPDATE counter SET count = count + ? WHERE run_id = ? AND state = ?",
            [(-count, run_id, before), (count, run_id, after)],
        )


def _not_now(run: Run, why: str, step: str = "") -> UsageError:
    return UsageError(
        why,
        where=_("run {run} ({campaign}), {state}").format(
            run=run.id, campaign=run.campaign, state=_(_WORDS[run.state])
        ),
        next_step=step or f"notifier status {run.id}",
    )
