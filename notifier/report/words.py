"""States as people say them, and the one sentence that sums a run up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier import stages
from notifier.locale import N_, _, ngettext
from notifier.model import RunState, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifier.ledger.reports import DeliveryRow, RunSummary
    from notifier.model import Stage

_STATES: dict[State, str] = {
    State.PENDING: N_("waiting"),
    State.CLAIMED: N_("being prepared"),
    State.SUBMITTING: N_("on the wire"),
    State.ACCEPTED: N_("accepted"),
    State.DEFERRED: N_("to be tried again"),
    State.REFUSED: N_("refused"),
    State.EXPIRED: N_("given up"),
    State.UNKNOWN: N_("in doubt"),
    State.PRESUMED: N_("taken as arrived"),
    State.SUPPRESSED: N_("suppressed"),
    State.CANCELLED: N_("cancelled"),
    State.BOUNCED: N_("returned"),
}
_RUN_STATES: dict[RunState, str] = {
    RunState.ENROLLING: N_("reading the sheet"),
    RunState.AWAITING: N_("waiting for approval"),
    RunState.ACTIVE: N_("active"),
    RunState.PAUSED: N_("paused"),
    RunState.HELD: N_("waiting for a decision"),
    RunState.CANCELLED: N_("cancelled"),
    RunState.FINISHED: N_("finished"),
}
#: States that somebody should look at, worst first.
TROUBLED: tuple[State, ...] = (
    State.REFUSED,
    State.BOUNCED,
    State.EXPIRED,
    State.UNKNOWN,
    State.SUPPRESSED,
    State.CANCELLED,
)
#: States that move on while somebody sends the run.
UNDER_WAY: tuple[State, ...] = (
    State.PENDING,
    State.CLAIMED,
    State.SUBMITTING,
    State.DEFERRED,
)
#: A sign beside the colour, so that the colour isn't needed.
_MARKS: dict[State, str] = {
    State.ACCEPTED: "✓",
    State.REFUSED: "✕",
    State.BOUNCED: "↩",
    State.EXPIRED: "✕",
    State.UNKNOWN: "?",
    State.PRESUMED: "≈",
    State.SUPPRESSED: "–",
    State.CANCELLED: "–",
}
_TONES: dict[State, str] = {
    State.ACCEPTED: "good",
    State.REFUSED: "bad",
    State.BOUNCED: "bad",
    State.EXPIRED: "bad",
    State.UNKNOWN: "wait",
    State.PRESUMED: "calm",
    State.SUPPRESSED: "calm",
    State.CANCELLED: "calm",
}


def state_word(state: State) -> str:
    """A delivery's state, as people say it."""
    return _(_STATES[state])


def run_state_word(state: RunState) -> str:
    """A run's state, as people say it."""
    return _(_RUN_STATES[state])


def stage_word(stage: Stage) -> str:
    """The step of a conversation with a relay, as people say it."""
    return stages.word(stage)


def run_word(summary: RunSummary) -> str:
    """Where the run stands; one that nobody is sending isn't called active."""
    if summary.state is RunState.ACTIVE and not summary.is_being_sent:
        return _("nobody is sending it now")
    return run_state_word(summary.state)


def waiting_word(summary: RunSummary) -> str:
    """What is said of deliveries that are not through yet."""
    return _("under way") if summary.is_being_sent else _("not sent yet")


def mark(state: State) -> str:
    """The state's sign."""
    return _MARKS.get(state, "…")


def tone(state: State) -> str:
    """`good`, `bad`, `wait` or `calm`: how the page colours the state."""
    return _TONES.get(state, "wait")


def reply_line(row: DeliveryRow) -> str:
    """The last reply in one line: `550 5.1.1 No such user`; or the trouble where none came."""
    return " ".join(str(part) for part in (row.code, row.enhanced, row.text) if part)


def under_way(counts: Mapping[State, int]) -> int:
    """How many deliveries are not through yet, and move on while the run is being sent."""
    return sum(counts.get(state, 0) for state in UNDER_WAY)


def verdict(summary: RunSummary) -> str:
    """`38 of 42 delivered to the relay; 2 refused; 2 rows rejected.`: the run in one sentence.

    "Delivered to the relay" is all that is known: the relay answered 2yz and stored the message.
    """
    accepted = summary.counts.get(State.ACCEPTED, 0)
    total = summary.deliveries
    if total and accepted == total:
        head = ngettext(
            "The one message was delivered to the relay",
            "All {total} messages were delivered to the relay",
            total,
        )
    else:
        head = ngettext(
            "{accepted} of {total} message was delivered to the relay",
            "{accepted} of {total} messages were delivered to the relay",
            total,
        )
    told = "; ".join([head.format(accepted=accepted, total=total), *_remainder(summary)])
    return _("{sentence}.").format(sentence=told)


def _remainder(summary: RunSummary) -> list[str]:
    counts = summary.counts
    parts = [
        _("{count} {state}").format(count=counts[state], state=state_word(state))
        for state in (State.PRESUMED, *TROUBLED)
        if counts.get(state)
    ]
    if waiting := under_way(counts):
        still = ngettext("{count} still under way", "{count} still under way", waiting)
        unsent = ngettext("{count} not sent yet", "{count} not sent yet", waiting)
        parts.append((still if summary.is_being_sent else unsent).format(count=waiting))
    if rejected := summary.rejections:
        parts.append(
            ngettext(
                "{count} row of the sheet could not be used",
                "{count} rows of the sheet could not be used",
                rejected,
            ).format(count=rejected)
        )
    return parts
