"""A campaign examined before anything is sent: its sheet read, every message rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notifier.cli.console import heading, say, suggest, table
from notifier.cli.words import spell_number
from notifier.errors import GuardError
from notifier.locale import _, ngettext
from notifier.model import Recipient, Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from notifier.campaign import Campaign
    from notifier.cli.session import Session
    from notifier.delivery.changes import Choice
    from notifier.delivery.enrol import Survey
    from notifier.delivery.snapshot import Collector
    from notifier.recipients.note import Note
    from notifier.recipients.roster import Roster
    from notifier.render.preflight import Carrier, Largest, Problem
    from notifier.render.templates import CompiledCampaign

#: Recipients named for each problem, and problems kept for `--json`.
_NAMED, _KEPT = 3, 1_000


@dataclass(slots=True)
class ProblemGroup:
    """The same problem for several recipients."""

    first: Problem
    count: int = 0
    #: `key (line n)` of the first few.
    recipients: list[str] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Count one more."""
        self.count += 1
        if problem.recipient_key and len(self.recipients) < _NAMED:
            self.recipients.append(
                _("{key} (line {line})").format(key=problem.recipient_key, line=problem.line)
            )


@dataclass(slots=True)
class Examination:
    """What an examination found."""

    campaign: Campaign
    compiled: CompiledCampaign
    roster: Roster
    #: What is known of its relays, and the largest message.
    carriers: Sequence[Carrier]
    largest: Largest
    #: The files that its messages are made from.
    collector: Collector
    #: Whom the run is meant for; None: everybody.
    choice: Choice | None = None
    survey: Survey | None = None
    #: Why the sheet as a whole can't be sent: nobody in it, or not as many as expected.
    objection: GuardError | None = None
    first: Recipient | None = None
    #: Addresses that must not be mailed, as `Session.suppressed` gives them.
    blocked: Container[str] = frozenset()
    suppressed: int = 0
    errors: int = 0
    warnings: int = 0
    #: Messages that can't be made; one may have several errors.
    unmade: int = 0
    _last_unmade: tuple[str, int] | None = None
    groups: dict[tuple[object, ...], ProblemGroup] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def _recipients(self, items: Iterable[Recipient | Rejection]) -> Iterator[Recipient]:
        for item in items:
            if isinstance(item, Rejection):
                if len(self.rejections) < _KEPT:
                    self.rejections.append(item)
                continue
            is_blocked = item.address.lower() in self.blocked
            self.suppressed += is_blocked
            if self.first is None and not is_blocked:
                self.first = item
            yield item

    def inspect(self, items: Iterable[Recipient | Rejection]) -> None:
        """Render everybody's message and keep what is wrong with them."""
        from notifier.render.preflight import inspect

        for problem in inspect(
            self.compiled,
            self._recipients(items),
            carriers=self.carriers,
            largest=self.largest,
        ):
            self._note(problem)

    def _note(self, problem: Problem) -> None:
        if problem.severity == "error":
            self.errors += 1
            whose = problem.recipient_key, problem.line
            self.unmade += whose != self._last_unmade
            self._last_unmade = whose
        else:
            self.warnings += 1
        what = problem.message if problem.kind == "undefined" else ""
        where = (problem.severity, problem.kind, problem.file, problem.template_line, what)
        if where not in self.groups:
            self.groups[where] = ProblemGroup(problem)
        self.groups[where].add(problem)
        if len(self.problems) < _KEPT:
            self.problems.append(problem)

    @property
    def is_ready(self) -> bool:
        """Whether every message can be made and there are as many as expected."""
        return not self.errors and self.objection is None

    def as_dict(self) -> dict[str, Any]:
        """What `campaign check --json` prints."""
        tally = self.roster.tally
        return {
            "campaign": self.campaign.name,
            "rows": tally.rows,
            "recipients": tally.recipients,
            "folded": tally.folded,
            "extra_addresses": tally.extra_addresses,
            "rejections": tally.rejections,
            "errors": self.errors,
            "warnings": self.warnings,
            "largest_message": self.largest.bytes,
            "unexpected": self.objection.message if self.objection else "",
            "problems": [problem_dict(problem) for problem in self.problems],
            "notes": [note_dict(note) for note in self.roster.notes],
        }


def note_dict(note: Note) -> dict[str, Any]:
    """One note about the sheet, for programs."""
    return {
        "line": note.line,
        "column": note.column,
        "value": note.value,
        "message": note.message,
    }


def problem_dict(problem: Problem) -> dict[str, Any]:
    """One problem, for programs."""
    return {
        "severity": problem.severity,
        "kind": problem.kind,
        "message": problem.message,
        "recipient": problem.recipient_key,
        "line": problem.line,
        "file": problem.file,
        "template_line": problem.template_line,
        "next": problem.next_step,
    }


def examine(
    session: Session,
    campaign: Campaign,
    choose: Callable[[CompiledCampaign], Choice] | None = None,
    *,
    relay: str | None = None,
) -> Examination:
    """Read the sheet once and render every message; nothing is sent or written.

    `choose` makes the choice of whom it is meant for, where that isn't everybody. `relay`: the one
    that it is to go through, instead of the campaign's own.
    """
    from notifier.cli.carriers import carriers_of
    from notifier.delivery.enrol import Surveyed, check_survey
    from notifier.delivery.snapshot import Collector
    from notifier.render.preflight import Largest

    routes = session.routes(campaign, relay)
    for route in routes:
        if route.recipe is not None:  # a key that can't be used is told before the run
            route.recipe.compile()
    collector = Collector()
    compiled = collector.compile(session.recipe(campaign))
    found = Examination(
        campaign,
        compiled,
        session.roster(campaign),
        carriers_of(session, routes),
        Largest(),
        collector,
    )
    found.choice = choose(compiled) if choose else None
    found.blocked = session.suppressed()
    reading = Surveyed(found.roster, found.choice.takes if found.choice else None)
    found.inspect(reading)
    found.survey = reading.survey()
    try:
        check_survey(campaign, found.survey)
    except GuardError as exc:
        found.objection = exc
    return found


def tell_notes(notes: Sequence[Note], most: int | None = None) -> None:
    """Print what in the sheet is worth a look, by line and column; `most` lines of it."""
    if not notes:
        return
    heading(_("Worth a look"))
    table(
        (_("line"), _("column"), _("value"), _("what")),
        [(it.line or "", it.column, it.value, it.message) for it in notes[:most]],
        right=(0,),
    )
    if most is not None and len(notes) > most:
        left = len(notes) - most
        say(ngettext("... and {count} more.", "... and {count} more.", left).format(count=left))


def tell_largest(found: Examination) -> None:
    """Print how large the largest message is, and what the relays take, as far as that is known."""
    largest = found.largest
    if not largest.bytes:
        return
    told = _("The largest message has {size} kB: {key} (line {line}).")
    size = _kilobytes(largest.bytes)
    say(told.format(size=size, key=largest.recipient_key, line=largest.line))
    for it in found.carriers:
        if it.max_bytes:
            told = _("The relay {relay} takes messages up to {size} kB.")
            say(told.format(relay=it.name, size=_kilobytes(it.max_bytes)))


def _kilobytes(size: int) -> str:
    return spell_number(max(0.1, size / 1000))


def tell_problems(found: Examination) -> None:
    """Print the problems, grouped, with recipients and the template's line."""
    if found.objection is not None:
        say(found.objection.message, style="red")
    if not found.groups:
        return
    heading(_("Problems"))
    rows = []
    for group in found.groups.values():
        it = group.first
        named = ", ".join(group.recipients)
        more = group.count - len(group.recipients)
        if group.recipients and more:
            named += " " + ngettext("and {count} more", "and {count} more", more).format(count=more)
        rows.append((_severity(it.severity), group.count, _place(it), it.message, named))
    table((_("kind"), _("count"), _("where"), _("what"), _("recipients")), rows, right=(1,))
    suggest(*(it.first.next_step for it in found.groups.values() if it.first.next_step))


def _severity(severity: str) -> str:
    return _("error") if severity == "error" else _("warning")


def _place(problem: Problem) -> str:
    if problem.file and problem.template_line:
        return _("{file}, line {line}").format(file=problem.file, line=problem.template_line)
    return problem.file or ""
