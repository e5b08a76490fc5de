"""What somebody who approves a run is shown: figures, rejections, what is new, a few messages."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from notifier.cli import preview
from notifier.cli.asked import tell_approval
from notifier.cli.console import facts, heading, say, table
from notifier.cli.corrections import Gone, Selection, selection_dict, tell_findings
from notifier.cli.runs import tell_summary
from notifier.locale import _, ngettext
from notifier.model import RunState

if TYPE_CHECKING:
    from notifier.campaign import Campaign
    from notifier.cli.session import Session
    from notifier.delivery.versions import Versions
    from notifier.ledger.approvals import Approval
    from notifier.ledger.past import Past, PastRun
    from notifier.ledger.reports import RunSummary
    from notifier.model import Recipient, Rejection
    from notifier.render.preview import Rendered
    from notifier.render.templates import CompiledCampaign

#: Rejections shown on the screen, and lines of a difference between files.
_SHOWN, _LINES = 10, 60
#: Runs that were never let go are no measure.
_NOT_SENT = frozenset({RunState.ENROLLING, RunState.AWAITING, RunState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Question:
    """A run that waits for somebody's word, and all there is to see of it."""

    summary: RunSummary
    approval: Approval
    campaign: Campaign
    rejections: tuple[Rejection, ...]
    #: So many who are to be mailed, spread over the sheet, with their messages.
    samples: tuple[tuple[Recipient, Rendered], ...]
    #: The campaign's last run; None: this is the first.
    last: PastRun | None
    #: Who has something else than they have, or is new; who is gone.
    selection: Selection
    versions: Versions | None
    #: Why the count is a surprise; empty: it is none.
    surprise: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        versions = self.versions
        return {
            **self.summary.as_dict(),
            "asked_by": self.approval.asked_by,
            "approved_by": self.approval.approved_by,
            "surprise": self.surprise,
            "rejected_rows": [
                {"line": it.line, "column": it.column, "value": it.value, "reason": it.reason}
                for it in self.rejections
            ],
            "last_run": self.last.id if self.last else None,
            "difference": selection_dict(self.selection),
            "files": {
                "template": list(versions.template),
                "campaign": list(versions.campaign),
                "added": list(versions.added),
                "replaced": list(versions.replaced),
                "gone": list(versions.gone),
            }
            if versions
            else None,
            "samples": [preview.as_dict(shown, whose) for whose, shown in self.samples],
        }


def put_question(
    session: Session,
    approval: Approval,
    campaign: Campaign,
    compiled: CompiledCampaign,
    *,
    samples: int,
) -> Question:
    """Gather what there is to see of the run; nothing is changed."""
    from notifier.ledger.past import Past

    run_id = approval.run_id
    with session.reader() as reader:
        summary, rejections = reader.summary(run_id), tuple(reader.rejections(run_id))
    path = session.workspace.ledger_path
    with closing(Past.open(path, summary.campaign, but=run_id)) as past:
        last = next((it for it in past.runs if it.state not in _NOT_SENT), None)
        chosen = _spread(summary.deliveries, samples)
        shown = [
            (it, compiled.render(it))
            for number, it in enumerate(islice(past.everybody(run_id), max(chosen, default=-1) + 1))
            if number in chosen
        ]
        selection = _compare(session, past, compiled, summary, last)
    return Question(
        summary=summary,
        approval=approval,
        campaign=campaign,
        rejections=rejections,
        samples=tuple(shown[:samples]),
        last=last,
        selection=selection,
        versions=_versions(session, last, run_id),
        surprise=_surprise(session, campaign, summary),
    )


def _spread(count: int, samples: int) -> frozenset[int]:
    """So many places of `count`, from the first to the last."""
    if samples <= 1 or count <= samples:
        return frozenset(range(min(samples, count)))
    return frozenset(round(place * (count - 1) / (samples - 1)) for place in range(samples))


def _compare(
    session: Session,
    past: Past,
    compiled: CompiledCampaign,
    summary: RunSummary,
    last: PastRun | None,
) -> Selection:
    """Each recipient against what they have; everybody is looked at."""
    from notifier.delivery.changes import Comparer, Corrections
    from notifier.delivery.snapshot import FILE
    from notifier.ledger.documents import Archive

    if last is None or last.purged_at is not None:
        return Selection("changed")
    with Archive.open(session.workspace.ledger_path) as archive:

        def kept(run_id: int, name: str) -> str | None:
            found = archive.find(run_id, FILE, name)
            return found.digest if found else None

        choice = Corrections(past, Comparer(compiled, kept))
        for it in past.everybody(summary.id):
            choice.takes(it)
    gone = [] if summary.left_out else list(choice.gone(past))
    return Selection("changed", choice, Gone(len(gone), tuple(gone)))


def _versions(session: Session, last: PastRun | None, run_id: int) -> Versions | None:
    from notifier.delivery.versions import compare_versions
    from notifier.ledger.documents import Archive

    if last is None:
        return None
    with Archive.open(session.workspace.ledger_path) as archive:
        return compare_versions(archive, last.id, run_id)


def _surprise(session: Session, campaign: Campaign, summary: RunSummary) -> str:
    from notifier.delivery.guard import check_count
    from notifier.errors import GuardError

    if summary.left_out:
        return ""
    with session.ledger() as ledger:
        usual = ledger.brakes.usual_count(summary.campaign)
    try:
        check_count(campaign, summary.deliveries, usual)
    except GuardError as exc:
        return exc.message
    return ""


# --- on the screen -------------------------------------------------------------------------------


def tell_question(session: Session, question: Question) -> None:
    """Print it all."""
    tell_summary(question.summary, session.zone)
    tell_approval(session, question.summary.id)
    if question.surprise:
        say(question.surprise, style="yellow")
    _tell_rejections(question)
    _tell_difference(question)
    for recipient, rendered in question.samples:
        heading(_("A message: {address}").format(address=recipient.address))
        named = ["preview", question.summary.campaign, "--recipient", recipient.key]
        step = shlex.join(["notifier", "campaign", *named, "-o", "preview.html"])
        preview.tell(rendered, recipient, step)


def _tell_rejections(question: Question) -> None:
    found = question.rejections
    if not found:
        return
    heading(_("Rejected"))
    table(
        (_("line"), _("column"), _("value"), _("reason")),
        [(it.line, it.column, it.value, it.reason) for it in found[:_SHOWN]],
        right=(0,),
    )
    if left := len(found[_SHOWN:]):
        say(ngettext("... and {count} more.", "... and {count} more.", left).format(count=left))


def _tell_difference(question: Question) -> None:
    last, choice = question.last, question.selection.choice
    if last is None:
        heading(_("The campaign's first run: there is nothing to compare it with."))
        return
    heading(
        _("Compared with run {run} ({occurrence}), and what everybody has").format(
            run=last.id, occurrence=last.occurrence
        )
    )
    if choice is not None:
        tell_findings(question.selection, choice, question.summary.campaign)
    if question.versions is not None:
        _tell_versions(question.versions)


def _tell_versions(versions: Versions) -> None:
    if versions.is_same:
        say(_("Template, campaign and files are the same as then."))
        return
    for title, lines in (
        (_("The campaign is another one:"), versions.campaign),
        (_("The template is another one:"), versions.template),
    ):
        if lines:
            say("", title, *(f"  {line}" for line in lines[:_LINES]))
        if left := len(lines[_LINES:]):
            say(ngettext("... and {count} more.", "... and {count} more.", left).format(count=left))
    facts(
        [
            (_("new files"), ", ".join(versions.added[:_SHOWN])),
            (_("other files"), ", ".join(versions.replaced[:_SHOWN])),
            (_("files no longer there"), ", ".join(versions.gone[:_SHOWN])),
        ]
    )
