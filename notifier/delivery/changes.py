"""Who is concerned by a correction: recipients that are new, different, failed, or were named.

`send --only changed` compares each recipient with what *arrived* at that address last, in whichever
earlier run of the campaign, and not with the last run as such:

    corrected, but the correction was refused    still different from what arrived: mailed again
    in doubt                                     may have arrived: not mailed a second time unless
                                                 the row has changed again; a person settles doubts
    taken as arrived                             arrived
    returned, refused, given up, and never       compared with what was tried: the same row is not
    anything else                                tried again by `changed`; `failed` does that
    never tried (suppressed, cancelled)          new
    another address for a known key              changed, whatever the row says
    put right again before anybody was told      what arrived is what stands there: unchanged

"Different" is what the recipient would read: both rows are filled into the campaign's *present*
template, and where the messages are the same, nothing has changed for them. So a column for
internal notes doesn't mail anybody, and neither does a change of the template: that concerns
everybody, and is a new run. A recipient's own attachments count by their contents.

Nothing is decided while an earlier run is unfinished: what it has not sent yet would arrive after
the correction.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from notifier.errors import GuardError, NotifierError
from notifier.locale import _
from notifier.model import Recipient, RunState, State, Value, dump_context, load_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from notifier.ledger.past import Past, PastDelivery, PastReply, PastRun
    from notifier.render.templates import CompiledCampaign

#: It reached the relay, as far as anybody knows.
ARRIVED = frozenset({State.ACCEPTED, State.PRESUMED, State.UNKNOWN})
#: It was tried in vain.
FAILED = frozenset({State.REFUSED, State.EXPIRED, State.BOUNCED})
#: Runs that may still send something.
UNFINISHED = frozenset({RunState.ENROLLING, RunState.AWAITING, RunState.ACTIVE, RunState.PAUSED})
#: People named for each kind of finding; beyond that they are counted alone.
MOST_NAMED = 10_000


class Finding(StrEnum):
    """What was found about a recipient."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    IN_DOUBT = "in_doubt"  # unchanged, and nobody knows whether it arrived
    FAILED = "failed"  # unchanged since it was tried in vain
    NAMED = "named"  # in the file of keys
    OTHER = "other"  # not asked about


@dataclass(frozen=True, slots=True)
class Change:
    """A field that is not what it was."""

    field: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Concerned:
    """Somebody who will be mailed, and why."""

    recipient: Recipient
    finding: Finding
    #: What differs from the delivery `since`.
    changes: tuple[Change, ...] = ()
    #: What they had before, or what was tried; None for somebody new.
    since: PastDelivery | None = None
    #: For those that failed: what was heard.
    reply: PastReply | None = None


class Known(Protocol):
    """What must be known of earlier runs: `ledger.past.Past`."""

    def deliveries(self, key: str) -> Sequence[PastDelivery]:
        """Whatever was meant for this key, the latest first."""

    def reply(self, delivery_id: int) -> PastReply | None:
        """What was heard last about a delivery."""


class Comparer:
    """Tells whether somebody would read something else than they have."""

    def __init__(
        self,
        compiled: CompiledCampaign,
        kept: Callable[[int, str], str | None] = lambda _run, _name: None,
    ) -> None:
        """`kept`: the sha256 of an attachment when a run was made; None where that isn't known."""
        self._compiled = compiled
        self._kept = kept

    def changes(self, recipient: Recipient, before: PastDelivery) -> tuple[Change, ...]:
        """The fields that differ; none where the message would be the same."""
        files = tuple(self._changed_files(recipient, before))
        if before.name == recipient.name and before.context == dump_context(recipient):
            return files
        row, columns, rows = load_context(before.context)
        old = replace(recipient, name=before.name, row=row, columns=columns, rows=rows)
        if self._reads_alike(old, recipient):
            return files
        return (*differences(old, recipient), *files)

    def _reads_alike(self, old: Recipient, new: Recipient) -> bool:
        try:
            first, second = self._compiled.render(old), self._compiled.render(new)
        except NotifierError:  # the old row lacks what the template uses now: it is new to them
            return False
        return first == second

    def _changed_files(self, recipient: Recipient, before: PastDelivery) -> Iterator[Change]:
        try:
            files = self._compiled.own_files(recipient)
        except NotifierError:  # told by the preflight, with its place
            return
        for name, content in files:
            kept = self._kept(before.run_id, name)
            now = hashlib.sha256(content).hexdigest() if kept else None
            if kept != now:
                yield Change(name, _("another file"), _("this file"))


def differences(old: Recipient, new: Recipient) -> Iterator[Change]:
    """The cells that differ, by column; of folded rows with the row's place."""
    if old.name != new.name:
        yield Change("name", old.name, new.name)
    for number in range(max(len(old.rows), len(new.rows), 1)):
        before = _row(old, number)
        after = _row(new, number)
        for column in dict.fromkeys((*after, *before)):
            if before.get(column) != after.get(column):
                field = column if number == 0 else f"{column} [{number + 1}]"
                yield Change(field, before.get(column), after.get(column))


def _row(recipient: Recipient, number: int) -> dict[str, Value]:
    if number == 0:
        return dict(recipient.row)
    return dict(recipient.rows[number]) if number < len(recipient.rows) else {}


class Choice(ABC):
    """Whom a run is meant for: ask `takes` about each recipient in turn, then look at the rest."""

    def __init__(self, what: str) -> None:
        #: `changed`, `new`, `failed` or `keys`.
        self.what = what
        self.counts: Counter[Finding] = Counter()
        #: Those who will be mailed, the first of them.
        self.concerned: list[Concerned] = []
        self._chosen: set[tuple[str, str]] = set()

    def takes(self, recipient: Recipient) -> bool:
        """Whether the run is meant for the recipient; counted, so ask once."""
        found = self.find(recipient)
        self.counts[found.finding] += 1
        if found.finding not in self.mailed:
            return False
        self._chosen.add((recipient.key, recipient.address))
        if len(self.concerned) < MOST_NAMED:
            self.concerned.append(found)
        return True

    def took(self, recipient: Recipient) -> bool:
        """Whether `takes` said so: for the reading that writes them down."""
        return (recipient.key, recipient.address) in self._chosen

    #: Findings that are mailed.
    mailed: frozenset[Finding] = frozenset()

    @abstractmethod
    def find(self, recipient: Recipient) -> Concerned:
        """What is to be said of the recipient."""


class Corrections(Choice):
    """Those whose row is new or different from what arrived (see above)."""

    mailed = frozenset({Finding.NEW, Finding.CHANGED})

    def __init__(self, known: Known, comparer: Comparer) -> None:
        super().__init__("changed")
        self._known = known
        self._comparer = comparer
        #: Hashes of keys that are in the sheet.
        self._seen: set[int] = set()

    def find(self, recipient: Recipient) -> Concerned:
        """By what arrived last at this address; else by what was tried."""
        self._seen.add(hash(recipient.key))
        tried = [it for it in self._known.deliveries(recipient.key) if it.state in ARRIVED | FAILED]
        if not tried:
            return Concerned(recipient, Finding.NEW)
        here = [it for it in tried if it.address.lower() == recipient.address.lower()]
        if not here:
            moved = Change("email", tried[0].address, recipient.address)
            others = self._comparer.changes(recipient, tried[0])
            return Concerned(recipient, Finding.CHANGED, (moved, *others), tried[0])
        last = next((it for it in here if it.state in ARRIVED), here[0])
        changes = self._comparer.changes(recipient, last)
        if changes:
            return Concerned(recipient, Finding.CHANGED, changes, last)
        return Concerned(recipient, _UNCHANGED.get(last.state, Finding.FAILED), since=last)

    def gone(self, past: Past) -> Iterator[tuple[str, str, str]]:
        """Key, address and name of those in the last whole run who are not in the sheet now."""
        run = next(
            (it for it in past.runs if not it.left_out and it.state is not RunState.CANCELLED), None
        )
        if run is not None:
            yield from (it for it in past.keys(run.id) if hash(it[0]) not in self._seen)


_UNCHANGED = {
    State.ACCEPTED: Finding.UNCHANGED,
    State.PRESUMED: Finding.UNCHANGED,
    State.UNKNOWN: Finding.IN_DOUBT,
}


class Newcomers(Choice):
    """Those whose key was never mailed."""

    mailed = frozenset({Finding.NEW})

    def __init__(self, known: Known) -> None:
        super().__init__("new")
        self._known = known

    def find(self, recipient: Recipient) -> Concerned:
        """New: nothing was ever tried for the key, at whatever address."""
        past = self._known.deliveries(recipient.key)
        is_known = any(it.state in ARRIVED | FAILED for it in past)
        return Concerned(recipient, Finding.OTHER if is_known else Finding.NEW)


class Failures(Choice):
    """Those to whom the last try was in vain: refused, given up or returned."""

    mailed = frozenset({Finding.FAILED})

    def __init__(self, known: Known) -> None:
        super().__init__("failed")
        self._known = known

    def find(self, recipient: Recipient) -> Concerned:
        """By the last try at this address; for a new address, by the key's others."""
        tried = [it for it in self._known.deliveries(recipient.key) if it.state in ARRIVED | FAILED]
        here = [it for it in tried if it.address.lower() == recipient.address.lower()]
        last = here[0] if here else next(_failed_last(tried), None)
        if last is None or last.state not in FAILED:
            return Concerned(recipient, Finding.OTHER)
        moved = () if here else (Change("email", last.address, recipient.address),)
        return Concerned(recipient, Finding.FAILED, moved, last, self._known.reply(last.id))


def _failed_last(tried: Sequence[PastDelivery]) -> Iterator[PastDelivery]:
    """Of each address the last try, where that was in vain."""
    last = {it.address.lower(): it for it in reversed(tried)}
    return (it for it in last.values() if it.state in FAILED)


class Named(Choice):
    """Those whose keys somebody wrote into a file."""

    mailed = frozenset({Finding.NAMED})

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__("keys")
        #: In the order of the file.
        self._keys = dict.fromkeys(keys)
        self._met: set[str] = set()

    def find(self, recipient: Recipient) -> Concerned:
        """Whether the key is in the file."""
        is_named = recipient.key in self._keys
        if is_named:
            self._met.add(recipient.key)
        return Concerned(recipient, Finding.NAMED if is_named else Finding.OTHER)

    @property
    def missing(self) -> list[str]:
        """Keys of the file that nobody in the sheet has."""
        return [key for key in self._keys if key not in self._met]


def read_keys(text: str) -> list[str]:
    """The keys of a file, one a line; blank lines are none. As the sheet's cells are read."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def check_past(past: Past, campaign: str) -> None:
    """GuardError where earlier runs don't allow to say who has what."""
    for run in past.runs:
        if run.state in UNFINISHED:
            raise GuardError(
                _(
                    "Run {run} of {campaign} is unfinished: what it has not sent yet would arrive "
                    "after the correction."
                ).format(run=run.id, campaign=campaign),
                where=f"{campaign}@{run.occurrence}",
                next_step=_(
                    "Finish it (notifier {verb} {run}) or give it up (notifier cancel {run}) first."
                ).format(
                    run=run.id, verb="approve" if run.state is RunState.AWAITING else "resume"
                ),
            )
    for run in _since_the_last_whole_one(past):
        if run.purged_at is not None:
            raise GuardError(
                _(
                    "What run {run} of {campaign} sent was erased: nobody can say who has what."
                ).format(run=run.id, campaign=campaign),
                where=f"{campaign}@{run.occurrence}",
                next_step=_("Name those concerned in a file of keys: --only keys.txt"),
            )


def _since_the_last_whole_one(past: Past) -> Iterator[PastRun]:
    """Runs that say who has what: what went to all stands above everything older."""
    for run in past.runs:
        if run.state is not RunState.CANCELLED:
            yield run
            if not run.left_out:
                return
