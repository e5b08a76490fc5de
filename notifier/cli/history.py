"""`notifier history`: everything that was ever sent to a person, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, print_json, say, suggest, table
from notifier.cli.session import session_of
from notifier.cli.words import spell_moment
from notifier.errors import UsageError
from notifier.locale import N_, _
from notifier.model import State
from notifier.report.advice import advise
from notifier.report.words import mark, reply_line, state_word

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from notifier.ledger.addresses import Sent, Standing
    from notifier.ledger.reports import Reader

HELP = N_(
    "Show everything that was ever sent to a person, by address or key, and how it ended.\n\n"
    "Ends with 1 where the last message to them did not arrive, with 2 where nobody of that "
    "address or key was ever written to."
)

#: The last message ended so: somebody should look.
_AMISS = (State.REFUSED, State.EXPIRED, State.BOUNCED, State.UNKNOWN)


def history(
    ctx: typer.Context,
    person: str = typer.Argument(
        ..., metavar="ADDRESS", help=N_("An address, or a person's key in the sheet.")
    ),
    campaign: str | None = typer.Option(
        None, "--campaign", metavar="NAME", help=N_("Only messages of this campaign.")
    ),
    as_json: bool = options.JSON,
) -> int:
    """Show what a person was sent; 1 where the last of it did not arrive."""
    from notifier.ledger import addresses
    from notifier.ledger.scope import EVERYTHING
    from notifier.ledger.totals import purged

    session = session_of(ctx)
    session.require_ledger()
    is_address = "@" in person
    with session.reader() as reader:
        look_up = addresses.of_address if is_address else addresses.of_key
        found = look_up(reader, person, campaign)
        written_to = list(dict.fromkeys(it.row.address.lower() for it in found if it.row.address))
        asked = [person.strip().lower()] if is_address else written_to
        standings = {it: addresses.standing(reader, it) for it in asked}
        is_listed = any(it.suppression or it.is_forgotten for it in standings.values())
        if not found and not is_listed:
            raise _nobody(reader, person, campaign)
        gone = purged(reader, EVERYTHING)
    if as_json:
        print_json({**_as_dict(person, found, standings), "purged_runs": gone})
    else:
        _tell(person, found, standings, session.zone)
        if gone:
            say(_purged(gone))
    return 1 if found and found[0].row.state in _AMISS else 0


def _nobody(reader: Reader, person: str, campaign: str | None) -> UsageError:
    """That nothing was sent, with who was probably meant."""
    from notifier.ledger import addresses
    from notifier.ledger.scope import EVERYTHING
    from notifier.ledger.totals import purged

    if campaign is not None and (
        addresses.of_address(reader, person) or addresses.of_key(reader, person)
    ):
        return UsageError(
            _("Nothing of the campaign {campaign} was ever sent to {person}.").format(
                campaign=campaign, person=person
            ),
            where="--campaign",
            next_step=_command(person),
        )
    if "@" in person:
        near = addresses.near_address(reader, person)
        step = _("Did you mean {command}?").format(command=_command(near)) if near else ""
    else:
        near_keys = addresses.near_key(reader, person)
        told = "; ".join(f"{_command(key)} ({name})" for key, name in near_keys)
        step = _("Did you mean {command}?").format(command=told) if near_keys else ""
    gone = purged(reader, EVERYTHING)
    return UsageError(
        _("Nothing was ever sent to {person}.").format(person=person),
        where="notifier history",
        next_step=step
        or (_purged(gone) if gone else "")
        or _("notifier report RUN lists whom a run is for; rejected rows are listed there, too."),
    )


def _purged(runs: list[int]) -> str:
    """That what is shown may not be all."""
    told = ", ".join(str(run) for run in runs)
    return _("Runs {runs} were purged: whom they were for, nobody knows any more.").format(
        runs=told
    )


def _command(person: str) -> str:
    import shlex

    return f"notifier history {shlex.quote(person)}"


def _tell(person: str, found: list[Sent], standings: dict[str, Standing], zone: ZoneInfo) -> None:
    say(_("History of {person}").format(person=person), style="bold")
    facts(
        [
            (_("name"), next((it.row.name for it in found if it.row.name), "")),
            (_("messages"), len(found)),
            (_("in short"), _summed(found)),
            *_listed(standings, zone),
        ]
    )
    if found:
        _tell_messages(found, zone)
        _tell_last(found[0])


def _summed(found: list[Sent]) -> str:
    counts: dict[State, int] = {}
    for it in found:
        counts[it.row.state] = counts.get(it.row.state, 0) + 1
    return ", ".join(
        _("{count} {state}").format(count=counts[state], state=state_word(state))
        for state in State
        if state in counts
    )


def _listed(standings: dict[str, Standing], zone: ZoneInfo) -> list[tuple[str, str]]:
    """Who must not be mailed, and why."""
    told = []
    for address, it in standings.items():
        if it.is_forgotten:
            told.append(
                (_("forgotten"), _("{address} is not mailed any more").format(address=address))
            )
        if it.suppression is not None:
            since = spell_moment(datetime.fromtimestamp(it.suppression.at, UTC), zone)
            reason = f": {it.suppression.reason}" if it.suppression.reason else ""
            told.append(
                (
                    _("suppressed"),
                    _("{address} since {time}").format(address=address, time=since) + reason,
                )
            )
    return told


def _tell_messages(found: list[Sent], zone: ZoneInfo) -> None:
    several = len({it.row.address.lower() for it in found}) > 1
    heads = [_("delivery"), _("run"), _("what"), _("when"), _("state"), _("tries"), _("reply")]
    rows = []
    for it in found:
        row = it.row
        cells = [
            row.id,
            row.run_id,
            f"{it.title or it.campaign} ({it.campaign} @ {it.occurrence})",
            spell_moment(row.at, zone),
            f"{mark(row.state)} {state_word(row.state)}",
            row.attempts,
            _reason(it),
        ]
        rows.append([*cells[:3], row.address, *cells[3:]] if several else cells)
    if several:
        heads.insert(3, _("address"))
    say("")
    table(heads, rows, right=(0, 1, 6 if several else 5))


def _reason(sent: Sent) -> str:
    """Why it stands as it does, in words, with the reply."""
    row = sent.row
    reply = reply_line(row)
    if row.cause is None or row.state is State.ACCEPTED:
        return reply
    label = advise(row.cause, row.state).label
    return f"{label}: {reply}" if reply else label


def _tell_last(last: Sent) -> None:
    row = last.row
    if row.state in {*_AMISS, State.SUPPRESSED, State.DEFERRED} and row.cause is not None:
        say(_("  to do: {advice}").format(advice=advise(row.cause, row.state).action))
    suggest(f"notifier show {row.id}")


def _as_dict(person: str, found: list[Sent], standings: dict[str, Standing]) -> dict[str, Any]:
    return {
        "person": person,
        "standings": [_standing(address, it) for address, it in standings.items()],
        "messages": [_message(it) for it in found],
    }


def _standing(address: str, standing: Standing) -> dict[str, Any]:
    listed = standing.suppression
    return {
        "address": address,
        "suppressed": listed is not None,
        "reason": listed.reason if listed else "",
        "source": listed.source if listed else "",
        "since": datetime.fromtimestamp(listed.at, UTC).isoformat() if listed else None,
        "forgotten": standing.is_forgotten,
    }


def _message(sent: Sent) -> dict[str, Any]:
    row = sent.row
    advice = advise(row.cause, row.state) if row.cause else None
    return {
        "delivery": row.id,
        "run": row.run_id,
        "campaign": sent.campaign,
        "occurrence": sent.occurrence,
        "title": sent.title,
        "line": row.line,
        "key": row.key,
        "name": row.name,
        "address": row.address,
        "state": row.state.value,
        "at": row.at.isoformat(timespec="milliseconds"),
        "attempts": row.attempts,
        "cause": row.cause.value if row.cause else None,
        "label": advice.label if advice else "",
        "advice": advice.action if advice else "",
        "code": row.code,
        "enhanced": row.enhanced,
        "text": row.text,
        "relay": row.relay,
        "next_attempt_at": row.next_attempt_at.isoformat() if row.next_attempt_at else None,
    }
