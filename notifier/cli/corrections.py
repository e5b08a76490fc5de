"""`send --only ...`: whom a run is meant for where that isn't everybody, and what is told of it."""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notifier.cli.console import facts, heading, say, table
from notifier.errors import UsageError
from notifier.locale import N_, _, ngettext
from notifier.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from notifier.campaign import Campaign
    from notifier.cli.session import Session
    from notifier.delivery.changes import Change, Choice, Concerned
    from notifier.ledger.past import Past
    from notifier.model import Value
    from notifier.render.templates import CompiledCampaign

    Choose: TypeAlias = Callable[[CompiledCampaign], Choice]

#: What `--only` takes besides a file of keys.
WORDS = ("changed", "new", "failed")
HELP = N_(
    "Mail these alone: changed (rows that are new or differ from what people have), new (keys "
    "never mailed), failed (the last try was in vain), or a file of keys, one a line."
)
#: Lines of the table on the screen, and people in JSON.
_SHOWN, _KEPT = 40, 10_000
#: So many changes are no surprise, whatever they are a part of.
_MANY = 10
#: Letters of a cell on the screen.
_CELL = 60


@dataclass(frozen=True, slots=True)
class Gone:
    """Those who were mailed last time and are not in the sheet now: the first, and how many."""

    count: int = 0
    people: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class Selection:
    """`--only`: the choice, once the sheet was read, and who is gone."""

    #: As it was typed.
    only: str
    choice: Choice | None = None
    gone: Gone = Gone()

    @property
    def word(self) -> str:
        """What stands behind the date in the run's name."""
        if self.only in WORDS:
            return self.only
        stem = re.sub(r"[^\w.-]+", "-", Path(self.only).stem).strip("-.") or "keys"
        return f"keys-{stem}" if stem in WORDS else stem

    @property
    def repeats(self) -> bool:
        """Whether a second one on a day is meant for others by its nature."""
        return self.only in WORDS

    def close(self, campaign: Campaign) -> None:
        """The sheet was read. UsageError for keys that nobody in it has."""
        from notifier.delivery.changes import Named

        if isinstance(self.choice, Named) and self.choice.missing:
            raise _unknown_keys(self.choice.missing, self.only, campaign.name)


def _unknown_keys(missing: list[str], file: str, campaign: str) -> UsageError:
    named = ", ".join(missing[:20])
    return UsageError(
        ngettext(
            "{count} key is not in the sheet: {keys}",
            "{count} keys are not in the sheet: {keys}",
            len(missing),
        ).format(count=len(missing), keys=f"{named}, ..." if len(missing) > 20 else named),  # noqa: PLR2004 - as many as are named
        where=file,
        next_step=_(
            "Correct them, or see whether their rows were rejected: "
            "notifier recipients check {campaign}"
        ).format(campaign=campaign),
    )


@contextmanager
def choosing(
    session: Session, campaign: Campaign, selection: Selection, *, but: int
) -> Iterator[Choose]:
    """What makes the choice, while the earlier runs can be read; `but` is a run to go on with.

    Raises UsageError for a word or file that isn't there; GuardError as `changes.check_past`.
    """
    from notifier.delivery.changes import Corrections, Named, check_past

    if selection.only not in WORDS:
        keys = _read_keys(session, selection.only)
        yield lambda _compiled: Named(keys)
        return
    with _past(session, campaign, but) as past:
        if past is None or not past.runs:
            raise UsageError(
                _("{campaign} was never sent: there is nothing to correct.").format(
                    campaign=campaign.name
                ),
                where=f"--only {selection.only}",
                next_step=f"notifier send {campaign.name}",
            )
        check_past(past, campaign.name)
        with _archive(session) as kept:
            made: list[Choice] = []

            def choose(compiled: CompiledCampaign) -> Choice:
                made.append(_choice(selection.only, past, compiled, kept))
                return made[0]

            yield choose
        if made and isinstance(made[0], Corrections):
            selection.gone = _gone(made[0], past)


def _choice(
    word: str, past: Past, compiled: CompiledCampaign, kept: Callable[[int, str], str | None]
) -> Choice:
    from notifier.delivery.changes import Comparer, Corrections, Failures, Newcomers

    if word == "new":
        return Newcomers(past)
    if word == "failed":
        return Failures(past)
    return Corrections(past, Comparer(compiled, kept))


def _gone(choice: Any, past: Past) -> Gone:
    people: list[tuple[str, str, str]] = []
    count = 0
    for person in choice.gone(past):
        count += 1
        if len(people) < _KEPT:
            people.append(person)
    return Gone(count, tuple(people))


def _past(session: Session, campaign: Campaign, but: int) -> Any:
    from notifier.ledger.past import Past

    if not session.has_ledger():
        return nullcontext()
    with session.ledger():  # brought up to date, where it is older
        pass
    return Past.open(session.workspace.ledger_path, campaign.name, but=but)


@contextmanager
def _archive(session: Session) -> Iterator[Callable[[int, str], str | None]]:
    from notifier.delivery.snapshot import FILE
    from notifier.ledger.documents import Archive

    with Archive.open(session.workspace.ledger_path) as archive:

        def kept(run_id: int, name: str) -> str | None:
            found = archive.find(run_id, FILE, name)
            return found.digest if found else None

        yield kept


def _read_keys(session: Session, name: str) -> list[str]:
    from notifier.delivery.changes import read_keys

    places = [Path(name), session.workspace.root / name]
    path = next((it for it in places if it.is_file()), None)
    if path is None:
        close = nearest(name, WORDS)
        raise UsageError(
            _("There is no file {name}.").format(name=name),
            where=f"--only {name}",
            next_step=_("Did you mean {name}?").format(name=close)
            if close
            else _("It takes {words}, or a file of keys, one a line.").format(
                words=", ".join(WORDS)
            ),
        )
    try:
        keys = read_keys(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise UsageError(
            _("The file is not UTF-8 text (byte {position}).").format(position=exc.start),
            where=name,
            next_step=_("Save it again with the encoding UTF-8."),
        ) from exc
    if not keys:
        raise UsageError(
            _("There are no keys in the file."),
            where=name,
            next_step=_("Write one key a line, as it stands in the sheet."),
        )
    return keys


# --- what is told --------------------------------------------------------------------------------

#: How each finding is counted on the screen, in this order.
_TERMS: dict[str, str] = {
    "new": N_("new"),
    "changed": N_("changed"),
    "failed": N_("tried in vain, unchanged"),
    "in_doubt": N_("unchanged, in doubt"),
    "unchanged": N_("unchanged"),
    "named": N_("in the file of keys"),
    "other": N_("not asked for"),
}
_WHY: dict[str, str] = {
    "new": N_("new"),
    "changed": N_("changed"),
    "failed": N_("failed"),
    "named": N_("named"),
}


def tell_selection(selection: Selection, campaign: str) -> None:
    """Print whom the run is meant for and why: who, field, before, after; and the counts."""
    if selection.choice is not None:
        heading(_("Only {what}").format(what=selection.only))
        tell_findings(selection, selection.choice, campaign)


def tell_findings(selection: Selection, choice: Choice, campaign: str) -> None:
    """Print the counts, who is concerned by which change, and who is gone."""
    found = {str(finding): count for finding, count in choice.counts.items()}
    terms = {**_TERMS, "failed": N_("tried in vain")} if choice.what == "failed" else _TERMS
    counts = [(_(term), found[word]) for word, term in terms.items() if word in found]
    facts([*counts, (_("in the last run, not in the sheet now"), selection.gone.count or None)])
    _tell_concerned(choice.concerned)
    if found.get("changed", 0) > max(_MANY, sum(found.values()) // 2):
        say(_("  Most of the sheet has changed: has a column lost its values?"), style="yellow")
    for key, address, name in selection.gone.people[:_SHOWN]:
        say(_("  gone: {key} {name} <{address}>").format(key=key, name=name, address=address))
    if found.get("failed") and choice.what == "changed":
        again = f"notifier send {campaign} --only failed"
        say(_("  those tried in vain: {step}").format(step=again))


def _tell_concerned(concerned: list[Concerned]) -> None:
    rows = [row for it in concerned for row in _rows(it)]
    if not rows:
        return
    say("")
    table((_("key"), _("who"), _("why"), _("field"), _("before"), _("after")), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        left = len(rows) - _SHOWN
        say(ngettext("... and {count} more.", "... and {count} more.", left).format(count=left))


def _rows(it: Concerned) -> Iterator[tuple[object, ...]]:
    """A line for each field that differs; one for somebody without any."""
    who = (it.recipient.key, it.recipient.address, _(_WHY[it.finding]))
    blank = ("", "", "")
    if it.finding == "failed" and it.since is not None:
        yield (*who, _("last try"), _failure(it), "")
        who = blank
    if not it.changes and who is not blank:
        yield (*who, "", "", "")
    for change in it.changes:
        yield (*who, _field(change), _cell(change.before), _cell(change.after))
        who = blank


def _failure(it: Concerned) -> str:
    """Why the last try was in vain: the cause in words, and the reply."""
    from notifier.report.advice import advise

    assert it.since is not None
    label = advise(it.since.cause, it.since.state).label if it.since.cause else ""
    reply = it.reply
    heard = " ".join(str(p) for p in (reply.code, reply.enhanced, reply.text) if p) if reply else ""
    return f"{label} ({heard})" if heard else label


def _field(change: Change) -> str:
    return {"email": _("address"), "name": _("name")}.get(change.field, change.field)


def _cell(value: Value) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= _CELL else f"{text[: _CELL - 3]}..."


def selection_dict(selection: Selection | None) -> dict[str, Any] | None:
    """What `--json` tells of it; None where the run is meant for everybody."""
    if selection is None or selection.choice is None:
        return None
    choice = selection.choice
    return {
        "what": choice.what,
        "counts": {str(finding): count for finding, count in choice.counts.items()},
        "gone": selection.gone.count,
        "recipients": [_concerned_dict(it) for it in choice.concerned],
        "gone_recipients": [
            {"key": key, "address": address, "name": name}
            for key, address, name in selection.gone.people
        ],
    }


def _concerned_dict(it: Concerned) -> dict[str, Any]:
    return {
        "key": it.recipient.key,
        "address": it.recipient.address,
        "name": it.recipient.name,
        "line": it.recipient.line,
        "why": str(it.finding),
        "since_run": it.since.run_id if it.since else None,
        "changes": [
            {"field": change.field, "before": change.before, "after": change.after}
            for change in it.changes
        ],
        "failure": _failure(it) if it.finding == "failed" and it.since else "",
    }


def idle_sentence(selection: Selection) -> str:
    """What is said where nobody is meant."""
    return {
        "changed": _("Nobody's row is new or different from what they have: nothing to send."),
        "new": _("Everybody in the sheet was mailed before: nothing to send."),
        "failed": _("Nobody's last try was in vain: nothing to send."),
    }.get(selection.only, _("Nobody is meant: nothing to send."))
