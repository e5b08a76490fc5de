"""`notifier doubt`: deliveries in doubt, all that is known of each, and what a person decides."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, heading, print_json, say, suggest
from notifier.cli.control import confirm
from notifier.cli.remaking import remaking, spell_size
from notifier.cli.runs import next_steps
from notifier.cli.session import Session, session_of
from notifier.cli.words import spell_moment
from notifier.errors import NotifierError, UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import Cause, Recipient, RunState, State, load_context
from notifier.report.words import run_word, stage_word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from notifier.ledger.doubts import Doubt, Settled
    from notifier.ledger.ledger import Ledger
    from notifier.ledger.reports import RunSummary

HELP = N_(
    "List a run's deliveries in doubt, and settle them: the message may have reached the relay, "
    "and its answer never came.\n\n"
    "--resend sends them again (who had it has it twice then), --accept takes them as arrived. "
    "Both ask on a terminal, and want --yes elsewhere."
)


class Letter:
    """What is known of a message in doubt besides the ledger's row: made again, if it can be."""

    def __init__(self, doubt: Doubt, data: bytes | None, domain: str) -> None:
        self.message_id = f"<{doubt.token}@{domain}>" if domain else doubt.token
        self.size = len(data) if data is not None else None
        self.subject = _subject(data) if data is not None else ""


def doubt(  # noqa: PLR0917 - Typer's parameters are the command's
    ctx: typer.Context,
    run: str = options.RUN,
    resend: bool = typer.Option(False, "--resend", help=N_("Send them again.")),
    accept: bool = typer.Option(
        False, "--accept", help=N_("Take them as arrived: they are never sent again by itself.")
    ),
    address: list[str] = typer.Option(
        [], "--address", metavar="ADDRESS", help=N_("Those to this address. May be repeated.")
    ),
    delivery: list[int] = typer.Option(
        [], "--delivery", metavar="NUMBER", help=N_("This delivery alone. May be repeated.")
    ),
    yes: bool = options.YES,
    as_json: bool = options.JSON,
) -> int:
    """List or settle doubts; 1 while some are left."""
    session = session_of(ctx)
    if resend and accept:
        raise UsageError(
            _("--resend and --accept are two decisions."),
            where="notifier doubt",
            next_step=_("Choose one; --address or --delivery says for whom."),
        )
    run_id = session.find_run_id(run)
    with session.ledger() as ledger:
        _recover(session, ledger, run_id)
        found = ledger.doubts.of_run(run_id)
        left = _chosen(run_id, found, address, delivery)
        if not (resend or accept) or not left:
            return _list(session, run_id, left, as_json=as_json)
        if not yes:
            state = ledger.get_run(run_id).state
            _ask(run_id, len(left), sends=resend, is_cancelled=state is RunState.CANCELLED)
        settled = ledger.doubts.settle(
            run_id,
            State.PENDING if resend else State.PRESUMED,
            deliveries=[it.id for it in left],
            by=ledger.actor,
        )
    return _tell_settled(session, run_id, settled, sends=resend, as_json=as_json)


def _recover(session: Session, ledger: Ledger, run_id: int) -> None:
    """What a sender that is gone had on the wire is in doubt, or due again by the policy."""
    run = ledger.get_run(run_id)
    if run.state is RunState.ENROLLING:
        return
    try:
        resends = session.campaign(run.campaign).on_doubt == "resend"
    except NotifierError:  # its file is gone or broken: a person decides
        resends = False
    found = ledger.recover(run_id, resends)
    if found.in_doubt:
        ledger.finish_if_done(run_id)
    if found.resent:
        say(
            ngettext(
                "{count} message was in doubt, and is in the queue again (on_doubt: resend).",
                "{count} messages were in doubt, and are in the queue again (on_doubt: resend).",
                found.resent,
            ).format(count=found.resent),
            stderr=True,
        )


def _chosen(
    run_id: int, found: list[Doubt], addresses: Sequence[str], deliveries: Sequence[int]
) -> list[Doubt]:
    """Those that are meant. UsageError for an address or number that is not in doubt: a slip."""
    known = {it.address.lower() for it in found} | {str(it.id) for it in found}
    asked = [*(it.strip().lower() for it in addresses), *map(str, deliveries)]
    strange = next((it for it in asked if it not in known), None)
    if strange is not None:
        raise UsageError(
            _("Run {run} has no delivery in doubt to {address}.").format(
                run=run_id, address=strange
            ),
            where=f"notifier doubt {run_id}",
            next_step=_("notifier doubt {run} lists those in doubt.").format(run=run_id),
        )
    if not asked:
        return found
    return [it for it in found if it.address.lower() in asked or str(it.id) in asked]


def _ask(run_id: int, count: int, *, sends: bool, is_cancelled: bool) -> None:
    """Abort unless a person agrees; UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError(
            _("Doubts are settled only after asking, and there is no terminal to ask at."),
            where=f"notifier doubt {run_id}",
            next_step=_("Look at them (notifier doubt {run}), then add --yes.").format(run=run_id),
        )
    if is_cancelled and sends:
        say(_("Run {run} was cancelled: what was not sent yet is never sent.").format(run=run_id))
    question = (
        ngettext(
            "Send {count} message again? If it did arrive, it arrives twice.",
            "Send {count} messages again? Those that did arrive, arrive twice.",
            count,
        )
        if sends
        else ngettext(
            "Take {count} message as arrived? If it did not, nothing sends it again by itself.",
            "Take {count} messages as arrived? Those that did not are not sent again by themselves.",  # noqa: E501 - one sentence
            count,
        )
    )
    confirm(question.format(count=count))


def _tell_settled(
    session: Session, run_id: int, settled: Settled, *, sends: bool, as_json: bool
) -> int:
    """Tell what a decision did; 1 while doubts are left."""
    code = 1 if settled.left else 0
    if as_json:
        print_json(
            {
                "run": run_id,
                "decision": "resend" if sends else "accept",
                "settled": settled.count,
                "suppressed": settled.suppressed,
                "in_doubt": settled.left,
                "state": settled.state.value,
            }
        )
        return code
    say(_spell_settled(settled.count, sends=sends))
    if settled.suppressed:
        say(
            ngettext(
                "{count} stays in doubt: its address is suppressed now.",
                "{count} stay in doubt: their addresses are suppressed now.",
                settled.suppressed,
            ).format(count=settled.suppressed)
        )
    with session.reader() as reader:
        summary = reader.summary(run_id)
    say(_("Run {run}: {state}").format(run=run_id, state=run_word(summary)))
    if settled.left:
        suggest(f"notifier doubt {run_id}")
    suggest(*next_steps(summary))
    return code


def _spell_settled(count: int, *, sends: bool) -> str:
    if sends:
        return ngettext(
            "{count} delivery is in the queue again.",
            "{count} deliveries are in the queue again.",
            count,
        ).format(count=count)
    return ngettext(
        "{count} delivery is taken as arrived.", "{count} deliveries are taken as arrived.", count
    ).format(count=count)


def _list(session: Session, run_id: int, found: list[Doubt], *, as_json: bool) -> int:
    """Print the doubts; 1 where there are any."""
    with session.reader() as reader:
        summary = reader.summary(run_id)
    letters = _letters(session, summary, found)
    if as_json:
        print_json(
            {
                "run": run_id,
                "campaign": summary.campaign,
                "occurrence": summary.occurrence,
                "state": summary.state.value,
                "in_doubt": len(found),
                "deliveries": [_as_dict(*pair) for pair in zip(found, letters, strict=True)],
            }
        )
    else:
        _tell(summary, found, letters, session.zone)
    return 1 if found else 0


def _letters(session: Session, summary: RunSummary, found: list[Doubt]) -> list[Letter]:
    from notifier.delivery.remake import Letter as Sent

    if not found:
        return []
    with remaking(session, summary.id, summary.campaign) as maker:
        letters = []
        for it in found:
            row, columns, rows = load_context(it.context)
            whose = Recipient(it.line, it.key, it.address, it.name, row, columns, rows)
            made = maker.remake(Sent(whose, it.token, it.message_at, it.digest))
            letters.append(Letter(it, made.data if made.is_same else None, maker.domain))
        return letters


def _subject(data: bytes) -> str:
    import email
    import email.policy

    head = data[: data.find(b"\r\n\r\n") + 4]
    return str(email.message_from_bytes(head, policy=email.policy.default)["Subject"] or "")


def _tell(summary: RunSummary, found: list[Doubt], letters: list[Letter], zone: ZoneInfo) -> None:
    title = _("Run {run}: {title}").format(run=summary.id, title=summary.title or summary.campaign)
    say(title, style="bold")
    if not found:
        say(_("Nothing of it is in doubt."))
        suggest(f"notifier report {summary.id}")
        return
    say(
        ngettext(
            "{count} message may or may not have arrived.",
            "{count} messages may or may not have arrived.",
            len(found),
        ).format(count=len(found))
    )
    for it, letter in zip(found, letters, strict=True):
        heading(_("Delivery {number}: {address}").format(number=it.id, address=it.address))
        facts(_facts(it, letter, zone))
    heading(_("Did it arrive?"))
    _tell_how(letters[0].message_id)
    suggest(f"notifier doubt {summary.id} --accept", f"notifier doubt {summary.id} --resend")


def _facts(it: Doubt, letter: Letter, zone: ZoneInfo) -> list[tuple[str, object]]:
    return [
        (_("name"), it.name),
        (_("key"), it.key),
        (_("line"), it.line),
        (_("subject"), letter.subject),
        (_("size"), None if letter.size is None else spell_size(letter.size)),
        (_("relay"), it.relay),
        (_("attempt"), _spell_attempt(it)),
        (_("on the wire since"), spell_moment(_at(it.started_at), zone)),
        (_("in doubt since"), spell_moment(_at(it.at), zone)),
        (_("why in doubt"), _why(it)),
        (_("heard"), _heard(it) or _("nothing")),
        (_("Message-ID"), letter.message_id),
    ]


def _spell_attempt(it: Doubt) -> str:
    return _("{number} of {total}").format(number=it.number, total=it.tries)


def _why(it: Doubt) -> str:
    """In a sentence: at what step, and whose end it was."""
    stage = stage_word(it.stage)
    if it.cause is Cause.SENDER_GONE:
        return _("this program was ended while the message was on the wire")
    if it.code:
        return _("the relay's answer made no sense ({stage})").format(stage=stage)
    return _("the connection was lost before the relay's answer ({stage})").format(stage=stage)


def _heard(it: Doubt) -> str:
    return " ".join(str(part) for part in (it.code or "", it.enhanced, it.text) if part)


def _tell_how(message_id: str) -> None:
    token = message_id.strip("<>").partition("@")[0]
    say(
        _("  Search the relay's log for the Message-ID:"),
        _("    Postfix, Exim: {command}").format(command=f"grep {token} /var/log/mail.log"),
        _("    Microsoft 365: Message trace; Google Workspace: Email Log Search"),
        _("  or ask the person whether a message of that subject is there, spam folder included."),
    )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _as_dict(it: Doubt, letter: Letter) -> dict[str, Any]:
    return {
        "delivery": it.id,
        "line": it.line,
        "key": it.key,
        "name": it.name,
        "address": it.address,
        "message_id": letter.message_id,
        "subject": letter.subject,
        "message_bytes": letter.size,
        "message_digest": it.digest,
        "relay": it.relay,
        "attempt": it.number,
        "attempts": it.tries,
        "began_at": _at(it.started_at).isoformat(),
        "doubted_at": _at(it.at).isoformat(),
        "cause": it.cause.value,
        "stage": it.stage.value,
        "code": it.code or None,
        "enhanced": it.enhanced,
        "text": it.text,
    }
