"""Which sending of a campaign this is: a run is unique by (campaign, occurrence).

What people do, and what must come of it:

    typed `send`, was cut off, types it again     the same run goes on; nobody gets it twice
    mended the sheet, sends tomorrow              a new run
    types `send` again after it is done, today    nothing is sent; they are told how to send anew
    changed the sheet, sends again, same day      nothing is sent unasked: most people on the sheet
                                                  have their message already; they are told how
    an old run lies unfinished, the sheet is new  neither goes on silently: a person decides
    corrects twice on one day (`--only changed`)  two runs: each goes to those alone who don't have
                                                  it yet, so nobody gets it twice
    a scheduler fires twice                       it names the occurrence itself: one run
    a schedule sent it today, somebody sends it   nothing is sent unasked, as above; and so where
                                                  a correction was sent since

So the default occurrence is the local date, and not the date with a digest of the sheet: with the
digest, one corrected cell would mail everybody a second time without a word. An unfinished run is
gone on with by itself only while it is about the same content; a run that waits for a person
(`held`) or is over holds nobody up on another day.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from notifier.errors import GuardError
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

#: A run in one of these is what is meant when its campaign is sent again.
OPEN = frozenset({RunState.ENROLLING, RunState.AWAITING, RunState.ACTIVE, RunState.PAUSED})


class KnownRun(Protocol):
    """What must be known of a run to choose; the ledger's runs are such."""

    @property
    def id(self) -> int:
        """The run's number."""

    @property
    def occurrence(self) -> str:
        """Which sending of its campaign it is."""

    @property
    def state(self) -> RunState:
        """Where it stands."""

    @property
    def source_digest(self) -> str:
        """The digest of the recipients that it was begun with; empty if that is not known."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The occurrence to send, and the run that it has already."""

    occurrence: str
    run: KnownRun | None

    @property
    def resumes(self) -> bool:
        """Whether sending goes on with a run that was begun."""
        return self.run is not None and self.run.state in OPEN

    @property
    def is_over(self) -> bool:
        """Whether this occurrence was sent already: nothing will be sent without another name."""
        return self.run is not None and self.run.state not in OPEN


def choose_occurrence(
    campaign: str,
    *,
    today: date,
    source_digest: str,
    find: Callable[[str], KnownRun | None],
    asked: str = "",
    again: bool = False,
    only: str = "",
    repeats: bool = False,
    find_begun: Callable[[str], KnownRun | None] = lambda _begin: None,
) -> Choice:
    """The occurrence that `send` means.

    `today` is the date in the campaign's zone; `source_digest` is what `enrol.preflight` found;
    `find` looks up a run by `campaign` (its latest one) or `campaign@occurrence`. `asked` is a
    name that somebody gave; `again` asks for a new run whatever there was. `only` is said behind
    the date of a run that is not meant for everybody; with `repeats` a second one is a new run,
    because whom it is meant for follows from what the first one did. `find_begun` looks up the
    latest run whose occurrence begins like that.

    Raises GuardError where an older run of other content is unfinished and nobody said what is to
    become of it.
    """
    if asked:
        return Choice(asked, find(f"{campaign}@{asked}"))
    name = f"{today.isoformat()}-{only}" if only else today.isoformat()
    if again:
        return Choice(free_occurrence(campaign, name, find), None)
    latest = find(campaign)
    if latest is not None and latest.state in OPEN:
        _check_same_content(campaign, latest, source_digest)
        return Choice(latest.occurrence, latest)
    if repeats:
        return Choice(free_occurrence(campaign, name, find), None)
    planned = find_begun(f"{name}T")  # a schedule's, of today
    if planned is not None:
        return Choice(planned.occurrence, planned)
    return Choice(name, find(f"{campaign}@{name}"))


def free_occurrence(campaign: str, name: str, find: Callable[[str], KnownRun | None]) -> str:
    """The name, or with `-2`, `-3`, ... where that was sent already."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(it for it in names if find(f"{campaign}@{it}") is None)


def _check_same_content(campaign: str, run: KnownRun, source_digest: str) -> None:
    if not run.source_digest or not source_digest or run.source_digest == source_digest:
        return
    raise GuardError(
        _("Run {run} of {campaign} is unfinished, and the recipients have changed since.").format(
            run=run.id, campaign=campaign
        ),
        where=f"{campaign}@{run.occurrence}",
        next_step=_step(run).format(run=run.id),
    )


def _step(run: KnownRun) -> str:
    if run.state is RunState.AWAITING:
        return _(
            "Put the sheet back to have it approved as it was asked for, or give the run up "
            "(notifier cancel {run}) and send again."
        )
    return _(
        "Finish it as it was begun (notifier resume {run}), or give it up "
        "(notifier cancel {run}) and send again."
    )
