"""What was asked about, against what is there now: an approval holds for nothing else.

A run is enrolled with the digests of all that its messages are made from: the campaign's file, the
template, the recipients with their rows, each file that is attached or shown. An approval is of
these. It is compared with the files when somebody is about to approve, and each time that sending
begins or goes on: the sheet is read again, the files are hashed again. Where anything differs, the
approval is void, and the run waits again.

The rows that go out are those that were enrolled, never those of the sheet as it is then: what is
held against an approval is that somebody changed their mind about them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.delivery import events
from notifier.delivery.enrol import Surveyed
from notifier.delivery.snapshot import FILE, MANIFEST, TEMPLATE
from notifier.errors import GuardError, NotifierError, UsageError
from notifier.ledger.approvals import check_seal
from notifier.locale import _
from notifier.model import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from notifier.campaign import Campaign
    from notifier.ledger.documents import Archive
    from notifier.ledger.ledger import Ledger, Run
    from notifier.recipients.roster import Roster
    from notifier.render.templates import CompiledCampaign

#: Things that changed, named; the others are counted.
_NAMED = 5
#: Bytes hashed at a time.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Today:
    """What a run's messages would be made from now."""

    root: Path
    campaign: Campaign
    compiled: CompiledCampaign
    #: Opens the sheet anew; raises SheetError where it can't be read.
    open_roster: Callable[[], Roster]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a run was enrolled with."""

    run: Run
    #: sha256 of each template's file, and of each file that is attached or shown, by its name.
    templates: Mapping[str, str]
    files: Mapping[str, str]
    #: Where files were found that aren't where their names say.
    links: Mapping[str, str]
    #: Keys and addresses of those whom a run for a few alone is meant for; None: everybody.
    chosen: frozenset[tuple[str, str]] | None = None


def enrolled_with(
    archive: Archive, run: Run, chosen: frozenset[tuple[str, str]] | None = None
) -> Enrolled:
    """What the ledger has of it."""
    manifest = next(iter(archive.of_run(run.id, MANIFEST)), None)
    told = json.loads(manifest.content) if manifest is not None and manifest.content else {}
    return Enrolled(
        run,
        templates=archive.digests(run.id, TEMPLATE),
        files=archive.digests(run.id, FILE),
        links=told.get("links", {}),
        chosen=chosen,
    )


def find_changes(enrolled: Enrolled, today: Today) -> list[str]:
    """What differs, each in a few words with the file's name; nothing: an approval holds.

    Reads the sheet, and every file that is attached or shown.
    """
    run, campaign = enrolled.run, today.campaign
    found: list[str] = []
    if campaign.digest != run.campaign_digest:
        found.append(_("the campaign ({file})").format(file=f"campaigns/{campaign.path.name}"))
    found += _changed_templates(enrolled, today.compiled)
    if not found and today.compiled.digest != run.template_digest:
        found.append(_("what all messages have in common (language, zone, files, signing keys)"))
    found += _changed_files(enrolled, today.root)
    if campaign.digest == run.campaign_digest and not _is_same_sheet(enrolled, today):
        found.append(_("the sheet ({file})").format(file=campaign.recipients.file))
    return found


def _changed_templates(enrolled: Enrolled, compiled: CompiledCampaign) -> list[str]:
    before = enrolled.templates
    if not before:  # a run of which nothing was kept: the template's digest alone tells
        return []
    now = {
        f"templates/{name}": hashlib.sha256(text.encode()).hexdigest()
        for name, text in compiled.sources.items()
    }
    names = sorted({*now, *before})
    told = _("the template ({file})")
    return [told.format(file=name) for name in names if now.get(name) != before.get(name)]


def _changed_files(enrolled: Enrolled, root: Path) -> list[str]:
    told, links = _("a file ({file})"), enrolled.links
    return [
        told.format(file=name)
        for name, digest in enrolled.files.items()
        if _digest(root / links.get(name, name)) != digest
    ]


def _digest(path: Path) -> str:
    """sha256 in hexadecimal; empty where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _is_same_sheet(enrolled: Enrolled, today: Today) -> bool:
    chosen = enrolled.chosen
    try:
        reading = Surveyed(
            today.open_roster(),
            None if chosen is None else lambda it: (it.key, it.address) in chosen,
        )
        for _item in reading:
            pass
    except NotifierError:  # it is gone, or can't be read as it was
        return False
    return reading.survey().digest == enrolled.run.source_digest


def check_asked(ledger: Ledger, enrolled: Enrolled, today: Today) -> None:
    """Before somebody approves: GuardError where what was asked about isn't there any more."""
    approval = ledger.approvals.find(enrolled.run.id)
    if approval is not None:
        check_seal(approval, ledger.approvals.seal(enrolled.run.id))
    if changed := find_changes(enrolled, today):
        raise _void(enrolled.run, spell_changes(changed))


def check_approved(ledger: Ledger, run: Run, gather: Callable[[], tuple[Enrolled, Today]]) -> None:
    """Before a run is sent, or sent on: that it needs no approval, or has one that holds.

    UsageError where nobody has approved it yet. GuardError where its approval is void: the run
    waits again then, and the operator is told. `gather` is called where there is something to look
    at; what it raises is raised.
    """
    approval = ledger.approvals.find(run.id)
    if approval is None:
        return
    if not approval.is_given or run.state is RunState.AWAITING:
        raise UsageError(
            _("Nobody has approved run {run} yet.").format(run=run.id),
            where=f"{run.campaign}@{run.occurrence}",
            next_step=f"notifier approve {run.id}",
        )
    check_seal(approval, ledger.approvals.seal(run.id))
    enrolled, today = gather()
    changed = find_changes(enrolled, today)
    if not changed:
        return
    error = _void(run, spell_changes(changed))
    if ledger.approvals.void(run.id, error.message, by=ledger.actor):
        events.tell_awaiting(ledger, run.id)
    raise error


def _void(run: Run, changed: str) -> GuardError:
    return GuardError(
        _("Run {run} was asked about, and has changed since: {changed}.").format(
            run=run.id, changed=changed
        ),
        where=f"{run.campaign}@{run.occurrence}",
        next_step=_(
            "Put it back as it was and approve the run (notifier approve {run}); or give it up "
            "(notifier cancel {run}) and ask anew: notifier send {campaign} --again --live"
        ).format(run=run.id, campaign=run.campaign),
    )


def spell_changes(changed: Sequence[str]) -> str:
    """The first few of them, and how many there are."""
    named = ", ".join(changed[:_NAMED])
    more = len(changed) - _NAMED
    return _("{named} and {count} more").format(named=named, count=more) if more > 0 else named
