"""`notifier runs` and `notifier status`: what was sent, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from notifier.cli import options
from notifier.cli.asked import approval_dict, askers, tell_approval
from notifier.cli.console import facts, print_json, say, suggest, table
from notifier.cli.hours import tell_window
from notifier.cli.relay_states import standings, tell_standings
from notifier.cli.session import session_of
from notifier.cli.words import counts_line, spell_moment, spell_number, spell_seconds
from notifier.ledger.runs import begin_again
from notifier.locale import N_, _, ngettext
from notifier.model import FINAL_STATES, RunState, State
from notifier.report.words import run_word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from notifier.cli.session import Session
    from notifier.ledger.reports import RunSummary

RUNS_HELP = N_("List the runs of this workspace, the latest first.")
STATUS_HELP = N_("Show how far a run is, and what it waits for.")


def runs(
    ctx: typer.Context,
    limit: int = typer.Option(
        20, "--limit", "-n", metavar="N", min=1, help=N_("Show at most so many.")
    ),
    as_json: bool = options.JSON,
) -> None:
    """List the latest runs."""
    session = session_of(ctx)
    found: list[RunSummary] = []
    if session.has_ledger():
        with session.reader() as reader:
            found = list(reader.runs(limit))
    if as_json:
        print_json([summary.as_dict() for summary in found])
    elif not found:
        say(_("Nothing has been sent from this workspace yet."))
        suggest("notifier campaign list")
    else:
        _tell_runs(found, session.zone, askers(session, found))


def _tell_runs(found: list[RunSummary], zone: ZoneInfo, asked: Mapping[int, str]) -> None:
    table(
        (
            _("run"),
            _("campaign"),
            _("occurrence"),
            _("state"),
            _("rows"),
            _("accepted"),
            _("started"),
            _("outcome"),
        ),
        [
            (
                it.id,
                it.campaign,
                it.occurrence,
                _told(run_word(it), asked.get(it.id, "")),
                it.rows,
                it.counts.get(State.ACCEPTED, 0),
                spell_moment(it.started_at, zone),
                counts_line({k: v for k, v in it.counts.items() if k is not State.ACCEPTED}),
            )
            for it in found
        ],
        right=(0, 4, 5),
    )


def status(ctx: typer.Context, run: str = options.RUN, as_json: bool = options.JSON) -> int:
    """Show one run; 1 where some of it failed."""
    session = session_of(ctx)
    run_id = session.find_run_id(run)
    with session.reader() as reader:
        summary = reader.summary(run_id)
    found = standings(session, summary.relay.split(", "))
    if as_json:
        relays = [it.as_dict() for it in found]
        print_json(
            {**summary.as_dict(), "approval": approval_dict(session, run_id), "relays": relays}
        )
    else:
        tell_summary(summary, session.zone)
        tell_approval(session, run_id)
        if len(found) > 1 or any(it.why or it.connections or it.domains for it in found):
            tell_standings(found, session.zone, title=_("Relays"))
        if not _tell_senders(session, run_id) and not tell_window(session, summary):
            suggest(*next_steps(summary))
    return 1 if has_failures(summary) else 0


def _tell_senders(session: Session, run_id: int) -> bool:
    """Say who is sending the run right now; whether somebody is."""
    with session.ledger() as ledger:
        senders = ledger.senders(run_id)
    for it in senders:
        say(
            _("Process {pid} on {host} is sending it now; notifier pause {run} stops it.").format(
                pid=it.pid, host=it.host, run=run_id
            )
        )
    return bool(senders)


def tell_summary(summary: RunSummary, zone: ZoneInfo) -> None:
    """Print a run's figures; the sum at the end accounts for every row."""
    say(
        _("Run {run}: {title}").format(run=summary.id, title=summary.title or summary.campaign),
        style="bold",
    )
    speed = summary.messages_per_second
    facts(
        [
            (_("campaign"), f"{summary.campaign} @ {summary.occurrence}"),
            (_("state"), _state(summary)),
            (_("relay"), summary.relay),
            (_("started"), spell_moment(summary.started_at, zone)),
            (_("finished"), spell_moment(summary.finished_at, zone)),
            (_("purged"), spell_moment(summary.purged_at, zone)),
            (_("sending took"), spell_seconds(sent) if (sent := summary.sending_seconds) else None),
            (_("messages/s"), spell_number(speed) if speed else None),
            (_("deliveries"), _told(summary.deliveries, counts_line(summary.counts))),
            (_("rejected rows"), summary.rejections or None),
            (_("rows"), _account(summary)),
        ]
    )


def _state(summary: RunSummary) -> str:
    return _told(run_word(summary), summary.reason or "")


def _told(head: object, detail: str) -> str:
    return f"{head} ({detail})" if detail else str(head)


def _account(summary: RunSummary) -> str:
    """The sum of `report.account` in words: what the sheet asked for, and what became of it."""
    rejections, folded, extra = summary.rejections, summary.folded, summary.extra_addresses
    left = [str(summary.rows)]
    if extra:
        further = ngettext("{count} further address", "{count} further addresses", extra)
        left.append(further.format(count=extra))
    made = ngettext("{count} delivery", "{count} deliveries", summary.deliveries)
    right = [made.format(count=summary.deliveries)]
    if rejections:
        right.append(
            ngettext("{count} rejected", "{count} rejected", rejections).format(count=rejections)
        )
    if folded:
        right.append(
            ngettext("{count} folded into another", "{count} folded into another", folded).format(
                count=folded
            )
        )
    if left_out := summary.left_out:
        right.append(
            ngettext("{count} left out", "{count} left out", left_out).format(count=left_out)
        )
    return f"{' + '.join(left)} = {' + '.join(right)}"


def next_steps(summary: RunSummary) -> list[str]:
    """The commands that make sense for a run in this state."""
    run, counts = summary.id, summary.counts
    if summary.state in (RunState.FINISHED, RunState.CANCELLED):
        return [f"notifier report {run}"]
    waits_for = {
        RunState.HELD: [f"notifier doubt {run}", f"notifier report {run}"],
        RunState.AWAITING: [f"notifier approve {run}"],
        RunState.ENROLLING: [begin_again(summary.campaign, summary.occurrence)],
    }
    if summary.state in waits_for:
        return waits_for[summary.state]
    open_states = {it for it in _OPEN if counts.get(it)}
    if open_states == {State.DEFERRED}:  # not due yet: without --watch it would end at once
        return [f"notifier resume {run} --watch"]
    if summary.state is RunState.PAUSED or open_states:
        return [f"notifier resume {run}"]
    return [f"notifier report {run}"]


_OPEN = frozenset(State) - FINAL_STATES - {State.UNKNOWN}
#: What somebody should look at: not sent, or nobody knows.
_FAILED = (State.REFUSED, State.EXPIRED, State.UNKNOWN, State.BOUNCED)


def has_failures(summary: RunSummary) -> bool:
    """Whether there is something to look at: not sent, nobody knows, or rejected."""
    return bool(summary.rejections) or any(summary.counts.get(state) for state in _FAILED)
