"""`notifier pause`, `resume`, `cancel` and `retry`: what a person decides about a run."""

from __future__ import annotations

import sys
import time

import typer

from notifier.cli import options
from notifier.cli.console import print_json, say, suggest
from notifier.cli.runs import tell_summary
from notifier.cli.session import Session, session_of
from notifier.errors import UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import RunState, State
from notifier.nearest import nearest

PAUSE_HELP = N_(
    "Pause a run: whoever is sending it finishes what is on the wire and stops.\n\n"
    "`notifier resume` goes on with it."
)
RESUME_HELP = N_(
    "Go on with a run that was paused or interrupted, and send what is left.\n\n"
    "Nothing that was accepted is sent again."
)
CANCEL_HELP = N_(
    "Cancel a run: what was not sent yet is never sent.\n\n"
    "A terminal is asked first; without one it takes --yes."
)
RETRY_HELP = N_(
    "Put deliveries that failed back into the queue; `notifier resume` sends them.\n\n"
    "Without --state or --address: those that were refused or given up. Deliveries in doubt may "
    "have arrived: `notifier doubt` is for them."
)

#: What `retry` takes when nobody says more: failures that certainly did not arrive.
_RETRIED = (State.REFUSED, State.EXPIRED)

#: In these it is a person's decision whether somebody may get it twice.
_MAY_HAVE_ARRIVED = frozenset({State.UNKNOWN, State.PRESUMED})

#: Addresses of a run among which the one that was meant is looked for.
_COMPARED = 5_000


def pause(ctx: typer.Context, run: str = options.RUN, as_json: bool = options.JSON) -> None:
    """Pause the run."""
    session = session_of(ctx)
    run_id = session.find_run_id(run)
    with session.ledger() as ledger:
        ledger.pause(run_id)
    _tell(session, run_id, as_json=as_json, step=f"notifier resume {run_id}")


def resume(  # noqa: PLR0917 - Typer's parameters are the command's
    ctx: typer.Context,
    run: str = options.RUN,
    watch: bool = options.WATCH,
    ignore_stop_if: bool = typer.Option(
        False,
        "--ignore-stop-if",
        help=N_("Send it to the end, whatever is refused: stop_if doesn't stop it any more."),
    ),
    anytime: bool = options.ANYTIME,
    as_json: bool = options.JSON,
) -> int:
    """Go on with the run, here and now."""
    from notifier.cli.deliver import deliver_run

    session = session_of(ctx)
    run_id = session.find_run_id(run)
    with session.ledger() as ledger:
        ledger.resume(run_id)
        if ignore_stop_if:
            ledger.brakes.take_off(run_id)
    return deliver_run(session, run_id, waits=watch, as_json=as_json, anytime=anytime)


def cancel(
    ctx: typer.Context,
    run: str = options.RUN,
    yes: bool = options.YES,
    as_json: bool = options.JSON,
) -> None:
    """Cancel the run: on a terminal after asking, elsewhere with --yes only."""
    session = session_of(ctx)
    run_id = session.find_run_id(run)
    if not yes:
        _ask_to_cancel(run_id)
    with session.ledger() as ledger:
        ledger.cancel(run_id)
    _tell(session, run_id, as_json=as_json, step=f"notifier report {run_id}")


def retry(  # noqa: PLR0917 - Typer's parameters are the command's
    ctx: typer.Context,
    run: str = options.RUN,
    state: list[str] = typer.Option(
        [],
        "--state",
        metavar="STATE",
        help=N_("Those in this state: refused, expired, unknown, ... May be given several times."),
    ),
    address: list[str] = typer.Option(
        [], "--address", metavar="ADDRESS", help=N_("Those to this address. May be repeated.")
    ),
    yes: bool = options.YES,
    as_json: bool = options.JSON,
) -> None:
    """Put deliveries back into the queue; those of a cancelled run after asking, or with --yes."""
    session = session_of(ctx)
    states = _choose_states(state, is_by_address=bool(address))
    run_id = session.find_run_id(run)
    _check_addresses(session, run_id, address)
    with session.ledger() as ledger:
        if not yes and _MAY_HAVE_ARRIVED.intersection(states):
            _ask_to_double(run_id)
        if not yes and ledger.get_run(run_id).state is RunState.CANCELLED:
            _ask_to_revive(run_id)
        count = ledger.retry(run_id, states, address)
        too_late = ledger.get_run(run_id).not_after
    if as_json:
        print_json({"run": run_id, "retried": count})
        return
    say(
        ngettext(
            "{count} delivery is in the queue again.",
            "{count} deliveries are in the queue again.",
            count,
        ).format(count=count)
    )
    if not count:
        suggest(f"notifier report {run_id}")
    elif too_late is not None and too_late <= time.time():  # else it would end at once
        suggest(f"notifier resume {run_id} --anytime")
    else:
        suggest(f"notifier resume {run_id}")


def _choose_states(words: list[str], *, is_by_address: bool) -> tuple[State, ...]:
    """The states that were asked for; else those that certainly did not arrive."""
    from notifier.ledger.transitions import RETRIABLE

    if not words:
        return tuple(sorted(RETRIABLE - _MAY_HAVE_ARRIVED)) if is_by_address else _RETRIED
    known = {state.value: state for state in sorted(RETRIABLE)}
    wrong = [word for word in words if word not in known]
    if wrong:
        raise UsageError(
            _("Deliveries in state {state} can't be retried.").format(state=wrong[0]),
            where="--state",
            next_step=_("It takes one of: {choices}.").format(choices=", ".join(known)),
        )
    return tuple(known[word] for word in words)


def _check_addresses(session: Session, run_id: int, addresses: list[str]) -> None:
    """UsageError where nothing was meant for one of the addresses in this run: a slip."""
    if not addresses:
        return
    with session.reader() as reader:
        found = reader.deliveries(run_id, addresses=addresses)
        known = {row.address.lower() for row in found}
        strange = next((it for it in addresses if it.strip().lower() not in known), None)
        if strange is None:
            return
        near = nearest(strange, (it.address for it in reader.deliveries(run_id, limit=_COMPARED)))
    raise UsageError(
        _("Run {run} has no delivery to {address}.").format(run=run_id, address=strange),
        where="--address",
        next_step=_("Did you mean {name}?").format(name=near)
        if near
        else _("notifier report {run} lists its addresses.").format(run=run_id),
    )


def _ask_to_cancel(run_id: int) -> None:
    """Abort unless a person agrees; UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError(
            _("A run is cancelled only after asking, and there is no terminal to ask at."),
            where=f"notifier cancel {run_id}",
            next_step=f"notifier cancel {run_id} --yes",
        )
    confirm(_("Cancel run {run}? What was not sent yet is never sent.").format(run=run_id))


def _ask_to_double(run_id: int) -> None:
    """Abort unless a person agrees: what may have arrived may arrive twice."""
    if not sys.stdin.isatty():
        raise UsageError(
            _("These may have arrived: they are sent again only after asking."),
            where=f"notifier retry {run_id}",
            next_step=_("Look at them (notifier doubt {run}), then add --yes.").format(run=run_id),
        )
    confirm(_("These may have arrived, and would arrive twice then. Send them again?"))


def _ask_to_revive(run_id: int) -> None:
    """Abort unless a person agrees: with something to send, a cancelled run is active again."""
    if not sys.stdin.isatty():
        raise UsageError(
            _("Run {run} was cancelled: what was not sent yet is never sent.").format(run=run_id),
            where=f"notifier retry {run_id}",
            next_step=_("Add --yes to send to them all the same."),
        )
    confirm(_("Run {run} was cancelled. Send to these all the same?").format(run=run_id))


def confirm(question: str) -> None:
    """Ask on the terminal; Abort unless the answer is yes, in either language."""
    yes = {"y", "yes", "c", "co", "có"}
    answer = typer.prompt(question + _(" [y/N]"), default="", show_default=False, err=True)
    if str(answer).strip().lower() not in yes:
        raise typer.Abort


def _tell(session: Session, run_id: int, *, as_json: bool, step: str) -> None:
    with session.reader() as reader:
        summary = reader.summary(run_id)
    if as_json:
        print_json(summary.as_dict())
        return
    tell_summary(summary, session.zone)
    suggest(step)
