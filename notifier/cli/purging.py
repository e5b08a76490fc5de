"""`notifier ledger purge`, and the purge by itself that `keep_recipients` asks for."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.asking import ask_first
from notifier.cli.console import print_json, say, suggest, table
from notifier.cli.session import session_of
from notifier.cli.words import spell_moment, spell_size
from notifier.errors import LedgerError, UsageError
from notifier.locale import N_, _, ngettext
from notifier.measures import parse_age
from notifier.report.words import run_state_word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from notifier.cli.session import Session
    from notifier.ledger.keeping import Keeping
    from notifier.ledger.purge import Old, OldRun

HELP = N_(
    "Take the personal content of old runs out of the ledger: addresses, names, rows, replies.\n\n"
    "Counts, states, times and digests stay. Without --yes it shows what would go, and asks."
)
_DAY = 86_400.0


def purge(
    ctx: typer.Context,
    older_than: str | None = typer.Option(
        None,
        "--older-than",
        metavar="AGE",
        help=N_("Runs that ended so long ago: 90d, 12w, 2y; default: keep_recipients."),
    ),
    yes: bool = options.YES,
    as_json: bool = options.JSON,
) -> None:
    """Purge old runs, after showing them and asking."""
    session = session_of(ctx)
    session.require_ledger()
    before = time.time() - _age(session, older_than)
    with session.ledger() as ledger:
        old = ledger.keeping.find_old(before)
        if not as_json:
            _tell_old(old, session.zone)
        shrunk: int | None = None
        if old.runs:
            ask_first(
                _("Take this out of the ledger for good?"),
                is_agreed=yes,
                step="notifier ledger purge "
                + (f"--older-than {older_than} --yes" if older_than else "--yes"),
            )
            ledger.keeping.purge(old.runs)
            shrunk = shrink(ledger.keeping)
    if as_json:
        print_json(_as_dict(old, shrunk))
    elif old.runs:
        _tell_purged(old, shrunk)


def _age(session: Session, text: str | None) -> float:
    if text is not None:
        try:
            return parse_age(text)
        except ValueError as exc:
            raise UsageError(str(exc), where="--older-than", next_step="--older-than 90d") from exc
    keep = session.workspace.settings.workspace.keep_recipients
    if keep is None:
        raise UsageError(
            _("How old is not said."),
            where="--older-than",
            next_step=_("Add --older-than 90d, or set keep_recipients in notifier.toml."),
        )
    return keep


def shrink(keeping: Keeping) -> int | None:
    """Give the space back, and with it the last traces; None where somebody is sending."""
    if keeping.is_being_sent():
        return None
    try:
        return keeping.compact()
    except LedgerError:  # somebody holds it, or the disk is too small: what was purged is purged
        return None


def purge_by_itself(session: Session) -> int:
    """What `keep_recipients` asks for; how many runs were purged. Nothing where it isn't set.

    `serve` calls it once a day, and `send` when a run has ended. The file is written anew only
    where nobody sends.
    """
    keep = session.workspace.settings.workspace.keep_recipients
    if keep is None or not session.has_ledger():
        return 0
    try:
        with session.ledger() as ledger:
            old = ledger.keeping.find_old(time.time() - keep)
            if old.runs:
                ledger.keeping.purge(old.runs)
                shrink(ledger.keeping)
    except LedgerError:  # locked, or the disk is full: tomorrow, or after the next run
        return 0
    return len(old.runs)


def _tell_old(old: Old, zone: ZoneInfo) -> None:
    if old.runs:
        _table(old.runs, zone)
        people = ngettext("{count} delivery", "{count} deliveries", old.deliveries)
        say(
            _(
                "Addresses, names, rows and replies of {deliveries} go; counts and digests stay."
            ).format(deliveries=people.format(count=old.deliveries))
        )
    else:
        say(_("No run that has ended is so old, or all of them are purged already."))
    if old.open:
        say(_("As old, but not at an end; they stay until you cancel them or settle their doubts:"))
        _table(old.open, zone)


def _table(runs: Sequence[OldRun], zone: ZoneInfo) -> None:
    table(
        (_("run"), _("campaign"), _("occurrence"), _("state"), _("since"), _("deliveries")),
        [
            (
                it.id,
                it.campaign,
                it.occurrence,
                run_state_word(it.state),
                _moment(it, zone),
                it.deliveries,
            )
            for it in runs
        ],
        right=(0, 5),
    )


def _moment(run: OldRun, zone: ZoneInfo) -> str:
    return spell_moment(datetime.fromtimestamp(run.at, UTC), zone)


def _tell_purged(old: Old, shrunk: int | None) -> None:
    say(
        ngettext("{count} run is purged.", "{count} runs are purged.", len(old.runs)).format(
            count=len(old.runs)
        )
    )
    if shrunk is None:
        say(
            _(
                "The file was not written anew, because the ledger is in use or the disk is full:"
                " the last traces go with the next purge or forget."
            )
        )
    else:
        say(_("The file is {size} smaller.").format(size=spell_size(max(0, shrunk))))
    say(_("Copies that you made before still hold all of it: delete those that are too old."))
    suggest("notifier ledger size")


def _as_dict(old: Old, shrunk: int | None) -> dict[str, Any]:
    def told(it: OldRun) -> dict[str, Any]:
        moment = datetime.fromtimestamp(it.at, UTC).isoformat(timespec="seconds")
        return {**it._asdict(), "state": it.state.value, "at": moment}

    return {
        "purged": [told(it) for it in old.runs],
        "open": [told(it) for it in old.open],
        "shrunk_bytes": shrunk,
    }


def spell_keep(seconds: float | None) -> str:
    """How long recipients are kept, in words."""
    if seconds is None:
        return _("for good")
    days = round(seconds / _DAY)
    return ngettext(
        "{count} day after a run has ended", "{count} days after a run has ended", days
    ).format(count=days)
