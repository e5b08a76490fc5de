"""Enrolment: from a campaign's recipients to one `pending` delivery each, once.

The recipients are read twice. The first time (`preflight`) everything is counted and nothing
written: a count outside the campaign's expectations, or nobody at all, stops here. The second time
they are written in batches into a run that is `enrolling`, of which nothing is due. Only when the
last row is in, and what was read is what had been counted, does the run become `active`.

If step X fails, what happens to whom?

    counted, not as expected      nothing was written
    killed while enrolling        the run stays `enrolling`; the same command goes on with it, and
                                  who is in already is not written twice
    sheet changed in between      the run is cancelled before its first message
    sheet changed, run unfinished nothing is added; a person decides
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.delivery import events
from notifier.errors import GuardError, UsageError
from notifier.ledger.ledger import NewRun
from notifier.locale import _, ngettext
from notifier.model import Recipient, Rejection, RunState, dump_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from notifier.campaign import Campaign, Expect
    from notifier.ledger.documents import Document
    from notifier.ledger.ledger import Ledger, Run
    from notifier.recipients.roster import Roster

#: Recipients and rejections written in one transaction.
BATCH = 1000
#: Documents written in one transaction: a large one takes a fifth of a second to compress.
_DOCUMENTS = 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What a sheet holds, counted; the sum accounts for every row.

    `rows + extra_addresses == recipients + rejections + folded + left_out`.
    """

    rows: int
    recipients: int
    rejections: int
    folded: int
    extra_addresses: int
    blank: int
    totals: int
    #: SHA-256 over every recipient that is meant and every rejection, in order: the same sheet
    #: gives the same, however it is stored.
    digest: str
    #: Recipients of the sheet that are not meant this time (`changes.py`).
    left_out: int = 0


def preflight(campaign: Campaign, roster: Roster) -> Survey:
    """Count everything and write nothing.

    Raises GuardError with the figures where there is nobody to send to or the count is not what
    the campaign expects; SheetError where the sheet can't be read.
    """
    reading = Surveyed(roster)
    for _item in reading:
        pass
    check_survey(campaign, reading.survey())
    return reading.survey()


def check_survey(campaign: Campaign, survey: Survey) -> None:
    """GuardError where there is nobody to send to, or not as many as the campaign expects."""
    _check_somebody(campaign, survey)
    _check_expected(campaign, survey)


def enrol(
    ledger: Ledger,
    campaign: Campaign,
    roster: Roster,
    *,
    occurrence: str,
    relay: str,
    template_digest: str,
    survey: Survey | None = None,
    keeps: Callable[[Recipient], bool] | None = None,
    documents: Iterable[Document] = (),
    due_at: float | None = None,
    not_after: float | None = None,
) -> Run:
    """Start the run of this occurrence, or go on with it, until every row is in; the run.

    Doing it again changes nothing: a run that is past enrolment is returned as it is, and nobody
    is enrolled twice. `survey` is what `preflight` or a `Surveyed` reading found just before, where
    there was one, so that the sheet is not counted again. `keeps` says whom the run is meant for,
    where that isn't everybody; `documents` are what its messages are made from (`snapshot.py`), and
    are kept before anybody is due. `due_at` is when a schedule had planned it, `not_after` when it
    is too late for it (Unix seconds).

    Raises GuardError where expectations are not met, or the sheet is not what the run began with;
    SheetError and LedgerError as they come. Nothing is due before this returns; nor after it, where
    the campaign needs somebody's approval: the run is `awaiting` then, asked for by the ledger's
    actor, and the operator is told.
    """
    survey = survey or preflight(campaign, roster)
    run = ledger.start_run(
        NewRun(
            campaign=campaign.name,
            occurrence=occurrence,
            title=campaign.title,
            relay=relay,
            campaign_digest=campaign.digest,
            template_digest=template_digest,
            source_file=campaign.recipients.file,
            source_digest=survey.digest,
            campaign_yaml=campaign.path.read_text(encoding="utf-8-sig"),
            kind=campaign.kind,
            due_at=due_at,
            not_after=not_after,
        )
    )
    if run.state is not RunState.ENROLLING:
        return run
    _check_same(campaign, run, survey)
    _keep(ledger, run, documents)
    _write(ledger, campaign, Surveyed(roster, keeps), run, survey)
    if campaign.approval == "required":
        events.tell_awaiting(ledger, run.id)
    return ledger.get_run(run.id)


def _write(ledger: Ledger, campaign: Campaign, reading: Surveyed, run: Run, survey: Survey) -> None:
    try:
        for recipients, rejections in _batches(reading):
            ledger.enrol(run.id, recipients, rejections)
    except UsageError:
        if ledger.get_run(run.id).state is RunState.ENROLLING:
            raise
        return  # another process enrolled the very same rows, and was quicker
    if reading.survey() != survey:
        ledger.cancel(run.id)
        raise GuardError(
            _("The recipients changed while they were being read; nothing was sent."),
            where=campaign.recipients.file,
            next_step=_("Save and close the sheet, then: notifier send {campaign} --again").format(
                campaign=campaign.name
            ),
        )
    ledger.finish_enrolment(
        run.id,
        rows=survey.rows,
        folded=survey.folded,
        extra_addresses=survey.extra_addresses,
        left_out=survey.left_out,
        blank=survey.blank,
        totals=survey.totals,
        asks=campaign.approval == "required",
    )


def _keep(ledger: Ledger, run: Run, documents: Iterable[Document]) -> None:
    coming = iter(documents)
    while some := list(itertools.islice(coming, _DOCUMENTS)):
        ledger.documents.keep(run.id, some)


def _batches(
    items: Iterable[Recipient | Rejection],
) -> Iterator[tuple[list[Recipient], list[Rejection]]]:
    recipients: list[Recipient] = []
    rejections: list[Rejection] = []
    for item in items:
        if isinstance(item, Rejection):
            rejections.append(item)
        else:
            recipients.append(item)
        if len(recipients) + len(rejections) >= BATCH:
            yield recipients, rejections
            recipients, rejections = [], []
    if recipients or rejections:
        yield recipients, rejections


class Surveyed:
    """A roster that is counted while somebody reads it, for those who read it anyway.

    Iterate it to the end once, then ask for the `survey`.
    """

    def __init__(self, roster: Roster, keeps: Callable[[Recipient], bool] | None = None) -> None:
        """`keeps` says who is meant; the others are counted as left out, and not yielded."""
        self._roster = roster
        self._keeps = keeps
        self._left_out = 0
        self._hash = hashlib.sha256()
        self._recipients = 0
        self._rejections = 0

    def __iter__(self) -> Iterator[Recipient | Rejection]:
        keeps = self._keeps
        for item in self._roster:
            if keeps is not None and isinstance(item, Recipient) and not keeps(item):
                self._left_out += 1
                continue
            self._count(item)
            yield item

    def survey(self) -> Survey:
        """What was read."""
        tally = self._roster.tally
        return Survey(
            rows=tally.rows,
            recipients=self._recipients,
            rejections=self._rejections,
            folded=tally.folded,
            extra_addresses=tally.extra_addresses,
            blank=tally.blank,
            totals=tally.totals,
            digest=self._hash.hexdigest(),
            left_out=self._left_out,
        )

    def _count(self, item: Recipient | Rejection) -> None:
        parts: tuple[object, ...]
        if isinstance(item, Rejection):
            self._rejections += 1
            parts = ("-", item.line, item.column, item.value)
        else:
            self._recipients += 1
            parts = ("+", item.line, item.key, item.address, item.name, dump_context(item))
        self._hash.update(repr(parts).encode("utf-8", "surrogatepass"))


def _check_somebody(campaign: Campaign, survey: Survey) -> None:
    if survey.recipients or survey.left_out:
        return
    if survey.rejections:
        message = ngettext(
            "There is nobody to send to: {count} row was read, and none became a recipient.",
            "There is nobody to send to: {count} rows were read, and none became a recipient.",
            survey.rows,
        ).format(count=survey.rows)
    else:
        message = _("There is nobody to send to: the sheet has no recipients.")
    raise GuardError(
        message,
        where=campaign.recipients.file,
        next_step=_("See why: notifier recipients check {campaign}").format(campaign=campaign.name),
    )


def _check_expected(campaign: Campaign, survey: Survey) -> None:
    count = survey.recipients + survey.left_out  # what is expected is about the sheet
    if campaign.expect is None or campaign.expect.admits(count):
        return
    raise GuardError(
        ngettext(
            "{count} recipient was found, and the campaign expects {expected}; nothing was sent.",
            "{count} recipients were found, and the campaign expects {expected}; nothing was sent.",
            count,
        ).format(count=count, expected=_spell(campaign.expect)),
        where=str(campaign.path),
        next_step=_(
            "Look at the sheet (notifier recipients check {campaign}), or mend expect."
        ).format(campaign=campaign.name),
    )


def _spell(expect: Expect) -> str:
    low, high = expect.recipients
    if high is None:
        return _("{low} or more").format(low=low)
    return str(low) if low == high else _("{low} to {high}").format(low=low, high=high)


def _check_same(campaign: Campaign, run: Run, survey: Survey) -> None:
    if not run.source_digest or run.source_digest == survey.digest:
        return
    raise GuardError(
        _("The recipients have changed since run {run} was begun; nothing was sent.").format(
            run=run.id
        ),
        where=campaign.recipients.file,
        next_step=_(
            "Put the sheet back as it was, or give that run up "
            "(notifier cancel {run}) and send again under another name (--occurrence)."
        ).format(run=run.id),
    )
