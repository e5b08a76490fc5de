"""`notifier demo`: three sample campaigns through the sandbox, and what became of every row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads annotations when it builds

from notifier.cli.console import facts, heading, say, suggest
from notifier.cli.samples import copy_samples
from notifier.cli.session import Session, session_of
from notifier.errors import UsageError
from notifier.locale import N_, _, ngettext
from notifier.model import State

if TYPE_CHECKING:
    from notifier.ledger.reports import Reader, RunSummary
    from notifier.sandbox import Kept, Sandbox
    from notifier.settings import Workspace

HELP = N_(
    "Send three sample campaigns to a sandbox, and show the reports.\n\n"
    "Nothing leaves this machine. In a workspace with the samples it works there, else in a "
    "temporary copy of them."
)

#: The sample campaigns that it sends.
CAMPAIGNS = ("grades", "timetable", "announcement")
#: Seconds for each campaign: deferred messages are accepted long before.
_AT_MOST = 45.0
#: Seconds until a deferred message is tried again: a demo doesn't wait five minutes.
_PATIENCE = {"first": 1.0, "factor": 1.5, "longest": 3.0, "jitter": 0.0}
_SHOWN_LINES = 14


def demo(ctx: typer.Context) -> None:
    """Run the demo; UsageError where the samples are missing."""
    from notifier.sandbox import Sandbox

    workspace = _workspace(session_of(ctx))
    settings = workspace.settings.sandbox
    maildir = workspace.path(settings.maildir)
    with Sandbox(settings, maildir, port=0) as server:
        before = {kept.path for kept in server.messages()}
        session = _session(workspace, server.port)
        say(
            _("A sandbox listens on {place}: nothing leaves this machine.").format(
                place=f"{server.host}:{server.port}"
            )
        )
        occurrence = datetime.now(UTC).astimezone(session.zone).strftime("demo-%Y-%m-%d-%H%M%S")
        reports = [_send(session, name, occurrence) for name in CAMPAIGNS]
        _show_message(server, before)
    _tell_places(session, maildir, reports)


def _workspace(session: Session) -> Workspace:
    """The workspace with the samples: the one we are in, or a temporary copy."""
    from notifier.settings import load_workspace
    from notifier.workspace import find_root

    root = session.root or find_root(Path.cwd())
    if root is not None and all(_has(root, name) for name in CAMPAIGNS):
        return session.workspace
    if session.root is not None:
        raise UsageError(
            _("The workspace has no sample campaigns."),
            where=str(session.root),
            next_step=_("Run notifier demo elsewhere, or make one: notifier init DIR --sample"),
        )
    import tempfile

    copy = Path(tempfile.mkdtemp(prefix="notifier-demo-"))
    copy_samples(copy)
    return load_workspace(copy)


def _has(root: Path, campaign: str) -> bool:
    return (root / "campaigns" / f"{campaign}.yaml").is_file()


def _session(workspace: Workspace, port: int) -> Session:
    """A session whose sandbox relay is the one that listens now, and whose retries are quick."""
    settings = workspace.settings
    sandbox = settings.sandbox.model_copy(update={"port": port})
    retry = settings.retry.model_copy(update=_PATIENCE)
    changed = settings.model_copy(update={"sandbox": sandbox, "retry": retry})
    return Session(root=workspace.root, _workspace=replace(workspace, settings=changed))


def _send(session: Session, name: str, occurrence: str) -> tuple[RunSummary, Path]:
    """Send one campaign to the end; its figures and its HTML report."""
    from notifier.cli.deliver import deliver_due, tell_causes
    from notifier.cli.planning import guard, make_plan
    from notifier.cli.report import tell_rejections, write_report
    from notifier.cli.runs import tell_summary
    from notifier.cli.send import enrol_run

    plan = make_plan(session, session.campaign(name), occurrence=occurrence, relay="sandbox")
    guard(plan)
    run_id = enrol_run(session, plan)
    say("")
    deliver_due(session, run_id, waits=True, is_quiet=False, at_most=_AT_MOST)
    with session.reader() as reader:
        summary = reader.summary(run_id)
        tell_summary(summary, session.zone)
        tell_causes(reader, run_id)
        tell_rejections(reader, summary)
        _tell_patience(reader, run_id)
        path = write_report(session, reader, summary, "html", None)
    assert path is not None
    return summary, path


def _tell_patience(reader: Reader, run_id: int) -> None:
    """Tell how many were accepted at a later try only."""
    count = sum(it.attempts > 1 for it in reader.deliveries(run_id, states=[State.ACCEPTED]))
    if count:
        say(
            ngettext(
                "{count} message was put off at first, tried again, and then accepted.",
                "{count} messages were put off at first, tried again, and then accepted.",
                count,
            ).format(count=count)
        )


def _show_message(server: Sandbox, before: set[Path]) -> None:
    kept = next((it for it in server.messages() if it.path not in before), None)
    if kept is None:
        return
    subject, to, text = read_message(kept)
    heading(_("One of the messages, as it arrived"))
    facts([(_("To"), to), (_("Subject"), subject)])
    lines = [f"  {line}" for line in text.strip().splitlines()]
    say("", *lines[:_SHOWN_LINES])
    if len(lines) > _SHOWN_LINES:
        say("  ...")


def read_message(kept: Kept) -> tuple[str, str, str]:
    """Subject, recipient and text of a captured message, decoded."""
    import email
    import email.policy

    message = email.message_from_bytes(kept.data, policy=email.policy.default)
    body = message.get_body(("plain", "html"))
    text = str(body.get_content()) if body is not None else ""
    return str(message["Subject"] or ""), str(message["To"] or ""), text


def _tell_places(session: Session, maildir: Path, reports: list[tuple[RunSummary, Path]]) -> None:
    heading(_("Where to look now"))
    pairs: list[tuple[str, object]] = [(it.campaign, session.shown(path)) for it, path in reports]
    facts([*pairs, (_("messages"), session.shown(maildir))])
    accepted = sum(it.counts.get(State.ACCEPTED, 0) for it, _path in reports)
    say("")
    say(
        ngettext(
            "{count} message was accepted by the sandbox.",
            "{count} messages were accepted by the sandbox.",
            accepted,
        ).format(count=accepted)
    )
    last = reports[0][0]
    prefix = "" if _is_here(session) else f"--workspace {session.root} "
    commands = ("runs", f"report {last.id}", f"recipients check {last.campaign}")
    suggest(*(f"notifier {prefix}{command}" for command in commands))


def _is_here(session: Session) -> bool:
    from notifier.workspace import find_root

    return find_root(Path.cwd()) == session.workspace.root
